/** The drawing tools: each turns presses, moves and releases in pixels of the picture into changes of a drawing. */

import type { ScribbleMark, Xy } from "../wire";
import type { Drawing } from "./drawing";
import { boxOf, distance, inside } from "./geometry";
import { IGNORE } from "./labels";
import type { RegionMap } from "./regions";

export type ToolName =
  | "brush"
  | "eraser"
  | "polygon"
  | "wand"
  | "box"
  | "point"
  | "notPoint"
  | "scribble"
  | "notScribble"
  | "ignore"
  | "ruler"
  | "select"
  | "hand";

/** Those that change a drawing. */
export type DrawingTool = Exclude<ToolName, "hand" | "select">;

export interface Hand {
  drawing: Drawing;
  /** The class that is drawn with. */
  label: number;
  /** Of brush and eraser, in pixels of the picture. */
  radius: number;
  /** How near is near enough, in pixels of the picture: what a hand can tell apart on the screen. */
  near: number;
  /** What the wand paints; null where it is not there yet. */
  regions: RegionMap | null;
  /** Told the length of a line, in pixels of the picture, that was drawn along a scale bar. */
  rule(length: number): void;
}

/** What is being drawn and is not yet part of the drawing. */
export interface Draft {
  kind: "box" | "polygon" | "scribble" | "cut" | "region";
  path: readonly Xy[];
  label: number;
  width?: number;
  /** Of a region its border. */
  border?: Path2D;
}

export interface Tool {
  press(at: Xy, hand: Hand): void;
  move(at: Xy, hand: Hand): void;
  release(at: Xy, hand: Hand): void;
  /** The hand moves without pressing, or (null) has left. */
  hover?(at: Xy | null, hand: Hand): void;
  /** Take back the last part of what is being drawn; false where there is none. */
  back(): boolean;
  cancel(hand: Hand): void;
  readonly draft: Draft | null;
  /** True between a press and its release, or while a polygon is open. */
  readonly busy: boolean;
}

/** Brush, eraser and 'ignore': paints a label along the way. */
class PaintTool implements Tool {
  readonly draft = null;
  private last: Xy | null = null;

  constructor(
    private readonly label: (hand: Hand) => number,
    private readonly erases = false,
  ) {}

  get busy(): boolean {
    return this.last !== null;
  }

  press(at: Xy, hand: Hand): void {
    hand.drawing.beginStroke();
    this.stroke(at, at, hand);
  }

  move(at: Xy, hand: Hand): void {
    if (this.last) this.stroke(this.last, at, hand);
  }

  release(at: Xy, hand: Hand): void {
    if (!this.last) return;
    if (distance(this.last, at)) this.stroke(this.last, at, hand);
    hand.drawing.endStroke();
    this.last = null;
  }

  back(): boolean {
    return false;
  }

  cancel(hand: Hand): void {
    if (this.last) hand.drawing.cancelStroke();
    this.last = null;
  }

  private stroke(from: Xy, to: Xy, hand: Hand): void {
    hand.drawing.paint(from, to, hand.radius, this.label(hand));
    if (this.erases) hand.drawing.eraseShapes(to, Math.max(hand.radius, hand.near));
    this.last = to;
  }
}

/** A click paints a whole region; one that is painted already is taken away. Dragged, it goes on with the others. */
class WandTool implements Tool {
  draft: Draft | null = null;
  private label = 0;
  private done: Set<number> | null = null;

  get busy(): boolean {
    return this.done !== null;
  }

  press(at: Xy, hand: Hand): void {
    const id = hand.regions?.idAt(at);
    if (id === undefined || id === null) return;
    const { labels } = hand.drawing;
    const painted = hand.regions?.pixelsOf(id).every((pixel) => labels.data[pixel] === hand.label);
    this.label = painted ? 0 : hand.label;
    this.done = new Set();
    hand.drawing.beginStroke();
    this.move(at, hand);
  }

  move(at: Xy, hand: Hand): void {
    this.hover(at, hand);
    const id = hand.regions?.idAt(at);
    if (!this.done || id === undefined || id === null || this.done.has(id)) return;
    this.done.add(id);
    hand.drawing.fillPixels(hand.regions?.pixelsOf(id) ?? new Uint32Array(), at, this.label);
  }

  release(at: Xy, hand: Hand): void {
    if (!this.done) return;
    this.move(at, hand);
    this.done = null;
    hand.drawing.endStroke();
  }

  hover(at: Xy | null, { regions, label }: Hand): void {
    const id = at && regions?.idAt(at);
    this.draft =
      regions && typeof id === "number"
        ? { kind: "region", path: [], label, border: regions.outlineOf(id) }
        : null;
  }

  back(): boolean {
    return false;
  }

  cancel(hand: Hand): void {
    if (this.done) hand.drawing.cancelStroke();
    this.done = null;
    this.draft = null;
  }
}

class BoxTool implements Tool {
  draft: Draft | null = null;

  get busy(): boolean {
    return this.draft !== null;
  }

  press(at: Xy, hand: Hand): void {
    this.draft = { kind: "box", path: [at, at], label: hand.label };
  }

  move(at: Xy): void {
    if (this.draft) this.draft = { ...this.draft, path: [this.draft.path[0], at] };
  }

  release(at: Xy, { drawing }: Hand): void {
    if (!this.draft) return;
    const xyxy = boxOf(this.draft.path[0], at, drawing);
    const box = xyxy && { xyxy, class: this.draft.label };
    this.draft = null;
    if (box) drawing.add({ boxes: [...drawing.shapes.boxes, box] });
  }

  back(): boolean {
    return false;
  }

  cancel(): void {
    this.draft = null;
  }
}

/** A corner a press; a press on the first corner, or again on the last one, closes it. */
class PolygonTool implements Tool {
  draft: Draft | null = null;
  private corners: Xy[] = [];

  get busy(): boolean {
    return this.corners.length > 0;
  }

  press(at: Xy, hand: Hand): void {
    const [first, last] = [this.corners[0], this.corners[this.corners.length - 1]];
    if (last && (distance(at, last) <= hand.near / 4 || distance(at, first) <= hand.near)) {
      if (this.corners.length >= 3) this.close(hand);
      return;
    }
    this.corners.push(at);
    this.show(at, hand.label);
  }

  move(at: Xy, hand: Hand): void {
    if (this.corners.length) this.show(at, hand.label);
  }

  release(): void {}

  back(): boolean {
    if (!this.corners.length) return false;
    this.corners.pop();
    this.draft = this.corners.length && this.draft ? { ...this.draft, path: [...this.corners] } : null;
    return true;
  }

  cancel(): void {
    this.corners = [];
    this.draft = null;
  }

  private close({ drawing, label }: Hand): void {
    const ring = this.corners;
    this.cancel();
    drawing.beginStroke();
    drawing.fillRing(ring, label);
    drawing.endStroke();
  }

  private show(at: Xy, label: number): void {
    this.draft = { kind: "polygon", path: [...this.corners, at], label };
  }
}

/** A line along a scale bar: it is measured, and marks nothing. */
class RulerTool implements Tool {
  draft: Draft | null = null;

  get busy(): boolean {
    return this.draft !== null;
  }

  press(at: Xy): void {
    this.draft = { kind: "cut", path: [at, at], label: 0 };
  }

  move(at: Xy): void {
    if (this.draft) this.draft = { ...this.draft, path: [this.draft.path[0], at] };
  }

  release(at: Xy, hand: Hand): void {
    const from = this.draft?.path[0];
    this.draft = null;
    if (from && distance(from, at) >= 1) hand.rule(distance(from, at));
  }

  back(): boolean {
    return false;
  }

  cancel(): void {
    this.draft = null;
  }
}

class PointTool implements Tool {
  readonly draft = null;
  readonly busy = false;

  constructor(private readonly label: (hand: Hand) => number) {}

  press(at: Xy, hand: Hand): void {
    const { drawing } = hand;
    if (at[0] < 0 || at[1] < 0 || at[0] >= drawing.width || at[1] >= drawing.height) return;
    const point = { xy: inside(at, drawing), class: this.label(hand) };
    drawing.add({ points: [...drawing.shapes.points, point] });
  }

  move(): void {}
  release(): void {}
  cancel(): void {}

  back(): boolean {
    return false;
  }
}

class ScribbleTool implements Tool {
  draft: Draft | null = null;

  constructor(private readonly label: (hand: Hand) => number) {}

  get busy(): boolean {
    return this.draft !== null;
  }

  press(at: Xy, hand: Hand): void {
    const path = [inside(at, hand.drawing)];
    this.draft = { kind: "scribble", path, label: this.label(hand), width: scribbleWidth(hand.drawing) };
  }

  move(at: Xy, hand: Hand): void {
    if (!this.draft) return;
    const next = inside(at, hand.drawing);
    const { path } = this.draft;
    if (distance(path[path.length - 1], next) >= 1) this.draft = { ...this.draft, path: [...path, next] };
  }

  release(at: Xy, hand: Hand): void {
    this.move(at, hand);
    if (!this.draft) return;
    const { path, label, width } = this.draft;
    this.draft = null;
    const scribble: ScribbleMark = { path: [...path], width: width ?? 3, class: label };
    hand.drawing.add({ scribbles: [...hand.drawing.shapes.scribbles, scribble] });
  }

  back(): boolean {
    return false;
  }

  cancel(): void {
    this.draft = null;
  }
}

/** 3 pixels, as in the library, and more on large pictures, where nobody can follow a line of 3. */
export function scribbleWidth(image: { width: number; height: number }): number {
  return Math.max(3, Math.round(Math.min(image.width, image.height) / 200));
}

const ofClass = (hand: Hand) => hand.label;
const notThis = () => 0;

/** A fresh set of tools, one for each canvas. 'hand' and 'select' draw nothing. */
export function makeTools(): Record<DrawingTool, Tool> {
  return {
    brush: new PaintTool(ofClass),
    eraser: new PaintTool(notThis, true),
    ignore: new PaintTool(() => IGNORE),
    polygon: new PolygonTool(),
    wand: new WandTool(),
    box: new BoxTool(),
    point: new PointTool(ofClass),
    notPoint: new PointTool(notThis),
    scribble: new ScribbleTool(ofClass),
    ruler: new RulerTool(),
    notScribble: new ScribbleTool(notThis),
  };
}
