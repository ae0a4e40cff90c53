import type { Drawing, Shapes } from "../canvas/drawing";
import { IGNORE } from "../canvas/labels";
import { isFilm } from "../state/film";
import type { OpenPicture } from "../state/picture";
import { project, start } from "../state/project";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import { ClassEditor } from "./classes";
import { Failure } from "./dialog";
import { Icon } from "./icon";
import { ObjectPart } from "./object_part";
import { copyToNext, fillIn, neighbour } from "./picture_steps";

/** Classes, 'not here', and a list of what is marked. */
export function MarkPanel({ picture }: { picture: OpenPicture }) {
  const t = text.value.editor;
  const saver = picture.saver.value;
  if (!saver || !project.value) return null;
  const { drawing } = saver;
  drawing.revision.value; // read, so that the list follows what is drawn
  return (
    <>
      {picture.offer.value && !drawing.isEmpty && <Offer picture={picture} />}
      {saver.state.value === "conflict" && <Conflict picture={picture} />}
      {saver.refused && <Failure error={saver.error.value} />}
      <ObjectPart picture={picture} />
      <h2>{t.classes}</h2>
      <ClassEditor project={project.value} />
      <label class="tick">
        <input
          type="checkbox"
          checked={drawing.shapes.absent}
          onChange={(e) => drawing.setAbsent(e.currentTarget.checked)}
        />
        {t.absent}
      </label>
      <h2>{t.marksTitle}</h2>
      <MarkList drawing={drawing} />
      <CarryButtons picture={picture} drawing={drawing} />
      {!drawing.isEmpty && (
        <button type="button" class="link" onClick={() => drawing.clear()}>
          <Icon name="trash" />
          {t.clear}
        </button>
      )}
    </>
  );
}

/** From this picture to the next one, and into this one from those around it. */
function CarryButtons({ picture, drawing }: { picture: OpenPicture; drawing: Drawing }) {
  const t = text.value.carry;
  if (drawing.isEmpty && !isFilm.value) return null;
  if (drawing.isEmpty) {
    return (
      <button type="button" title={`${t.betweenHint} (T)`} onClick={() => fillIn(picture)}>
        {t.between}
      </button>
    );
  }
  return (
    <button
      type="button"
      title={`${isFilm.value ? t.copyFrame : t.copy} (K)`}
      disabled={!neighbour(1)}
      onClick={() => copyToNext(picture)}
    >
      <Icon name="forward" />
      {isFilm.value ? t.copyFrame : t.copy}
    </button>
  );
}

function Offer({ picture }: { picture: OpenPicture }) {
  const t = text.value.result;
  const run = () => {
    picture.offer.value = false;
    start("run").catch((error) => notify(sentence(error), "error"));
  };
  return (
    <div class="offer" role="status">
      <p>
        {t.accepted} {t.offer}
      </p>
      <div class="buttons">
        <button type="button" class="primary" onClick={run}>
          {t.runNow}
        </button>
        <button type="button" onClick={() => (picture.offer.value = false)}>
          {t.later}
        </button>
      </div>
    </div>
  );
}

function Conflict({ picture }: { picture: OpenPicture }) {
  const t = text.value.editor;
  const tell = (error: unknown) => notify(sentence(error), "error");
  return (
    <div class="offer bad" role="alert">
      <p>{t.conflict}</p>
      <div class="buttons">
        <button type="button" onClick={() => picture.saver.value?.keepMine().catch(tell)}>
          {t.keepMine}
        </button>
        <button type="button" onClick={() => picture.reopenMarks().catch(tell)}>
          {t.takeTheirs}
        </button>
      </div>
    </div>
  );
}

type Kind = "boxes" | "points" | "scribbles";

function MarkList({ drawing }: { drawing: Drawing }) {
  const t = text.value.editor;
  const { shapes } = drawing;
  const painted = [...drawing.painted];
  if (shapes.absent) return <p class="soft">{t.absentNow}</p>;
  if (drawing.isEmpty) return <p class="soft">{t.noMarks}</p>;
  const without = (kind: Kind, at: number) =>
    drawing.add({ [kind]: shapes[kind].filter((_, k) => k !== at) } as Partial<Shapes>);
  return (
    <ul class="marks">
      {painted.map(([label, count]) => (
        <li key={`paint ${label}`}>
          <Swatch label={label} />
          <span>
            {label === IGNORE ? t.mark.ignore : t.mark.paint} <span class="soft">{t.pixels(count)}</span>
          </span>
        </li>
      ))}
      {drawing.objectCount !== null && (
        <li key="objects">
          <Icon name="object" />
          <span>{t.objects(drawing.objectCount)}</span>
        </li>
      )}
      {(["boxes", "points", "scribbles"] as const).flatMap((kind) =>
        shapes[kind].map((mark, k) => (
          <li key={`${kind} ${k}`}>
            <Swatch label={mark.class} />
            <span>{t.mark[wordOf(kind, mark.class)]}</span>
            <button
              type="button"
              class="quiet"
              aria-label={t.deleteMark}
              title={t.deleteMark}
              onClick={() => without(kind, k)}
            >
              <Icon name="close" />
            </button>
          </li>
        )),
      )}
    </ul>
  );
}

function wordOf(kind: Kind, label: number) {
  if (kind === "boxes") return "box";
  if (kind === "points") return label ? "point" : "notPoint";
  return label ? "scribble" : "notScribble";
}

function Swatch({ label }: { label: number }) {
  const found = project.value?.classes.find(({ id }) => id === label);
  return (
    <span
      class={label ? "swatch" : "swatch not"}
      style={{ backgroundColor: found?.colour }}
      title={found?.name}
    />
  );
}
