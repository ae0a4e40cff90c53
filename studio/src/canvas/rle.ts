/** Run lengths as COCO has them: down the columns, alternating 0 and 1, the zeros first; one list a class. */

import type { MaskRuns } from "../wire";
import { IGNORE, LARGEST_CLASS, type LabelMap, labelMap, type ObjectMap, objectMap } from "./labels";

const IGNORE_KEY = "ignore";
const BLOCK = 64;

function keyOf(label: number): string {
  return label === IGNORE ? IGNORE_KEY : String(label);
}

/** Null where nothing is marked. `objects` tells the things apart; null where nobody has. */
export function encodeMask(map: LabelMap, objects: ObjectMap | null = null): MaskRuns | null {
  const counts = runsOf(map);
  if (!counts.length) return null;
  return {
    size: [map.height, map.width],
    counts: Object.fromEntries(counts.map(([label, runs]) => [keyOf(label), runs])),
    objects: objects && runsOf(objects).map(([, runs]) => runs),
  };
}

/** [value, its run lengths] of each value above 0, in order. */
function runsOf({ width, height, data }: LabelMap | ObjectMap): [number, number[]][] {
  const counts = new Map<number, number[]>();
  const ends = new Float64Array(65536); // where the last run of a value ended
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
  const block = new Uint16Array(BLOCK * height);
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
  for (const [key, runs] of counts) if (ends[key] < width * height) runs.push(width * height - ends[key]);
  return [...counts].sort(([a], [b]) => a - b);
}

/** The ids of a mask's objects; null where nobody has told things apart. Raises RangeError as decodeMask. */
export function decodeObjects(mask: MaskRuns): ObjectMap | null {
  if (!mask.objects) return null;
  const [height, width] = mask.size;
  const map = objectMap(width, height);
  mask.objects.forEach((runs, k) => {
    for (const [start, end] of ones(runs, height * width, "an object")) put(map, start, end, k + 1);
  });
  return map;
}

/** Raises RangeError where run lengths do not add up to the size, or a class number is too large for a byte. */
export function decodeMask(mask: MaskRuns): LabelMap {
  const [height, width] = mask.size;
  const map = labelMap(width, height);
  for (const [label, start, end] of spans(mask)) put(map, start, end, label);
  return map;
}

/** Give a value to the pixels [start, end) down the columns. */
function put(map: LabelMap | ObjectMap, start: number, end: number, value: number): void {
  let column = Math.floor(start / map.height);
  let row = start - column * map.height;
  for (let at = start; at < end; at++) {
    map.data[row * map.width + column] = value;
    if (++row === map.height) {
      row = 0;
      column++;
    }
  }
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
    for (const [start, end] of ones(runs, height * width, key)) yield [label, start, end];
  }
}

function* ones(runs: number[], pixels: number, what: string): Generator<[number, number]> {
  let at = 0;
  for (let k = 0; k < runs.length; k++) {
    if (k % 2 && runs[k]) yield [at, at + runs[k]];
    at += runs[k];
  }
  if (at !== pixels) throw new RangeError(`run lengths of ${what} add up to ${at}, not ${pixels}`);
}
