import { useState } from "preact/hooks";
import { project } from "../state/project";
import { ruled, savePixelSize, UNITS } from "../state/ruler";
import { text } from "../text";
import { Dialog, Failure } from "./dialog";

/** Asks how long a line is, and keeps what a pixel is by that. */
export function PixelSizeDialog({ onSaved }: { onSaved?: () => void }) {
  const t = text.value.pixel;
  const drawn = ruled.value ?? 0;
  const known = project.value;
  const [length, setLength] = useState(drawn ? "" : known?.pixel_size ? String(known.pixel_size) : "");
  const [unit, setUnit] = useState<string>(known?.unit ?? "um");
  const [pixels, setPixels] = useState(drawn ? drawn.toFixed(1) : "1");
  const [error, setError] = useState<unknown>(null);
  const close = () => (ruled.value = null);
  const edge = Number(length) / Number(pixels);
  const valid = Number.isFinite(edge) && edge > 0;
  const save = async (size: Parameters<typeof savePixelSize>[0]) => {
    try {
      await savePixelSize(size);
      close();
      onSaved?.();
    } catch (refused) {
      setError(refused);
    }
  };
  const units = known?.unit && !UNITS.some((name) => name === known.unit) ? [known.unit, ...UNITS] : UNITS;
  return (
    <Dialog title={t.title} onClose={close}>
      <p class="soft">{drawn ? t.drawn(drawn) : t.lead}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (valid) void save({ edge, unit });
        }}
      >
        <div class="line">
          <label class="field">
            {t.length}
            <input
              type="number"
              min="0"
              step="any"
              required
              value={length}
              onInput={(e) => setLength(e.currentTarget.value)}
            />
          </label>
          <label class="field">
            {t.unit}
            <select value={unit} onChange={(e) => setUnit(e.currentTarget.value)}>
              {units.map((name) => (
                <option key={name} value={name}>
                  {name === "um" ? "µm" : name}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            {t.pixels}
            <input
              type="number"
              min="0"
              step="any"
              required
              value={pixels}
              onInput={(e) => setPixels(e.currentTarget.value)}
            />
          </label>
        </div>
        <p role="status">{valid ? t.edge(Number(edge.toPrecision(5)), unit === "um" ? "µm" : unit) : ""}</p>
        <Failure error={error} />
        <div class="actions">
          {known?.pixel_size && (
            <button type="button" onClick={() => void save(null)}>
              {t.forget}
            </button>
          )}
          <button type="submit" class="primary" disabled={!valid}>
            {text.value.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
