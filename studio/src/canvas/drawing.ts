/** What a person draws on one picture: shapes and a label map, with undo. */

import { signal } from "@preact/signals";
import type { BoxMark, ImageInfo, Marks, PointMark, ScribbleMark, Xy } from "../wire";
import { distanceToPath } from "./geometry";
import { History } from "./history";
import {
  areas,
  fillRing,
  IGNORE,
  isEmpty,
  type LabelMap,
  labelMap,
  NOWHERE,
  paintStroke,
  type Rect,
  readPatch,
  union,
  whole,
  writePatch,
} from "./labels";
import { decodeMask, encodeMask } from "./rle";

export interface Shapes {
  readonly absent: boolean;
  readonly boxes: readonly BoxMark[];
  readonly points: readonly PointMark[];
  readonly scribbles: readonly ScribbleMark[];
}

export const NO_SHAPES: Shapes = { absent: false, boxes: [], points: [], scribbles: [] };

interface Patch {
  rect: Rect;
  before: Uint32Array;
  after: Uint32Array;
}

interface Step {
  before: Shapes;
  after: Shapes;
  patch: Patch | null;
}

/** A stroke that has begun and not ended. */
interface Stroke {
  before: Shapes;
  labels: LabelMap;
  dirty: Rect;
}

export class Drawing {
  /** Counts finished changes; views that read it are drawn again. */
  readonly revision = signal(0);
  readonly labels: LabelMap;
  /** Called with the part of the label map that changed, also in the middle of a stroke. */
  onPaint: (rect: Rect) => void = () => {};

  private current: Shapes;
  private readonly history = new History<Step>();
  private stroke: Stroke | null = null;
  private counted: { revision: number; found: Map<number, number> } | null = null;

  /** `fill` is the label of pixels that nobody has drawn on. */
  constructor(
    readonly width: number,
    readonly height: number,
    shapes: Shapes = NO_SHAPES,
    private readonly fill = 0,
    labels?: LabelMap,
  ) {
    this.current = shapes;
    this.labels = labels ?? labelMap(width, height, fill);
  }

  /** Polygons become part of the label map: both say that the rest of the picture is background. */
  static fromMarks(marks: Marks, image: Pick<ImageInfo, "width" | "height">): Drawing {
    const labels = marks.mask ? decodeMask(marks.mask) : labelMap(image.width, image.height);
    for (const polygon of marks.polygons) fillRing(labels, polygon.path, polygon.class);
    const { absent, boxes, points, scribbles } = marks;
    return new Drawing(image.width, image.height, { absent, boxes, points, scribbles }, 0, labels);
  }

  toMarks(version: number): Marks {
    const { absent, boxes, points, scribbles } = this.current;
    const mask = absent ? null : encodeMask(this.labels);
    return {
      version,
      absent,
      boxes: [...boxes],
      points: [...points],
      scribbles: [...scribbles],
      polygons: [],
      mask,
    };
  }

  get shapes(): Shapes {
    return this.current;
  }

  get canUndo(): boolean {
    return this.history.canUndo;
  }

  get canRedo(): boolean {
    return this.history.canRedo;
  }

  /** Label -> pixels that were drawn with it, counted once for each change. */
  get painted(): ReadonlyMap<number, number> {
    if (this.counted?.revision !== this.revision.value) {
      const found = areas(this.labels);
      found.delete(this.fill);
      this.counted = { revision: this.revision.value, found };
    }
    return this.counted.found;
  }

  get hasPaint(): boolean {
    return this.painted.size > 0;
  }

  /** Whether points and strokes on the thing are all there is: nothing says where it ends, or what it is not. */
  get isPositiveOnly(): boolean {
    const { absent, boxes, points, scribbles } = this.current;
    const said = [...points, ...scribbles];
    const painted = [...this.painted.keys()].some((label) => label !== IGNORE);
    return said.length > 0 && said.every((mark) => mark.class !== 0) && !absent && !boxes.length && !painted;
  }

  get isEmpty(): boolean {
    const { absent, boxes, points, scribbles } = this.current;
    return !absent && !boxes.length && !points.length && !scribbles.length && !this.hasPaint;
  }

  /** Change shapes in one step. What is drawn says that the thing is here. */
  add(shapes: Partial<Omit<Shapes, "absent">>): void {
    this.finish({ ...this.current, absent: false, ...shapes }, null);
  }

  beginStroke(): void {
    const labels = { ...this.labels, data: this.labels.data.slice() };
    this.stroke = { before: this.current, labels, dirty: NOWHERE };
  }

  /** Paint from a to b with `radius` pixels. Raises nothing outside the picture: what lies there is cut off. */
  paint(a: Xy, b: Xy, radius: number, label: number): void {
    this.touched(paintStroke(this.labels, a, b, radius, label));
  }

  fillRing(ring: Xy[], label: number): void {
    this.touched(fillRing(this.labels, ring, label));
  }

  /** Take away the shapes that lie within `radius` of a place. */
  eraseShapes(at: Xy, radius: number): void {
    const far = (path: readonly Xy[]) => distanceToPath(path, at) > radius;
    const { absent, boxes, points, scribbles } = this.current;
    this.current = {
      absent,
      boxes: boxes.filter(({ xyxy: [x0, y0, x1, y1] }) =>
        far([
          [x0, y0],
          [x1, y0],
          [x1, y1],
          [x0, y1],
          [x0, y0],
        ]),
      ),
      points: points.filter(({ xy }) => far([xy])),
      scribbles: scribbles.filter(({ path, width }) => distanceToPath(path, at) > radius + width / 2),
    };
  }

  endStroke(): void {
    if (!this.stroke) return;
    const { before, labels, dirty } = this.stroke;
    this.stroke = null;
    const after = isEmpty(dirty) ? this.current : { ...this.current, absent: false };
    this.current = before;
    this.finish(after, isEmpty(dirty) ? null : this.patch(labels, dirty));
  }

  /** Leave out what the stroke has done so far. */
  cancelStroke(): void {
    if (!this.stroke) return;
    const { before, labels, dirty } = this.stroke;
    this.stroke = null;
    this.current = before;
    this.labels.data.set(labels.data);
    this.onPaint(dirty);
  }

  clear(): void {
    this.replaceAll(NO_SHAPES);
  }

  /** 'It is not here' and marks exclude each other. */
  setAbsent(absent: boolean): void {
    this.replaceAll({ ...NO_SHAPES, absent });
  }

  undo(): void {
    const step = this.history.undo();
    if (step) this.show(step.before, step.patch?.rect, step.patch?.before);
  }

  redo(): void {
    const step = this.history.redo();
    if (step) this.show(step.after, step.patch?.rect, step.patch?.after);
  }

  private replaceAll(shapes: Shapes): void {
    if (!this.hasPaint) {
      this.finish(shapes, null);
      return;
    }
    const before = { ...this.labels, data: this.labels.data.slice() };
    this.labels.data.fill(this.fill);
    this.onPaint(whole(this.labels));
    this.finish(shapes, this.patch(before, whole(this.labels)));
  }

  private patch(before: LabelMap, rect: Rect): Patch | null {
    const patch = { rect, before: readPatch(before, rect), after: readPatch(this.labels, rect) };
    const same =
      patch.before.length === patch.after.length && patch.before.every((v, k) => v === patch.after[k]);
    return same ? null : patch;
  }

  private touched(rect: Rect): void {
    if (isEmpty(rect)) return;
    if (this.stroke) this.stroke.dirty = union(this.stroke.dirty, rect);
    this.onPaint(rect);
  }

  private finish(after: Shapes, patch: Patch | null): void {
    if (!patch && sameShapes(this.current, after)) return;
    this.history.push({ before: this.current, after, patch });
    this.current = after;
    this.revision.value++;
  }

  private show(shapes: Shapes, rect?: Rect, runs?: Uint32Array): void {
    this.current = shapes;
    if (rect && runs) {
      writePatch(this.labels, rect, runs);
      this.onPaint(rect);
    }
    this.revision.value++;
  }
}

function sameShapes(a: Shapes, b: Shapes): boolean {
  const same = (p: readonly unknown[], q: readonly unknown[]) =>
    p.length === q.length && p.every((v, k) => v === q[k]);
  return (
    a.absent === b.absent &&
    same(a.boxes, b.boxes) &&
    same(a.points, b.points) &&
    same(a.scribbles, b.scribbles)
  );
}

/** The marks that a finished label map makes: a complete cue, or 'not here' where it shows nothing. */
export function marksOfLabels(labels: LabelMap, version: number): Marks {
  const marked = labels.data.some((value) => value !== 0 && value !== IGNORE);
  const mask = marked ? encodeMask(labels) : null;
  return { version, absent: !marked, boxes: [], points: [], scribbles: [], polygons: [], mask };
}
