/** The objects of an open picture: which one is chosen, what is measured of it, and what is done to it. */

import { computed, signal } from "@preact/signals";
import { api } from "../api";
import { NO_SHAPES } from "../canvas/drawing";
import type { LabelMap, ObjectMap } from "../canvas/labels";
import {
  cutBy,
  type Figures,
  figuresOf,
  idAt,
  merged,
  showsAnything,
  type Told,
  without,
} from "../canvas/object_edits";
import { piecesOf } from "../canvas/objects";
import type { ObjectRow, Xy } from "../wire";
import { tool } from "./pen";
import type { OpenPicture } from "./picture";

export class Objects {
  /** The id of the one that is looked at; 0 for none. */
  readonly chosen = signal(0);
  /** What the next click or line does. */
  readonly doing = signal<"choose" | "merge" | "cut">("choose");
  /** The last line met nothing of the object. */
  readonly missed = signal(false);
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
    const [told, chosen] = [this.told.value, this.chosen.value];
    if (!told) return;
    const id = idAt(told.objects, at);
    if (this.doing.value !== "merge" || !this.current.value) {
      this.choose(id);
    } else if (id && id !== chosen) {
      const { labels, objects } = merged(told, chosen, id);
      this.change(labels, objects);
    }
  }

  /** Whether a line cuts the chosen object at present. */
  get cuts(): boolean {
    return this.doing.value === "cut" && this.current.value !== null;
  }

  cut(from: Xy, to: Xy): void {
    const told = this.told.value;
    const parts = told && cutBy(told, this.chosen.value, from, to);
    this.missed.value = !parts;
    if (parts) this.change(parts.labels, parts.objects);
  }

  /** Take the chosen object away: what is there is not the thing. */
  remove(): void {
    const told = this.told.value;
    if (!told || !this.current.value) return;
    const rest = without(told, this.chosen.value);
    // Where nobody has told things apart, taking one away does not either.
    this.change(rest.labels, this.tellsApart ? rest.objects : null);
    this.choose(0);
  }

  /** Have the next click or line do this; a second time, no more. */
  begin(what: "merge" | "cut"): void {
    this.missed.value = false;
    this.doing.value = this.doing.value === what ? "choose" : what;
  }

  /** Marks that say all of the picture are changed themselves, not the result beside them. */
  get canChange(): boolean {
    return this.picture.mode.value === "mark" || !this.picture.isComplete;
  }

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
    if (this.doing.value === "choose") this.choose(0);
    this.doing.value = "choose";
    return had;
  }

  private get tellsApart(): boolean {
    const { mode, saver, foundApart } = this.picture;
    return mode.value === "mark" ? saver.value?.drawing.objects !== null : foundApart;
  }

  /** One step of the marks: a result that is changed becomes them as a whole, 'not here' where nothing is left. */
  private change(labels: LabelMap, objects: ObjectMap | null): void {
    const drawing = this.picture.saver.value?.drawing;
    if (!drawing) return;
    const kept = this.picture.mode.value === "mark" ? drawing.shapes : NO_SHAPES;
    const said = kept.boxes.length + kept.points.length + kept.scribbles.length > 0;
    const absent = !said && !showsAnything(labels);
    drawing.replace(labels, absent ? null : objects, { ...kept, absent });
    this.doing.value = "choose";
    this.picture.showAsMarks();
  }

  private choose(id: number): void {
    this.doing.value = "choose";
    this.missed.value = false;
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
