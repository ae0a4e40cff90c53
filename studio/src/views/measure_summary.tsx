import { useEffect, useRef, useState } from "preact/hooks";
import {
  binsOf,
  correlationOf,
  csvOf,
  type Dot,
  drawHistogram,
  drawScatter,
  type Look,
  summaryOf,
} from "../canvas/charts";
import { project } from "../state/project";
import { theme } from "../state/session";
import { language, text } from "../text";
import type { ObjectRow } from "../wire";
import { Icon } from "./icon";

const MEASURED = [
  "area",
  "perimeter",
  "major_axis",
  "minor_axis",
  "confidence",
  "area_units",
  "perimeter_units",
  "major_axis_units",
  "minor_axis_units",
] as const;
/** Of a histogram, in CSS pixels; a file has twice as many. */
const SIZE: [number, number] = [560, 240];
const ON_PAPER: Look = { ink: "#1d2023", ground: "#ffffff", bar: "#1f5fbf" };

interface SummaryProps {
  rows: readonly ObjectRow[];
}

/** Totals and means for each class, a histogram of one measure, two of them against each other; all as files. */
export function MeasureSummary({ rows }: SummaryProps) {
  const known = MEASURED.filter((column) => rows.some((row) => typeof row[column] === "number"));
  return (
    <div class="summary">
      <Totals rows={rows} columns={known} />
      <Histogram rows={rows} columns={known} />
      <Scatter rows={rows} columns={known} />
    </div>
  );
}

interface ColumnsProps extends SummaryProps {
  columns: readonly string[];
}

function valuesOf(rows: readonly ObjectRow[], column: string): number[] {
  return rows.map((row) => row[column]).filter((value) => typeof value === "number");
}

function inNumbers(value: number): string {
  return value.toLocaleString(language.value, { maximumSignificantDigits: 5 });
}

function Totals({ rows, columns }: ColumnsProps) {
  const t = text.value.measures;
  const names = [...new Set(rows.map((row) => String(row.class)))];
  const groups: [string, readonly ObjectRow[]][] = names.map((name) => [
    name,
    rows.filter((row) => String(row.class) === name),
  ]);
  if (groups.length > 1) groups.push([t.all, rows]);
  const save = () => {
    // Spreadsheets take UTF-8 for what it is where the file begins with this mark.
    const content = `\ufeff${csvOf(
      Object.keys(rows[0]).filter((column) => column !== "image_id"),
      rows,
    )}`;
    download(new Blob([content], { type: "text/csv" }), "csv");
  };
  const area = columns.includes("area_units") ? "area_units" : "area";
  const figure = (column: string, of: "total" | "mean") => (own: readonly ObjectRow[]) => {
    const found = summaryOf(valuesOf(own, column));
    return found ? inNumbers(found[of]) : "";
  };
  const lines: [string, (own: readonly ObjectRow[]) => string][] = [
    [t.count, (own) => inNumbers(own.length)],
    [t.total(t.columns[area]), figure(area, "total")],
    ...columns.map((column): (typeof lines)[number] => [t.mean(t.columns[column]), figure(column, "mean")]),
  ];
  return (
    <div class="totals">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, with the keyboard too */}
      <div class="tablebox" role="region" aria-label={t.totals} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <td />
              {groups.map(([name]) => (
                <th key={name} scope="col" class="number">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.map(([words, of]) => (
              <tr key={words}>
                <th scope="row">{words}</th>
                {groups.map(([name, own]) => (
                  <td key={name} class="number">
                    {of(own)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <button type="button" onClick={save}>
        <Icon name="file" />
        {t.saveTable}
      </button>
    </div>
  );
}

function Histogram({ rows, columns }: ColumnsProps) {
  const t = text.value.measures;
  const [column, setColumn] = useState<string>(columns[0]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const values = valuesOf(rows, column);
  const [bins, found] = [binsOf(values), summaryOf(values)];
  const name = t.columns[column];
  const mean = found ? `${t.mean(name)}${text.value.colon}${inNumbers(found.mean)}` : "";
  const save = useChart(
    canvas,
    (context, look) =>
      bins &&
      found &&
      drawHistogram(context, SIZE, bins, found.mean, look, {
        title: t.histogram(name),
        mean,
        number: inNumbers,
      }),
    [rows, column],
  );
  if (!bins || !found) return null;
  return (
    <div class="histogram">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${t.histogram(name)}, ${text.value.objects(found.count)}, ${mean}`}
      />
      <div class="line">
        <ColumnChoice label={t.measure} columns={columns} value={column} onChange={setColumn} />
        <button type="button" onClick={save}>
          <Icon name="file" />
          {t.saveHistogram}
        </button>
      </div>
    </div>
  );
}

/** How two measures go together: a dot for each object, in the colour of its class. */
function Scatter({ rows, columns }: ColumnsProps) {
  const t = text.value.measures;
  const [across, setAcross] = useState<string>(columns[0]);
  const [up, setUp] = useState<string>(columns[1] ?? columns[0]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = new Map(project.value?.classes.map(({ name, colour }) => [name, colour]));
  const dots: Dot[] = rows.flatMap((row) => {
    const [x, y] = [row[across], row[up]];
    const colour = shown.get(String(row.class)) ?? "#888888";
    return typeof x === "number" && typeof y === "number" ? [{ x, y, colour }] : [];
  });
  const r = correlationOf(dots);
  const note = r === null ? "" : t.correlation(r);
  const save = useChart(
    canvas,
    (context, look) =>
      dots.length &&
      drawScatter(context, SIZE, dots, look, {
        title: t.columns[up],
        across: t.columns[across],
        note,
        number: inNumbers,
      }),
    [rows, across, up],
  );
  if (!dots.length) return null;
  return (
    <div class="histogram scatter">
      <canvas
        ref={canvas}
        role="img"
        aria-label={[t.scatter(t.columns[across], t.columns[up]), text.value.objects(dots.length), note]
          .filter(Boolean)
          .join(", ")}
      />
      <div class="line">
        <ColumnChoice label={t.across} columns={columns} value={across} onChange={setAcross} />
        <ColumnChoice label={t.up} columns={columns} value={up} onChange={setUp} />
        <button type="button" onClick={save}>
          <Icon name="file" />
          {t.saveScatter}
        </button>
      </div>
    </div>
  );
}

interface ColumnChoiceProps {
  label: string;
  columns: readonly string[];
  value: string;
  onChange: (column: string) => void;
}

function ColumnChoice({ label, columns, value, onChange }: ColumnChoiceProps) {
  const t = text.value.measures;
  return (
    <select aria-label={label} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
      {columns.map((each) => (
        <option key={each} value={each}>
          {t.columns[each]}
        </option>
      ))}
    </select>
  );
}

/** Keep a chart drawn in the colours of the page; returns what saves it as a file, in those of paper. */
function useChart(
  canvas: { current: HTMLCanvasElement | null },
  draw: (context: CanvasRenderingContext2D, look: Look) => unknown,
  follows: readonly unknown[],
): () => void {
  const onto = (target: HTMLCanvasElement, scale: number, look: Look) => {
    const context = target.getContext("2d");
    if (!context) return;
    [target.width, target.height] = SIZE.map((side) => Math.round(side * scale));
    context.scale(scale, scale);
    draw(context, look);
  };
  useEffect(() => {
    const { current } = canvas;
    if (!current) return;
    const redraw = () => {
      const { color, backgroundColor, accentColor } = getComputedStyle(current);
      onto(current, devicePixelRatio, { ink: color, ground: backgroundColor, bar: accentColor });
    };
    redraw();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", redraw);
    return () => dark.removeEventListener("change", redraw);
  }, [...follows, language.value, theme.value]);
  return () => {
    const paper = document.createElement("canvas");
    onto(paper, 2, ON_PAPER);
    paper.toBlob((blob) => blob && download(blob, "png"), "image/png");
  };
}

/** Hand a file over to the browser, named after the project. */
function download(blob: Blob, ending: string): void {
  const url = URL.createObjectURL(blob);
  const name = `${project.value?.name ?? "objects"}.${ending}`;
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
