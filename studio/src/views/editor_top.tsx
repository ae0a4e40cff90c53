import { go, paths } from "../route";
import { isFilm } from "../state/film";
import { images, total } from "../state/gallery";
import { panelOpen } from "../state/pen";
import { person } from "../state/people";
import type { Mode, OpenPicture } from "../state/picture";
import { isActive, jobs, project, start, verdicts } from "../state/project";
import type { SaveState } from "../state/saver";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import { isSuperseded, MarkBadge, Verdict } from "./badges";
import { hasResults, runInWords } from "./flow";
import { Icon } from "./icon";
import { goTo, neighbour } from "./picture_steps";

/** Which picture, what of it, and whether its marks are saved. */
export function EditorTop({ picture }: { picture: OpenPicture }) {
  const t = text.value.editor;
  const image = picture.image.value;
  const at = images.value.findIndex(({ id }) => id === picture.id);
  return (
    <div class="editortop">
      <a class="quiet" href={paths.project(picture.project)} aria-label={t.back} title={`${t.back} (Esc)`}>
        <Icon name="back" />
      </a>
      <h1 title={image?.name}>{image?.name ?? "…"}</h1>
      {image?.prediction && <Verdict image={image} />}
      {image && isSuperseded(image) && <MarkBadge image={image} />}
      <span class="space" />
      <Tabs picture={picture} />
      <span class="space" />
      {person.value && (
        <span class="badge count" title={text.value.people.whose}>
          {person.value}
        </span>
      )}
      <SaveMark picture={picture} />
      <RunPart picture={picture} />
      {at >= 0 && !isFilm.value && <span class="soft position">{t.position(at + 1, total.value)}</span>}
      <button
        type="button"
        class="quiet"
        disabled={!neighbour(-1)}
        aria-label={t.previous}
        title={`${t.previous} (PageUp)`}
        onClick={() => goTo(picture, -1)}
      >
        <Icon name="back" />
      </button>
      <button
        type="button"
        class="quiet"
        disabled={!neighbour(1)}
        aria-label={t.next}
        title={`${t.next} (PageDown)`}
        onClick={() => goTo(picture, 1)}
      >
        <Icon name="forward" />
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={t.panel}
        title={t.panel}
        aria-pressed={panelOpen.value}
        onClick={() => (panelOpen.value = !panelOpen.value)}
      >
        <Icon name="panel" />
      </button>
    </div>
  );
}

/** Runs all from here, with the marks as they are; while it runs, how far it is. */
function RunPart({ picture }: { picture: OpenPicture }) {
  const t = text.value.flow;
  const job = jobs.value.run;
  if (job && isActive(job)) {
    return (
      <span class="soft position" role="status">
        {runInWords(job)}
      </span>
    );
  }
  const run = async () => {
    await picture.saver.value?.save();
    const first = verdicts.value !== null && !hasResults();
    await start("run");
    // The first masks are seen where all pictures are.
    if (first) go(paths.project(picture.project));
  };
  const ready = !!project.value?.cues;
  return (
    <button
      type="button"
      class="primary"
      disabled={!ready}
      title={ready ? undefined : t.needExamples}
      onClick={() => void run().catch((error) => notify(sentence(error), "error"))}
    >
      {t.run}
    </button>
  );
}

function Tabs({ picture }: { picture: OpenPicture }) {
  const t = text.value.editor;
  const mode = picture.mode.value;
  const show = (next: Mode) => {
    picture.mode.value = next;
  };
  const second: Mode = picture.correction.value ? "correct" : "result";
  return (
    <div class="tabs" role="group" aria-label={`${t.tabMark} / ${t.tabResult}`}>
      <button type="button" aria-pressed={mode === "mark"} onClick={() => show("mark")}>
        {t.tabMark}
      </button>
      <button type="button" aria-pressed={mode !== "mark"} onClick={() => show(second)}>
        {second === "correct" ? t.tabCorrect : t.tabResult}
      </button>
    </div>
  );
}

const MARKS: Record<SaveState, string> = {
  saved: "ok",
  changed: "soft",
  saving: "soft",
  failed: "bad",
  conflict: "bad",
};

function SaveMark({ picture }: { picture: OpenPicture }) {
  const t = text.value;
  const saver = picture.saver.value;
  if (!saver) return null;
  const state = saver.state.value;
  return (
    <span
      class={`save ${MARKS[state]}`}
      role="status"
      title={state === "failed" ? sentence(saver.error.value) : undefined}
    >
      {state === "saved" && <Icon name="check" />}
      {t.editor.saveState[state]}
      {state === "failed" && (
        <button type="button" class="link" onClick={() => void saver.save()}>
          {t.tryAgain}
        </button>
      )}
    </span>
  );
}
