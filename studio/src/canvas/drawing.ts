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
  LARGEST_OBJECT,
  type LabelMap,
  labelMap,
  NOWHERE,
  type ObjectMap,
  objectMap,
  paintStroke,
  type Rect,
  readPatch,
  union,
  whole,
  writePatch,
} from "./labels";
import { countObjects, joins, largestId, piecesOf, renumber } from "./objects";
import { decodeMask, decodeObjects, encodeMask } from "./rle";

export interface Shapes {
  readonly absent: boolean;
  readonly boxes: readonly BoxMark[];
  readonly points: readonly PointMark[];
  readonly scribbles: readonly ScribbleMark[];
}

export const NO_SHAPES: Shapes = { absent: false, boxes: [], points: [], scribbles: [] };

/** A part of both maps as runs; those of the objects are null where nobody had told things apart. */
interface Part {
  labels: Uint32Array;
  objects: Uint32Array | null;
}

interface Patch {
  rect: Rect;
  before: Part;
  after: Part;
}

interface Maps {
  labels: LabelMap;
  objects: ObjectMap | null;
}

interface Step {
  before: Shapes;
  after: Shapes;
  patch: Patch | null;
}

/** A stroke that has begun and not ended. */
interface Stroke {
  before: Shapes;
  maps: Maps;
  /** The objects as the stroke found them, also where it is the first one that tells them apart. */
  found: ObjectMap | null;
  dirty: Rect;
  /** The object that it draws; 0 as long as it has drawn none. `kept`: an earlier one goes on, wherever the stroke is. */
  object: number;
  kept: boolean;
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
  private counted: { revision: number; found: Map<number, number>; objects: number } | null = null;
  /** The next stroke begins a new object. */
  readonly fresh = signal(false);
  private telling: boolean;
  /** The object that was drawn last, and its class. */
  private last = { object: 0, label: 0 };

  /** `fill` is the label of pixels that nobody has drawn on. */
  constructor(
    readonly width: number,
    readonly height: number,
    shapes: Shapes = NO_SHAPES,
    private readonly fill = 0,
    labels?: LabelMap,
    private apart: ObjectMap | null = null,
  ) {
    this.current = shapes;
    this.labels = labels ?? labelMap(width, height, fill);
    this.telling = apart !== null;
  }

  /** Polygons become part of the label map, each an object: both say that the rest of the picture is background. */
  static fromMarks(marks: Marks, image: Pick<ImageInfo, "width" | "height">): Drawing {
    const { width, height } = image;
    const labels = marks.mask ? decodeMask(marks.mask) : labelMap(width, height);
    let objects = marks.mask && decodeObjects(marks.mask);
    if (marks.polygons.length) objects ??= objectMap(width, height);
    let object = objects ? largestId(objects) : 0;
    for (const { path, class: label } of marks.polygons) {
      fillRing(labels, path, label);
      if (objects) fillRing(objects, path, label && ++object);
    }
    const { absent, boxes, points, scribbles } = marks;
    return new Drawing(width, height, { absent, boxes, points, scribbles }, 0, labels, objects);
  }

  toMarks(version: number): Marks {
    const { absent, boxes, points, scribbles } = this.current;
    const mask = absent ? null : encodeMask(this.labels, this.apart);
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
      this.count();
    }
    return this.counted?.found ?? new Map();
  }

  /** Which pixels belong to one object; null where nobody has told things apart. */
  get objects(): ObjectMap | null {
    return this.apart;
  }

  /** How many objects were told apart; null where nobody has. */
  get objectCount(): number | null {
    if (!this.apart) return null;
    if (this.counted?.revision !== this.revision.value) this.count();
    return this.counted?.objects ?? 0;
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

  /**
   * What is drawn from now on is another object, also where it touches what is there. What is painted already is one
   * object a connected piece, if nobody has said otherwise.
   */
  newObject(): void {
    this.telling = true;
    this.fresh.value = true;
  }

  beginStroke(): void {
    const maps = this.copy();
    if (!this.apart && this.telling) {
      this.apart = piecesOf(this.labels);
      this.onPaint(whole(this.labels));
    }
    const found = maps.objects ?? (this.apart && copyOf(this.apart));
    this.stroke = { before: this.current, maps, found, dirty: NOWHERE, object: 0, kept: false };
  }

  /** Paint from a to b with `radius` pixels. Raises nothing outside the picture: what lies there is cut off. */
  paint(a: Xy, b: Xy, radius: number, label: number): void {
    const rect = paintStroke(this.labels, a, b, radius, label);
    if (this.apart) paintStroke(this.apart, a, b, radius, this.objectAt(b, label));
    this.touched(rect);
  }

  /** Give a label to these pixels, `at` one of them. */
  fillPixels(pixels: Uint32Array, at: Xy, label: number): void {
    if (!pixels.length) return;
    const object = this.apart ? this.objectAt(at, label) : 0;
    let [left, right] = [this.width, 0];
    for (const pixel of pixels) {
      this.labels.data[pixel] = label;
      if (this.apart) this.apart.data[pixel] = object;
      const column = pixel % this.width;
      left = Math.min(left, column);
      right = Math.max(right, column + 1);
    }
    const top = Math.floor(pixels[0] / this.width);
    const bottom = Math.floor(pixels[pixels.length - 1] / this.width) + 1;
    this.touched({ left, top, right, bottom });
  }

  /** A polygon is an object of its own, where things are told apart. */
  fillRing(ring: Xy[], label: number): void {
    const rect = fillRing(this.labels, ring, label);
    if (this.apart) {
      if (this.stroke && isThing(label)) this.stroke.object = this.nextObject();
      fillRing(this.apart, ring, isThing(label) ? (this.stroke?.object ?? 0) : 0);
    }
    this.touched(rect);
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
    this.standApart(this.stroke);
    const { before, maps, dirty, object } = this.stroke;
    const drawn = !isEmpty(dirty);
    if (!drawn) this.apart = maps.objects;
    if (object) this.fresh.value = false;
    this.stroke = null;
    const after = drawn ? { ...this.current, absent: false } : this.current;
    this.current = before;
    // The first stroke that tells things apart does so on the whole picture.
    const first = drawn && this.apart && !maps.objects;
    this.finish(after, drawn ? this.patch(maps, first ? whole(this.labels) : dirty) : null);
  }

  /** Leave out what the stroke has done so far. */
  cancelStroke(): void {
    if (!this.stroke) return;
    const { before, maps } = this.stroke;
    this.stroke = null;
    this.current = before;
    this.labels.data.set(maps.labels.data);
    this.apart = maps.objects;
    this.onPaint(whole(this.labels));
  }

  /** Put other maps in the place of these, and other shapes where they are given, in one step. */
  replace(labels: LabelMap, objects: ObjectMap | null, shapes: Shapes = this.current): void {
    const before = this.copy();
    this.labels.data.set(labels.data);
    this.apart = objects;
    this.telling ||= objects !== null;
    this.last = { object: 0, label: 0 };
    this.onPaint(whole(this.labels));
    this.finish(shapes, this.patch(before, whole(this.labels)));
  }

  /** Make these marks the drawing, in one step. */
  putMarks(marks: Marks): void {
    const { labels, objects, shapes } = Drawing.fromMarks(marks, this);
    this.replace(labels, objects, shapes);
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
    const before = this.copy();
    this.labels.data.fill(this.fill);
    this.apart = null;
    this.onPaint(whole(this.labels));
    this.finish(shapes, this.patch(before, whole(this.labels)));
  }

  private count(): void {
    const found = areas(this.labels);
    found.delete(this.fill);
    const objects = this.apart ? countObjects(this.apart) : 0;
    this.counted = { revision: this.revision.value, found, objects };
  }

  /** The object that a stroke of a class draws: the one that it begins on, else the last one, else a new one. */
  private objectAt([x, y]: Xy, label: number): number {
    if (!this.stroke || !isThing(label)) return 0;
    if (this.stroke.object) return this.stroke.object;
    const { found, maps } = this.stroke;
    const inside = x >= 0 && y >= 0 && x < this.width && y < this.height;
    const at = inside ? Math.floor(y) * this.width + Math.floor(x) : -1;
    const under = maps.labels.data[at] === label ? found?.data[at] : 0;
    const last = this.last.label === label ? this.last.object : 0;
    this.stroke.kept = !this.fresh.value && !!under;
    this.stroke.object = (!this.fresh.value && (under || last)) || this.nextObject();
    this.last = { object: this.stroke.object, label };
    return this.stroke.object;
  }

  private nextObject(): number {
    const found = this.stroke?.found ?? this.apart;
    return Math.min(found ? largestId(found) + 1 : 1, LARGEST_OBJECT);
  }

  /** A stroke that does not touch the object that was drawn last is another one. */
  private standApart(stroke: Stroke): void {
    const { found, object, dirty, kept } = stroke;
    if (!this.apart || !found || !object || kept) return;
    const next = this.nextObject();
    if (object === next || joins(this.apart, found, dirty, object)) return;
    renumber(this.apart, found, dirty, object, next);
    this.last = { ...this.last, object: next };
    this.onPaint(dirty);
  }

  private copy(): Maps {
    const labels = { ...this.labels, data: this.labels.data.slice() };
    return { labels, objects: this.apart && copyOf(this.apart) };
  }

  private patch(before: Maps, rect: Rect): Patch | null {
    const part = ({ labels, objects }: Maps): Part => ({
      labels: readPatch(labels, rect),
      objects: objects && readPatch(objects, rect),
    });
    const patch = { rect, before: part(before), after: part({ labels: this.labels, objects: this.apart }) };
    const same =
      sameRuns(patch.before.labels, patch.after.labels) &&
      sameRuns(patch.before.objects, patch.after.objects);
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

  private show(shapes: Shapes, rect?: Rect, part?: Part): void {
    this.current = shapes;
    if (rect && part) {
      writePatch(this.labels, rect, part.labels);
      if (part.objects) {
        this.apart ??= objectMap(this.width, this.height);
        writePatch(this.apart, rect, part.objects);
      } else this.apart = null;
      this.last = { object: 0, label: 0 };
      this.onPaint(rect);
    }
    this.revision.value++;
  }
}

function copyOf(map: ObjectMap): ObjectMap {
  return { ...map, data: map.data.slice() };
}

/** Whether a label is that of a class: erased paint and what is left out are of no object. */
function isThing(label: number): boolean {
  return label !== 0 && label !== IGNORE;
}

function sameRuns(a: Uint32Array | null, b: Uint32Array | null): boolean {
  return a === b || (!!a && !!b && a.length === b.length && a.every((v, k) => v === b[k]));
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

/** The marks that finished maps make: a complete cue, or 'not here' where they show nothing. */
export function marksOfLabels(labels: LabelMap, version: number, objects: ObjectMap | null = null): Marks {
  const marked = labels.data.some((value) => value !== 0 && value !== IGNORE);
  const mask = marked ? encodeMask(labels, objects) : null;
  return { version, absent: !marked, boxes: [], points: [], scribbles: [], polygons: [], mask };
}
