/** The border lines of what is marked, along the edges of pixels. */

import type { LabelMap } from "./labels";

type Emit = (label: number, start: number, end: number) => void;

/** Label -> [x0, y0, x1, y1, ...]: straight lines as long as they can be; also between objects, by their `ids`. */
export function outlines(map: LabelMap, ids?: Uint16Array): Map<number, number[]> {
  const { width, height, data } = map;
  const found = new Map<number, number[]>();
  const add = (label: number, x0: number, y0: number, x1: number, y1: number) => {
    const lines = found.get(label);
    if (lines) lines.push(x0, y0, x1, y1);
    else found.set(label, [x0, y0, x1, y1]);
  };
  const [top, bottom] = markedRows(map);
  for (let y = top; y <= bottom; y++) {
    const emit: Emit = (label, x0, x1) => add(label, x0, y, x1, y);
    edges(data, ids, (y - 1) * width, y * width, 1, width, y > 0, y < height, emit);
  }
  for (let x = 0; x <= width; x++) {
    const emit: Emit = (label, y0, y1) => add(label, x, y0 + top, x, y1 + top);
    const at = top * width + x;
    edges(data, ids, at - 1, at, width, bottom - top, x > 0, x < width, emit);
  }
  return found;
}

/** [first, after the last) row that holds anything marked. */
function markedRows({ width, height, data }: LabelMap): [number, number] {
  let first = 0;
  while (first < data.length && !data[first]) first++;
  let last = data.length;
  while (last > first && !data[last - 1]) last--;
  return first === last ? [height, height - 1] : [Math.floor(first / width), Math.ceil(last / width)];
}

/**
 * The runs of edges between two lines of pixels: `length` pixels from `a` and from `b` on, `step` apart. A line that
 * is outside of the picture is background. Of two classes that meet, the edge belongs to the later one.
 */
function edges(
  data: Uint8Array,
  ids: Uint16Array | undefined,
  a: number,
  b: number,
  step: number,
  length: number,
  hasA: boolean,
  hasB: boolean,
  emit: Emit,
) {
  let start = 0;
  let current = 0;
  for (let k = 0; k < length; k++) {
    const before = hasA ? data[a + k * step] : 0;
    const after = hasB ? data[b + k * step] : 0;
    const apart = ids && hasA && hasB && ids[a + k * step] !== ids[b + k * step];
    const label = before === after && !apart ? 0 : after || before;
    if (label === current) continue;
    if (current) emit(current, start, k);
    start = k;
    current = label;
  }
  if (current) emit(current, start, length);
}
