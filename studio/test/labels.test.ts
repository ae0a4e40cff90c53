import { describe, expect, it } from "vitest";
import {
  areas,
  fillRing,
  IGNORE,
  labelMap,
  layOver,
  paintStroke,
  readPatch,
  UNTOUCHED,
  union,
  whole,
  writePatch,
} from "../src/canvas/labels";
import type { Xy } from "../src/wire";

function rowsOf(map: { width: number; data: Uint8Array }): string[] {
  return [...map.data].join("").match(new RegExp(`.{${map.width}}`, "g")) ?? [];
}

describe("a stroke", () => {
  it("marks the pixels whose centre is within the radius", () => {
    const map = labelMap(5, 5);
    paintStroke(map, [2.5, 2.5], [2.5, 2.5], 1, 1);
    expect(rowsOf(map)).toEqual(["00000", "00100", "01110", "00100", "00000"]);
  });

  it("marks the pixel under it however thin it is", () => {
    const map = labelMap(3, 1);
    paintStroke(map, [1.1, 0.1], [1.1, 0.1], 0.2, 1);
    expect(rowsOf(map)).toEqual(["010"]);
  });

  it("is round at its ends and straight between", () => {
    const map = labelMap(6, 3);
    paintStroke(map, [1.5, 1.5], [4.5, 1.5], 1, 2);
    expect(rowsOf(map)).toEqual(["022220", "222222", "022220"]);
  });

  it("is cut off at the border, and says which part it touched", () => {
    const map = labelMap(3, 3);
    const rect = paintStroke(map, [-0.5, 0.5], [-0.5, 0.5], 1, 1);
    expect(rowsOf(map)).toEqual(["100", "000", "000"]);
    expect(rect.left).toBe(0);
    expect(rect.right).toBeLessThanOrEqual(3);
  });
});

describe("a polygon", () => {
  it("holds the pixels whose centre is inside", () => {
    const map = labelMap(5, 4);
    fillRing(
      map,
      [
        [1, 1],
        [4, 1],
        [4, 3],
        [1, 3],
      ],
      1,
    );
    expect(rowsOf(map)).toEqual(["00000", "01110", "01110", "00000"]);
  });

  it("decides by the centre, half-open like the library: 0.5 belongs, 2.5 does not", () => {
    const map = labelMap(4, 1);
    fillRing(
      map,
      [
        [0.5, 0],
        [2.5, 0],
        [2.5, 1],
        [0.5, 1],
      ],
      1,
    );
    expect(rowsOf(map)).toEqual(["1100"]);
  });

  it("has a hole where it runs over itself (even-odd)", () => {
    const map = labelMap(6, 6);
    const outer: Xy[] = [
      [0, 0],
      [6, 0],
      [6, 6],
      [0, 6],
      [0, 0],
    ];
    const inner: Xy[] = [
      [2, 2],
      [4, 2],
      [4, 4],
      [2, 4],
      [2, 2],
    ];
    fillRing(map, [...outer, ...inner], 1);
    expect(map.data[2 * 6 + 2]).toBe(0);
    expect(areas(map).get(1)).toBe(32);
  });

  it("outside of the picture marks nothing", () => {
    const map = labelMap(2, 2);
    fillRing(
      map,
      [
        [-5, -5],
        [-1, -5],
        [-1, -1],
      ],
      1,
    );
    expect([...areas(map)]).toEqual([[0, 4]]);
  });
});

describe("patches", () => {
  it("put back what they were read from", () => {
    const map = labelMap(4, 3);
    paintStroke(map, [1.5, 1.5], [2.5, 1.5], 1, 3);
    const before = map.data.slice();
    const rect = { left: 1, top: 0, right: 4, bottom: 2 };
    const patch = readPatch(map, rect);
    map.data.fill(9);
    writePatch(map, rect, patch);
    for (let y = 0; y < 3; y++) {
      for (let x = 0; x < 4; x++) {
        expect(map.data[y * 4 + x]).toBe(x >= 1 && y < 2 ? before[y * 4 + x] : 9);
      }
    }
  });

  it("of one colour are one run", () => {
    expect([...readPatch(labelMap(1000, 1000), whole(labelMap(1000, 1000)))]).toEqual([0, 1_000_000]);
  });
});

it("corrections lie over what was predicted, 'untouched' shows it", () => {
  const below = { width: 3, height: 1, data: Uint8Array.from([1, 1, 0]) };
  const corrections = { width: 3, height: 1, data: Uint8Array.from([UNTOUCHED, 0, IGNORE]) };
  const shown = labelMap(3, 1);
  layOver(shown, below, corrections, whole(shown));
  expect([...shown.data]).toEqual([1, 0, IGNORE]);
});

it("the union with nothing is the other", () => {
  const rect = { left: 1, top: 2, right: 3, bottom: 4 };
  expect(union({ left: 0, top: 0, right: 0, bottom: 0 }, rect)).toEqual(rect);
  expect(union(rect, { left: 0, top: 3, right: 2, bottom: 9 })).toEqual({
    left: 0,
    top: 2,
    right: 3,
    bottom: 9,
  });
});
