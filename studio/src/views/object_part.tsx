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
        <h3>{at < 0 ? text.value.objects(ids.length) : t.place(at + 1, ids.length)}</h3>
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
    </section>
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
