import { describe, expect, it } from "vitest";
import { IGNORE, type LabelMap } from "../src/canvas/labels";
import { decodeMask, encodeMask, sampleMask } from "../src/canvas/rle";

/** A label map from its rows. */
function mapOf(...rows: number[][]): LabelMap {
  return { width: rows[0].length, height: rows.length, data: Uint8Array.from(rows.flat()) };
}

describe("run lengths", () => {
  it("go down the columns and start with the zeros", () => {
    const map = mapOf([0, 1, 1], [0, 1, 0]);
    expect(encodeMask(map)).toEqual({ size: [2, 3], counts: { "1": [2, 3, 1] }, objects: null });
  });

  it("leave out zeros at the end and begin with 0 where the first pixel is marked", () => {
    expect(encodeMask(mapOf([1, 0], [0, 1]))?.counts).toEqual({ "1": [0, 1, 2, 1] });
  });

  it("name each class, and 'ignore', by its own list", () => {
    const map = mapOf([2, 1, IGNORE], [2, 0, IGNORE]);
    expect(encodeMask(map)?.counts).toEqual({ "1": [2, 1, 3], "2": [0, 2, 4], ignore: [4, 2] });
  });

  it("are null where nothing is marked", () => {
    expect(encodeMask(mapOf([0, 0]))).toBeNull();
  });

  it("come back as the same map", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed / 2147483648;
    };
    const labels = [0, 0, 1, 2, IGNORE];
    const data = Uint8Array.from({ length: 23 * 17 }, () => labels[Math.floor(random() * labels.length)]);
    const map = { width: 23, height: 17, data };
    const mask = encodeMask(map);
    expect(mask && decodeMask(mask)).toEqual(map);
  });

  it("that do not add up are refused", () => {
    expect(() => decodeMask({ size: [2, 2], counts: { "1": [1, 2] }, objects: null })).toThrow(
      "add up to 3, not 4",
    );
  });

  it("of classes that a byte does not hold are refused", () => {
    expect(() => decodeMask({ size: [1, 1], counts: { "300": [0, 1] }, objects: null })).toThrow("class 300");
  });
});

describe("a small version of a mask", () => {
  it("takes the pixel in the middle of each part", () => {
    // 4 x 4: the left half is class 1, the lower right quarter class 2.
    const mask = encodeMask(mapOf([1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 2, 2], [1, 1, 2, 2]));
    expect(mask && [...sampleMask(mask, 2, 2).data]).toEqual([1, 0, 1, 2]);
  });

  it("is the mask itself at its own size", () => {
    const map = mapOf([0, 1, 2], [3, 1, 0]);
    const mask = encodeMask(map);
    expect(mask && sampleMask(mask, 3, 2)).toEqual(map);
  });
});
