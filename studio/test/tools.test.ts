import { describe, expect, it } from "vitest";
import { Drawing } from "../src/canvas/drawing";
import { boxOf, distanceToPath, inside } from "../src/canvas/geometry";
import { IGNORE } from "../src/canvas/labels";
import { outlines } from "../src/canvas/outline";
import { idsOf, RegionMap } from "../src/canvas/regions";
import { type Hand, makeTools, type Tool } from "../src/canvas/tools";
import type { Xy } from "../src/wire";

function handOn(drawing: Drawing): Hand {
  return { drawing, label: 2, radius: 0.5, near: 2, regions: null, rule: () => {} };
}

function drag(tool: Tool, hand: Hand, ...path: Xy[]): void {
  tool.press(path[0], hand);
  for (const at of path.slice(1)) tool.move(at, hand);
  tool.release(path[path.length - 1], hand);
}

describe("tools", () => {
  it("brush and eraser paint in one step each", () => {
    const drawing = new Drawing(4, 1);
    const tools = makeTools();
    drag(tools.brush, handOn(drawing), [0.5, 0.5], [1.5, 0.5], [3.5, 0.5]);
    expect([...drawing.labels.data]).toEqual([2, 2, 2, 2]);
    drag(tools.eraser, handOn(drawing), [0.5, 0.5], [1.5, 0.5]);
    expect([...drawing.labels.data]).toEqual([0, 0, 2, 2]);
    drawing.undo();
    drawing.undo();
    expect(drawing.isEmpty).toBe(true);
  });

  it("'ignore' paints what does not count", () => {
    const drawing = new Drawing(2, 1);
    drag(makeTools().ignore, handOn(drawing), [1.5, 0.5]);
    expect([...drawing.labels.data]).toEqual([0, IGNORE]);
  });

  it("the wand paints a region, takes it away again, and goes on along the way", () => {
    const drawing = new Drawing(4, 2);
    // 2 x 1 places for 4 x 2 pixels: the left half, and the right one.
    const regions = new RegionMap(4, 2, 2, 1, Uint16Array.from([0, 1]));
    regions.outlineOf = () => ({}) as Path2D; // there is no canvas here
    const hand = { ...handOn(drawing), regions };
    const { wand } = makeTools();
    drag(wand, hand, [0.5, 1.5]);
    expect([...drawing.labels.data]).toEqual([2, 2, 0, 0, 2, 2, 0, 0]);
    drag(wand, hand, [1.9, 0.1]);
    expect(drawing.isEmpty).toBe(true);
    drag(wand, hand, [0.5, 0.5], [3.5, 0.5]);
    expect([...drawing.labels.data]).toEqual(new Array(8).fill(2));
    drawing.undo();
    expect(drawing.isEmpty).toBe(true);
    drag(wand, hand, [-1, 0.5]);
    expect(drawing.canRedo).toBe(true);
    drag(wand, { ...hand, regions: null }, [0.5, 0.5]);
    expect(drawing.canRedo).toBe(true);
  });

  it("the scale bar is measured and marks nothing", () => {
    const drawing = new Drawing(9, 9);
    const lengths: number[] = [];
    const hand = { ...handOn(drawing), rule: (length: number) => lengths.push(length) };
    const { ruler } = makeTools();
    drag(ruler, hand, [1, 1], [2, 2], [4, 5]);
    drag(ruler, hand, [1, 1], [1.2, 1]);
    expect(lengths).toEqual([5]);
    expect(drawing.canUndo).toBe(false);
  });

  it("a box has whole pixels whatever way it is drawn; one without pixels is none", () => {
    const drawing = new Drawing(20, 10);
    const { box } = makeTools();
    drag(box, handOn(drawing), [15.2, 8.8], [4.9, -3]);
    expect(drawing.shapes.boxes).toEqual([{ xyxy: [5, 0, 15, 9], class: 2 }]);
    drag(box, handOn(drawing), [3, 3], [3.2, 9]);
    expect(drawing.shapes.boxes).toHaveLength(1);
  });

  it("points say the class or 'not this', inside of the picture only", () => {
    const drawing = new Drawing(20, 10);
    const tools = makeTools();
    drag(tools.point, handOn(drawing), [19.99, 9.99]);
    drag(tools.notPoint, handOn(drawing), [3.25, 4]);
    drag(tools.point, handOn(drawing), [20, 4]);
    expect(drawing.shapes.points).toEqual([
      { xy: [19.9, 9.9], class: 2 },
      { xy: [3.2, 4], class: 0 },
    ]);
  });

  it("a stroke keeps its way", () => {
    const drawing = new Drawing(20, 10);
    drag(makeTools().notScribble, handOn(drawing), [1, 1], [1.5, 1], [4, 5], [30, 5]);
    expect(drawing.shapes.scribbles).toEqual([
      {
        path: [
          [1, 1],
          [4, 5],
          [19.9, 5],
        ],
        width: 3,
        class: 0,
      },
    ]);
  });

  it("a polygon is closed at its first corner, and Backspace takes back the last one", () => {
    const drawing = new Drawing(20, 20);
    const { polygon } = makeTools();
    const hand = handOn(drawing);
    for (const at of [
      [2, 2],
      [10, 2],
      [18, 18],
      [10, 10],
    ] as Xy[])
      polygon.press(at, hand);
    expect(polygon.back()).toBe(true);
    polygon.press([10, 10], hand);
    polygon.press([2, 10], hand);
    expect(polygon.busy).toBe(true);
    polygon.press([3, 3], hand);
    expect(polygon.busy).toBe(false);
    expect(drawing.labels.data.includes(2)).toBe(true);
    expect(drawing.canUndo).toBe(true);
  });

  it("a polygon that is given up leaves nothing", () => {
    const drawing = new Drawing(20, 20);
    const { polygon } = makeTools();
    const hand = handOn(drawing);
    for (const at of [
      [2, 2],
      [10, 2],
      [10, 10],
    ] as Xy[])
      polygon.press(at, hand);
    polygon.cancel(hand);
    expect(polygon.draft).toBeNull();
    expect(drawing.isEmpty).toBe(true);
  });
});

describe("geometry", () => {
  it("keeps points in the picture", () => {
    expect(inside([-3, 4.96], { width: 10, height: 5 })).toEqual([0, 4.9]);
  });

  it("knows no box outside of the picture", () => {
    expect(boxOf([30, 1], [40, 5], { width: 20, height: 10 })).toBeNull();
  });

  it("measures from the nearest part of a path", () => {
    expect(
      distanceToPath(
        [
          [0, 0],
          [10, 0],
          [10, 10],
        ],
        [7, 3],
      ),
    ).toBe(3);
    expect(distanceToPath([[1, 1]], [4, 5])).toBe(5);
  });
});

it("outlines are straight lines along the edges of pixels", () => {
  const data = Uint8Array.from([0, 0, 0, 0, 1, 1, 0, 1, 1]);
  const lines = outlines({ width: 3, height: 3, data }).get(1);
  const found = new Set<string>();
  for (let k = 0; lines && k < lines.length; k += 4) found.add(lines.slice(k, k + 4).join(" "));
  expect(found).toEqual(new Set(["1 1 3 1", "1 3 3 3", "1 1 1 3", "3 1 3 3"]));
});

describe("regions", () => {
  it("have numbers of two bytes", () => {
    expect([...idsOf(Uint8ClampedArray.from([3, 0, 0, 255, 1, 2, 0, 255]))]).toEqual([3, 513]);
  });

  it("have the pixels whose centre is in them, also where the map is smaller than the picture", () => {
    const regions = new RegionMap(5, 3, 2, 2, Uint16Array.from([0, 1, 0, 0]));
    const found = [0, 1].map((id) => [...regions.pixelsOf(id)]);
    expect(found).toEqual([
      [0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
      [2, 3, 4],
    ]);
    expect(regions.idAt([2.4, 0])).toBe(0);
    expect(regions.idAt([2.6, 1.4])).toBe(1);
    expect(regions.idAt([5, 1])).toBeNull();
  });
});
