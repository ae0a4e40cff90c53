import { useLayoutEffect, useRef } from "preact/hooks";
import type { Drawing, Shapes } from "../canvas/drawing";
import { distance } from "../canvas/geometry";
import type { Rect } from "../canvas/labels";
import type { Colours, Overlay } from "../canvas/overlay";
import type { RegionMap } from "../canvas/regions";
import { type Scene, Stage } from "../canvas/stage";
import { type Draft, type Hand, makeTools, type Tool, type ToolName } from "../canvas/tools";
import { pan, type Size, smallestScale, toImage, zoomAt } from "../canvas/viewport";
import { isTyping } from "../shortcuts";
import { isPlain } from "../state/display";
import { look, radius, scale, tool } from "../state/pen";
import { ruled } from "../state/ruler";
import type { Xy } from "../wire";
import { DisplayFilter } from "./display";

/** What buttons and keys outside of the canvas may ask of it. */
export interface CanvasControl {
  zoom(factor: number): void;
  fit(): void;
  /** A part of the label map that is shown has changed. */
  repaint(rect: Rect): void;
  /** Give up what is being drawn; false where nothing is. */
  cancel(): boolean;
  readonly busy: boolean;
}

/** Chooses objects, and cuts the chosen one where `cuts`. */
export interface Chooser {
  readonly cuts: boolean;
  pick(at: Xy): void;
  cut(from: Xy, to: Xy): void;
}

interface CanvasProps {
  label: string;
  size: Size;
  picture: CanvasImageSource | null;
  overlay: Overlay | null;
  uncertainty: CanvasImageSource | null;
  shapes: Shapes | null;
  /** What the tools draw on; null where there is only something to look at. */
  drawing: Drawing | null;
  /** What the wand paints; null where it is not there yet. */
  regions: RegionMap | null;
  /** What answers a click on an object; null where none can be chosen. */
  chooser: Chooser | null;
  /** The border of the object that is chosen. */
  chosen: Path2D | null;
  /** What others have marked. */
  others: Scene["others"];
  classId: number;
  colours: Colours;
  control: { current: CanvasControl | null };
}

/** In CSS pixels: how exactly a hand hits. */
const NEAR = 9;
/** How far a click may slip without being a drag. */
const SLIP = 4;
const ROUND: ReadonlySet<ToolName> = new Set(["brush", "eraser", "ignore"]);

export function Canvas(props: CanvasProps) {
  const frame = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLCanvasElement>(null);
  const overlay = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const driver = useRef<Driver | null>(null);

  useLayoutEffect(() => {
    if (!frame.current || !picture.current || !overlay.current || !marks.current) return;
    const sheets = { picture: picture.current, overlay: overlay.current, marks: marks.current };
    const made = new Driver(frame.current, new Stage(sheets));
    driver.current = made;
    props.control.current = made;
    // Who goes through a video with the keys of its slider stays there.
    if (!document.activeElement?.matches(".frames *")) frame.current.focus({ preventScroll: true });
    return () => {
      props.control.current = null;
      made.stop();
    };
  }, []);
  useLayoutEffect(() => {
    if (props.picture) driver.current?.stage.setPicture(props.picture, props.size);
    driver.current?.tellScale();
  }, [props.picture]);
  const [chosen, seen, size] = [tool.value, look.value, radius.value];
  // Before the next key or click arrives: effects that wait for the next frame would let it meet the tool of before.
  useLayoutEffect(() => driver.current?.show(props, chosen, seen, size));

  const readOnly = !props.drawing;
  const hides = !readOnly && ROUND.has(chosen);
  const { chooser } = props;
  const shape = chooser
    ? chooser.cuts
      ? "cross"
      : "choosing"
    : readOnly || chosen === "hand"
      ? "looking"
      : hides
        ? "round"
        : "cross";
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is drawn on with the keyboard
    <div ref={frame} class={`canvas ${shape}`} role="application" tabIndex={0} aria-label={props.label}>
      <DisplayFilter />
      <canvas ref={picture} class={isPlain.value ? undefined : "adjusted"} />
      <canvas ref={overlay} />
      <canvas ref={marks} />
    </div>
  );
}

/** Turns what mouse, pen and keyboard do on the canvas into drawing and moving. */
class Driver implements CanvasControl {
  private props: CanvasProps | null = null;
  private scene: Scene | null = null;
  private chosen: ToolName = "hand";
  private readonly tools = makeTools();
  /** `from`: where a click that may choose an object began. */
  private panning: { at: Xy; from: Xy | null } | null = null;
  /** Where the line that cuts an object begins, in pixels of the picture. */
  private cutFrom: Xy | null = null;
  private spaceDown = false;
  private drawingNow = false;
  private cursor: Xy | null = null;
  private byKeys = false;
  private readonly abort = new AbortController();
  private readonly observer: ResizeObserver;

  constructor(
    private readonly frame: HTMLElement,
    readonly stage: Stage,
  ) {
    const listen = <K extends keyof HTMLElementEventMap>(
      name: K,
      act: (event: HTMLElementEventMap[K]) => void,
    ) => frame.addEventListener(name, act, { signal: this.abort.signal, passive: false });
    listen("pointerdown", (event) => this.press(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.release(event));
    listen("pointercancel", () => this.cancel());
    listen("pointerleave", () => this.leave());
    listen("wheel", (event) => this.wheel(event));
    listen("keydown", (event) => this.key(event));
    listen("contextmenu", (event) => event.preventDefault());
    addEventListener("keydown", (event) => this.space(event, true), { signal: this.abort.signal });
    addEventListener("keyup", (event) => this.space(event, false), { signal: this.abort.signal });
    this.observer = new ResizeObserver(() => {
      this.stage.resize({ width: frame.clientWidth, height: frame.clientHeight });
      this.tellScale();
    });
    this.observer.observe(frame);
  }

  show(props: CanvasProps, chosen: ToolName, seen: typeof look.value, size: number): void {
    if (chosen !== this.chosen || props.drawing !== this.props?.drawing) this.cancel();
    this.props = props;
    this.chosen = chosen;
    const { overlay, uncertainty, shapes, colours, others, chosen: border } = props;
    this.scene = {
      overlay,
      uncertainty,
      shapes,
      colours,
      look: seen,
      draft: this.draft,
      chosen: border,
      others,
      cursor: null,
    };
    this.placeCursor(size);
    this.stage.setScene(this.scene);
  }

  stop(): void {
    this.cancel();
    this.abort.abort();
    this.observer.disconnect();
    this.stage.stop();
  }

  get busy(): boolean {
    return this.cutFrom !== null || (this.tool?.busy ?? false);
  }

  zoom(factor: number): void {
    const { width, height } = this.stage.screen;
    this.zoomTo([width / 2, height / 2], factor);
  }

  fit(): void {
    this.stage.fit();
    this.tellScale();
  }

  repaint(rect: Rect): void {
    this.stage.repaint(rect);
  }

  cancel(): boolean {
    const { busy } = this;
    const hand = this.hand;
    if (hand) this.tool?.cancel(hand);
    this.drawingNow = false;
    this.panning = null;
    this.cutFrom = null;
    this.refresh();
    return busy;
  }

  tellScale(): void {
    scale.value = this.stage.view.scale;
  }

  private get tool(): Tool | null {
    const { chosen } = this;
    return this.props?.drawing && chosen !== "hand" && chosen !== "select" ? this.tools[chosen] : null;
  }

  private get chooser(): Chooser | null {
    return this.props?.chooser ?? null;
  }

  private get draft(): Draft | null {
    if (this.cutFrom && this.cursor) return { kind: "cut", path: [this.cutFrom, this.cursor], label: 0 };
    return this.tool?.draft ?? null;
  }

  private get hand(): Hand | null {
    const drawing = this.props?.drawing;
    if (!drawing || !this.props) return null;
    const near = NEAR / this.stage.view.scale;
    const { classId: label, regions } = this.props;
    const rule = (length: number) => {
      ruled.value = length;
    };
    return { drawing, label, radius: radius.peek(), near, regions, rule };
  }

  private placeOf(event: MouseEvent): Xy {
    const { left, top } = this.frame.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  private press(event: PointerEvent): void {
    this.frame.focus({ preventScroll: true });
    this.byKeys = false;
    const place = this.placeOf(event);
    const drags = event.button === 1 || this.spaceDown;
    const moves = drags || !(this.tool || this.chooser?.cuts);
    if (event.button > 1) return;
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
    if (moves) {
      this.panning = { at: place, from: drags ? null : place };
      this.frame.classList.add("panning");
      return;
    }
    this.cursor = toImage(this.stage.view, place);
    this.drawingNow = true;
    if (this.chooser?.cuts) this.cutFrom = this.cursor;
    else this.act("press", this.cursor);
  }

  private move(event: PointerEvent): void {
    const place = this.placeOf(event);
    this.cursor = toImage(this.stage.view, place);
    this.byKeys = false;
    if (this.panning) {
      const [x, y] = this.panning.at;
      this.panning = { ...this.panning, at: place };
      this.stage.setView(
        pan(this.stage.view, place[0] - x, place[1] - y, this.stage.image, this.stage.screen),
      );
    } else if (this.drawingNow || this.busy) {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const one of all.length ? all : [event])
        this.act("move", toImage(this.stage.view, this.placeOf(one)));
    } else this.hover();
    this.refresh();
  }

  private release(event: PointerEvent): void {
    const place = this.placeOf(event);
    const at = toImage(this.stage.view, place);
    if (this.panning) {
      const { from } = this.panning;
      this.panning = null;
      this.frame.classList.remove("panning");
      if (from && distance(from, place) < SLIP) this.chooser?.pick(at);
      return;
    }
    if (!this.drawingNow) return;
    this.drawingNow = false;
    if (this.cutFrom) this.cut(at);
    else this.act("release", at);
  }

  private leave(): void {
    if (!this.drawingNow) this.cursor = null;
    this.hover();
    this.refresh();
  }

  private hover(): void {
    const hand = this.hand;
    if (hand) this.tool?.hover?.(this.cursor, hand);
  }

  private cut(to: Xy): void {
    const from = this.cutFrom;
    this.cutFrom = null;
    if (from) this.chooser?.cut(from, to);
    this.refresh();
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.zoomTo(this.placeOf(event), Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)));
  }

  private zoomTo(at: Xy, factor: number): void {
    const { view, image, screen } = this.stage;
    const zoomed = zoomAt(view, at, factor, smallestScale(image, screen));
    this.stage.setView(pan(zoomed, 0, 0, image, screen));
    this.tellScale();
  }

  private space(event: KeyboardEvent, down: boolean): void {
    const elsewhere =
      isTyping(event.target) ||
      (event.target instanceof Element && event.target.closest("button, a, input, summary, dialog"));
    if (event.key !== " " || (down && elsewhere)) return;
    if (down) event.preventDefault();
    this.spaceDown = down;
    this.frame.classList.toggle("movable", down);
  }

  /** Arrow keys move the cross, Enter presses and lets go, Backspace takes back a corner. */
  private key(event: KeyboardEvent): void {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) this.moveByKey(step[0], step[1], event.shiftKey);
    else if (event.key === "Enter" && (this.tool || this.chooser)) this.pressByKey();
    else if (!(event.key === "Backspace" && this.tool?.back())) return;
    event.preventDefault();
    this.refresh();
  }

  private moveByKey(dx: number, dy: number, fast: boolean): void {
    const { view, image, screen } = this.stage;
    const length = (fast ? 40 : 4) / view.scale;
    if (!this.tool && !this.chooser) {
      this.stage.setView(
        pan(view, -dx * length * view.scale * 6, -dy * length * view.scale * 6, image, screen),
      );
      return;
    }
    const [x, y] = this.cursor ?? [image.width / 2, image.height / 2];
    const hold = (v: number, most: number) => Math.min(Math.max(v, 0), most - 0.1);
    this.cursor = [hold(x + dx * length, image.width), hold(y + dy * length, image.height)];
    this.byKeys = true;
    if (this.busy) this.act("move", this.cursor);
    else this.hover();
  }

  private pressByKey(): void {
    const { image } = this.stage;
    this.cursor ??= [image.width / 2, image.height / 2];
    this.byKeys = true;
    if (this.cutFrom) {
      this.cut(this.cursor);
    } else if (this.chooser) {
      if (this.chooser.cuts) this.cutFrom = this.cursor;
      else this.chooser.pick(this.cursor);
    } else if (this.drawingNow && this.busy) {
      this.drawingNow = false;
      this.act("release", this.cursor);
    } else {
      this.act("press", this.cursor);
      this.drawingNow = this.busy && this.chosen !== "polygon";
    }
  }

  private act(what: "press" | "move" | "release", at: Xy): void {
    const hand = this.hand;
    if (hand) this.tool?.[what](at, hand);
    this.refresh();
  }

  /** Bring draft and cursor up to date without a round through the page. */
  private refresh(): void {
    if (!this.scene) return;
    this.scene.draft = this.draft;
    if (this.scene.shapes && this.props?.drawing) this.scene.shapes = this.props.drawing.shapes;
    this.placeCursor(radius.peek());
    this.stage.redraw();
  }

  private placeCursor(size: number): void {
    if (!this.scene) return;
    const shown = this.cursor && (this.tool || this.chooser) && !this.panning;
    const round = !this.chooser && ROUND.has(this.chosen);
    this.scene.cursor =
      shown && this.cursor && (round || this.byKeys)
        ? { at: this.cursor, radius: round ? size : 0, cross: this.byKeys }
        : null;
  }
}
