/** Draws the picture, what is marked and what is being drawn. Three sheets, because they change unequally often. */

import type { Xy } from "../wire";
import type { Shapes } from "./drawing";
import { isEmpty, NOWHERE, type Rect, union } from "./labels";
import type { Colours, Overlay } from "./overlay";
import type { Draft } from "./tools";
import { fit, type Size, toScreen, type Viewport } from "./viewport";

export interface Look {
  opacity: number;
  outlineOnly: boolean;
  hidden: boolean;
  /** Share of the width left of which the picture is bare; 0 shows the overlay everywhere. */
  swipe: number;
}

export interface Scene {
  overlay: Overlay | null;
  uncertainty: CanvasImageSource | null;
  shapes: Shapes | null;
  draft: Draft | null;
  /** The border of the object that is chosen, in pixels of the picture. */
  chosen: Path2D | null;
  /** What others have marked: borders in pixels of the picture. */
  others: readonly { path: Path2D; colour: string; dash: number[] }[];
  colours: Colours;
  look: Look;
  /** Where the tool is, in pixels of the picture, and its radius there; null hides it. */
  cursor: { at: Xy; radius: number; cross: boolean } | null;
}

/** What is drawn where, from the lowest: the picture; what is marked; shapes and the tool. */
export interface Sheets {
  picture: HTMLCanvasElement;
  overlay: HTMLCanvasElement;
  marks: HTMLCanvasElement;
}

export class Stage {
  view: Viewport = { scale: 1, x: 0, y: 0 };
  private size: Size = { width: 0, height: 0 };
  private picture: CanvasImageSource | null = null;
  private imageSize: Size = { width: 1, height: 1 };
  private scene: Scene | null = null;
  private frame = 0;
  private pictureStale = true;
  /** The part of the overlay that is to be drawn anew, in pixels of the picture. */
  private overlayStale: Rect | "all" = "all";
  /** The whole picture is shown, and shall be when the room changes. */
  private fitted = true;

  constructor(private readonly sheets: Sheets) {}

  get screen(): Size {
    return this.size;
  }

  get image(): Size {
    return this.imageSize;
  }

  setPicture(picture: CanvasImageSource, size: Size): void {
    this.picture = picture;
    this.imageSize = size;
    this.fit();
  }

  setScene(scene: Scene): void {
    this.scene = scene;
    this.overlayStale = "all";
    this.redraw();
  }

  fit(): void {
    this.setView(fit(this.imageSize, this.size));
    this.fitted = true;
  }

  setView(view: Viewport): void {
    this.view = view;
    this.fitted = false;
    this.pictureStale = true;
    this.overlayStale = "all";
    this.redraw();
  }

  /** The room on the screen, in CSS pixels. */
  resize(size: Size): void {
    this.size = size;
    for (const canvas of Object.values(this.sheets) as HTMLCanvasElement[]) {
      canvas.width = Math.round(size.width * devicePixelRatio);
      canvas.height = Math.round(size.height * devicePixelRatio);
    }
    if (this.fitted) this.fit();
    else this.setView(this.view);
  }

  /** A part of the label map has changed. */
  repaint(rect: Rect): void {
    if (this.overlayStale !== "all") this.overlayStale = union(this.overlayStale, rect);
    this.redraw();
  }

  redraw(): void {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.draw());
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
  }

  private draw(): void {
    this.frame = 0;
    if (this.pictureStale) this.drawPicture();
    this.pictureStale = false;
    if (!this.scene) return;
    this.drawOverlay(this.scene);
    this.overlayStale = NOWHERE;
    this.drawMarks(this.scene);
  }

  /** Large pictures are slow to draw: while painting, only what the brush has touched is drawn anew. */
  private drawOverlay(scene: Scene): void {
    const stale = this.overlayStale;
    const context = this.sheets.overlay.getContext("2d");
    if (!context || (stale !== "all" && isEmpty(stale))) return;
    const { look } = scene;
    this.toScreenPixels(context);
    context.save();
    // Outlines reach beyond the pixels that changed.
    if (stale !== "all" && !look.outlineOnly) this.clipTo(context, stale);
    context.clearRect(0, 0, this.size.width, this.size.height);
    if (!look.hidden) {
      this.clipToSwipe(context, look);
      this.drawLayers(context, scene);
    }
    context.restore();
  }

  private drawMarks({ look, shapes, draft, cursor, chosen, others }: Scene): void {
    const context = this.sheets.marks.getContext("2d");
    if (!context) return;
    this.toScreenPixels(context);
    context.clearRect(0, 0, this.size.width, this.size.height);
    if (!look.hidden) {
      context.save();
      this.clipToSwipe(context, look);
      this.drawOthers(context, others);
      if (chosen) this.drawChosen(context, chosen);
      if (shapes) this.drawShapes(context, shapes);
      context.restore();
      if (look.swipe) this.drawSwipe(context, look.swipe);
    }
    if (draft) this.drawDraft(context, draft);
    if (cursor) this.drawCursor(context, cursor);
  }

  private clipTo(context: CanvasRenderingContext2D, rect: Rect): void {
    const [x0, y0] = toScreen(this.view, [rect.left, rect.top]).map((v) => Math.floor(v) - 2);
    const [x1, y1] = toScreen(this.view, [rect.right, rect.bottom]).map((v) => Math.ceil(v) + 2);
    context.beginPath();
    context.rect(x0, y0, x1 - x0, y1 - y0);
    context.clip();
  }

  private clipToSwipe(context: CanvasRenderingContext2D, look: Look): void {
    context.beginPath();
    context.rect(look.swipe * this.size.width, 0, this.size.width, this.size.height);
    context.clip();
  }

  private toScreenPixels(context: CanvasRenderingContext2D): void {
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
  }

  private drawPicture(): void {
    const context = this.sheets.picture.getContext("2d");
    if (!context) return;
    this.toScreenPixels(context);
    context.clearRect(0, 0, this.size.width, this.size.height);
    if (this.picture) this.place(context, this.picture);
  }

  /** Draw only the part that is on the screen: large pictures, zoomed in, cost no more than small ones. */
  private place(context: CanvasRenderingContext2D, source: CanvasImageSource): void {
    const { view, imageSize, size } = this;
    const left = Math.max(Math.floor(-view.x / view.scale), 0);
    const top = Math.max(Math.floor(-view.y / view.scale), 0);
    const right = Math.min(Math.ceil((size.width - view.x) / view.scale), imageSize.width);
    const bottom = Math.min(Math.ceil((size.height - view.y) / view.scale), imageSize.height);
    if (right <= left || bottom <= top) return;
    context.imageSmoothingEnabled = view.scale < 2;
    context.imageSmoothingQuality = "medium";
    const [x, y] = toScreen(view, [left, top]);
    const [w, h] = [right - left, bottom - top];
    context.drawImage(source, left, top, w, h, x, y, w * view.scale, h * view.scale);
  }

  private drawLayers(
    context: CanvasRenderingContext2D,
    { overlay, uncertainty, look, colours }: Scene,
  ): void {
    if (uncertainty) this.place(context, uncertainty);
    if (!overlay) return;
    if (!look.outlineOnly) {
      context.globalAlpha = look.opacity;
      this.place(context, overlay.canvas);
      context.globalAlpha = 1;
      return;
    }
    context.save();
    context.translate(this.view.x, this.view.y);
    context.scale(this.view.scale, this.view.scale);
    context.lineCap = "square";
    for (const [colour, width] of [
      [null, 4],
      ["own", 2],
    ] as const) {
      context.lineWidth = width / this.view.scale;
      for (const [label, path] of overlay.outlines) {
        context.strokeStyle = colour ? this.css(label, colours) : "rgb(0 0 0 / .55)";
        context.stroke(path);
      }
    }
    context.restore();
  }

  private css(label: number, colours = this.scene?.colours): string {
    const found = label ? colours?.get(label) : ([20, 20, 20] as const);
    return `rgb(${(found ?? [136, 136, 136]).join(" ")})`;
  }

  /** White with black beside it: seen on any colour. */
  private drawChosen(context: CanvasRenderingContext2D, path: Path2D): void {
    const { scale } = this.view;
    context.save();
    context.translate(this.view.x, this.view.y);
    context.scale(scale, scale);
    context.lineCap = "square";
    for (const [width, colour] of [
      [5, "#000"],
      [2.5, "#fff"],
    ] as const) {
      context.lineWidth = width / scale;
      context.strokeStyle = colour;
      context.stroke(path);
    }
    context.restore();
  }

  /** On black: seen on any colour. */
  private drawOthers(context: CanvasRenderingContext2D, others: Scene["others"]): void {
    const { scale } = this.view;
    context.save();
    context.translate(this.view.x, this.view.y);
    context.scale(scale, scale);
    for (const { path, colour, dash } of others) {
      context.lineWidth = 4 / scale;
      context.strokeStyle = "rgb(0 0 0 / .6)";
      context.setLineDash([]);
      context.stroke(path);
      context.lineWidth = 2.2 / scale;
      context.strokeStyle = colour;
      context.setLineDash(dash.map((length) => length / scale));
      context.stroke(path);
    }
    context.restore();
  }

  private drawShapes(context: CanvasRenderingContext2D, shapes: Shapes): void {
    for (const { path, width, class: label } of shapes.scribbles) {
      this.strokeScribble(context, path, width, label);
    }
    for (const { xyxy, class: label } of shapes.boxes) {
      this.strokeBox(context, [xyxy[0], xyxy[1]], [xyxy[2], xyxy[3]], label);
    }
    for (const { xy, class: label } of shapes.points) this.drawPoint(context, xy, label);
  }

  /** A disc with a plus, or with a minus for 'not this': told apart without colours. */
  private drawPoint(context: CanvasRenderingContext2D, xy: Xy, label: number): void {
    const [x, y] = toScreen(this.view, xy);
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.fillStyle = this.css(label);
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = "#fff";
    context.stroke();
    context.beginPath();
    context.moveTo(x - 3.5, y);
    context.lineTo(x + 3.5, y);
    if (label) {
      context.moveTo(x, y - 3.5);
      context.lineTo(x, y + 3.5);
    }
    context.stroke();
  }

  private strokeScribble(
    context: CanvasRenderingContext2D,
    path: readonly Xy[],
    width: number,
    label: number,
  ): void {
    const line = Math.max(width * this.view.scale, 3);
    const places = path.map((xy) => toScreen(this.view, xy));
    context.beginPath();
    context.moveTo(...places[0]);
    for (const place of places.length > 1 ? places.slice(1) : places) context.lineTo(...place);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = line + 3;
    context.strokeStyle = "rgb(255 255 255 / .9)";
    context.stroke();
    context.lineWidth = line;
    context.strokeStyle = this.css(label);
    context.stroke();
    if (label) return;
    // 'Not this' is dashed: told apart without colours.
    context.setLineDash([line * 1.5, line * 2.5]);
    context.lineWidth = Math.max(line / 2, 1.5);
    context.strokeStyle = "#fff";
    context.stroke();
    context.setLineDash([]);
  }

  private strokeBox(context: CanvasRenderingContext2D, a: Xy, b: Xy, label: number): void {
    const [x0, y0] = toScreen(this.view, a);
    const [x1, y1] = toScreen(this.view, b);
    context.lineJoin = "miter";
    context.lineWidth = 4;
    context.strokeStyle = "rgb(255 255 255 / .85)";
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    context.lineWidth = 2;
    context.strokeStyle = this.css(label);
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }

  private drawDraft(context: CanvasRenderingContext2D, draft: Draft): void {
    const { kind, path, label } = draft;
    if (draft.border) this.drawChosen(context, draft.border);
    else if (kind === "box") this.strokeBox(context, path[0], path[1], label);
    else if (kind === "scribble") this.strokeScribble(context, path, draft.width ?? 3, label);
    else this.drawCorners(context, path, label);
  }

  /** A polygon that is open: its corners, and the line to where the tool is. */
  private drawCorners(context: CanvasRenderingContext2D, path: readonly Xy[], label: number): void {
    const places = path.map((xy) => toScreen(this.view, xy));
    context.beginPath();
    context.moveTo(...places[0]);
    for (const place of places.slice(1)) context.lineTo(...place);
    for (const [width, colour] of [
      [4, "rgb(255 255 255 / .85)"],
      [2, this.css(label)],
    ] as const) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
    for (const [x, y] of places.slice(0, -1)) {
      context.fillStyle = "#fff";
      context.fillRect(x - 4, y - 4, 8, 8);
      context.lineWidth = 2;
      context.strokeRect(x - 4, y - 4, 8, 8);
    }
  }

  private drawSwipe(context: CanvasRenderingContext2D, swipe: number): void {
    const x = Math.round(swipe * this.size.width);
    context.fillStyle = "rgb(0 0 0 / .6)";
    context.fillRect(x - 2, 0, 4, this.size.height);
    context.fillStyle = "#fff";
    context.fillRect(x - 1, 0, 2, this.size.height);
  }

  private drawCursor(
    context: CanvasRenderingContext2D,
    { at, radius, cross }: NonNullable<Scene["cursor"]>,
  ): void {
    const [x, y] = toScreen(this.view, at);
    const r = radius * this.view.scale;
    for (const [width, colour] of [
      [3, "rgb(0 0 0 / .6)"],
      [1.25, "#fff"],
    ] as const) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.beginPath();
      if (r) context.arc(x, y, Math.max(r, 1), 0, 2 * Math.PI);
      if (cross) {
        for (const [dx, dy] of [
          [1, 0],
          [-1, 0],
          [0, 1],
          [0, -1],
        ]) {
          context.moveTo(x + 4 * dx, y + 4 * dy);
          context.lineTo(x + 12 * dx, y + 12 * dy);
        }
      }
      context.stroke();
    }
  }
}
