/** Run lengths as COCO has them: down the columns, alternating 0 and 1, the zeros first; one list a class. */

import type { MaskRuns } from "../wire";
import { IGNORE, LARGEST_CLASS, type LabelMap, labelMap } from "./labels";

const IGNORE_KEY = "ignore";
const BLOCK = 64;

function keyOf(label: number): string {
  return label === IGNORE ? IGNORE_KEY : String(label);
}

/** Null where nothing is marked. */
export function encodeMask(map: LabelMap): MaskRuns | null {
  const { width, height, data } = map;
  const counts = new Map<number, number[]>();
  const ends = new Float64Array(256); // where the last run of a label ended
  let label = 0;
  let start = 0;
  const close = (at: number) => {
    if (label === 0) return;
    const runs = counts.get(label) ?? [];
    counts.set(label, runs);
    runs.push(start - ends[label], at - start);
    ends[label] = at;
  };
  // Columns are scanned in blocks: one by one, each pixel of a large picture would be fetched on its own.
  const block = new Uint8Array(BLOCK * height);
  let at = 0;
  for (let left = 0; left < width; left += BLOCK) {
    const columns = Math.min(BLOCK, width - left);
    for (let row = 0; row < height; row++) {
      const from = row * width + left;
      for (let k = 0; k < columns; k++) block[k * height + row] = data[from + k];
    }
    for (let k = 0; k < columns * height; k++, at++) {
      if (block[k] === label) continue;
      close(at);
      label = block[k];
      start = at;
    }
  }
  close(width * height);
  if (!counts.size) return null;
  for (const [key, runs] of counts) if (ends[key] < width * height) runs.push(width * height - ends[key]);
  const named = [...counts].sort(([a], [b]) => a - b).map(([key, runs]) => [keyOf(key), runs]);
  return { size: [height, width], counts: Object.fromEntries(named), objects: null };
}

/** Raises RangeError where run lengths do not add up to the size, or a class number is too large for a byte. */
export function decodeMask(mask: MaskRuns): LabelMap {
  const [height, width] = mask.size;
  const map = labelMap(width, height);
  for (const [label, start, end] of spans(mask)) {
    let column = Math.floor(start / height);
    let row = start - column * height;
    for (let at = start; at < end; at++) {
      map.data[row * width + column] = label;
      if (++row === height) {
        row = 0;
        column++;
      }
    }
  }
  return map;
}

/** A small version of a mask, the nearest pixel each: what a thumbnail shows. */
export function sampleMask(mask: MaskRuns, width: number, height: number): LabelMap {
  const [H, W] = mask.size;
  const small = labelMap(width, height);
  const columns = nearest(W, width);
  const rows = nearest(H, height);
  let wanted = 0; // index into the wanted pixels, column by column
  let last = 0;
  for (const [label, start, end] of spans(mask)) {
    if (start < last) wanted = 0; // the next class begins
    last = start;
    for (; wanted < width * height; wanted++) {
      const [x, y] = [Math.floor(wanted / height), wanted % height];
      const at = columns[x] * H + rows[y];
      if (at >= end) break;
      if (at >= start) small.data[y * width + x] = label;
    }
  }
  return small;
}

function nearest(from: number, to: number): number[] {
  return Array.from({ length: to }, (_, k) => Math.min(from - 1, Math.floor(((k + 0.5) * from) / to)));
}

/** [label, start, end) of each run of ones, positions down the columns; class by class, rising within a class. */
function* spans(mask: MaskRuns): Generator<[number, number, number]> {
  const [height, width] = mask.size;
  for (const [key, runs] of Object.entries(mask.counts)) {
    const label = key === IGNORE_KEY ? IGNORE : Number(key);
    if (label > LARGEST_CLASS && label !== IGNORE)
      throw new RangeError(`class ${key} is above ${LARGEST_CLASS}`);
    let at = 0;
    for (let k = 0; k < runs.length; k++) {
      if (k % 2 && runs[k]) yield [label, at, at + runs[k]];
      at += runs[k];
    }
    if (at !== height * width)
      throw new RangeError(`run lengths of ${key} add up to ${at}, not ${height * width}`);
  }
}
