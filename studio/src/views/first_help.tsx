import { signal } from "@preact/signals";
import type { Drawing } from "../canvas/drawing";
import { project } from "../state/project";
import { text } from "../text";
import { Icon } from "./icon";

const KEY = "cuecast-first-help";
const closed = signal(localStorage.getItem(KEY) !== null);

function close(): void {
  localStorage.setItem(KEY, "closed");
  closed.value = true;
}

/** What to do on the first picture; gone with the first mark, and for good when it is closed. Clicks go through it. */
export function FirstHelp({ drawing }: { drawing: Drawing | null }) {
  const t = text.value;
  const open = project.value;
  drawing?.revision.value; // read, so that it goes with the first mark
  const begins = open && !open.cues && open.concept === null && drawing?.isEmpty;
  if (closed.value || !begins) return null;
  return (
    <div class="firsthelp">
      <h2>{t.firstHelp.title}</h2>
      <ol>
        {t.firstHelp.steps.map(([keys, words]) => (
          <li key={words}>
            {keys && <kbd>{keys}</kbd>} {words}
          </li>
        ))}
      </ol>
      <button type="button" class="quiet" aria-label={t.close} onClick={close}>
        <Icon name="close" />
      </button>
    </div>
  );
}
