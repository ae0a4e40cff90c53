/** The picture that is open in the editor: its pixels, its marks, what was found on it, and corrections of that. */

import { batch, signal } from "@preact/signals";
import { ApiError, api } from "../api";
import { Drawing, marksOfLabels } from "../canvas/drawing";
import type { LabelMap, ObjectMap } from "../canvas/labels";
import { piecesOf } from "../canvas/objects";
import { outlines } from "../canvas/outline";
import { pathOf } from "../canvas/overlay";
import { decodeMask, decodeObjects } from "../canvas/rle";
import type { ImageInfo } from "../wire";
import { prepare } from "./ahead";
import { takeCarried } from "./carry";
import { beginCorrection, type Correction, endCorrection, openCorrection } from "./correction";
import { windowOf } from "./display";
import { lastOpened, refreshImage } from "./gallery";
import { Objects } from "./objects";
import { panelOpen, suitRadius, tool } from "./pen";
import { openPeople, person } from "./people";
import { onScreen, playing } from "./player";
import { reloadProject } from "./project";
import { Regions } from "./regions";
import { openSaver, type Saver } from "./saver";

export type Mode = "mark" | "result" | "correct";

/** What somebody else has marked: its border in pixels of the picture, and the line with which it is drawn. */
export interface Other {
  name: string;
  path: Path2D;
  colour: string;
  dash: number[];
  absent: boolean;
}

/** Lines of people in turn: told apart by their colours, and without these by their dashes. */
const LINES: [string, number[]][] = [
  ["#ff8a00", []],
  ["#00c8ff", [9, 4]],
  ["#e83fe0", [3, 3]],
  ["#b6e000", [12, 3, 3, 3]],
];

export class OpenPicture {
  readonly image = signal<ImageInfo | null>(null);
  readonly pixels = signal<ImageBitmap | null>(null);
  readonly saver = signal<Saver | null>(null);
  /** What the last run found; null where nothing was run or found. */
  readonly found = signal<LabelMap | null>(null);
  /** Its objects, and whether it tells things apart that touch. */
  foundObjects: ObjectMap | null = null;
  foundApart = false;
  readonly uncertainty = signal<HTMLCanvasElement | null | "none">(null);
  readonly correction = signal<Correction | null>(null);
  readonly mode = signal<Mode>("mark");
  readonly error = signal<unknown>(null);
  /** What the others have marked, while it is shown. */
  readonly others = signal<Other[]>([]);
  /** A correction was accepted: running again is offered. */
  readonly offer = signal(false);
  readonly objects = new Objects(this);
  private readonly abort = new AbortController();
  readonly regions: Regions;
  private opened: Saver | null = null;
  /** The tool that was chosen before correcting; corrections begin with clicks. */
  private toolBefore = tool.peek();

  constructor(
    readonly project: string,
    readonly id: string,
  ) {
    lastOpened.value = id;
    openPeople(project);
    this.regions = new Regions(project, this.abort.signal);
    this.load().catch((error) => this.fail(error));
  }

  close(): void {
    this.abort.abort();
    this.pixels.value?.close();
    void this.opened?.leave();
  }

  private fail(error: unknown): void {
    if (!this.abort.signal.aborted) this.error.value = error;
  }

  private async load(): Promise<void> {
    const image = await api.image(this.project, this.id);
    suitRadius(image);
    const pixels = this.fetchPixels();
    const saver = this.openMarks(image);
    await this.loadFound(image);
    const [bitmap, opened] = [await pixels, await saver];
    if (this.abort.signal.aborted) return bitmap.close();
    if (!playing.peek()) void prepare(this.project, this.id);
    batch(() => {
      this.image.value = image;
      this.pixels.value = bitmap;
      this.saver.value = opened;
      this.correction.value = openCorrection(this.id);
      const copied = takeCarried(this.id, opened.drawing);
      this.mode.value = this.correction.value
        ? "correct"
        : image.prediction && !image.marks && !copied && !person.peek()
          ? "result"
          : "mark";
    });
    onScreen.value = this.id;
  }

  private seen: ReturnType<typeof windowOf> = null;

  private async fetchPixels(): Promise<ImageBitmap> {
    this.seen = windowOf(this.project);
    const path = api.viewPath(this.project, this.id, this.seen);
    return createImageBitmap(await api.blob(path, this.abort.signal));
  }

  /** Show it through the window of values that is chosen now. */
  async showWindow(): Promise<void> {
    if (!this.pixels.value || windowOf(this.project) === this.seen) return;
    const bitmap = await this.fetchPixels();
    if (this.abort.signal.aborted) return bitmap.close();
    const before = this.pixels.value;
    this.pixels.value = bitmap;
    before.close();
  }

  private async openMarks(image: ImageInfo): Promise<Saver> {
    const opened = await openSaver(this.project, image, person.peek());
    if (this.abort.signal.aborted) void opened.leave();
    else this.opened = opened;
    return opened;
  }

  private async loadFound(image: ImageInfo): Promise<void> {
    const { prediction } = image;
    if (!prediction?.verdict) {
      this.found.value = null;
      return;
    }
    try {
      const mask = await api.predictionMask(this.project, this.id, this.abort.signal);
      const [labels, apart] = [decodeMask(mask), decodeObjects(mask)];
      this.foundApart = apart !== null;
      this.foundObjects = apart ?? piecesOf(labels);
      this.found.value = labels;
    } catch (error) {
      if (this.abort.signal.aborted) return; // nobody looks at this picture any more
      // The mask may have gone with a new run since the image was asked for.
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      this.found.value = null;
    }
  }

  /** A newer state of the image: after a run, or after marks were stored. */
  async take(image: ImageInfo): Promise<void> {
    if (image.id !== this.id || this.abort.signal.aborted) return;
    const before = JSON.stringify(this.image.value?.prediction);
    if (JSON.stringify(image.prediction) !== before) {
      await this.loadFound(image);
      this.uncertainty.value = null;
    }
    this.image.value = image;
  }

  async loadUncertainty(): Promise<void> {
    if (this.uncertainty.value) return;
    try {
      const blob = await api.blob(api.uncertaintyPath(this.project, this.id), this.abort.signal);
      this.uncertainty.value = tinted(await createImageBitmap(blob));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.uncertainty.value = "none";
      else this.fail(error);
    }
  }

  /** Whether what the last run found is shown, so that a person can say whether it is right. */
  get isJudged(): boolean {
    return this.mode.value === "result" && !!this.image.value?.prediction?.verdict && !!this.found.value;
  }

  /** What was found is wrong, or is so no more. That it is right, if it was called so, is forgotten. */
  async callWrong(wrong: boolean): Promise<void> {
    await api.review(this.project, this.id, wrong);
    await Promise.all([refreshImage(this.id), reloadProject()]);
    await this.reopenMarks();
  }

  /** What was found is right: the whole mask is known. It becomes no example, unless the picture was one. */
  async callRight(): Promise<void> {
    const [image, saver, found] = [this.image.value, this.saver.value, this.found.value];
    if (!image || !saver || !found) return;
    await saver.save();
    const apart = this.foundApart ? this.foundObjects : null;
    await saver.saveInstead({ ...marksOfLabels(found, 0, apart), teaches: image.marks !== null });
    await refreshImage(this.id);
    await this.reopenMarks();
  }

  /** Take back that it is right. */
  async forgetCheck(): Promise<void> {
    await api.deleteMarks(this.project, this.id, person.peek());
    await Promise.all([refreshImage(this.id), reloadProject()]);
    await this.reopenMarks();
  }

  /** Marks that say everything about the picture leave nothing to correct: they are changed themselves. */
  get isComplete(): boolean {
    const drawing = this.saver.value?.drawing;
    return !!drawing && (drawing.shapes.absent || drawing.hasPaint);
  }

  beginCorrecting(): void {
    const [image, saver] = [this.image.value, this.saver.value];
    if (!image || !saver) return;
    this.toolBefore = tool.value;
    batch(() => {
      this.correction.value = beginCorrection(
        this.project,
        image,
        this.found.value,
        saver.drawing.shapes,
        this.foundApart ? this.foundObjects : null,
      );
      this.mode.value = "correct";
      panelOpen.value = true; // there it is accepted or thrown away
      tool.value = "point";
    });
  }

  /** A changed result has become the marks: they are shown, and go on being changed by their objects. */
  showAsMarks(): void {
    if (this.mode.value === "mark") return;
    batch(() => {
      this.mode.value = "mark";
      this.offer.value = true;
      tool.value = "select";
    });
  }

  discardCorrection(): void {
    endCorrection(this.id);
    batch(() => {
      this.correction.value = null;
      this.mode.value = this.found.value ? "result" : "mark";
      tool.value = this.toolBefore;
    });
  }

  /** What is shown becomes a complete cue. */
  async acceptCorrection(): Promise<void> {
    const [correction, saver] = [this.correction.value, this.saver.value];
    if (!correction || !saver) return;
    await saver.save();
    await saver.saveInstead(correction.accepted());
    endCorrection(this.id);
    await this.reopenMarks();
    batch(() => {
      this.correction.value = null;
      this.mode.value = "mark";
      this.offer.value = true;
      tool.value = this.toolBefore;
    });
  }

  /** Show and draw the marks of whom the person has chosen. */
  async changePerson(): Promise<void> {
    const [image, before] = [this.image.value, this.saver.value];
    if (!image || !before || before.person === person.peek()) return;
    batch(() => {
      this.saver.value = null;
      this.mode.value = "mark";
    });
    await before.leave();
    const saver = await this.openMarks(image);
    if (saver.person === person.peek()) this.saver.value = saver;
  }

  /** Load what the others have marked, or forget it. */
  async loadOthers(shown: boolean): Promise<void> {
    const image = this.image.value;
    const all = image?.people ?? [];
    const names = shown ? all.filter((name) => name !== person.peek()) : [];
    const marks = await Promise.all(names.map((name) => api.marks(this.project, this.id, name)));
    if (!image || this.abort.signal.aborted) return;
    this.others.value = names.map((name, k) => {
      const [colour, dash] = LINES[all.indexOf(name) % LINES.length];
      const lines = [...outlines(Drawing.fromMarks(marks[k], image).labels).values()].flat();
      return { name, colour, dash, path: pathOf(lines), absent: marks[k].absent };
    });
  }

  /** Forget the own marks and show those of the server. */
  async reopenMarks(): Promise<void> {
    const image = this.image.value;
    this.saver.value?.discard();
    if (image && !this.abort.signal.aborted) this.saver.value = await this.openMarks(image);
  }
}

const TINT = [255, 140, 0] as const;

/** Grey values become the opacity of one colour. */
function tinted(grey: ImageBitmap): HTMLCanvasElement {
  const canvas = Object.assign(document.createElement("canvas"), { width: grey.width, height: grey.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return canvas;
  context.drawImage(grey, 0, 0);
  grey.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let k = 0; k < pixels.data.length; k += 4) {
    pixels.data[k + 3] = pixels.data[k];
    pixels.data.set(TINT, k);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
