import { changeLook, look, showUncertainty } from "../state/pen";
import type { OpenPicture } from "../state/picture";
import { project } from "../state/project";
import { text } from "../text";
import type { ImageInfo, PreviewAnswer } from "../wire";
import { foundOf, isSuperseded } from "./badges";
import { Checked } from "./checked";
import { Failure } from "./dialog";
import { Icon } from "./icon";
import { ObjectPart } from "./object_part";
import { accept, judge } from "./picture_steps";

/** What was found, in words; how it is shown; correcting it. */
export function ResultPanel({ picture }: { picture: OpenPicture }) {
  const t = text.value;
  const image = picture.image.value;
  if (!image) return null;
  return (
    <>
      <h2>{t.result.title}</h2>
      {picture.mode.value === "correct" ? (
        <CorrectPart picture={picture} />
      ) : (
        <FoundPart picture={picture} image={image} />
      )}
      <LookPart picture={picture} />
    </>
  );
}

function FoundPart({ picture, image }: { picture: OpenPicture; image: ImageInfo }) {
  const t = text.value;
  const { prediction } = image;
  const classes = project.value?.classes ?? [];
  return (
    <>
      {!isSuperseded(image) && (
        <p class={prediction?.stale ? "said soft" : `said ${foundOf(image)}`}>
          {prediction ? inWords(image) : t.result.none}
        </p>
      )}
      {prediction?.error && <Failure error={prediction.error} />}
      {prediction?.stale && <p class="soft">{t.stale}</p>}
      {picture.isComplete && prediction && (
        <p class="soft">{image.marks ? t.result.isExample : t.checking.isChecked}</p>
      )}
      <div class="buttons">
        {picture.isComplete ? (
          <button type="button" onClick={() => (picture.mode.value = "mark")}>
            <Icon name="pencil" />
            {t.result.editMarks}
          </button>
        ) : (
          <button
            type="button"
            class="primary"
            title={`${t.result.correct} (C)`}
            disabled={!project.value?.cues}
            onClick={() => picture.beginCorrecting()}
          >
            <Icon name="pencil" />
            {prediction ? t.result.correct : t.result.tryNow}
          </button>
        )}
      </div>
      {prediction?.verdict && <JudgePart picture={picture} image={image} />}
      {prediction?.verdict && !isSuperseded(image) && (
        <ul class="counts">
          {classes.map(({ id, name, colour }) => (
            <li key={id}>
              <span class="swatch" style={{ backgroundColor: colour }} />
              {name}: {t.objects(prediction.counts[id] ?? 0)}
            </li>
          ))}
        </ul>
      )}
      <ObjectPart picture={picture} />
    </>
  );
}

/** Whether it is right, and how many pictures of the project are checked. */
function JudgePart({ picture, image }: { picture: OpenPicture; image: ImageInfo }) {
  const t = text.value.checking;
  const open = project.value;
  return (
    <>
      <div class="buttons judge">
        <button
          type="button"
          aria-pressed={image.checked}
          title={`${t.right} (Y): ${t.rightHint}`}
          onClick={() => void judge(picture, true)}
        >
          <Icon name="check" />
          {t.right} <kbd>Y</kbd>
        </button>
        <button
          type="button"
          aria-pressed={!!image.prediction?.wrong}
          title={`${t.wrong} (W): ${t.wrongHint}`}
          onClick={() => void judge(picture, false)}
        >
          <Icon name="close" />
          {t.wrong} <kbd>W</kbd>
        </button>
      </div>
      {open && <Checked project={open} />}
    </>
  );
}

function inWords(image: ImageInfo): string {
  const said = text.value.verdictLong;
  const found = foundOf(image);
  return found === "failed" || found === "unrun"
    ? said[found]
    : said[found](image.prediction?.confidence ?? 0);
}

function CorrectPart({ picture }: { picture: OpenPicture }) {
  const t = text.value.result;
  const correction = picture.correction.value;
  if (!correction) return null;
  correction.drawing.revision.value; // read, so that the buttons follow what is drawn
  const answer = correction.answer.value;
  return (
    <>
      <div class="buttons">
        <button
          type="button"
          class="primary"
          title="Ctrl Enter"
          disabled={correction.working.value}
          onClick={() => accept(picture)}
        >
          <Icon name="check" />
          {t.accept}
        </button>
        <button type="button" onClick={() => picture.discardCorrection()}>
          {t.discard}
        </button>
      </div>
      <p class="answer" role="status">
        {correction.working.value ? t.working : answer && answerInWords(answer)}
      </p>
      <Failure error={correction.error.value} onRetry={() => correction.retry()} />
      <p class="soft">{t.correctHint}</p>
    </>
  );
}

function answerInWords({ verdict, confidence, seconds }: PreviewAnswer): string {
  const t = text.value;
  return `${t.verdictLong[verdict](confidence)} (${t.result.tookSeconds(seconds)})`;
}

function LookPart({ picture }: { picture: OpenPicture }) {
  const t = text.value.result;
  const hide = (hidden: boolean) => () => changeLook({ hidden });
  return (
    <div class="look">
      <label class="field">
        <span>
          {t.opacity} <kbd>{"{"}</kbd> <kbd>{"}"}</kbd>
        </span>
        <input
          type="range"
          min="10"
          max="100"
          disabled={look.value.outlineOnly}
          value={Math.round(look.value.opacity * 100)}
          onInput={(e) => changeLook({ opacity: Number(e.currentTarget.value) / 100 })}
        />
      </label>
      <label class="tick">
        <input
          type="checkbox"
          checked={look.value.outlineOnly}
          onChange={(e) => changeLook({ outlineOnly: e.currentTarget.checked })}
        />
        {t.outline}
      </label>
      <label class="tick">
        <input
          type="checkbox"
          checked={showUncertainty.value}
          onChange={(e) => (showUncertainty.value = e.currentTarget.checked)}
        />
        {t.uncertainty}
      </label>
      {showUncertainty.value && picture.uncertainty.value === "none" && <p class="soft">{t.noUncertainty}</p>}
      <button
        type="button"
        title={`${t.hide} (H)`}
        onPointerDown={hide(true)}
        onPointerUp={hide(false)}
        onPointerLeave={hide(false)}
      >
        {t.hide} <kbd>H</kbd>
      </button>
    </div>
  );
}
