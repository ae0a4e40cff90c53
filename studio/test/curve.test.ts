import { describe, expect, it } from "vitest";
import { placesOf } from "../src/views/curve";

describe("the curve of a refinement", () => {
  it("goes to the right with the pictures and up with the IoU", () => {
    const places = placesOf({ "20": 0.7, "0": 0.5, "10": 0.6 });
    expect(places.map(({ n }) => n)).toEqual([0, 10, 20]);
    expect(places[1].x).toBeCloseTo((places[0].x + places[2].x) / 2);
    expect(places[1].y).toBeCloseTo((places[0].y + places[2].y) / 2);
    expect(places[2].y).toBeLessThan(places[0].y);
  });

  it("is drawn where all are the same", () => {
    for (const { x, y } of placesOf({ "0": 0.5, "6": 0.5 })) expect(Number.isFinite(x + y)).toBe(true);
  });
});
