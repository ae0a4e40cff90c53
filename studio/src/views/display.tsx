import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import {
  CHANNELS,
  type Channel,
  changeDisplay,
  display,
  displayOpen,
  isPlain,
  matrixOf,
  resetDisplay,
  tableOf,
  valueWindow,
  windowOf,
} from "../state/display";
import { project } from "../state/project";
import { text } from "../text";
import type { ValueWindow } from "../wire";
import { Icon } from "./icon";

/** Applied to the sheet of the picture alone, see style.css. */
export function DisplayFilter() {
  if (isPlain.value) return null;
  const table = tableOf(display.value);
  return (
    <svg class="filter" width="0" height="0" aria-hidden="true">
      <filter id="display" color-interpolation-filters="sRGB" x="0" y="0" width="100%" height="100%">
        <feColorMatrix type="matrix" values={matrixOf(display.value.channel)} />
        <feComponentTransfer>
          <feFuncR type="table" tableValues={table} />
          <feFuncG type="table" tableValues={table} />
          <feFuncB type="table" tableValues={table} />
        </feComponentTransfer>
      </filter>
    </svg>
  );
}

/** Says that the picture is not shown as it is, and puts that right. */
export function DisplayReset() {
  const t = text.value.display;
  if (isPlain.value && !valueWindow.value) return null;
  return (
    <button type="button" class="quiet changed" title={t.reset} aria-label={t.reset} onClick={resetDisplay}>
      <Icon name="sun" />
      <Icon name="close" />
    </button>
  );
}

/** Brightness, contrast, gamma and channel; of a volume, its window of values. */
export function DisplayPart({ imageId }: { imageId: string }) {
  const t = text.value.display;
  const open = project.value;
  const { brightness, contrast, gamma, channel } = display.value;
  const percent = (share: number) => `${share > 0 ? "+" : ""}${Math.round(share * 100)} %`;
  return (
    <details
      class="look display"
      open={displayOpen.value}
      onToggle={(e) => (displayOpen.value = e.currentTarget.open)}
    >
      <summary>{t.title}</summary>
      <p class="soft">{t.lead}</p>
      {open?.kind === "volume" && <WindowPart projectId={open.id} imageId={imageId} />}
      {(["brightness", "contrast"] as const).map((name) => (
        <label class="field" key={name}>
          {t[name]}
          <input
            type="range"
            min="-100"
            max="100"
            value={Math.round((name === "brightness" ? brightness : contrast) * 100)}
            aria-valuetext={percent(name === "brightness" ? brightness : contrast)}
            onInput={(e) => changeDisplay({ [name]: Number(e.currentTarget.value) / 100 })}
          />
        </label>
      ))}
      <label class="field">
        {t.gamma}
        <input
          type="range"
          min="-2"
          max="2"
          step="0.1"
          value={Math.log2(gamma)}
          aria-valuetext={gamma.toFixed(2)}
          onInput={(e) => changeDisplay({ gamma: 2 ** Number(e.currentTarget.value) })}
        />
      </label>
      <label class="field">
        {t.channel}
        <select
          value={channel}
          onChange={(e) => changeDisplay({ channel: e.currentTarget.value as Channel })}
        >
          {CHANNELS.map((name) => (
            <option key={name} value={name}>
              {t.channels[name]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" disabled={isPlain.value && !valueWindow.value} onClick={resetDisplay}>
        {t.reset}
      </button>
    </details>
  );
}

/** Window and level of a volume: the width of the values that are told apart, and their middle. */
function WindowPart({ projectId, imageId }: { projectId: string; imageId: string }) {
  const t = text.value.display;
  const [own, setOwn] = useState<ValueWindow | null>(null);
  useEffect(() => {
    api.valueWindow(projectId, imageId).then(setOwn, () => setOwn(null)); // without it the slice is shown as it is
  }, [projectId]);
  if (!own) return null;
  const seen = windowOf(projectId) ?? own;
  const presets = Object.entries(own.usual);
  const here = presets.find(([, [low, high]]) => low === seen.low && high === seen.high)?.[0];
  const chosen = here ?? (windowOf(projectId) ? "own" : "");
  const set = (low: number, high: number) => {
    if (low < high) valueWindow.value = { project: projectId, low, high };
  };
  const [width, level] = [seen.high - seen.low, (seen.high + seen.low) / 2];
  const choose = (name: string) => {
    if (name === "") valueWindow.value = null;
    else if (own.usual[name]) set(...own.usual[name]);
  };
  return (
    <fieldset class="window">
      <legend>{t.values}</legend>
      <label class="field">
        {t.preset}
        <select value={chosen} onChange={(e) => choose(e.currentTarget.value)}>
          <option value="">{t.presets[""]}</option>
          {presets.map(([name]) => (
            <option key={name} value={name}>
              {t.presets[name] ?? name}
            </option>
          ))}
          {chosen === "own" && <option value="own">{t.presets.own}</option>}
        </select>
      </label>
      <div class="pair">
        <label class="field">
          {t.width}
          <input
            type="number"
            min="1"
            value={rounded(width)}
            onChange={(e) => {
              const half = Number(e.currentTarget.value) / 2;
              set(level - half, level + half);
            }}
          />
        </label>
        <label class="field">
          {t.level}
          <input
            type="number"
            value={rounded(level)}
            onChange={(e) => {
              const middle = Number(e.currentTarget.value);
              set(middle - width / 2, middle + width / 2);
            }}
          />
        </label>
      </div>
    </fieldset>
  );
}

function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
