import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { paths } from "../route";
import { openProject, project } from "../state/project";
import { ruled } from "../state/ruler";
import { language, text } from "../text";
import type { ObjectRow } from "../wire";
import { Failure } from "./dialog";
import { Icon } from "./icon";
import { MeasureSummary } from "./measure_summary";
import { PixelSizeDialog } from "./pixel_size";

const ROWS = 100;
/** So many objects are sorted in the browser; the export holds all. */
const MOST = 20_000;
const PIXELS = [
  "image",
  "object",
  "class",
  "area",
  "perimeter",
  "major_axis",
  "minor_axis",
  "centroid_x",
  "centroid_y",
  "x1",
  "y1",
  "x2",
  "y2",
  "touches_border",
  "confidence",
] as const;
const WORDS: ReadonlySet<string> = new Set(["image", "class", "touches_border", "unit"]);
const UNITS = ["unit", "area_units", "perimeter_units", "major_axis_units", "minor_axis_units"] as const;

/** The objects of all images with their measures. */
export function Measures({ id }: { id: string }) {
  const t = text.value;
  const [round, setRound] = useState(0);
  const reload = () => setRound(round + 1);
  const { rows, total, done, error } = useRows(id, round);
  const [sort, setSort] = useState<{ column: string; down: boolean } | null>(null);
  const [page, setPage] = useState(0);
  const columns = rows.some((row) => row.unit) ? [...PIXELS, ...UNITS] : PIXELS;
  const sorted = sort
    ? [...rows].sort((a, b) => compare(a[sort.column], b[sort.column]) * (sort.down ? -1 : 1))
    : rows;
  const from = page * ROWS;
  const shown = sorted.slice(from, from + ROWS);
  const by = (column: string) => {
    setSort({ column, down: sort?.column === column ? !sort.down : false });
    setPage(0);
  };
  return (
    <div class="page measures">
      <div class="headline">
        <h1>
          <a class="quiet" href={paths.project(id)} aria-label={t.editor.back}>
            <Icon name="back" />
          </a>
          {t.measures.title}
        </h1>
        <span class="space" />
        <button type="button" onClick={() => (ruled.value = 0)}>
          {project.value?.pixel_size
            ? t.pixel.known(
                project.value.pixel_size,
                project.value.unit === "um" ? "µm" : (project.value.unit ?? ""),
              )
            : t.pixel.set}
        </button>
      </div>
      {ruled.value !== null && <PixelSizeDialog onSaved={reload} />}
      <Failure error={error} />
      {done && !rows.length && !error && <p class="soft">{t.measures.none}</p>}
      {!done && <p class="soft">{t.loading}</p>}
      {total > MOST && <p class="soft">{t.measures.limited(MOST)}</p>}
      {rows.length > 0 && (
        <>
          <MeasureSummary rows={rows} />
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, with the keyboard too */}
          <div class="tablebox" role="region" aria-label={t.measures.title} tabIndex={0}>
            <table>
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th
                      key={column}
                      class={WORDS.has(column) ? "" : "number"}
                      aria-sort={sort?.column === column ? (sort.down ? "descending" : "ascending") : "none"}
                    >
                      <button
                        type="button"
                        title={t.measures.sortBy(t.measures.columns[column])}
                        onClick={() => by(column)}
                      >
                        {t.measures.columns[column]}
                        <span class="sortmark" aria-hidden="true">
                          {sort?.column === column ? (sort.down ? "▼" : "▲") : ""}
                        </span>
                      </button>
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shown.map((row) => (
                  <tr key={`${row.image_id} ${row.object}`}>
                    {columns.map((column) => (
                      <Cell key={column} project={id} row={row} column={column} />
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <nav class="pager" aria-label={t.measures.title}>
            <button
              type="button"
              class="quiet"
              disabled={!page}
              aria-label={t.measures.previous}
              onClick={() => setPage(page - 1)}
            >
              <Icon name="back" />
            </button>
            <span>{t.measures.rows(from + 1, from + shown.length, rows.length)}</span>
            <button
              type="button"
              class="quiet"
              disabled={from + ROWS >= rows.length}
              aria-label={t.measures.next}
              onClick={() => setPage(page + 1)}
            >
              <Icon name="forward" />
            </button>
          </nav>
        </>
      )}
    </div>
  );
}

/** The rows of a project; `round` counts how often they were asked for. */
function useRows(id: string, round: number) {
  const [rows, setRows] = useState<ObjectRow[]>([]);
  const [total, setTotal] = useState(0);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let left = false;
    const load = async () => {
      await openProject(id);
      const all: ObjectRow[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof api.objects>> = await api.objects(id, cursor);
        if (left) return;
        all.push(...page.items);
        cursor = page.next;
        setTotal(page.total);
      } while (cursor && all.length < MOST);
      setRows(all.slice(0, MOST));
    };
    load()
      .catch(setError)
      .finally(() => setDone(true));
    return () => {
      left = true;
    };
  }, [id, round]);
  return { rows, total, done, error };
}

function Cell({ project, row, column }: { project: string; row: ObjectRow; column: string }) {
  const t = text.value.measures;
  const value = row[column];
  if (column === "image") {
    return (
      <td>
        <a href={paths.image(project, String(row.image_id))}>{String(value)}</a>
      </td>
    );
  }
  if (typeof value === "boolean") return <td>{value ? t.yes : t.no}</td>;
  if (typeof value !== "number") return <td>{value ?? ""}</td>;
  return <td class="number">{value.toLocaleString(language.value, { maximumFractionDigits: 2 })}</td>;
}

/** Numbers by size, words by the alphabet, what is missing last. */
function compare(a: ObjectRow[string] | undefined, b: ObjectRow[string] | undefined): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a == null || b == null) return Number(a == null) - Number(b == null);
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
