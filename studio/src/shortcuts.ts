/** The keys of the studio: one table, read by the page and by the help sheet. */

import { signal } from "@preact/signals";
import type { ToolName } from "./canvas/tools";
import type { Text } from "./text/en";

export const sheetOpen = signal(false);

export const TOOL_KEYS: Record<ToolName, string> = {
  brush: "b",
  eraser: "e",
  polygon: "g",
  wand: "f",
  box: "r",
  point: "p",
  notPoint: "n",
  scribble: "s",
  notScribble: "d",
  ignore: "i",
  ruler: "u",
  select: "a",
  hand: "v",
};

export type Action = keyof Text["sheet"]["keys"];

/** What is shown of a key; `ctrl` stands for the command key of a Mac, too. */
export const ACTION_KEYS: Record<Action, string[]> = {
  undo: ["Ctrl Z"],
  redo: ["Ctrl Y", "Ctrl Shift Z"],
  smaller: ["["],
  larger: ["]"],
  classes: ["1", "…", "9"],
  object: ["X"],
  absent: ["Q"],
  copy: ["K"],
  between: ["T"],
  zoomIn: ["+"],
  zoomOut: ["-"],
  fit: ["0"],
  pan: ["Space"],
  hide: ["H"],
  outline: ["O"],
  fainter: ["{"],
  stronger: ["}"],
  previous: ["PageUp", ","],
  next: ["PageDown", "."],
  first: ["Home"],
  last: ["End"],
  play: ["J"],
  tab: ["M"],
  correct: ["C"],
  accept: ["Ctrl Enter"],
  right: ["Y"],
  wrong: ["W"],
  back: ["Esc"],
  help: ["?"],
};

const PLAIN: Record<string, Action> = {
  "[": "smaller",
  "]": "larger",
  x: "object",
  q: "absent",
  k: "copy",
  t: "between",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  h: "hide",
  o: "outline",
  "{": "fainter",
  "}": "stronger",
  PageUp: "previous",
  ",": "previous",
  PageDown: "next",
  ".": "next",
  Home: "first",
  End: "last",
  j: "play",
  m: "tab",
  c: "correct",
  y: "right",
  w: "wrong",
  Escape: "back",
  "?": "help",
};

const WITH_CTRL: Record<string, Action> = { z: "undo", y: "redo", Enter: "accept" };

export type Command = { action: Action } | { tool: ToolName } | { classAt: number };

type Keys = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** What a key stands for; null for none. */
export function commandOf(event: Keys): Command | null {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey) return null;
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && event.shiftKey) return { action: "redo" };
    return WITH_CTRL[key] ? { action: WITH_CTRL[key] } : null;
  }
  if (/^[1-9]$/.test(key)) return { classAt: Number(key) - 1 };
  if (PLAIN[key]) return { action: PLAIN[key] };
  const tool = (Object.keys(TOOL_KEYS) as ToolName[]).find((name) => TOOL_KEYS[name] === key);
  return tool ? { tool } : null;
}

/** True where keys are meant for a field that is typed in. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=checkbox], [type=range], [type=color]), select, textarea")
  );
}

addEventListener("keydown", (event) => {
  if (event.key !== "?" || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  sheetOpen.value = true;
});
