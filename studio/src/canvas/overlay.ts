/** A label map as a coloured layer of the picture's own size, kept up to date part by part. */

import { IGNORE, type LabelMap, type ObjectMap, type Rect, whole } from "./labels";
import { outlines } from "./outline";

export type Colours = ReadonlyMap<number, readonly [number, number, number]>;

const OTHER = [136, 136, 136] as const;
const HATCH = 0x3c888888;
const BORDER = 0xffffffff;
/** Objects of one class in turn: as the class, lighter, darker, lighter still. Share of white (black below 0). */
const SHADES = [0, 0.35, -0.35, 0.6];
/** Rows that are coloured at once: bounds the memory of large pictures. */
const BAND = 256;

export class Overlay {
  readonly canvas = document.createElement("canvas");
  private lines: Map<number, Path2D> | null = null;
  private tables: Uint32Array[];

  /** `objects`: which things are told apart at the moment; null where none are. */
  constructor(
    readonly map: LabelMap,
    private colours: Colours,
    private readonly objects: () => ObjectMap | null = () => null,
  ) {
    this.tables = tablesOf(colours);
    this.canvas.width = map.width;
    this.canvas.height = map.height;
    this.update(whole(map));
  }

  /** Show the classes in these colours; true where that changes anything. */
  recolour(colours: Colours): boolean {
    if (colours === this.colours) return false;
    this.colours = colours;
    this.tables = tablesOf(colours);
    this.update(whole(this.map));
    return true;
  }

  update(rect: Rect): void {
    this.lines = null;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    // The border of an object is drawn on the pixels right of it and below.
    const right = Math.min(rect.right + 1, this.map.width);
    const bottom = Math.min(rect.bottom + 1, this.map.height);
    for (let top = rect.top; top < bottom; top += BAND) {
      const band = { left: rect.left, right, top, bottom: Math.min(top + BAND, bottom) };
      context.putImageData(this.colour(band), band.left, band.top);
    }
  }

  /** Label -> its border lines, in pixels of the picture. Computed when asked for after a change. */
  get outlines(): Map<number, Path2D> {
    this.lines ??= new Map(
      [...outlines(this.map, this.objects()?.data)].map(([label, lines]) => [label, pathOf(lines)]),
    );
    return this.lines;
  }

  private colour(rect: Rect): ImageData {
    const pixels = new ImageData(rect.right - rect.left, rect.bottom - rect.top);
    const words = new Uint32Array(pixels.data.buffer);
    const { width } = this.map;
    const ids = this.objects()?.data;
    let to = 0;
    for (let y = rect.top; y < rect.bottom; y++) {
      for (let at = y * width + rect.left; at < y * width + rect.right; at++, to++) {
        const label = this.map.data[at];
        const id = ids?.[at];
        if (ids && id) {
          const besides = (other: number) => ids[other] && ids[other] !== id;
          const border = (at > y * width && besides(at - 1)) || (y > 0 && besides(at - width));
          words[to] = border ? BORDER : this.tables[(id - 1) % SHADES.length][label];
          continue;
        }
        // 'Ignore' is hatched, so that it is told from a grey class.
        const hatch = label === IGNORE && (at + y - y * width) & 4;
        if (label) words[to] = hatch ? HATCH : this.tables[0][label];
      }
    }
    return pixels;
  }
}

/** For each shade: label -> the four bytes of its colour, red first in memory. */
function tablesOf(colours: Colours): Uint32Array[] {
  return SHADES.map((share) => {
    const bytes = new Uint8Array(256 * 4);
    const shaded = (v: number) => Math.round(v + ((share < 0 ? 0 : 255) - v) * Math.abs(share));
    for (let label = 1; label < 256; label++)
      bytes.set([...(colours.get(label) ?? OTHER).map(shaded), 255], label * 4);
    return new Uint32Array(bytes.buffer);
  });
}

export function pathOf(lines: number[]): Path2D {
  const path = new Path2D();
  for (let k = 0; k < lines.length; k += 4) {
    path.moveTo(lines[k], lines[k + 1]);
    path.lineTo(lines[k + 2], lines[k + 3]);
  }
  return path;
}

export function coloursOf(classes: readonly { id: number; colour: string }[]): Colours {
  return new Map(classes.map(({ id, colour }) => [id, rgb(colour)]));
}

export function rgb(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
