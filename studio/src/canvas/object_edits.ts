/** One object of a picture: where it is, its figures, and the maps without it, with two made one, with one cut. */

import type { Xy } from "../wire";
import { IGNORE, LARGEST_OBJECT, type LabelMap, labelMap, type ObjectMap } from "./labels";
import { largestId } from "./objects";

/** Classes, and which pixels are of one object. */
export interface Told {
  labels: LabelMap;
  objects: ObjectMap;
}

/** In pixels; length and width are those of the ellipse with the same moments, as in objects.csv. */
export interface Figures {
  label: number;
  area: number;
  length: number;
  width: number;
  /** x1, y1, x2, y2, half-open. */
  box: [number, number, number, number];
  touchesEdge: boolean;
}

/** Id -> its figures, by the ids. */
export function figuresOf({ labels, objects }: Told): Map<number, Figures> {
  const { width, height, data } = objects;
  const count = largestId(objects) + 1;
  const [n, x1, x2, y1, y2, first] = Array.from({ length: 6 }, () => new Uint32Array(count));
  const [sx, sy, sxx, syy, sxy] = Array.from({ length: 5 }, () => new Float64Array(count));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const id = data[at];
      if (!id) continue;
      if (!n[id]) [x1[id], y1[id], first[id]] = [x, y, at];
      n[id]++;
      if (x < x1[id]) x1[id] = x;
      if (x >= x2[id]) x2[id] = x + 1;
      y2[id] = y + 1;
      sx[id] += x;
      sy[id] += y;
      sxx[id] += x * x;
      syy[id] += y * y;
      sxy[id] += x * y;
    }
  }
  const found = new Map<number, Figures>();
  for (let id = 1; id < count; id++) {
    const area = n[id];
    if (!area) continue;
    const [mx, my] = [sx[id] / area, sy[id] / area];
    // A pixel is a square, not a dot: it adds 1/12 to the variance.
    const [xx, yy] = [sxx[id] / area - mx * mx + 1 / 12, syy[id] / area - my * my + 1 / 12];
    const [mean, spread] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, sxy[id] / area - mx * my)];
    found.set(id, {
      label: labels.data[first[id]],
      area,
      length: 4 * Math.sqrt(mean + spread),
      width: 4 * Math.sqrt(Math.max(mean - spread, 0)),
      box: [x1[id], y1[id], x2[id], y2[id]],
      touchesEdge: !x1[id] || !y1[id] || x2[id] >= width || y2[id] >= height,
    });
  }
  return found;
}

/** The object at a place of the picture; 0 for none. */
export function idAt({ width, height, data }: ObjectMap, [x, y]: Xy): number {
  const inside = x >= 0 && y >= 0 && x < width && y < height;
  return inside ? data[Math.floor(y) * width + Math.floor(x)] : 0;
}

/** Where one object is: a map of ones. */
export function maskOf({ width, height, data }: ObjectMap, id: number): LabelMap {
  const map = labelMap(width, height);
  for (let at = 0; at < data.length; at++) if (data[at] === id) map.data[at] = 1;
  return map;
}

/** Background where an object was. */
export function without({ labels, objects }: Told, id: number): Told {
  const stays = (_: number, at: number) => objects.data[at] !== id;
  return {
    labels: { ...labels, data: labels.data.map((label, at) => (stays(label, at) ? label : 0)) },
    objects: { ...objects, data: objects.data.map((other, at) => (stays(other, at) ? other : 0)) },
  };
}

/** Two objects as one, of the class of the first. */
export function merged({ labels, objects }: Told, id: number, other: number): Told {
  const label = labels.data[objects.data.indexOf(id)];
  const joins = (at: number) => objects.data[at] === other;
  return {
    labels: { ...labels, data: labels.data.map((own, at) => (joins(at) ? label : own)) },
    objects: { ...objects, data: objects.data.map((own, at) => (joins(at) ? id : own)) },
  };
}

/**
 * Each part of an object that a line from a to b cuts off as one of its own. A line that ends inside of it is made
 * longer. Null where it cuts nothing off.
 */
export function cutBy({ labels, objects }: Told, id: number, a: Xy, b: Xy): Told | null {
  if (a[0] === b[0] && a[1] === b[1]) return null;
  const far = (2 * (objects.width + objects.height)) / Math.hypot(b[0] - a[0], b[1] - a[1]);
  const beyond = (from: Xy, to: Xy): Xy => [to[0] + far * (to[0] - from[0]), to[1] + far * (to[1] - from[1])];
  for (const [from, to] of [
    [a, b],
    [beyond(b, a), beyond(a, b)],
  ]) {
    const data = partsOf(objects, id, from, to);
    if (data) return { labels, objects: { ...objects, data } };
  }
  return null;
}

/** The ids once neighbours of an object on both sides of a line are none any more; null where that changes nothing. */
function partsOf(objects: ObjectMap, id: number, a: Xy, b: Xy): Uint16Array | null {
  const pieces = flood(objects, id, () => false);
  const parts = flood(objects, id, (from, to) => crosses(from, to, a, b));
  const firstPart = new Map<number, number>(); // of each piece: it keeps the id
  const given = new Map<number, number>();
  let next = largestId(objects);
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at];
    if (!part || given.has(part)) continue;
    const kept = !firstPart.has(pieces[at]);
    if (kept) firstPart.set(pieces[at], part);
    given.set(part, kept ? id : Math.min(++next, LARGEST_OBJECT));
  }
  if (given.size === firstPart.size) return null;
  return objects.data.map((own, at) => given.get(parts[at]) ?? own);
}

/** The number of the connected part each pixel of an object is of, from 1; corners count, `apart` says what does not. */
function flood(
  { width, height, data }: ObjectMap,
  id: number,
  apart: (from: Xy, to: Xy) => boolean,
): Uint32Array {
  const found = new Uint32Array(data.length);
  const waiting: number[] = [];
  let count = 0;
  for (let start = data.indexOf(id); start >= 0 && start < data.length; start++) {
    if (data[start] !== id || found[start]) continue;
    found[start] = ++count;
    waiting.push(start);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
          const other = row * width + column;
          if (data[other] !== id || found[other]) continue;
          if (apart([x + 0.5, y + 0.5], [column + 0.5, row + 0.5])) continue;
          found[other] = count;
          waiting.push(other);
        }
      }
    }
  }
  return found;
}

/** Whether the way between two pixels crosses a line; a pixel on the line is right of it. */
function crosses(from: Xy, to: Xy, a: Xy, b: Xy): boolean {
  const side = (at: Xy, p: Xy, q: Xy) => (q[0] - p[0]) * (at[1] - p[1]) - (q[1] - p[1]) * (at[0] - p[0]) >= 0;
  return side(from, a, b) !== side(to, a, b) && side(a, from, to) !== side(b, from, to);
}

/** Whether anything is left that is of a class. */
export function showsAnything({ data }: LabelMap): boolean {
  return data.some((label) => label !== 0 && label !== IGNORE);
}
