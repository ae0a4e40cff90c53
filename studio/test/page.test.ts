import { describe, expect, it } from "vitest";
import { ApiError } from "../src/api";
import { parseRoute } from "../src/route";
import { ACTION_KEYS, commandOf } from "../src/shortcuts";
import { freeName } from "../src/state/names";
import { about, chooseLanguage, sentence } from "../src/text";
import { en } from "../src/text/en";
import { zh } from "../src/text/zh";
import { sizeInWords } from "../src/views/export";

const plain = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

describe("addresses", () => {
  it("name a page", () => {
    expect(parseRoute("")).toEqual({ page: "projects" });
    expect(parseRoute("#/packs")).toEqual({ page: "packs" });
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
    expect(commandOf({ ...plain, key: "{", shiftKey: true })).toEqual({ action: "fainter" });
    expect(commandOf({ ...plain, key: "}", shiftKey: true })).toEqual({ action: "stronger" });
    expect(commandOf({ ...plain, key: "ü" })).toBeNull();
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

describe("an error about a file", () => {
  const refused = (message: string) => new ApiError(415, "not_an_image", message);
  const said = (name: string, error: unknown) => about(name, error).join("");

  it("names it once", () => {
    expect(about("a.png", refused("a.png is no image by its content"))).toEqual([
      "a.png",
      " is no image by its content",
    ]);
    expect(said("a.png", refused("a.png: cut short"))).toBe("a.png: cut short");
    expect(said("a?.png", refused("a_.png is no image"))).toBe("a?.png is no image");
    expect(said("a.png", "the file 'a.png' is gone")).toBe("The file 'a.png' is gone");
    expect(said("a.png", "not a picture")).toBe("a.png: Not a picture");
    expect(said("a.png", new ApiError(0, "not_sent", "a.png"))).toMatch(/^a\.png: The file could not/);
  });

  it("names it once in Chinese", () => {
    chooseLanguage("zh");
    expect(said("a.png", refused("a.png is no image"))).toBe("a.png：这不是可以读取的图片。 (is no image)");
    expect(said("a.png", new ApiError(0, "not_sent", "a.png"))).toBe(`a.png：${zh.errors.not_sent}`);
    chooseLanguage("en");
  });

  it("leaves the letters of a name as they are", () => {
    expect(sentence(refused("scan.nii is a volume"))).toBe("scan.nii is a volume");
    expect(sentence(refused("the file is empty"))).toBe("The file is empty");
  });
});

describe("a project's name", () => {
  it("is no other project's", () => {
    expect(freeName("coins", new Set())).toBe("coins");
    expect(freeName("coins", new Set(["coins", "coins (2)"]))).toBe("coins (3)");
    const long = "c".repeat(200);
    expect(freeName(long, new Set([long]))).toBe(`${"c".repeat(196)} (2)`);
  });
});
