import { describe, expect, it } from "vitest";
import { Drawing, marksOfLabels, NO_SHAPES } from "../src/canvas/drawing";
import { LIMIT } from "../src/canvas/history";
import { labelMap } from "../src/canvas/labels";
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

function dot(drawing: Drawing, x: number, label = 1): void {
  drawing.beginStroke();
  drawing.paint([x + 0.5, 0.5], [x + 0.5, 0.5], 0.5, label);
  drawing.endStroke();
}

describe("undo", () => {
  it("takes back strokes and shapes one by one, redo does them again", () => {
    const drawing = new Drawing(3, 1);
    dot(drawing, 0);
    drawing.add({ points: [{ xy: [1, 0], class: 1 }] });
    dot(drawing, 2);
    const all = drawing.toMarks(0);
    drawing.undo();
    expect([...drawing.labels.data]).toEqual([1, 0, 0]);
    drawing.undo();
    expect(drawing.shapes.points).toEqual([]);
    drawing.undo();
    expect(drawing.isEmpty).toBe(true);
    expect(drawing.canUndo).toBe(false);
    for (let k = 0; k < 3; k++) drawing.redo();
    expect(drawing.toMarks(0)).toEqual(all);
    expect(drawing.canRedo).toBe(false);
  });

  it(`reaches back ${LIMIT} steps`, () => {
    const drawing = new Drawing(100, 1);
    for (let x = 0; x < LIMIT + 5; x++) dot(drawing, x);
    for (let k = 0; k < 2 * LIMIT; k++) drawing.undo();
    expect([...drawing.labels.data].filter(Boolean).length).toBe(5);
  });

  it("forgets what was taken back when something new is drawn", () => {
    const drawing = new Drawing(3, 1);
    dot(drawing, 0);
    drawing.undo();
    dot(drawing, 1);
    expect(drawing.canRedo).toBe(false);
  });

  it("knows no step for a stroke that changed nothing", () => {
    const drawing = new Drawing(3, 1);
    dot(drawing, 0, 0);
    expect(drawing.canUndo).toBe(false);
    expect(drawing.revision.value).toBe(0);
  });

  it("takes back a stroke that was given up without a step", () => {
    const drawing = new Drawing(3, 1);
    drawing.beginStroke();
    drawing.paint([0.5, 0.5], [2.5, 0.5], 0.5, 1);
    drawing.cancelStroke();
    expect(drawing.isEmpty).toBe(true);
    expect(drawing.canUndo).toBe(false);
  });
});

describe("'not here'", () => {
  it("removes all marks in one step", () => {
    const drawing = new Drawing(3, 1);
    dot(drawing, 0);
    drawing.setAbsent(true);
    expect(drawing.toMarks(4)).toEqual({ ...EMPTY, version: 4, absent: true });
    drawing.undo();
    expect([...drawing.labels.data]).toEqual([1, 0, 0]);
    expect(drawing.shapes.absent).toBe(false);
  });

  it("ends when something is drawn", () => {
    const drawing = new Drawing(3, 1);
    drawing.setAbsent(true);
    dot(drawing, 1);
    expect(drawing.shapes.absent).toBe(false);
    drawing.setAbsent(true);
    drawing.add({ boxes: [{ xyxy: [0, 0, 1, 1], class: 1 }] });
    expect(drawing.shapes.absent).toBe(false);
  });
});

describe("documents", () => {
  it("come back as they were, polygons as part of the mask", () => {
    const marks: Marks = {
      ...EMPTY,
      version: 3,
      boxes: [{ xyxy: [0, 0, 2, 1], class: 1 }],
      scribbles: [
        {
          path: [
            [0, 0],
            [1, 1],
          ],
          width: 3,
          class: 0,
        },
      ],
      polygons: [
        {
          path: [
            [0, 0],
            [2, 0],
            [2, 2],
            [0, 2],
          ],
          class: 2,
        },
      ],
      mask: { size: [2, 4], counts: { "1": [6, 2] }, objects: null },
    };
    const drawing = Drawing.fromMarks(marks, { width: 4, height: 2 });
    expect(drawing.toMarks(3)).toEqual({
      ...marks,
      polygons: [],
      mask: { size: [2, 4], counts: { "1": [6, 2], "2": [0, 4, 4] }, objects: [[0, 4, 4]] },
    });
  });

  it("made of a finished mask are complete, and 'not here' where it is empty", () => {
    const labels = labelMap(2, 1);
    expect(marksOfLabels(labels, 1)).toEqual({ ...EMPTY, version: 1, absent: true });
    labels.data[1] = 1;
    expect(marksOfLabels(labels, 1).mask).toEqual({ size: [1, 2], counts: { "1": [1, 1] }, objects: null });
  });
});

it("the eraser takes away the shapes that it touches", () => {
  const drawing = new Drawing(100, 100);
  drawing.add({
    points: [
      { xy: [10, 10], class: 1 },
      { xy: [50, 50], class: 1 },
    ],
    boxes: [{ xyxy: [20, 20, 80, 80], class: 1 }],
    scribbles: [
      {
        path: [
          [0, 90],
          [90, 90],
        ],
        width: 4,
        class: 0,
      },
    ],
  });
  drawing.beginStroke();
  drawing.eraseShapes([52, 50], 3); // the point, not the border of the box around it
  drawing.eraseShapes([40, 93], 2); // the stroke: 3 away from its middle, 1 from its edge
  drawing.endStroke();
  expect(drawing.shapes.points).toEqual([{ xy: [10, 10], class: 1 }]);
  expect(drawing.shapes.boxes).toHaveLength(1);
  expect(drawing.shapes.scribbles).toEqual([]);
  drawing.undo();
  expect(drawing.shapes.points).toHaveLength(2);
});

describe("marks that say only what the thing is", () => {
  const point = (label: number) => ({ xy: [3, 3] as [number, number], class: label });

  it("are points and strokes on it, and nothing else", () => {
    const drawing = new Drawing(20, 10);
    expect(drawing.isPositiveOnly).toBe(false);
    drawing.add({ points: [point(1)] });
    expect(drawing.isPositiveOnly).toBe(true);
    drawing.add({ points: [point(1), point(0)] });
    expect(drawing.isPositiveOnly).toBe(false);
  });

  it("are not boxes, paint, or 'not here'", () => {
    const boxed = new Drawing(20, 10);
    boxed.add({ points: [point(1)], boxes: [{ xyxy: [1, 1, 5, 5], class: 1 }] });
    expect(boxed.isPositiveOnly).toBe(false);
    const painted = Drawing.fromMarks(
      {
        version: 0,
        absent: false,
        boxes: [],
        points: [point(1)],
        scribbles: [],
        mask: null,
        polygons: [
          {
            path: [
              [1, 1],
              [8, 1],
              [8, 8],
            ],
            class: 1,
          },
        ],
      },
      { width: 20, height: 10 },
    );
    expect(painted.isPositiveOnly).toBe(false);
  });
});

describe("other maps", () => {
  it("take the place of all in one step that is taken back", () => {
    const drawing = new Drawing(3, 1);
    drawing.add({ points: [{ xy: [1, 0], class: 1 }] });
    const before = drawing.toMarks(0);
    const labels = { ...labelMap(3, 1), data: Uint8Array.of(1, 1, 0) };
    const objects = { width: 3, height: 1, data: Uint16Array.of(1, 2, 0) };
    drawing.replace(labels, objects, NO_SHAPES);
    expect(drawing.toMarks(0).mask).toMatchObject({
      counts: { 1: [0, 2, 1] },
      objects: [
        [0, 1, 2],
        [1, 1, 1],
      ],
    });
    expect(drawing.shapes).toBe(NO_SHAPES);
    drawing.undo();
    expect(drawing.toMarks(0)).toEqual(before);
    drawing.redo();
    expect(drawing.objectCount).toBe(2);
  });
});
