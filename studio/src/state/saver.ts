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
    const saved = await api.saveMarks(this.project, this.image.id, { ...marks, version: this.version });
    this.version = saved.version;
    lastSaved.value = { project: this.project, image: this.image.id, teaches: marks.teaches ?? true };
  }

  private async send(): Promise<void> {
    for (;;) {
      const revision = this.drawing.revision.peek();
      this.state.value = "saving";
      try {
        const marks = this.drawing.toMarks(this.version);
        const saved = await api.saveMarks(this.project, this.image.id, marks);
        this.version = saved.version;
        if (this.drawing.revision.peek() !== revision) continue;
        this.state.value = "saved";
        lastSaved.value = { project: this.project, image: this.image.id, teaches: true };
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
    this.version = this.theirs?.version ?? (await api.marks(this.project, this.image.id)).version;
    this.state.value = "changed";
    await this.save();
  }

  /** Answer to a conflict, and to marks that cannot be saved: forget the own ones. The caller opens it anew. */
  discard(): void {
    clearTimeout(this.timer);
    this.stop();
    this.state.value = "saved";
    if (savers.get(this.image.id) === this) savers.delete(this.image.id);
  }
}

/** `details` is the current document, alone or as the one item of a list. */
function marksIn(details: unknown): Marks | null {
  const document = Array.isArray(details) ? details[0] : details;
  return document && typeof document === "object" && "version" in document ? (document as Marks) : null;
}

const savers = new Map<string, Saver>();
/** The picture whose marks were stored last; what shows marks is brought up to date by it. */
export const lastSaved = signal<{ project: string; image: string; teaches: boolean } | null>(null);

/**
 * The saver of a picture, with what is not stored yet; else with the marks that the server holds. Whoever opens it
 * leaves it.
 */
export async function openSaver(project: string, image: ImageInfo): Promise<Saver> {
  const kept = savers.get(image.id);
  const saver = kept && !kept.isSaved ? kept : await freshSaver(project, image);
  saver.enter();
  return saver;
}

async function freshSaver(project: string, image: ImageInfo): Promise<Saver> {
  savers.get(image.id)?.discard();
  const marks = await api.marks(project, image.id);
  const saver = new Saver(project, image, Drawing.fromMarks(marks, image), marks.version);
  savers.set(image.id, saver);
  return saver;
}

/** How many pictures' marks are held. */
export function heldSavers(): number {
  return savers.size;
}

/** Names of a project's pictures whose marks the server has refused: what it has of them is older. */
export function refusedNames(project: string): string[] {
  return [...savers.values()].filter((s) => s.refused && s.project === project).map((s) => s.image.name);
}

export function hasUnsaved(): boolean {
  return [...savers.values()].some((saver) => !saver.isSaved);
}

export async function saveAll(): Promise<void> {
  await Promise.all([...savers.values()].map((saver) => saver.save()));
}
