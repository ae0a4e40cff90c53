/**
 * Label maps: one byte a pixel, row by row. 0 is background, class numbers above it, IGNORE neither.
 *
 * The pixel in column j and row i covers [j, j + 1) x [i, i + 1); its centre is (j + 0.5, i + 0.5).
 * Pixels are chosen by the same rules as in the library (cuecast.core.geometry), so that both draw the same mask.
 */

import type { Xy } from "../wire";

export const IGNORE = 255;
/** In a layer of corrections: the pixel is left as it was predicted. */
export const UNTOUCHED = 254;
export const LARGEST_CLASS = 253;

export interface LabelMap {
  width: number;
  height: number;
  data: Uint8Array;
}

/** Which object a pixel belongs to: ids from 1, 0 for none. As large as the label map that it lies beside. */
export interface ObjectMap {
  width: number;
  height: number;
  data: Uint16Array;
}

export const LARGEST_OBJECT = 65534;

type PixelMap = LabelMap | ObjectMap;

/** Half-open, in pixels. Empty where right <= left or bottom <= top. */
export interface Rect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export const NOWHERE: Rect = { left: 0, top: 0, right: 0, bottom: 0 };

export function labelMap(width: number, height: number, fill = 0): LabelMap {
  const data = new Uint8Array(width * height);
  if (fill) data.fill(fill);
  return { width, height, data };
}

export function objectMap(width: number, height: number): ObjectMap {
  return { width, height, data: new Uint16Array(width * height) };
}

export function whole(map: { width: number; height: number }): Rect {
  return { left: 0, top: 0, right: map.width, bottom: map.height };
}

export function isEmpty(rect: Rect): boolean {
  return rect.right <= rect.left || rect.bottom <= rect.top;
}

/** The smallest rectangle that holds both. */
export function union(a: Rect, b: Rect): Rect {
  if (isEmpty(a)) return b;
  if (isEmpty(b)) return a;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** Give `value` to the pixels whose centre is within `radius` of the line from a to b, and to the pixel under b. */
export function paintStroke(map: PixelMap, a: Xy, b: Xy, radius: number, value: number): Rect {
  const left = clamp(Math.floor(Math.min(a[0], b[0]) - radius), 0, map.width);
  const top = clamp(Math.floor(Math.min(a[1], b[1]) - radius), 0, map.height);
  const right = clamp(Math.ceil(Math.max(a[0], b[0]) + radius) + 1, 0, map.width);
  const bottom = clamp(Math.ceil(Math.max(a[1], b[1]) + radius) + 1, 0, map.height);
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length2 = dx * dx + dy * dy;
  const limit = radius * radius;
  for (let row = top; row < bottom; row++) {
    const y = row + 0.5 - a[1];
    for (let column = left; column < right; column++) {
      const x = column + 0.5 - a[0];
      const t = length2 ? clamp((x * dx + y * dy) / length2, 0, 1) : 0;
      const [ex, ey] = [x - t * dx, y - t * dy];
      if (ex * ex + ey * ey <= limit) map.data[row * map.width + column] = value;
    }
  }
  const [under, line] = [Math.floor(b[0]), Math.floor(b[1])];
  if (under >= 0 && under < map.width && line >= 0 && line < map.height)
    map.data[line * map.width + under] = value;
  return { left, top, right, bottom };
}

/** Give `value` to the pixels whose centre is inside the ring by the even-odd rule. */
export function fillRing(map: PixelMap, ring: Xy[], value: number): Rect {
  const xs = ring.map(([x]) => x);
  const ys = ring.map(([, y]) => y);
  const top = clamp(Math.ceil(Math.min(...ys) - 0.5), 0, map.height);
  const bottom = clamp(Math.ceil(Math.max(...ys) - 0.5), 0, map.height);
  for (let row = top; row < bottom; row++) {
    const columns = crossings(ring, row + 0.5).map((x) => clamp(Math.ceil(x - 0.5), 0, map.width));
    columns.sort((a, b) => a - b);
    for (let k = 0; k + 1 < columns.length; k += 2) {
      map.data.fill(value, row * map.width + columns[k], row * map.width + columns[k + 1]);
    }
  }
  const left = clamp(Math.floor(Math.min(...xs)), 0, map.width);
  const right = clamp(Math.ceil(Math.max(...xs)), 0, map.width);
  return { left, top, right, bottom };
}

/** The x at which the edges of a ring cross the height y. */
function crossings(ring: Xy[], y: number): number[] {
  const found: number[] = [];
  for (let k = 0; k < ring.length; k++) {
    const [a, b] = [ring[k], ring[(k + 1) % ring.length]];
    const [upper, lower] = a[1] > b[1] ? [b, a] : [a, b];
    if (upper[1] <= y && y < lower[1]) {
      found.push(upper[0] + ((y - upper[1]) / (lower[1] - upper[1])) * (lower[0] - upper[0]));
    }
  }
  return found;
}

/** A rectangle of a map as runs [value, length, value, length, ...], row by row. */
export function readPatch(map: PixelMap, rect: Rect): Uint32Array {
  const runs: number[] = [];
  let value = -1;
  let length = 0;
  for (let row = rect.top; row < rect.bottom; row++) {
    for (let at = row * map.width + rect.left; at < row * map.width + rect.right; at++) {
      if (map.data[at] === value) {
        length++;
        continue;
      }
      if (length) runs.push(value, length);
      value = map.data[at];
      length = 1;
    }
  }
  if (length) runs.push(value, length);
  return Uint32Array.from(runs);
}

/** The inverse of readPatch. */
export function writePatch(map: PixelMap, rect: Rect, runs: Uint32Array): void {
  const width = rect.right - rect.left;
  let done = 0;
  for (let k = 0; k < runs.length; k += 2) {
    let length = runs[k + 1];
    while (length > 0) {
      const column = done % width;
      const part = Math.min(length, width - column);
      const at = (rect.top + Math.floor(done / width)) * map.width + rect.left + column;
      map.data.fill(runs[k], at, at + part);
      done += part;
      length -= part;
    }
  }
}

/** What is seen: the predicted labels, with the corrections laid over them. Writes `rect` of `target`. */
export function layOver(target: LabelMap, below: LabelMap, corrections: LabelMap, rect: Rect): void {
  for (let row = rect.top; row < rect.bottom; row++) {
    for (let at = row * target.width + rect.left; at < row * target.width + rect.right; at++) {
      const value = corrections.data[at];
      target.data[at] = value === UNTOUCHED ? below.data[at] : value;
    }
  }
}

/** Label -> number of pixels, for labels that occur, background too. */
export function areas({ data }: LabelMap): Map<number, number> {
  const counted = new Uint32Array(256);
  for (let at = 0; at < data.length; at++) counted[data[at]]++;
  const found = new Map<number, number>();
  for (let value = 0; value < 256; value++) if (counted[value]) found.set(value, counted[value]);
  return found;
}
