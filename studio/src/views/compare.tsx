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

/** A run that was kept beside the present one, or another: what is different, and which fits better what is known. */
export function Compare({ id }: { id: string }) {
  const t = text.value.compare;
  const [runs, setRuns] = useState<KeptRun[] | null>(null);
  const [chosen, setChosen] = useState("");
  /** The run beside it; '' is the present one. */
  const [beside, setBeside] = useState("");
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
  const others = runs?.filter((each) => each.id !== chosen) ?? [];
  const other = others.find((each) => each.id === beside);
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
              {t.first}
              <select value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>
                <Options runs={runs ?? []} />
              </select>
            </label>
            <label class="field">
              {t.with}
              <select value={other?.id ?? ""} onChange={(e) => setBeside(e.currentTarget.value)}>
                <option value="">{t.present}</option>
                <Options runs={others} />
              </select>
            </label>
            <button type="button" onClick={() => setAsked(true)}>
              <Icon name="trash" />
              {t.delete}
            </button>
          </div>
          {[run, ...(other ? [other] : [])].map((each) => (
            <p class="soft" key={each.id}>
              {other && `${each.name}: `}
              {t.about(each.images, each.cues, new Date(each.created).toLocaleString(language.value))}
            </p>
          ))}
          <Comparison
            key={`${run.id} ${other?.id}`}
            project={id}
            ids={[run.id, other?.id ?? ""]}
            names={[run.name, other?.name ?? t.present]}
          />
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

function Options({ runs }: { runs: readonly KeptRun[] }) {
  return (
    <>
      {runs.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </>
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

interface ComparisonProps {
  project: string;
  /** Of the two runs; '' is the present one. */
  ids: readonly [string, string];
  names: readonly [string, string];
}

function Comparison({ project: id, ids, names }: ComparisonProps) {
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
        const page: Awaited<ReturnType<typeof api.comparison>> = await api.comparison(id, ...ids, cursor);
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
      <Summary rows={rows} names={names} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways, with the keyboard too */}
      <div class="tablebox" role="region" aria-label={t.title} tabIndex={0}>
        <table class="compared">
          <thead>
            <tr>
              <th scope="col">{t.columns.picture}</th>
              {names.map((name) => (
                <th scope="col" key={name}>
                  {name}
                </th>
              ))}
              <th scope="col" class="number">
                {t.columns.likeness}
              </th>
              {names.map((name) => (
                <th scope="col" class="number" key={name}>
                  {t.columns.fit(name)}
                </th>
              ))}
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

function Summary({ rows, names }: { rows: readonly Compared[]; names: readonly [string, string] }) {
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
            <b>{Math.abs(gain) <= EVEN ? t.even : t.better(names[gain > 0 ? 1 : 0])}</b>{" "}
            {t.fit(known.length, names[0], shareOf(mean("before")), names[1], shareOf(mean("after")))}
          </p>
          <p class="soft">{t.counts(names[1], better, worse, known.length - better - worse)}</p>
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
