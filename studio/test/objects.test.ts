import { describe, expect, it } from "vitest";
import { Drawing, marksOfLabels } from "../src/canvas/drawing";
import { labelMap, objectMap } from "../src/canvas/labels";
import { countObjects, layObjects, piecesOf, settle } from "../src/canvas/objects";
import { outlines } from "../src/canvas/outline";
import { decodeObjects, encodeMask } from "../src/canvas/rle";
import type { Marks } from "../src/wire";

const EMPTY: Marks = {
  version: 0,
  absent: false,
  boxes: [],
  points: [],
  scribbles: [],
  polygons: [],
  mask: null,
};

/** A stroke of one pixel in height along a row. */
function dash(drawing: Drawing, from: number, to: number, label = 1): void {
  drawing.beginStroke();
  for (let x = from; x < to; x++) drawing.paint([x + 0.5, 0.5], [x + 0.5, 0.5], 0.4, label);
  drawing.endStroke();
}

const ids = (drawing: Drawing) => drawing.objects && [...drawing.objects.data];

describe("objects", () => {
  it("are not told apart unless somebody says so", () => {
    const drawing = new Drawing(6, 1);
    dash(drawing, 0, 2);
    dash(drawing, 3, 4);
    expect(drawing.objects).toBeNull();
    expect(drawing.objectCount).toBeNull();
    expect(drawing.toMarks(0).mask?.objects).toBeNull();
  });

  it("that touch get ids of their own, and what was there is one a piece", () => {
    const drawing = new Drawing(8, 1);
    dash(drawing, 0, 2);
    dash(drawing, 5, 6);
    drawing.newObject();
    expect(drawing.fresh.value).toBe(true);
    dash(drawing, 2, 4);
    expect(drawing.fresh.value).toBe(false);
    expect(ids(drawing)).toEqual([1, 1, 3, 3, 0, 2, 0, 0]);
    expect(drawing.objectCount).toBe(3);
    expect(drawing.toMarks(0).mask).toEqual({
      size: [1, 8],
      counts: { "1": [0, 4, 1, 1, 2] },
      objects: [
        [0, 2, 6],
        [5, 1, 2],
        [2, 2, 4],
      ],
    });
  });

  it("go on where a stroke touches the last one or begins on one; a stroke apart is another", () => {
    const drawing = new Drawing(12, 1);
    drawing.newObject();
    dash(drawing, 0, 2);
    dash(drawing, 2, 3); // touches the last one
    dash(drawing, 5, 6); // stands apart
    dash(drawing, 0, 5); // begins on the first one
    expect(ids(drawing)).toEqual([1, 1, 1, 1, 1, 2, 0, 0, 0, 0, 0, 0]);
    drawing.newObject();
    dash(drawing, 4, 5); // begins on the first one, and is another all the same
    expect(ids(drawing)?.slice(0, 6)).toEqual([1, 1, 1, 1, 3, 2]);
    dash(drawing, 8, 9, 2); // of another class
    dash(drawing, 9, 10, 1);
    expect(ids(drawing)?.slice(6)).toEqual([0, 0, 4, 5, 0, 0]);
  });

  it("end where they are erased or left out", () => {
    const drawing = new Drawing(6, 1);
    drawing.newObject();
    dash(drawing, 0, 6);
    dash(drawing, 1, 2, 0);
    dash(drawing, 3, 4, 255);
    expect(ids(drawing)).toEqual([1, 0, 1, 0, 1, 1]);
  });

  it("are taken back and done again with their strokes", () => {
    const drawing = new Drawing(8, 1);
    dash(drawing, 0, 2);
    drawing.newObject();
    dash(drawing, 2, 4);
    dash(drawing, 6, 7);
    const all = drawing.toMarks(0);
    drawing.undo();
    expect(ids(drawing)).toEqual([1, 1, 2, 2, 0, 0, 0, 0]);
    drawing.undo();
    expect(drawing.objects).toBeNull();
    drawing.redo();
    drawing.redo();
    expect(drawing.toMarks(0)).toEqual(all);
    drawing.clear();
    expect(drawing.isEmpty).toBe(true);
    expect(drawing.objects).toBeNull();
    drawing.undo();
    expect(drawing.toMarks(0)).toEqual(all);
  });

  it("stay as they were where a stroke is given up", () => {
    const drawing = new Drawing(4, 1);
    dash(drawing, 0, 1);
    drawing.newObject();
    drawing.beginStroke();
    drawing.paint([1.5, 0.5], [1.5, 0.5], 0.4, 1);
    drawing.cancelStroke();
    expect(drawing.objects).toBeNull();
    expect(drawing.fresh.value).toBe(true);
  });

  it("are polygons, each one, where things are told apart", () => {
    const square = (left: number): [number, number][] => [
      [left, 0],
      [left + 2, 0],
      [left + 2, 1],
      [left, 1],
    ];
    const drawing = new Drawing(6, 1);
    drawing.newObject();
    for (const left of [0, 2]) {
      drawing.beginStroke();
      drawing.fillRing(square(left), 1);
      drawing.endStroke();
    }
    expect(ids(drawing)).toEqual([1, 1, 2, 2, 0, 0]);
    const marks: Marks = {
      ...EMPTY,
      polygons: [
        { path: square(0), class: 1 },
        { path: square(2), class: 1 },
      ],
    };
    expect(ids(Drawing.fromMarks(marks, { width: 6, height: 1 }))).toEqual([1, 1, 2, 2, 0, 0]);
  });

  it("come back as they were saved", () => {
    const objects = [
      [0, 2, 2],
      [2, 1, 1],
    ];
    const marks: Marks = { ...EMPTY, mask: { size: [2, 2], counts: { "1": [0, 3, 1] }, objects } };
    const drawing = Drawing.fromMarks(marks, { width: 2, height: 2 });
    expect(ids(drawing)).toEqual([1, 2, 1, 0]);
    expect(drawing.toMarks(0).mask).toEqual(marks.mask);
    expect(() => decodeObjects({ size: [2, 2], counts: {}, objects: [[1, 2]] })).toThrow(
      "add up to 3, not 4",
    );
  });

  it("are connected pieces of one class, corners too", () => {
    const labels = labelMap(4, 2);
    labels.data.set([1, 0, 2, 255, 0, 1, 2, 0]);
    const found = piecesOf(labels);
    expect([...found.data]).toEqual([1, 0, 2, 0, 0, 1, 2, 0]);
    expect(countObjects(found)).toBe(2);
    expect(encodeMask(labels, found)?.objects?.length).toBe(2);
  });

  it("have border lines between them", () => {
    const labels = labelMap(4, 1, 1);
    const line = (ids?: Uint16Array) => outlines(labels, ids).get(1)?.join(" ") ?? "";
    expect(line()).not.toContain("2 0 2 1");
    expect(line(Uint16Array.from([1, 1, 2, 2]))).toContain("2 0 2 1");
  });

  it("of an answer stay under corrections; a painted piece joins the one that it touches", () => {
    const below = labelMap(8, 1);
    below.data.set([1, 1, 1, 0, 0, 0, 1, 0]);
    const apart = { width: 8, height: 1, data: Uint16Array.from([1, 1, 2, 0, 0, 0, 3, 0]) };
    const shown = { ...below, data: Uint8Array.from([0, 1, 1, 1, 0, 1, 1, 0]) };
    const laid = objectMap(8, 1);
    layObjects(laid, shown, below, apart, { left: 0, top: 0, right: 8, bottom: 1 });
    expect([...laid.data]).toEqual([0, 1, 2, 0, 0, 0, 3, 0]);
    expect([...settle(shown, laid).data]).toEqual([0, 1, 2, 2, 0, 3, 3, 0]);
    const between = { ...below, data: Uint8Array.from([1, 1, 1, 1, 1, 1, 1, 0]) };
    expect([...settle(between, apart).data]).toEqual([1, 1, 2, 4, 4, 4, 3, 0]);
    expect(marksOfLabels(shown, 0, settle(shown, laid)).mask?.objects?.length).toBe(3);
  });
});
