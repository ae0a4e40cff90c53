import { useEffect } from "preact/hooks";
import type { Drawing } from "../canvas/drawing";
import type { ToolName } from "../canvas/tools";
import { TOOL_KEYS } from "../shortcuts";
import { askForNot, asksForNot, putAside } from "../state/asking";
import { changeLook, look, radius, scale, tool } from "../state/pen";
import type { Mode, OpenPicture } from "../state/picture";
import { regionSize } from "../state/regions";
import { text } from "../text";
import type { CanvasControl } from "./canvas";
import { DisplayReset } from "./display";
import { Icon } from "./icon";
import { tips } from "./tip";

const MARKING: ToolName[] = [
  "brush",
  "eraser",
  "polygon",
  "wand",
  "box",
  "point",
  "notPoint",
  "scribble",
  "notScribble",
  "ignore",
  "ruler",
  "select",
  "hand",
];
const CORRECTING: ToolName[] = [
  "point",
  "notPoint",
  "scribble",
  "notScribble",
  "brush",
  "eraser",
  "polygon",
  "wand",
  "hand",
];
const TOOLS: Record<Mode, ToolName[]> = { mark: MARKING, correct: CORRECTING, result: ["hand"] };
const NOT = new Set<ToolName>(["notPoint", "notScribble"]);
const APART = new Set<ToolName>(["brush", "polygon", "wand"]);
const SIZED = new Set<ToolName>(["brush", "eraser", "ignore"]);

interface ToolbarProps {
  picture: OpenPicture;
  drawing: Drawing | null;
}

export function Toolbar({ picture, drawing }: ToolbarProps) {
  const t = text.value.editor;
  const mode = picture.mode.value;
  useEffect(() => {
    if (mode === "correct" && !CORRECTING.includes(tool.value)) tool.value = "point";
  }, [mode]);
  drawing?.revision.value; // read, so that undo and redo follow what is drawn
  return (
    <div
      class="toolbar"
      role="toolbar"
      aria-label={t.tools}
      aria-orientation="vertical"
      onKeyDown={roveFocus}
      {...tips}
    >
      {mode !== "result" &&
        TOOLS[mode].map((name) => (
          <button
            type="button"
            key={name}
            class="tool"
            aria-pressed={tool.value === name}
            aria-label={t.tool[name]}
            aria-keyshortcuts={TOOL_KEYS[name].toUpperCase()}
            data-tip={t.tool[name]}
            data-keys={TOOL_KEYS[name].toUpperCase()}
            onClick={() => (tool.value = name)}
          >
            <Icon name={name} />
          </button>
        ))}
      {mode === "mark" && drawing && (
        <>
          <hr />
          <button
            type="button"
            class="tool"
            aria-pressed={drawing.fresh.value}
            aria-label={t.newObject}
            aria-keyshortcuts="X"
            data-tip={`${t.newObject}: ${t.newObjectHint}`}
            data-keys="X"
            onClick={() => drawing.newObject()}
          >
            <Icon name="object" />
          </button>
        </>
      )}
      {drawing && (
        <>
          <hr />
          <button
            type="button"
            class="tool"
            aria-label={t.undo}
            aria-keyshortcuts="Control+Z"
            data-tip={t.undo}
            data-keys="Ctrl Z"
            disabled={!drawing.canUndo}
            onClick={() => drawing.undo()}
          >
            <Icon name="undo" />
          </button>
          <button
            type="button"
            class="tool"
            aria-label={t.redo}
            aria-keyshortcuts="Control+Y"
            data-tip={t.redo}
            data-keys="Ctrl Y"
            disabled={!drawing.canRedo}
            onClick={() => drawing.redo()}
          >
            <Icon name="redo" />
          </button>
        </>
      )}
    </div>
  );
}

/** Arrow keys move between the tools. */
function roveFocus(event: KeyboardEvent & { currentTarget: HTMLDivElement }): void {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")];
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
  buttons[(at + step + buttons.length) % buttons.length]?.focus();
  event.preventDefault();
}

/** Asks once for a click on what it is not, in the place of the hint. */
function AskForNot({ picture }: { picture: OpenPicture }) {
  const t = text.value;
  useEffect(() => askForNot(picture), []);
  return (
    <span class="hint ask" role="status">
      {t.editor.askForNot}
      <button type="button" onClick={() => (tool.value = "notPoint")}>
        <Icon name="notPoint" />
        {t.editor.tool.notPoint}
      </button>
      <button type="button" class="quiet" aria-label={t.close} onClick={() => putAside(picture)}>
        <Icon name="close" />
      </button>
    </span>
  );
}

/** Small or large regions for the wand. */
function RegionSizes({ picture }: { picture: OpenPicture }) {
  const t = text.value.editor;
  return (
    <fieldset class="sizes">
      <legend class="unseen">{t.regions}</legend>
      {(["small", "large"] as const).map((size) => (
        <label key={size}>
          <input
            type="radio"
            name="regions"
            checked={regionSize.value === size}
            onChange={() => (regionSize.value = size)}
          />
          {t.regionSizes[size]}
        </label>
      ))}
      {picture.regions.loading.value && (
        <span class="soft" role="status">
          {t.regionsLoading}
        </span>
      )}
    </fieldset>
  );
}

interface ViewBarProps extends ToolbarProps {
  control: { current: CanvasControl | null };
}

/** Below the picture: what the tool does, its size, and the zoom. */
export function ViewBar({ picture, drawing, control }: ViewBarProps) {
  const t = text.value;
  const mode = picture.mode.value;
  const known = TOOLS[mode].includes(tool.value);
  const fresh = mode === "mark" && drawing?.fresh.value && APART.has(tool.value);
  const hint =
    mode === "result"
      ? picture.found.value && t.editor.hint.select
      : !known
        ? null
        : fresh
          ? t.editor.newObjectHint
          : t.editor.hint[tool.value];
  // Who has taken up a tool for 'not this' is told how it works.
  const asks = mode === "mark" && !NOT.has(tool.value) && asksForNot(picture, drawing);
  return (
    <div class="viewbar">
      {mode !== "mark" && (
        <label class="swipe">
          <span class="unseen">{t.result.swipe}</span>
          <input
            type="range"
            min="0"
            max="100"
            title={t.result.swipe}
            value={Math.round(look.value.swipe * 100)}
            onInput={(e) => changeLook({ swipe: Number(e.currentTarget.value) / 100 })}
          />
        </label>
      )}
      <div class="line">
        {drawing && SIZED.has(tool.value) && (
          <label class="size" title={`${t.editor.size} ([ ])`}>
            <span class="unseen">{t.editor.size}</span>
            <input
              type="range"
              min="-1"
              max="8"
              step="0.1"
              value={Math.log2(radius.value)}
              aria-valuetext={`${Math.round(radius.value * 2)} px`}
              onInput={(e) => (radius.value = 2 ** Number(e.currentTarget.value))}
            />
            <span class="soft">{Math.round(radius.value * 2)} px</span>
          </label>
        )}
        {drawing && tool.value === "wand" && known && <RegionSizes picture={picture} />}
        {asks ? <AskForNot picture={picture} /> : <span class="hint soft">{hint}</span>}
        <DisplayReset />
        <span class="zoom">
          <button
            type="button"
            class="quiet"
            aria-label={t.editor.zoomOut}
            title={`${t.editor.zoomOut} (-)`}
            onClick={() => control.current?.zoom(0.8)}
          >
            <Icon name="minus" />
          </button>
          <button
            type="button"
            class="quiet"
            title={`${t.editor.fit} (0)`}
            onClick={() => control.current?.fit()}
          >
            {t.editor.fit} · {t.editor.zoom(scale.value)}
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={t.editor.zoomIn}
            title={`${t.editor.zoomIn} (+)`}
            onClick={() => control.current?.zoom(1.25)}
          >
            <Icon name="plus" />
          </button>
        </span>
      </div>
    </div>
  );
}
