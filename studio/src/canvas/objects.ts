/** Objects of a label map: which pixels belong to one thing. */

import { IGNORE, LARGEST_OBJECT, type LabelMap, type ObjectMap, objectMap, type Rect } from "./labels";

export function largestId({ data }: ObjectMap): number {
  let largest = 0;
  for (let at = 0; at < data.length; at++) if (data[at] > largest) largest = data[at];
  return largest;
}

export function countObjects({ data }: ObjectMap): number {
  const met = new Uint8Array(65536);
  let count = 0;
  for (let at = 0; at < data.length; at++) {
    if (data[at] && !met[data[at]]) {
      met[data[at]] = 1;
      count++;
    }
  }
  return count;
}

/** Each connected piece (corners count) of a class is one object, as where nobody has told things apart. */
export function piecesOf(labels: LabelMap): ObjectMap {
  const { width, height, data } = labels;
  const found = objectMap(width, height);
  let count = 0;
  const waiting: number[] = [];
  for (let start = 0; start < data.length; start++) {
    const label = data[start];
    if (!label || label === IGNORE || found.data[start]) continue;
    count = Math.min(count + 1, LARGEST_OBJECT);
    found.data[start] = count;
    waiting.push(start);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
          const next = row * width + column;
          if (data[next] !== label || found.data[next]) continue;
          found.data[next] = count;
          waiting.push(next);
        }
      }
    }
  }
  return found;
}

/**
 * Of which object each pixel is where corrections lie over an answer: as it was, where the label stays; else none yet.
 * Writes `rect` of `target`.
 */
export function layObjects(
  target: ObjectMap,
  labels: LabelMap,
  below: LabelMap,
  objects: ObjectMap,
  rect: Rect,
): void {
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let at = y * target.width + rect.left; at < y * target.width + rect.right; at++)
      target.data[at] = labels.data[at] === below.data[at] ? objects.data[at] : 0;
  }
}

/** Give each piece that is of no object yet to the one that it touches; where there is none, or several, it is one. */
export function settle(labels: LabelMap, objects: ObjectMap): ObjectMap {
  const { width, height } = labels;
  const loose = { ...labels, data: labels.data.map((label, at) => (objects.data[at] ? 0 : label)) };
  const pieces = piecesOf(loose);
  const touched = new Map<number, Set<number>>();
  for (let at = 0; at < pieces.data.length; at++) {
    const piece = pieces.data[at];
    if (!piece) continue;
    const beside = touched.get(piece) ?? new Set();
    touched.set(piece, beside);
    const x = at % width;
    for (const [other, inside] of [
      [at - 1, x > 0],
      [at + 1, x < width - 1],
      [at - width, at >= width],
      [at + width, at < width * (height - 1)],
    ] as const) {
      if (inside && objects.data[other] && labels.data[other] === labels.data[at])
        beside.add(objects.data[other]);
    }
  }
  let next = largestId(objects);
  const given = new Map<number, number>();
  for (const [piece, beside] of touched) {
    const [only] = beside;
    given.set(piece, beside.size === 1 ? only : Math.min(++next, LARGEST_OBJECT));
  }
  const data = objects.data.map((id, at) => id || (given.get(pieces.data[at]) ?? 0));
  return { width, height, data };
}

/** Whether what has `id` now and had not `before` lies against what had it before, in a part of the map. */
export function joins(now: ObjectMap, before: ObjectMap, rect: Rect, id: number): boolean {
  const { width, height } = now;
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let x = rect.left; x < rect.right; x++) {
      const at = y * width + x;
      if (now.data[at] !== id) continue;
      if (before.data[at] === id) continue;
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
          if (before.data[row * width + column] === id) return true;
        }
      }
    }
  }
  return false;
}

/** Give another id to what has `id` now and had not `before`. */
export function renumber(now: ObjectMap, before: ObjectMap, rect: Rect, id: number, other: number): void {
  for (let y = rect.top; y < rect.bottom; y++) {
    for (let at = y * now.width + rect.left; at < y * now.width + rect.right; at++) {
      if (now.data[at] === id && before.data[at] !== id) now.data[at] = other;
    }
  }
}
