import { useState } from "preact/hooks";
import { ApiError } from "../api";
import { text } from "../text";
import type { Choice, SeveralVolumes } from "../wire";

/** What there is to choose from where a file or folder was refused for its several volumes; null for other errors. */
export function choicesOf(error: unknown): SeveralVolumes | null {
  if (!(error instanceof ApiError && error.code === "several_volumes")) return null;
  const found = error.details as SeveralVolumes;
  return found.choices.length ? found : null;
}

interface VolumeChoiceProps {
  /** Of the file or folder. */
  name: string;
  several: SeveralVolumes;
  busy?: boolean;
  onChoose: (choice: Choice) => void;
}

/** Asks which of several volumes is meant. */
export function VolumeChoice({ name, several, busy = false, onChoose }: VolumeChoiceProps) {
  const t = text.value.several;
  const { option, choices } = several;
  const [value, setValue] = useState(choices[0].value);
  const submit = (event: Event) => {
    event.preventDefault();
    onChoose({ option, value });
  };
  return (
    <form class="volumechoice" onSubmit={submit}>
      <p role="alert">
        <b>{name}</b> {t.holds[option](choices.length)}
      </p>
      <label class="field">
        {t.which[option]}
        <select value={value} onChange={(e) => setValue(e.currentTarget.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {option === "channel" ? choice.name : `${choice.name} · ${choice.value}`}
            </option>
          ))}
        </select>
      </label>
      <button type="submit" class="primary" disabled={busy}>
        {t.take}
      </button>
    </form>
  );
}
