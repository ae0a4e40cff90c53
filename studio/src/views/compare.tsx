import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { paths } from "../route";
import { openProject, project } from "../state/project";
import { notify } from "../state/session";
import { language, sentence, text } from "../text";
import type { Compared, KeptRun } from "../wire";
import { Confirm, Failure, Progress } from "./dialog";
import { Icon } from "./icon";

/** So alike are two masks that a person would call them the same. */
const SAME = 0.98;
/** Differences of the fit below this decide nothing. */
const EVEN = 0.005;
const ROWS = 200;

/** A run that was kept beside the present one: what has changed, and which fits better what is known. */
export function Compare({ id }: { id: string }) {
  const t = text.value.compare;
  const [runs, setRuns] = useState<KeptRun[] | null>(null);
  const [chosen, setChosen] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [asked, setAsked] = useState(false);
  const load = async () => {
    await openProject(id);
    const { items } = await api.kept(id);
    setRuns(items);
    setChosen((before) => (items.some((run) => run.id === before) ? before : (items[0]?.id ?? "")));
  };
  useEffect(() => {
    load().catch(setError);
  }, [id]);
  const run = runs?.find((each) => each.id === chosen);
  const remove = async () => {
    await api.deleteKept(id, chosen);
    await load();
  };
  return (
    <div class="page measures">
      <h1>
        <a class="quiet" href={paths.project(id)} aria-label={text.value.editor.back}>
          <Icon name="back" />
        </a>
        {t.title}
      </h1>
      <Failure error={error} />
      {!runs && !error && <p class="soft">{text.value.loading}</p>}
      <KeepForm id={id} onKept={() => void load().catch(setError)} />
      {runs && !runs.length && <p class="soft">{t.none}</p>}
      {run && (
        <>
          <div class="line">
            <label class="field">
              {t.with}
              <select value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>
                {runs?.map((each) => (
                  <option key={each.id} value={each.id}>
                    {each.name}
                  </option>
                ))}
              </select>
            </label>
            <button type="button" onClick={() => setAsked(true)}>
              <Icon name="trash" />
              {t.delete}
            </button>
          </div>
          <p class="soft">
            {t.about(run.images, run.cues, new Date(run.created).toLocaleString(language.value))}
          </p>
          <Comparison key={run.id} project={id} run={run.id} />
        </>
      )}
      {asked && run && (
        <Confirm
          title={t.deleteTitle(run.name)}
          body={t.deleteText}
          action={text.value.remove}
          onConfirm={() => void remove().catch(setError)}
          onClose={() => setAsked(false)}
        />
      )}
    </div>
  );
}

/** The name under which the present run is kept. */
function KeepForm({ id, onKept }: { id: string; onKept: () => void }) {
  const t = text.value.compare;
  const [name, setName] = useState("");
  const keep = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await api.keepRun(id, name.trim() || t.unnamed(project.value?.cues ?? 0));
      setName("");
      notify(t.kept);
      onKept();
    } catch (refused) {
      notify(sentence(refused), "error");
    }
  };
  return (
    <form class="line keepform" onSubmit={(event) => void keep(event)}>
      <label class="field">
        {t.name}
        <input
          maxLength={200}
          placeholder={t.unnamed(project.value?.cues ?? 0)}
          value={name}
          onInput={(e) => setName(e.currentTarget.value)}
        />
      </label>
      <button type="submit">{t.keep}</button>
    </form>
  );
}

function Comparison({ project: id, run }: { project: string; run: string }) {
  const t = text.value.compare;
  const [rows, setRows] = useState<Compared[]>([]);
  const [total, setTotal] = useState(0);
  const [done, setDone] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let left = false;
    const load = async () => {
      let cursor: string | null = null;
      const all: Compared[] = [];
      do {
        const page: Awaited<ReturnType<typeof api.comparison>> = await api.comparison(id, run, cursor);
        if (left) return;
        all.push(...page.items);
        cursor = page.next;
        setTotal(page.total);
        setRows([...all]);
      } while (cursor);
      setDone(true);
    };
    load().catch(setError);
    return () => {
      left = true;
    };
  }, []);
  if (error) return <Failure error={error} />;
  if (!done) return <Progress label={t.title} done={rows.length} all={total} />;
  const sorted = [...rows].sort((a, b) => (a.likeness ?? -1) - (b.likeness ?? -1));
  return (
    <>
      <Summary rows={rows} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, with the keyboard too */}
      <div class="tablebox" role="region" aria-label={t.title} tabIndex={0}>
        <table class="compared">
          <thead>
            <tr>
              <th scope="col">{t.columns.picture}</th>
              <th scope="col">{t.columns.before}</th>
              <th scope="col">{t.columns.after}</th>
              <th scope="col" class="number">
                {t.columns.likeness}
              </th>
              <th scope="col" class="number">
                {t.columns.fitBefore}
              </th>
              <th scope="col" class="number">
                {t.columns.fitAfter}
              </th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, ROWS).map((row) => (
              <tr key={row.image_id}>
                <td>
                  <a href={paths.image(id, row.image_id)}>{row.image}</a>
                </td>
                <td>{sideInWords(row.before)}</td>
                <td>{sideInWords(row.after)}</td>
                <td class="number">{shareOf(row.likeness)}</td>
                <td class="number">{shareOf(row.truth?.before)}</td>
                <td class="number">{shareOf(row.truth?.after)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > ROWS && <p class="soft">{t.limited(ROWS)}</p>}
    </>
  );
}

function Summary({ rows }: { rows: readonly Compared[] }) {
  const t = text.value.compare;
  const both = rows.filter((row) => row.likeness !== null);
  const changed = both.filter((row) => (row.likeness ?? 0) < SAME).length;
  const known = rows.flatMap(({ truth }) => (truth ? [truth] : []));
  const mean = (side: "before" | "after") =>
    known.reduce((sum, truth) => sum + truth[side], 0) / (known.length || 1);
  const better = known.filter(({ before, after }) => after - before > EVEN).length;
  const worse = known.filter(({ before, after }) => before - after > EVEN).length;
  const gain = mean("after") - mean("before");
  return (
    <div class="verdicts" role="status">
      <p>{t.changed(changed, both.length)}</p>
      {known.length === 0 ? (
        <p class="soft">{t.unknown}</p>
      ) : (
        <>
          <p>
            <b>{Math.abs(gain) <= EVEN ? t.even : gain > 0 ? t.better : t.worse}</b>{" "}
            {t.fit(known.length, shareOf(mean("before")), shareOf(mean("after")))}
          </p>
          <p class="soft">{t.counts(better, worse, known.length - better - worse)}</p>
        </>
      )}
    </div>
  );
}

function shareOf(value: number | null | undefined): string {
  return typeof value === "number" ? value.toFixed(2) : "";
}

function sideInWords(side: Compared["before"]): string {
  const t = text.value;
  if (!side) return "–";
  const objects = Object.values(side.counts).reduce((sum, n) => sum + n, 0);
  const verdict = t.verdict[side.verdict ?? "failed"];
  return objects ? `${verdict}, ${t.objects(objects)}` : verdict;
}
