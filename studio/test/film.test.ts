import { describe, expect, it } from "vitest";
import { kindOf, stepTo, ticksOf } from "../src/state/film";
import type { ImageInfo } from "../src/wire";

const frame = (marks: ImageInfo["marks"], verdict: "found" | "doubtful" | null = null) =>
  ({ marks, prediction: verdict && { verdict } }) as ImageInfo;

describe("the way through a video", () => {
  it("shows what is marked and what is doubtful", () => {
    const all = [frame("mask"), frame(null), frame(null, "doubtful"), frame(null, "found"), frame("absent")];
    expect(ticksOf(all, 5)).toEqual([
      { at: 0, sign: "marked" },
      { at: 0.5, sign: "doubtful" },
      { at: 1, sign: "marked" },
    ]);
  });

  it("shows marks first where frames share a place", () => {
    const all = [frame(null, "doubtful"), frame("sparse"), frame(null, "doubtful"), frame(null)];
    expect(ticksOf(all, 2)).toEqual([
      { at: 0, sign: "marked" },
      { at: 1, sign: "doubtful" },
    ]);
    expect(ticksOf([frame("mask")], 1)).toEqual([{ at: 0, sign: "marked" }]);
  });

  it("is gone along with the keys", () => {
    expect(stepTo("ArrowRight", 4, 20)).toBe(5);
    expect(stepTo("ArrowLeft", 0, 20)).toBe(0);
    expect(stepTo("PageDown", 4, 20)).toBe(14);
    expect(stepTo("PageUp", 4, 20)).toBe(0);
    expect(stepTo("End", 4, 20)).toBe(19);
    expect(stepTo("Home", 4, 20)).toBe(0);
    expect(stepTo("b", 4, 20)).toBeNull();
  });
});

describe("files", () => {
  it("belong in a project of their kind", () => {
    expect(["clip.MP4", "a.webm", "scan.nii.gz", "scan.nrrd", "a.png", "stack.tif"].map(kindOf)).toEqual([
      "video",
      "video",
      "volume",
      "volume",
      "images",
      "images",
    ]);
  });
});
