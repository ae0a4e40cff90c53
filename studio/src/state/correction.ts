/** A correction of a result: clicks and strokes ask for a new answer at once, paint changes it by hand. */

import { effect, signal, untracked } from "@preact/signals";
import { api } from "../api";
import { Drawing, marksOfLabels, type Shapes } from "../canvas/drawing";
import {
  isEmpty,
  type LabelMap,
  labelMap,
  layOver,
  type ObjectMap,
  objectMap,
  type Rect,
  UNTOUCHED,
  whole,
} from "../canvas/labels";
import { layObjects, settle } from "../canvas/objects";
import { decodeMask, decodeObjects } from "../canvas/rle";
import type { ImageInfo, Marks, PreviewAnswer } from "../wire";

export class Correction {
  /** Clicks and strokes, and a layer of painted pixels that lies over every new answer. */
  readonly drawing: Drawing;
  readonly shown: LabelMap;
  readonly answer = signal<PreviewAnswer | null>(null);
  readonly working = signal(false);
  readonly error = signal<unknown>(null);
  /** Called with the part of `shown` that changed. */
  onShown: (rect: Rect) => void = () => {};

  private below: LabelMap;
  /** Which things the answer tells apart; null where it tells none. */
  private apart: ObjectMap | null;
  private objects: ObjectMap | null = null;
  private asked: Shapes;
  private asking = new AbortController();
  private readonly stop: () => void;

  /** `start`: what is shown before the first click; null asks for it. `base`: the marks that are saved, all sparse. */
  constructor(
    private readonly project: string,
    private readonly image: ImageInfo,
    private readonly start: LabelMap | null,
    private readonly base: Shapes,
    private readonly startApart: ObjectMap | null = null,
  ) {
    this.apart = startApart;
    this.drawing = new Drawing(image.width, image.height, base, UNTOUCHED);
    this.below = start ?? labelMap(image.width, image.height);
    this.shown = labelMap(image.width, image.height);
    this.lay(whole(this.shown));
    this.drawing.onPaint = (rect) => this.lay(rect);
    this.asked = base;
    this.stop = effect(() => {
      this.drawing.revision.value;
      untracked(() => this.changed());
    });
    if (!start) void this.ask(base);
  }

  /** The objects of what is shown; null where none are told apart. */
  get shownObjects(): ObjectMap | null {
    return this.objects;
  }

  get hasWork(): boolean {
    return this.drawing.canUndo;
  }

  close(): void {
    this.stop();
    this.asking.abort();
  }

  retry(): void {
    void this.ask(this.drawing.shapes);
  }

  /** What is shown as a cue: complete, and 'not here' where nothing is left. */
  accepted(): Marks {
    return marksOfLabels(this.shown, 0, this.objects && settle(this.shown, this.objects));
  }

  private changed(): void {
    const { shapes } = this.drawing;
    if (shapes.points === this.asked.points && shapes.scribbles === this.asked.scribbles) return;
    if (this.start && shapes.points === this.base.points && shapes.scribbles === this.base.scribbles) {
      this.asking.abort();
      this.asked = shapes;
      this.working.value = false;
      this.answer.value = null;
      this.show(this.start, this.startApart);
      return;
    }
    void this.ask(shapes);
  }

  /** The latest question wins: one that is still open is given up. */
  private async ask(shapes: Shapes): Promise<void> {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.asked = shapes;
    this.working.value = true;
    this.error.value = null;
    const draft: Marks = {
      version: 0,
      absent: false,
      boxes: [...shapes.boxes],
      points: [...shapes.points],
      scribbles: [...shapes.scribbles],
      polygons: [],
      mask: null,
    };
    try {
      const answer = await api.preview(this.project, this.image.id, draft, signal);
      if (signal.aborted) return;
      this.answer.value = answer;
      this.show(decodeMask(answer.mask), decodeObjects(answer.mask));
    } catch (error) {
      if (!signal.aborted) this.error.value = error;
    } finally {
      if (!signal.aborted) this.working.value = false;
    }
  }

  private show(below: LabelMap, apart: ObjectMap | null): void {
    this.below = below;
    this.apart = apart;
    this.lay(whole(this.shown));
  }

  private lay(rect: Rect): void {
    if (isEmpty(rect)) return;
    layOver(this.shown, this.below, this.drawing.labels, rect);
    this.objects = this.apart && (this.objects ?? objectMap(this.shown.width, this.shown.height));
    if (this.objects && this.apart) layObjects(this.objects, this.shown, this.below, this.apart, rect);
    this.onShown(rect);
  }
}

const open = new Map<string, Correction>();

/** The correction of an image that was begun and neither accepted nor thrown away. */
export function openCorrection(image: string): Correction | null {
  return open.get(image) ?? null;
}

export function beginCorrection(
  project: string,
  image: ImageInfo,
  start: LabelMap | null,
  base: Shapes,
  startApart: ObjectMap | null = null,
): Correction {
  endCorrection(image.id);
  const correction = new Correction(project, image, start, base, startApart);
  open.set(image.id, correction);
  return correction;
}

export function endCorrection(image: string): void {
  open.get(image)?.close();
  open.delete(image);
}
