import { describe, expect, it } from "vitest";
import { matrixOf, PLAIN, shown, tableOf } from "../src/state/display";

describe("display", () => {
  it("leaves a plain picture as it is", () => {
    for (const value of [0, 0.25, 0.5, 1]) expect(shown(value, PLAIN)).toBeCloseTo(value, 10);
    expect(tableOf(PLAIN).split(" ")).toHaveLength(256);
  });

  it("moves, steepens and bends", () => {
    expect(shown(0.25, { ...PLAIN, brightness: 0.25 })).toBeCloseTo(0.5, 10);
    expect(shown(1, { ...PLAIN, brightness: 0.25 })).toBe(1);
    // Contrast -1 makes all grey, 1 cuts in the middle.
    expect(shown(0.9, { ...PLAIN, contrast: -1 })).toBeCloseTo(0.5, 10);
    expect(shown(0.6, { ...PLAIN, contrast: 1 })).toBe(1);
    expect(shown(0.4, { ...PLAIN, contrast: 1 })).toBe(0);
    expect(shown(0.25, { ...PLAIN, gamma: 2 })).toBeCloseTo(0.5, 10);
  });

  it("shows one channel in grey", () => {
    expect(matrixOf("green")).toBe("0 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 0 0 1 0");
  });
});
