import type { OpenPicture } from "../state/picture";
import { project } from "../state/project";
import { language, text } from "../text";
import { Icon } from "./icon";

/** How many objects there are, and the measures of the one that is chosen. */
export function ObjectPart({ picture }: { picture: OpenPicture }) {
  const t = text.value.object;
  const { objects } = picture;
  const ids = [...objects.figures.value.keys()];
  if (!ids.length) return null;
  const at = ids.indexOf(objects.chosen.value);
  return (
    <section class="object">
      <div class="steps">
        <h2>{at < 0 ? text.value.objects(ids.length) : t.place(at + 1, ids.length)}</h2>
        <button
          type="button"
          class="quiet"
          aria-label={t.previous}
          title={t.previous}
          onClick={() => objects.step(-1)}
        >
          <Icon name="back" />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={t.next}
          title={t.next}
          onClick={() => objects.step(1)}
        >
          <Icon name="forward" />
        </button>
      </div>
      {at < 0 ? <p class="soft">{t.none}</p> : <ObjectFigures picture={picture} />}
      {at >= 0 && objects.canChange && <ObjectChanges picture={picture} />}
    </section>
  );
}

/** Taking it away, making it one with another, cutting it. */
function ObjectChanges({ picture }: { picture: OpenPicture }) {
  const t = text.value.object;
  const { objects } = picture;
  const doing = objects.doing.value;
  return (
    <>
      <div class="buttons">
        <button type="button" onClick={() => objects.remove()}>
          <Icon name="trash" />
          {text.value.remove}
        </button>
        {(["merge", "cut"] as const).map((what) => (
          <button type="button" key={what} aria-pressed={doing === what} onClick={() => objects.begin(what)}>
            <Icon name={what} />
            {t[what]}
          </button>
        ))}
      </div>
      <p class="soft" role="status">
        {objects.missed.value && `${t.missed} `}
        {doing === "choose" ? picture.mode.value === "result" && t.becomes : t.how[doing]}
      </p>
    </>
  );
}

function ObjectFigures({ picture }: { picture: OpenPicture }) {
  const t = text.value;
  const figures = picture.objects.current.value;
  if (!figures) return null;
  const { row } = picture.objects;
  const number = (value: number) => value.toLocaleString(language.value, { maximumFractionDigits: 1 });
  const inUnits = (column: string, power = "") =>
    typeof row?.[column] === "number" ? ` · ${number(row[column])} ${row.unit}${power}` : "";
  const [x1, y1, x2, y2] = figures.box;
  const found = project.value?.classes.find(({ id }) => id === figures.label);
  const lines: [string, string][] = [
    [t.measures.columns.class, found?.name ?? String(figures.label)],
    [t.measures.columns.area, `${number(figures.area)} px${inUnits("area_units", "²")}`],
    [t.measures.columns.major_axis, `${number(figures.length)} px${inUnits("major_axis_units")}`],
    [t.measures.columns.minor_axis, `${number(figures.width)} px${inUnits("minor_axis_units")}`],
    [t.object.box, `${x1}, ${y1} – ${x2}, ${y2}`],
    [t.measures.columns.touches_border, figures.touchesEdge ? t.measures.yes : t.measures.no],
  ];
  if (typeof row?.confidence === "number")
    lines.push([t.measures.columns.confidence, t.percent(row.confidence)]);
  return (
    <dl class="figures" aria-live="polite">
      {lines.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
