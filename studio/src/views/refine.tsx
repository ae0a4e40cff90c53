import { useRef, useState } from "preact/hooks";
import { api } from "../api";
import { errorOf } from "../events";
import { asAdmin } from "../state/packs";
import { follow, isActive, jobs, reloadProject } from "../state/project";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import type { Job, Project, RefineResult } from "../wire";
import { Curve } from "./curve";
import { Dialog, Failure, Progress } from "./dialog";
import { Icon } from "./icon";

/** Accepted pictures from which on a pack can be refined; the server says it, too. */
const FEWEST = 6;

/** Make a pack for pictures of this kind: from how many on, how far it is, and what came of it. */
export function RefineStep({ project }: { project: Project }) {
  const t = text.value.refine;
  const [asking, setAsking] = useState(false);
  const [looking, setLooking] = useState(false);
  const job = jobs.value.refine as Job<RefineResult> | undefined;
  if (isActive(job) && job) return <Refining job={job} />;
  const result = job?.state === "done" ? job.result : null;
  const stopped = job?.state === "cancelled" || job?.state === "failed";
  const missing = FEWEST - project.checked;
  return (
    <>
      <p class="soft aside">{t.lead}</p>
      {missing > 0 && <p class="soft">{t.missing(missing)}</p>}
      {result?.state === "open" && <p>{result.better ? t.better(result.gain) : t.notBetter}</p>}
      {result?.state === "kept" && <p>{t.kept(result.pack)}</p>}
      {stopped && job && <Failure error={errorOf(job)} />}
      {job?.state === "cancelled" && <p class="soft">{text.value.flow.stopped}</p>}
      <div class="buttons">
        {result?.state === "open" && (
          <button type="button" class="primary" onClick={() => setLooking(true)}>
            {t.compare}
          </button>
        )}
        {result?.state === "kept" && project.pack !== result.pack && (
          <button type="button" onClick={() => void adopt(project, result.pack)}>
            {t.use(result.pack)}
          </button>
        )}
        {stopped && job && (
          <button type="button" onClick={() => void go(() => api.resume(job.id))}>
            {text.value.flow.goOn}
          </button>
        )}
        <button type="button" disabled={missing > 0} onClick={() => setAsking(true)}>
          <Icon name="star" />
          {result ? t.again : t.open}
        </button>
      </div>
      {asking && <Ask project={project} onClose={() => setAsking(false)} />}
      {looking && job && result && (
        <Compare project={project} job={job} result={result} onClose={() => setLooking(false)} />
      )}
    </>
  );
}

/** Do what gives a job, and follow it. */
async function go(work: () => Promise<Job>): Promise<void> {
  try {
    follow(await work());
  } catch (error) {
    notify(sentence(error), "error");
  }
}

/** Let a project use a pack. */
async function adopt(project: Project, pack: string): Promise<void> {
  try {
    await api.changeProject(project.id, { pack, concept: null });
    await reloadProject();
  } catch (error) {
    notify(sentence(error), "error");
  }
}

function Refining({ job }: { job: Job }) {
  const t = text.value.refine;
  const stage =
    job.state === "queued" ? text.value.flow.queued : (t.stages[job.stage ?? ""] ?? text.value.flow.starting);
  return (
    <>
      <Progress label={t.title} done={job.done} all={job.total} />
      <p role="status" class="running">
        {stage}
        {job.total > 0 && ` ${text.value.film.running(job.done, job.total)}`}
      </p>
      <div class="buttons">
        <button type="button" onClick={() => void go(() => api.cancel(job.id))}>
          {text.value.flow.stop}
        </button>
      </div>
    </>
  );
}

function Ask({ project, onClose }: { project: Project; onClose: () => void }) {
  const t = text.value.refine;
  const name = useRef<HTMLInputElement>(null);
  const minutes = useRef<HTMLInputElement>(null);
  const [grouped, setGrouped] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(null);
    try {
      follow(
        await api.refine(project.id, {
          name: name.current?.value.trim() ?? "",
          minutes: Number(minutes.current?.value),
          group: grouped ? "prefix" : null,
        }),
      );
      onClose();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Dialog title={t.title} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{t.about}</p>
        <label class="field">
          {t.name}
          <input ref={name} required maxLength={64} pattern="[A-Za-z0-9][A-Za-z0-9_\-]*" title={t.nameHint} />
          <span class="soft">{t.nameHint}</span>
        </label>
        <label class="field">
          {t.minutes}
          <input ref={minutes} type="number" min="1" max="1440" step="any" required defaultValue="20" />
        </label>
        <label class="tick">
          <input type="checkbox" checked={grouped} onChange={() => setGrouped(!grouped)} />
          {t.grouped}
        </label>
        <Failure error={error} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {text.value.cancel}
          </button>
          <button type="submit" class="primary">
            {t.start}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface CompareProps {
  project: Project;
  job: Job;
  result: RefineResult;
  onClose: () => void;
}

/** The new pack beside its base, and whether it is to stay. */
function Compare({ project, job, result, onClose }: CompareProps) {
  const t = text.value.refine;
  const [error, setError] = useState<unknown>(null);
  const [anyway, setAnyway] = useState(false);
  const [replace, setReplace] = useState(false);
  const settle = async (work: () => Promise<Job>, use = false) => {
    setError(null);
    try {
      follow(await work());
      if (use) await adopt(project, result.pack);
      onClose();
    } catch (problem) {
      if (isTaken(problem)) setReplace(true);
      setError(problem);
    }
  };
  const keep = () => asAdmin(() => api.keep(job.id, { anyway, replace }));
  const offered = result.better || anyway;
  return (
    <Dialog title={t.compareTitle(result.pack)} wide onClose={onClose}>
      <p>{result.better ? t.better(result.gain) : t.notBetter}</p>
      {result.faults.map((fault) => (
        <p key={fault} class="failure">
          {fault}
        </p>
      ))}
      <div class="sides">
        <Figures result={result} />
        <Curve curve={result.curve} label={t.curve} base={result.base} />
      </div>
      <p class="soft">{t.measured(result.pictures)}</p>
      {result.twice_as_many_would_add !== null && <p>{t.outlook(result.twice_as_many_would_add)}</p>}
      {result.notes.map((note) => (
        <p key={note} class="soft">
          {note}
        </p>
      ))}
      {!result.better && (
        <label class="tick">
          <input type="checkbox" checked={anyway} onChange={() => setAnyway(!anyway)} />
          {t.anyway}
        </label>
      )}
      <p class="soft">{t.holds}</p>
      <Failure error={error} />
      <div class="actions">
        <button type="button" onClick={() => void settle(() => api.drop(job.id))}>
          {t.drop}
        </button>
        <button type="button" disabled={!offered} onClick={() => void settle(keep)}>
          {replace ? t.replace : t.keep}
        </button>
        <button type="button" class="primary" disabled={!offered} onClick={() => void settle(keep, true)}>
          {t.keepAndUse}
        </button>
      </div>
    </Dialog>
  );
}

function isTaken(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === "pack_exists";
}

function Figures({ result }: { result: RefineResult }) {
  const t = text.value.refine;
  const quiet = result.quiet_without;
  return (
    <div class="tablebox">
      <table>
        <thead>
          <tr>
            <th scope="col">{t.cues}</th>
            <th scope="col">{result.base}</th>
            <th scope="col">{result.pack}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(result.by_shots).map(([shots, { base, refined }]) => (
            <tr key={shots}>
              <th scope="row">{text.value.examples(Number(shots))}</th>
              <td>{base.toFixed(3)}</td>
              <td>{refined.toFixed(3)}</td>
            </tr>
          ))}
          {quiet && (
            <tr>
              <th scope="row">{t.quiet}</th>
              <td>{text.value.percent(quiet.base)}</td>
              <td>{text.value.percent(quiet.refined)}</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
