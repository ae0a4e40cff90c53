/** The project that is open: its classes, counts and jobs. */

import { batch, computed, effect, signal, untracked } from "@preact/signals";
import { ApiError, api } from "../api";
import { coloursOf } from "../canvas/overlay";
import { followJob, hasEnded } from "../events";
import { text } from "../text";
import type { CheckResult, ClassInfo, ImageInfo, Job, JobKind, Project, SuggestResult } from "../wire";
import { outdateImages, refreshImage, reloadGallery, updateImage } from "./gallery";
import { lastSaved, refusedNames } from "./saver";
import { notify } from "./session";

export const VERDICTS = ["doubtful", "found", "absent", "failed", "unrun"] as const;
export type Found = (typeof VERDICTS)[number];

export const project = signal<Project | null>(null);
/** How many images have which verdict; null while it is not known. */
export const verdicts = signal<Record<Found, number> | null>(null);
/** The newest job of each kind. */
export const jobs = signal<Partial<Record<JobKind, Job>>>({});
/** The class that is drawn with. */
export const chosenClass = signal(1);

const colourList = computed(() =>
  JSON.stringify(project.value?.classes.map(({ id, colour }) => ({ id, colour })) ?? []),
);
/** Class number -> colour; the same object as long as no colour changes. */
export const colours = computed(() => coloursOf(JSON.parse(colourList.value)));
export const runJob = computed(() => jobs.value.run ?? null);
export const running = computed(() => isActive(jobs.value.run));
/** Image ids that are worth marking next, best first. */
export const suggested = computed(() => {
  const job = jobs.value.suggest;
  return job?.state === "done" ? ((job.result as SuggestResult | null)?.images ?? []) : [];
});
export const checked = computed(() => {
  const job = jobs.value.check;
  return job?.state === "done" ? (job.result as CheckResult) : null;
});

let following = new AbortController();
/** The project that was asked for last: an answer for another one comes too late. */
let asked: string | null = null;
/** What becomes of a job that has just ended. */
export const ended = signal<Job | null>(null);

export function isActive(job: Job | null | undefined): boolean {
  return !!job && !hasEnded(job);
}

export async function openProject(id: string): Promise<void> {
  if (project.value?.id === id) return;
  closeProject();
  asked = id;
  const opened = await api.project(id);
  if (asked !== id) return;
  project.value = opened;
  chosenClass.value = opened.classes[0]?.id ?? 1;
  const newest = await Promise.all(
    (["run", "check", "suggest", "refine"] as const).map((kind) => api.jobs(id, kind)),
  );
  if (project.value?.id !== id) return;
  for (const { items } of newest) if (items[0]) follow(items[0]);
  void countVerdicts();
}

export function closeProject(): void {
  following.abort();
  following = new AbortController();
  asked = null;
  batch(() => {
    project.value = null;
    verdicts.value = null;
    jobs.value = {};
    ended.value = null;
  });
}

effect(() => {
  const saved = lastSaved.value;
  // What it brings up to date is read, too; following that, it would go round for ever.
  untracked(() => {
    if (!saved || saved.project !== project.value?.id) return;
    // Marks make examples, and make results stale; what is only known to be right does neither.
    if (saved.teaches) outdateImages();
    void Promise.all([reloadProject(), refreshImage(saved.image)]).catch(() => {});
  });
});

export async function reloadProject(): Promise<void> {
  const id = project.value?.id;
  if (!id) return;
  const fresh = await api.project(id);
  if (project.value?.id === id) project.value = fresh;
}

/** Change the classes on the server. Raises ApiError, e.g. for a class that marks use. */
export async function saveClasses(classes: ClassInfo[]): Promise<void> {
  const id = project.value?.id;
  if (!id) return;
  // A new class has id 0 here and gets its number there.
  const wanted = classes.map(({ id, name, colour, threshold = null }) => ({
    ...(id ? { id } : {}),
    name,
    ...(colour ? { colour } : {}),
    threshold,
  }));
  const changed = await api.changeProject(id, { classes: wanted as ClassInfo[] });
  if (project.value?.id !== id) return;
  project.value = changed;
  if (!project.value.classes.some(({ id }) => id === chosenClass.value)) {
    chosenClass.value = project.value.classes[0].id;
  }
}

let counting = false;
let countAgain = false;

/** Ask how many images have which verdict; calls while it asks are answered by one more round. */
export async function countVerdicts(): Promise<void> {
  countAgain = true;
  if (counting) return;
  counting = true;
  try {
    while (countAgain && project.value) {
      countAgain = false;
      const id = project.value.id;
      const pages = await Promise.all(VERDICTS.map((verdict) => api.images(id, { verdict, limit: 1 })));
      if (project.value?.id !== id) continue;
      verdicts.value = Object.fromEntries(VERDICTS.map((v, k) => [v, pages[k].total])) as Record<
        Found,
        number
      >;
    }
  } finally {
    counting = false;
  }
}

/** Start a job and follow it. A job of the kind that is going on already is followed instead. */
export async function start(kind: "run" | "check" | "suggest"): Promise<void> {
  const id = project.value?.id;
  if (!id) return;
  const refused = refusedNames(id);
  if (refused.length) notify(text.value.flow.withoutMarks(refused.join(", ")), "error");
  const job = await started(id, kind);
  if (job && project.value?.id === id) follow(job);
}

async function started(id: string, kind: "run" | "check" | "suggest"): Promise<Job | undefined> {
  try {
    if (kind === "run") return await api.run(id);
    return kind === "check" ? await api.check(id) : await api.suggest(id, 5);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "busy")) throw error;
    return (await api.jobs(id, kind)).items[0];
  }
}

export function follow(job: Job): void {
  setJob(job);
  if (hasEnded(job)) return;
  let finished = 0;
  const onImage = (image: ImageInfo) => {
    updateImage(image);
    if (++finished % 10 === 0) void countVerdicts();
  };
  const signal = following.signal;
  followJob(job.id, { onProgress: setJob, onImage }, signal).then(onEnd, (error) => {
    if (!signal.aborted)
      setJob({ ...job, state: "failed", error: { code: "unexpected", message: String(error) } });
  });
}

function setJob(job: Job): void {
  jobs.value = { ...jobs.value, [job.kind]: job };
}

/** Runs on a few pictures that were chosen: the order in which they were chosen stays. */
const inOrder = new Set<string>();

export function keepOrderOf(job: string): void {
  inOrder.add(job);
}

async function onEnd(job: Job): Promise<void> {
  batch(() => {
    setJob(job);
    ended.value = job;
  });
  if (job.kind === "run") {
    const order = inOrder.delete(job.id) ? undefined : "doubtful";
    await Promise.all([reloadProject(), countVerdicts(), reloadGallery(order)]);
  } else if (job.kind === "suggest" && job.state === "done") {
    await reloadGallery("suggested");
  }
}
