import { describe, expect, it } from "vitest";
import { binsOf, correlationOf, csvOf, summaryOf, ticksBetween } from "../src/canvas/charts";

describe("a summary", () => {
  it("has the number, the sum and the mean", () => {
    expect(summaryOf([1, 2, 6])).toEqual({ count: 3, total: 9, mean: 3 });
    expect(summaryOf([])).toBeNull();
  });
});

describe("a histogram", () => {
  it("has bins of a round width that hold every value once", () => {
    // 0 to 100 in at most 24 or so: 100 / 24 = 4.2, rounded up to 5; 100 lies in a bin of its own.
    const bins = binsOf([0, 4.9, 5, 52, 100]);
    expect(bins?.start).toBe(0);
    expect(bins?.width).toBe(5);
    expect(bins?.counts.length).toBe(21);
    expect(bins?.counts.slice(0, 2)).toEqual([2, 1]);
    expect([bins?.counts[10], bins?.counts[20]]).toEqual([1, 1]);
    expect(bins?.counts.reduce((a, b) => a + b)).toBe(5);
  });

  it("of one value, of shares and of nothing", () => {
    expect(binsOf([256, 256])).toEqual({ start: 240, width: 20, counts: [2] });
    expect(binsOf([0, 0])?.counts).toEqual([2]);
    const shares = binsOf([0.1, 0.3, 0.9]);
    expect(shares?.width).toBeCloseTo(0.05);
    expect(shares?.counts.reduce((a, b) => a + b)).toBe(3);
    expect(binsOf([])).toBeNull();
  });
});

describe("a table as CSV", () => {
  it("quotes what needs it, and leaves empty what is not there", () => {
    const rows = [
      { image: 'a "b", c.png', area: 1.5, unit: null },
      { image: "d.png", area: 2, unit: "µm" },
    ];
    expect(csvOf(["image", "area", "unit"], rows)).toBe(
      'image,area,unit\r\n"a ""b"", c.png",1.5,\r\nd.png,2,µm\r\n',
    );
  });
});

describe("a scatter plot", () => {
  const dots = (...pairs: [number, number][]) => pairs.map(([x, y]) => ({ x, y, colour: "" }));

  it("says how far one measure goes along with the other", () => {
    expect(correlationOf(dots([1, 2], [2, 4], [3, 6]))).toBeCloseTo(1);
    expect(correlationOf(dots([0, 1], [1, 0]))).toBeCloseTo(-1);
    // Means 1 and 1; products 1, 0, 0 of deviations; squares 2 and 2.
    expect(correlationOf(dots([0, 0], [1, 2], [2, 1]))).toBeCloseTo(0.5);
    expect(correlationOf(dots([1, 5], [1, 7]))).toBeNull();
  });

  it("has round numbers round all values", () => {
    expect(ticksBetween([3, 97], 6)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksBetween([0], 4)).toEqual([0, 0.5]);
  });
});
