import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { errorOf } from "../events";
import { go, paths } from "../route";
import { isFilm } from "../state/film";
import { images } from "../state/gallery";
import {
  checked,
  ended,
  follow,
  isActive,
  jobs,
  reloadProject,
  start,
  suggested,
  verdicts,
} from "../state/project";
import { notify, spoken } from "../state/session";
import { sentence, text } from "../text";
import type { Job, Project, RefineResult, Scale } from "../wire";
import { AddPictures, SourceButton } from "./add";
import type { Adding } from "./adding";
import { Checked } from "./checked";
import { ChecksDialog } from "./checks";
import { ClassEditor } from "./classes";
import { Failure, Progress } from "./dialog";
import { ExportDialog } from "./export";
import { Icon } from "./icon";
import { LabelsDialog } from "./labels";
import { PackChoice } from "./pack_choice";
import { PeopleButton } from "./people";
import { toNextOpen } from "./picture_steps";
import { sizeOf } from "./projects";
import { RefineStep } from "./refine";
import { UploadList } from "./uploads";

interface FlowProps {
  project: Project;
  adding: Adding;
}

/** The way of the work, step by step: pictures, examples, run, results. */
export function Flow({ project, adding }: FlowProps) {
  const t = text.value;
  useAnnouncements();
  return (
    <aside class="flow" aria-label={t.flow.title}>
      <Step
        number={1}
        title={project.kind === "images" ? t.flow.pictures : t.film.step[project.kind]}
        note={project.kind === "images" ? t.pictures(project.images) : undefined}
        done={project.images > 0}
      >
        <PicturesStep project={project} adding={adding} />
      </Step>
      <Step
        number={2}
        title={t.flow.examples}
        note={project.cues ? t.examples(project.cues) : undefined}
        done={project.cues > 0}
      >
        <ExamplesStep project={project} />
      </Step>
      <div class={hasResults() ? "outcome pinned" : "outcome"}>
        <Step number={3} title={t.flow.run} done={jobs.value.run?.state === "done"}>
          <RunStep project={project} />
        </Step>
        <Step number={4} title={t.flow.results} done={false}>
          <ResultsStep project={project} />
        </Step>
      </div>
      {project.kind === "images" && (
        <Step number={5} title={t.refine.title} done={isKept()}>
          <RefineStep project={project} />
        </Step>
      )}
    </aside>
  );
}

function isKept(): boolean {
  return (jobs.value.refine?.result as RefineResult | null | undefined)?.state === "kept";
}

/** Tell screen readers how a run ends. */
function useAnnouncements(): void {
  const job = ended.value;
  useEffect(() => {
    if (job?.kind === "run" || job?.kind === "refine") spoken.value = endInWords(job);
  }, [job]);
}

/** Whether a run has found out anything yet. */
export function hasResults(): boolean {
  const counts = verdicts.value;
  return !!counts && counts.found + counts.doubtful + counts.absent + counts.failed > 0;
}

interface StepProps {
  number: number;
  title: string;
  /** How much there is of it, beside the title. */
  note?: string | undefined;
  done: boolean;
  children: preact.ComponentChildren;
}

function Step({ number, title, note, done, children }: StepProps) {
  return (
    <section class={done ? "step done" : "step"}>
      <h2>
        <span class="stepnumber">{done ? <Icon name="check" /> : number}</span>
        {title}
        {note && <span class="note soft">{note}</span>}
      </h2>
      {children}
    </section>
  );
}

/** The video or volume of the project, or the way to bring it in. */
function SourceStep({ project, adding }: FlowProps) {
  const t = text.value;
  const { source } = project;
  if (!source) {
    const add = (file: File) => adding.files({ folder: null, files: [file], skipped: 0 });
    return (
      <>
        <UploadList project={project.id} />
        <div class="ways">
          <SourceButton kind={project.kind} onPick={add} />
        </div>
      </>
    );
  }
  return (
    <>
      <p>
        <b>{source.name}</b>
      </p>
      <p class="soft">
        {sizeOf(project)}, {source.width} × {source.height}
        {source.seconds !== null && `, ${t.film.seconds(source.seconds)}`}
      </p>
      {source.series !== null && <p class="soft">{t.several.series(source.series)}</p>}
      {source.channel !== null && <p class="soft">{t.several.channel(source.channel)}</p>}
      {source.note && <p class="soft">{source.note}</p>}
    </>
  );
}

function PicturesStep({ project, adding }: FlowProps) {
  const t = text.value;
  if (project.kind !== "images") return <SourceStep project={project} adding={adding} />;
  return (
    <>
      <UploadList project={project.id} />
      <details open={project.images === 0}>
        <summary>{t.flow.addMore}</summary>
        <AddPictures
          onFiles={adding.files}
          onCueset={(file) => void adding.cueset(file)}
          server={{ project: async () => project.id }}
        />
      </details>
    </>
  );
}

function ExamplesStep({ project }: { project: Project }) {
  const t = text.value;
  const [checksOpen, setChecksOpen] = useState(false);
  const [labelsOpen, setLabelsOpen] = useState(false);
  const unmarked = images.value.filter((image) => !image.marks);
  const first =
    unmarked.find((image) => suggested.value.includes(image.id)) ?? unmarked[0] ?? images.value[0];
  const check = jobs.value.check;
  const suggest = jobs.value.suggest;
  return (
    <>
      {!project.cues && project.concept === null && <p>{t.flow.noExamples}</p>}
      {project.cues > 0 && project.cues < 3 && <p class="soft aside">{t.flow.someExamples}</p>}
      <h3>{t.flow.what}</h3>
      <ClassEditor project={project} />
      <div class="buttons">
        {first && (
          <button
            type="button"
            class={project.cues || project.concept !== null ? "" : "primary"}
            onClick={() => go(paths.image(project.id, first.id))}
          >
            <Icon name="brush" />
            {t.flow.openFirst}
          </button>
        )}
        {project.images > 0 && (
          <button type="button" onClick={() => setLabelsOpen(true)}>
            <Icon name="file" />
            {t.labels.open}
          </button>
        )}
        <PeopleButton project={project.id} />
        {project.cues > 0 && (
          <div class="buttons pair">
            {project.kind === "images" && (
              <JobButton kind="suggest" words={t.flow.suggest} busy={t.flow.suggesting} />
            )}
            <JobButton kind="check" words={t.flow.check} busy={t.flow.checking} />
          </div>
        )}
      </div>
      {suggest?.state === "done" && (
        <p class="soft">
          {suggested.value.length ? t.flow.suggestDone(suggested.value.length) : t.flow.suggestNone}
        </p>
      )}
      {labelsOpen && <LabelsDialog project={project.id} onClose={() => setLabelsOpen(false)} />}
      <Failure error={errorOf(suggest)} />
      <Failure error={errorOf(check)} />
      {checked.value && (
        <button type="button" class="link" onClick={() => setChecksOpen(true)}>
          {t.checks.title} …
        </button>
      )}
      {checksOpen && checked.value && (
        <ChecksDialog project={project} result={checked.value} onClose={() => setChecksOpen(false)} />
      )}
    </>
  );
}

interface JobButtonProps {
  kind: "check" | "suggest";
  words: string;
  busy: (done: number, all: number) => string;
}

function JobButton({ kind, words, busy }: JobButtonProps) {
  const job = jobs.value[kind];
  if (isActive(job) && job) {
    return (
      <p class="soft" role="status">
        {busy(job.done, job.total)}
        <Progress label={words} done={job.done} all={job.total} />
      </p>
    );
  }
  return (
    <button type="button" onClick={() => startOrTell(kind)}>
      <Icon name={kind === "suggest" ? "star" : "check"} />
      {words}
    </button>
  );
}

function startOrTell(kind: "run" | "check" | "suggest"): void {
  start(kind).catch((error) => notify(sentence(error), "error"));
}

function RunStep({ project }: { project: Project }) {
  const t = text.value;
  const job = jobs.value.run;
  const before = hasResults();
  const stale = images.value.some((image) => image.prediction?.stale);
  const shown = project.cues > 0 || project.concept !== null;
  if (isActive(job) && job) return <Running job={job} />;
  return (
    <>
      <PackChoice project={project} open={!before && !project.cues} />
      {!shown && <p class="soft">{t.flow.needExamples}</p>}
      {before && stale && <p>{t.flow.updateTitle}</p>}
      {project.kind === "images" && <ScaleChoice project={project} />}
      <div class="buttons">
        <button
          type="button"
          class={shown && (!before || stale) ? "primary" : ""}
          disabled={!shown || !project.images}
          onClick={() => startOrTell("run")}
        >
          {before
            ? t.flow.runAgain
            : project.kind === "images"
              ? t.flow.runAll(project.images)
              : t.film.run[project.kind]}
        </button>
      </div>
      {job?.state === "cancelled" && <p class="soft">{t.flow.stopped}</p>}
      <Failure error={errorOf(job)} />
      {job && (job.state === "cancelled" || job.state === "failed") && (
        <button type="button" onClick={() => void resume(job)}>
          {t.flow.goOn}
        </button>
      )}
    </>
  );
}

async function resume(job: Job): Promise<void> {
  follow(await api.resume(job.id));
}

/** How a run has ended. */
export function endInWords(job: Job): string {
  const { done, stopped } = text.value.flow;
  return job.error ? sentence(errorOf(job)) : job.state === "done" ? done : stopped;
}

/** How far a run is. */
export function runInWords(job: Job): string {
  const t = text.value;
  if (job.state === "queued") return t.flow.queued;
  if (!job.total) return t.flow.starting;
  return (isFilm.value ? t.film : t.flow).running(job.done, job.total);
}

function Running({ job }: { job: Job }) {
  const t = text.value;
  return (
    <>
      <Progress label={t.flow.run} done={job.done} all={job.total} />
      <p role="status" class="running">
        {runInWords(job)}
      </p>
      <button
        type="button"
        onClick={() => api.cancel(job.id).catch((error) => notify(sentence(error), "error"))}
      >
        {t.flow.stop}
      </button>
    </>
  );
}

function ScaleChoice({ project }: { project: Project }) {
  const t = text.value;
  const choose = async (scale: Scale) => {
    try {
      await api.changeProject(project.id, { scale });
      await reloadProject();
    } catch (error) {
      notify(sentence(error), "error");
    }
  };
  return (
    <details>
      <summary>{t.flow.scale}</summary>
      {(["frame", "pixel"] as const).map((scale) => (
        <label class="tick" key={scale}>
          <input
            type="radio"
            name="scale"
            checked={project.scale === scale}
            onChange={() => void choose(scale)}
          />
          {t.flow.scales[scale]}
        </label>
      ))}
    </details>
  );
}

function ResultsStep({ project }: { project: Project }) {
  const t = text.value;
  const [exporting, setExporting] = useState(false);
  const counts = verdicts.value;
  if (!counts || !hasResults()) return <p class="soft">{t.flow.noResults}</p>;
  return (
    <>
      <Shares counts={counts} />
      <Checked project={project} />
      {project.checked < project.images && (
        <div class="buttons">
          <button
            type="button"
            title={t.checking.startHint}
            onClick={() =>
              void toNextOpen(project.id, null).catch((error) => notify(sentence(error), "error"))
            }
          >
            <Icon name="check" />
            {t.checking.start}
          </button>
        </div>
      )}
      <div class="buttons pair">
        <button type="button" onClick={() => go(paths.measures(project.id))}>
          {t.flow.measures}
        </button>
        <button type="button" onClick={() => setExporting(true)}>
          {t.flow.export}
        </button>
        {project.kind === "images" && (
          <button type="button" onClick={() => go(paths.compare(project.id))}>
            {t.flow.compare}
          </button>
        )}
      </div>
      {exporting && <ExportDialog project={project} onClose={() => setExporting(false)} />}
    </>
  );
}

function Shares({ counts }: { counts: NonNullable<typeof verdicts.value> }) {
  const t = text.value;
  const shown = (["doubtful", "found", "absent", "failed"] as const).filter((verdict) => counts[verdict]);
  return (
    <ul class="shares">
      {shown.map((verdict) => (
        <li key={verdict} class={verdict} style={{ flexGrow: counts[verdict] }}>
          {t.verdict[verdict]} <b>{counts[verdict]}</b>
        </li>
      ))}
    </ul>
  );
}
