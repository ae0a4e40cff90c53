import { describe, expect, it } from "vitest";
import { fit, pan, smallestScale, toImage, toScreen, zoomAt } from "../src/canvas/viewport";

const screen = { width: 800, height: 600 };

describe("the view", () => {
  it("fits large pictures with a margin, in the middle", () => {
    const view = fit({ width: 4000, height: 3000 }, screen);
    expect(view.scale).toBeCloseTo(0.192);
    expect(view.x * 2 + 4000 * view.scale).toBeCloseTo(800);
    expect(view.y * 2 + 3000 * view.scale).toBeCloseTo(600);
  });

  it("enlarges small ones no more than 8 times", () => {
    expect(fit({ width: 8, height: 4 }, screen).scale).toBe(8);
  });

  it("keeps what is under the pointer when it zooms", () => {
    const view = { scale: 0.5, x: 10, y: 20 };
    const zoomed = zoomAt(view, [300, 200], 3, 0.1);
    expect(zoomed.scale).toBe(1.5);
    expect(toImage(zoomed, [300, 200])).toEqual(toImage(view, [300, 200]));
  });

  it("stops at the smallest and the largest scale", () => {
    const image = { width: 4000, height: 3000 };
    const least = smallestScale(image, screen);
    expect(zoomAt(fit(image, screen), [0, 0], 1e-9, least).scale).toBe(least);
    expect(zoomAt(fit(image, screen), [0, 0], 1e9, least).scale).toBe(40);
  });

  it("leaves a strip of the picture on the screen", () => {
    const moved = pan({ scale: 1, x: 0, y: 0 }, 1e6, -1e6, { width: 100, height: 100 }, screen);
    expect(moved).toEqual({ scale: 1, x: 752, y: -52 });
  });

  it("goes from picture to screen and back", () => {
    const view = { scale: 2.5, x: -7, y: 31 };
    expect(toImage(view, toScreen(view, [12, 34]))).toEqual([12, 34]);
  });
});
