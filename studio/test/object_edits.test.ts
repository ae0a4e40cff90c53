import { describe, expect, it } from "vitest";
import { objectMap } from "../src/canvas/labels";
import { cutBy, figuresOf, idAt, merged, type Told, without } from "../src/canvas/object_edits";

/** Rows of digits: ids; every object is of class 1 but for 9, which is of class 2. */
function told(...rows: string[]): Told {
  const objects = objectMap(rows[0].length, rows.length);
  objects.data.set(rows.join("").split("").map(Number));
  const data = Uint8Array.from(objects.data, (id) => (id === 9 ? 2 : Math.min(id, 1)));
  return { labels: { ...objects, data }, objects };
}

function rowsOf({ objects: { width, height, data } }: Told): string[] {
  return Array.from({ length: height }, (_, y) => data.slice(y * width, (y + 1) * width).join(""));
}

describe("figures", () => {
  it("are those of each object", () => {
    const found = figuresOf(told("0000", "0110", "0110", "0009"));
    expect([...found.keys()]).toEqual([1, 9]);
    // A square of 2: variance 1/4 + 1/12 in each direction.
    const side = 4 * Math.sqrt(1 / 3);
    expect(found.get(1)).toEqual({
      label: 1,
      area: 4,
      length: side,
      width: side,
      box: [1, 1, 3, 3],
      touchesEdge: false,
    });
    expect(found.get(9)).toMatchObject({ label: 2, area: 1, box: [3, 3, 4, 4], touchesEdge: true });
  });

  it("tell length from width", () => {
    const line = figuresOf(told("11111")).get(1);
    expect(line?.length).toBeCloseTo(4 * Math.sqrt(2 + 1 / 12));
    expect(line?.width).toBeCloseTo(4 * Math.sqrt(1 / 12));
  });
});

describe("one object", () => {
  it("is found under a place, none beside the picture", () => {
    const { objects } = told("012");
    expect([
      idAt(objects, [2.9, 0]),
      idAt(objects, [0, 0]),
      idAt(objects, [3, 0]),
      idAt(objects, [1, -1]),
    ]).toEqual([2, 0, 0, 0]);
  });

  it("is taken away, and the maps of before stay", () => {
    const before = told("1122");
    const after = without(before, 1);
    expect(rowsOf(after)).toEqual(["0022"]);
    expect([...after.labels.data]).toEqual([0, 0, 1, 1]);
    expect(rowsOf(before)).toEqual(["1122"]);
  });

  it("takes another in and gives it its class", () => {
    const after = merged(told("1199"), 1, 9);
    expect(rowsOf(after)).toEqual(["1111"]);
    expect([...after.labels.data]).toEqual([1, 1, 1, 1]);
  });
});

describe("a cut", () => {
  it("makes two of one, and leaves others alone", () => {
    const after = cutBy(told("111122", "111122"), 1, [2, -1], [2, 3]);
    expect(after && rowsOf(after)).toEqual(["113322", "113322"]);
  });

  it("goes through where the line ends inside", () => {
    const after = cutBy(told("1111", "1111"), 1, [2, 0.5], [2, 1.2]);
    expect(after && rowsOf(after)).toEqual(["1122", "1122"]);
  });

  it("along a slope leaves no corner that holds both together", () => {
    const after = cutBy(told("111", "111", "111"), 1, [-1, 4], [4, -1]);
    expect(after && rowsOf(after)).toEqual(["112", "122", "222"]);
  });

  it("cuts one arm of two, where it ends between them", () => {
    const after = cutBy(told("101", "101", "111"), 1, [-1, 1], [1.5, 1]);
    expect(after && rowsOf(after)).toEqual(["102", "202", "222"]);
  });

  it("that meets nothing changes nothing", () => {
    expect(cutBy(told("0110"), 1, [0, 0], [0, 1])).toBeNull();
    expect(cutBy(told("0110"), 1, [1, 1], [1, 1])).toBeNull();
  });

  it("leaves pieces that it does not meet with the rest", () => {
    const after = cutBy(told("1011"), 1, [3, -1], [3, 2]);
    expect(after && rowsOf(after)).toEqual(["1012"]);
  });
});
