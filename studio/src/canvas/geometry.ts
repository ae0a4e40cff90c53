/** Points and paths in pixels of the picture. */

import type { BoxMark, Xy } from "../wire";
import type { Size } from "./viewport";

/** Inside the picture, with one decimal: a point at the very edge still belongs to the last pixel. */
export function inside([x, y]: Xy, image: Size): Xy {
  const hold = (v: number, length: number) => Math.min(Math.max(Math.floor(v * 10) / 10, 0), length - 0.1);
  return [round(hold(x, image.width)), round(hold(y, image.height))];
}

function round(v: number): number {
  return Math.round(v * 10) / 10;
}

/** The box of two corners in whole pixels, inside the picture; null where it holds no pixel. */
export function boxOf(a: Xy, b: Xy, image: Size): BoxMark["xyxy"] | null {
  const hold = (v: number, length: number) => Math.min(Math.max(Math.round(v), 0), length);
  const [x0, x1] = [hold(Math.min(a[0], b[0]), image.width), hold(Math.max(a[0], b[0]), image.width)];
  const [y0, y1] = [hold(Math.min(a[1], b[1]), image.height), hold(Math.max(a[1], b[1]), image.height)];
  return x1 > x0 && y1 > y0 ? [x0, y0, x1, y1] : null;
}

export function distance(a: Xy, b: Xy): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

/** From a place to the nearest part of a path; Infinity for an empty one. */
export function distanceToPath(path: readonly Xy[], at: Xy): number {
  if (path.length === 1) return distance(path[0], at);
  let nearest = Number.POSITIVE_INFINITY;
  for (let k = 1; k < path.length; k++) nearest = Math.min(nearest, toSegment(path[k - 1], path[k], at));
  return nearest;
}

function toSegment(a: Xy, b: Xy, p: Xy): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? Math.min(Math.max(((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2, 0), 1) : 0;
  return distance(p, [a[0] + t * dx, a[1] + t * dy]);
}
