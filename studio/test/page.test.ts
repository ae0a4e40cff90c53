import { describe, expect, it } from "vitest";
import { parseRoute } from "../src/route";
import { ACTION_KEYS, commandOf } from "../src/shortcuts";
import { en } from "../src/text/en";
import { zh } from "../src/text/zh";
import { sizeInWords } from "../src/views/export";

const plain = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

describe("addresses", () => {
  it("name a page", () => {
    expect(parseRoute("")).toEqual({ page: "projects" });
    expect(parseRoute("#/p/a%2Fb")).toEqual({ page: "project", project: "a/b" });
    expect(parseRoute("#/p/x/i/y")).toEqual({ page: "image", project: "x", image: "y" });
    expect(parseRoute("#/p/x/measures")).toEqual({ page: "measures", project: "x" });
  });
});

describe("keys", () => {
  it("mean tools, classes and actions", () => {
    expect(commandOf({ ...plain, key: "b" })).toEqual({ tool: "brush" });
    expect(commandOf({ ...plain, key: "3" })).toEqual({ classAt: 2 });
    expect(commandOf({ ...plain, key: "[" })).toEqual({ action: "smaller" });
    expect(commandOf({ ...plain, key: "z", ctrlKey: true })).toEqual({ action: "undo" });
    expect(commandOf({ ...plain, key: "Z", ctrlKey: true, shiftKey: true })).toEqual({ action: "redo" });
    expect(commandOf({ ...plain, key: "z", metaKey: true })).toEqual({ action: "undo" });
    expect(commandOf({ ...plain, key: "b", ctrlKey: true })).toBeNull();
    expect(commandOf({ ...plain, key: "k" })).toBeNull();
  });

  it("are all on the help sheet, in both languages", () => {
    expect(Object.keys(en.sheet.keys).sort()).toEqual(Object.keys(ACTION_KEYS).sort());
    expect(Object.keys(zh.sheet.keys).sort()).toEqual(Object.keys(ACTION_KEYS).sort());
  });
});

describe("words", () => {
  it("count in the singular and the plural", () => {
    expect(en.pictures(1)).toBe("1 picture");
    expect(en.pictures(1200)).toBe("1,200 pictures");
    expect(zh.pictures(1)).toBe("1 张图片");
  });

  it("say sizes", () => {
    expect([512, 1500, 45_000_000].map(sizeInWords)).toEqual(["512 B", "1.5 kB", "45 MB"]);
  });
});
