/** The objects of an open picture: which one is chosen, what is measured of it, and what is done to it. */

import { computed, signal } from "@preact/signals";
import { api } from "../api";
import { type Figures, figuresOf, idAt, type Told } from "../canvas/object_edits";
import { piecesOf } from "../canvas/objects";
import type { ObjectRow, Xy } from "../wire";
import { tool } from "./pen";
import type { OpenPicture } from "./picture";

export class Objects {
  /** The id of the one that is looked at; 0 for none. */
  readonly chosen = signal(0);
  /** What the service says of the objects of the result, by their numbers. */
  private readonly said = signal<ReadonlyMap<number, ObjectRow>>(new Map());
  private asked = "";

  constructor(private readonly picture: OpenPicture) {}

  /** The objects that can be chosen at the moment; null where none can. */
  readonly told = computed<Told | null>(() => {
    const { mode, found, saver } = this.picture;
    if (mode.value === "result") {
      const [labels, objects] = [found.value, this.picture.foundObjects];
      return labels && objects && { labels, objects };
    }
    const drawing = saver.value?.drawing;
    if (mode.value !== "mark" || tool.value !== "select" || !drawing) return null;
    drawing.revision.value; // read: the maps are changed in place
    return { labels: drawing.labels, objects: drawing.objects ?? piecesOf(drawing.labels) };
  });

  readonly figures = computed<ReadonlyMap<number, Figures>>(() =>
    this.told.value ? figuresOf(this.told.value) : new Map(),
  );

  /** The chosen object, as long as it is there. */
  readonly current = computed(() => this.figures.value.get(this.chosen.value) ?? null);

  /** What the service says of the chosen object of a result. */
  get row(): ObjectRow | null {
    return this.picture.mode.value === "result" ? (this.said.value.get(this.chosen.value) ?? null) : null;
  }

  pick(at: Xy): void {
    const told = this.told.value;
    if (told) this.choose(idAt(told.objects, at));
  }

  /** Whether a line cuts the chosen object at present. */
  get cuts(): boolean {
    return false;
  }

  cut(_from: Xy, _to: Xy): void {}

  /** To the next object, or the one before. */
  step(by: 1 | -1): void {
    const ids = [...this.figures.value.keys()];
    const at = ids.indexOf(this.chosen.value);
    const next = at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length;
    this.choose(ids[next] ?? 0);
  }

  /** Choose none; false where none was. */
  letGo(): boolean {
    const had = this.current.value !== null;
    this.choose(0);
    return had;
  }

  private choose(id: number): void {
    this.chosen.value = id;
    if (id && this.picture.mode.value === "result") void this.ask();
  }

  private async ask(): Promise<void> {
    const { project, id, image } = this.picture;
    const version = JSON.stringify(image.value?.prediction);
    if (version === this.asked) return;
    this.asked = version;
    try {
      const { objects } = await api.prediction(project, id);
      if (this.asked === version) this.said.value = new Map(objects.map((row) => [Number(row.object), row]));
    } catch {
      this.asked = ""; // the figures of the picture itself are shown all the same
    }
  }
}
