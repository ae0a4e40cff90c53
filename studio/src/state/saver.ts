/**
 * Autosave: one Saver for each picture that is drawn on. It tries until the marks are stored and outlives the view
 * so long: nothing is lost by leaving it.
 */

import { effect, signal, untracked } from "@preact/signals";
import { ApiError, api, OfflineError, pause } from "../api";
import { Drawing } from "../canvas/drawing";
import type { ImageInfo, Marks } from "../wire";
import { whenOnline } from "./session";

export type SaveState = "saved" | "changed" | "saving" | "failed" | "conflict";

const DELAY = 600;

export class Saver {
  readonly state = signal<SaveState>("saved");
  /** Why saving failed. */
  readonly error = signal<unknown>(null);
  private timer = 0;
  private busy: Promise<void> | null = null;
  private theirs: Marks | null = null;
  /** How many views show these marks. */
  private views = 0;
  private readonly stop: () => void;

  constructor(
    readonly project: string,
    readonly image: ImageInfo,
    readonly drawing: Drawing,
    private version: number,
    /** Whose marks they are; '': the picture's own. */
    readonly person = "",
  ) {
    let first = true;
    this.stop = effect(() => {
      drawing.revision.value;
      if (!first) untracked(() => this.changed());
      first = false;
    });
  }

  get isSaved(): boolean {
    return this.state.value === "saved";
  }

  get savedVersion(): number {
    return this.version;
  }

  enter(): void {
    this.views++;
  }

  /** A view is closed. Marks that are stored are forgotten with the last one: they hold a map of all pixels. */
  async leave(): Promise<void> {
    this.views--;
    await this.save();
    if (!this.views && this.isSaved) this.discard();
  }

  private changed(): void {
    if (this.state.value === "conflict") return;
    if (this.state.value !== "saving") this.state.value = "changed";
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), DELAY);
  }

  /** Whether the server said what is wrong with these marks: they stay unsaved until they are changed. */
  get refused(): boolean {
    return this.state.value === "failed" && this.error.value instanceof ApiError;
  }

  /** Save now what is not saved. Resolves when it is stored or has failed for good. */
  async save(): Promise<void> {
    clearTimeout(this.timer);
    if (this.busy) await this.busy;
    if (this.state.value === "saved" || this.state.value === "conflict") return;
    this.busy = this.send();
    await this.busy;
    this.busy = null;
  }

  /** Put these marks in the place of all that is there: an accepted correction, or a result that is right. */
  async saveInstead(marks: Marks): Promise<void> {
    clearTimeout(this.timer);
    if (this.busy) await this.busy;
    const saved = await this.put({ ...marks, version: this.version });
    this.version = saved.version;
    this.tell(marks.teaches ?? true);
  }

  private put(marks: Marks): Promise<Marks> {
    return api.saveMarks(this.project, this.image.id, marks, this.person);
  }

  private tell(teaches: boolean): void {
    const { project, image, person } = this;
    lastSaved.value = { project, image: image.id, person, teaches: teaches && !person };
  }

  private async send(): Promise<void> {
    for (;;) {
      const revision = this.drawing.revision.peek();
      this.state.value = "saving";
      try {
        const marks = this.drawing.toMarks(this.version);
        const saved = await this.put(marks);
        this.version = saved.version;
        if (this.drawing.revision.peek() !== revision) continue;
        this.state.value = "saved";
        this.tell(true);
        return;
      } catch (error) {
        if (!(await this.recover(error))) return;
      }
    }
  }

  /** After a failure: true where it makes sense to try again now. */
  private async recover(error: unknown): Promise<boolean> {
    this.error.value = error;
    if (error instanceof OfflineError) {
      this.state.value = "failed";
      await whenOnline();
      return true;
    }
    if (error instanceof ApiError && error.status === 409 && error.code === "marks_changed") {
      this.theirs = marksIn(error.details);
      this.state.value = "conflict";
      return false;
    }
    this.state.value = "failed";
    if (error instanceof ApiError && error.status >= 500) {
      await pause(3);
      return true;
    }
    return false;
  }

  /** Answer to a conflict: save the own marks over the others'. */
  async keepMine(): Promise<void> {
    this.version =
      this.theirs?.version ?? (await api.marks(this.project, this.image.id, this.person)).version;
    this.state.value = "changed";
    await this.save();
  }

  /** Answer to a conflict, and to marks that cannot be saved: forget the own ones. The caller opens it anew. */
  discard(): void {
    clearTimeout(this.timer);
    this.stop();
    this.state.value = "saved";
    const key = keyOf(this.image, this.person);
    if (savers.get(key) === this) savers.delete(key);
  }
}

/** `details` is the current document, alone or as the one item of a list. */
function marksIn(details: unknown): Marks | null {
  const document = Array.isArray(details) ? details[0] : details;
  return document && typeof document === "object" && "version" in document ? (document as Marks) : null;
}

const savers = new Map<string, Saver>();
const keyOf = (image: ImageInfo, person: string) => `${image.id} ${person}`;
/** The picture whose marks were stored last; what shows marks is brought up to date by it. */
export const lastSaved = signal<{ project: string; image: string; person: string; teaches: boolean } | null>(
  null,
);

/**
 * The saver of a picture, with what is not stored yet; else with the marks that the server holds. Whoever opens it
 * leaves it.
 */
export async function openSaver(project: string, image: ImageInfo, person = ""): Promise<Saver> {
  const kept = savers.get(keyOf(image, person));
  const saver = kept && !kept.isSaved ? kept : await freshSaver(project, image, person);
  saver.enter();
  return saver;
}

async function freshSaver(project: string, image: ImageInfo, person: string): Promise<Saver> {
  const key = keyOf(image, person);
  savers.get(key)?.discard();
  const marks = await api.marks(project, image.id, person);
  const saver = new Saver(project, image, Drawing.fromMarks(marks, image), marks.version, person);
  savers.set(key, saver);
  return saver;
}

/** How many pictures' marks are held. */
export function heldSavers(): number {
  return savers.size;
}

/** Names of a project's pictures whose marks the server has refused: what it has of them is older. */
export function refusedNames(project: string): string[] {
  return [...savers.values()]
    .filter((s) => s.refused && s.project === project && !s.person)
    .map((s) => s.image.name);
}

export function hasUnsaved(): boolean {
  return [...savers.values()].some((saver) => !saver.isSaved);
}

export async function saveAll(): Promise<void> {
  await Promise.all([...savers.values()].map((saver) => saver.save()));
}
