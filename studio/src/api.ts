/** One function a call of the service. What the server says goes wrong arrives as an ApiError. */

import { askForKey, key, whenOnline } from "./state/session";
import type {
  Choice,
  Compared,
  FolderAdded,
  FolderListing,
  ImageInfo,
  Info,
  Job,
  JobKind,
  KeptRun,
  LabelsRead,
  LabelsWay,
  ManyAction,
  ManyDone,
  Marks,
  MaskRuns,
  ObjectRow,
  Order,
  Pack,
  Page,
  People,
  PredictionDetail,
  PreviewAnswer,
  ProblemBody,
  Project,
  ProjectKind,
  ValueWindow,
  Way,
} from "./wire";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: unknown = null,
  ) {
    super(message);
  }
}

/** The server did not answer at all. */
export class OfflineError extends Error {}

interface Call {
  json?: unknown;
  body?: Blob;
  signal?: AbortSignal | undefined;
  /** How often a busy server is asked. */
  tries?: number;
}

const TRIES_WHEN_BUSY = 8;

/**
 * One request. Asks for a key where one is needed, and waits where the server is busy. A GET also waits for a
 * server that is away; everything else raises OfflineError then, so that nothing is done twice unasked.
 */
export async function request(method: string, path: string, call: Call = {}): Promise<Response> {
  for (let tries = 1; ; tries++) {
    const response = await send(method, path, call);
    if (!response) {
      const back = whenOnline();
      if (method !== "GET") throw new OfflineError();
      await back;
      call.signal?.throwIfAborted();
    } else if (response.ok) {
      return response;
    } else if (response.status === 401) {
      await askForKey();
    } else if (response.status === 429 && tries < (call.tries ?? TRIES_WHEN_BUSY)) {
      await pause(Number(response.headers.get("Retry-After") ?? 1), call.signal);
    } else {
      throw await problemOf(response);
    }
  }
}

async function send(method: string, path: string, call: Call): Promise<Response | null> {
  const headers = new Headers(authorization());
  if (call.json !== undefined) headers.set("Content-Type", "application/json");
  else if (call.body) headers.set("Content-Type", "application/octet-stream");
  const body = call.json === undefined ? call.body : JSON.stringify(call.json);
  try {
    return await fetch(path, { method, headers, body: body ?? null, signal: call.signal ?? null });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    return null;
  }
}

export function authorization(): Record<string, string> {
  return key.value ? { Authorization: `Bearer ${key.value}` } : {};
}

async function problemOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  return problemFrom(response.status, text);
}

export function problemFrom(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: ProblemBody };
    return new ApiError(status, error.code, error.message, error.details);
  } catch {
    return new ApiError(status, "unexpected_answer", `${status}: ${text.slice(0, 200)}`);
  }
}

export function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, Math.min(Math.max(seconds, 0.2), 30) * 1000);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function json<T>(method: string, path: string, call: Call = {}): Promise<T> {
  return (await request(method, path, call)).json() as Promise<T>;
}

function query(values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/** How the action 'consensus' is done. */
export interface Consensus {
  way?: Way;
  replace?: boolean;
}

export interface ImageQuery {
  order?: Order;
  verdict?: string;
  q?: string;
  checked?: string;
  limit?: number;
  cursor?: string | null;
  /** The image by whose look the order 'like' sorts. */
  to?: string;
  reverse?: "true";
}

const chosen = (choice: Choice | null) => (choice ? { [choice.option]: choice.value } : {});
const asked = ({ format, person, ...flags }: LabelsWay & { store: boolean }) => ({
  format,
  person,
  ...Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, String(flag)])),
});
const project = (p: string) => `/v1/projects/${encodeURIComponent(p)}`;
const image = (p: string, i: string) => `${project(p)}/images/${encodeURIComponent(i)}`;

/** Of the marks of one person, or, with '', of the picture's own. */
const marksPath = (p: string, i: string, person: string) =>
  `${image(p, i)}/marks${person ? `?${query({ person })}` : ""}`;

export const api = {
  info: () => json<Info>("GET", "/v1/info"),
  folders: (path: string) => json<FolderListing>("GET", `/v1/folders?${query({ path })}`),

  packs: () => json<Page<Pack>>("GET", "/v1/packs"),
  packArchivePath: (name: string) => `/v1/packs/${encodeURIComponent(name)}/archive`,
  packsPath: (replace: boolean) => `/v1/packs?${query({ replace: String(replace) })}`,

  projects: (cursor: string | null = null) => json<Page<Project>>("GET", `/v1/projects?${query({ cursor })}`),
  project: (p: string) => json<Project>("GET", project(p)),
  createProject: (name: string, kind: ProjectKind = "images") =>
    json<Project>("POST", "/v1/projects", { json: { name, kind } }),
  changeProject: (
    p: string,
    changes: Partial<
      Pick<Project, "name" | "scale" | "classes" | "pack" | "concept" | "pixel_size" | "unit">
    >,
  ) => json<Project>("PATCH", project(p), { json: changes }),
  deleteProject: (p: string) => request("DELETE", project(p)),

  images: (p: string, asked: ImageQuery, signal?: AbortSignal) =>
    json<Page<ImageInfo>>("GET", `${project(p)}/images?${query({ ...asked })}`, {
      signal,
      ...(asked.order === "like" ? { tries: 1 } : {}),
    }),
  image: (p: string, i: string) => json<ImageInfo>("GET", image(p, i)),
  deleteImage: (p: string, i: string) => request("DELETE", image(p, i)),
  addFolder: (p: string, path: string, recursive: boolean, choice: Choice | null = null) =>
    json<FolderAdded>("POST", `${project(p)}/folder`, { json: { path, recursive, ...chosen(choice) } }),
  regionsPath: (p: string, i: string, size: "small" | "large") => `${image(p, i)}/regions/${size}`,
  viewPath: (p: string, i: string, seen: { low: number; high: number } | null = null) =>
    `${image(p, i)}/view${seen ? `?${query({ low: seen.low, high: seen.high })}` : ""}`,
  valueWindow: (p: string, i: string) => json<ValueWindow>("GET", `${image(p, i)}/window`),
  thumbnailPath: (p: string, i: string) => `${image(p, i)}/thumbnail?size=256`,
  uploadPath: (p: string, name: string) => `${project(p)}/images?${query({ name })}`,
  sourcePath: (p: string, name: string, choice: Choice | null = null) =>
    `${project(p)}/source?${query({ name, ...chosen(choice) })}`,
  cuesetPath: (p: string) => `${project(p)}/cueset`,
  labelsPath: (p: string, name: string, way: LabelsWay & { store: boolean }) =>
    `${project(p)}/labels?${query({ ...asked(way), name })}`,
  labelsOfFolder: (p: string, path: string, way: LabelsWay & { store: boolean }) =>
    json<LabelsRead>("POST", `${project(p)}/labels/folder`, {
      json: { ...way, format: way.format || null, person: way.person || null, path },
    }),

  people: (p: string) => json<People>("GET", `${project(p)}/people`),

  marks: (p: string, i: string, person = "") => json<Marks>("GET", marksPath(p, i, person)),
  saveMarks: (p: string, i: string, marks: Marks, person = "") =>
    json<Marks>("PUT", marksPath(p, i, person), { json: marks }),
  deleteMarks: (p: string, i: string, person = "") => json<Marks>("DELETE", marksPath(p, i, person)),
  marksBetween: (p: string, i: string) => json<Marks>("GET", `${image(p, i)}/marks/between`),
  preview: (p: string, i: string, marks: Marks, signal: AbortSignal) =>
    json<PreviewAnswer>("POST", `${image(p, i)}/preview`, { json: { marks }, signal }),

  prepare: (p: string, i: string | null, signal: AbortSignal) =>
    request("POST", `${project(p)}/prepare`, { json: { image: i }, signal }),

  kept: (p: string) => json<Page<KeptRun>>("GET", `${project(p)}/kept`),
  keepRun: (p: string, name: string) => json<KeptRun>("POST", `${project(p)}/kept`, { json: { name } }),
  deleteKept: (p: string, k: string) => request("DELETE", `${project(p)}/kept/${encodeURIComponent(k)}`),
  comparison: (p: string, k: string, beside: string, cursor: string | null) =>
    json<Page<Compared>>(
      "GET",
      `${project(p)}/kept/${encodeURIComponent(k)}/comparison?${query({ with: beside, limit: 100, cursor })}`,
    ),

  prediction: (p: string, i: string) => json<PredictionDetail>("GET", `${image(p, i)}/prediction`),
  predictionMask: (p: string, i: string, signal?: AbortSignal) =>
    json<MaskRuns>("GET", `${image(p, i)}/prediction/mask?as=rle`, { signal }),
  uncertaintyPath: (p: string, i: string) => `${image(p, i)}/prediction/uncertainty`,
  review: (p: string, i: string, wrong: boolean) =>
    request("PUT", `${image(p, i)}/prediction/review`, { json: { wrong } }),
  objects: (p: string, cursor: string | null) =>
    json<Page<ObjectRow>>("GET", `${project(p)}/objects?${query({ limit: 500, cursor })}`),

  actOnImages: (p: string, action: ManyAction, images: readonly string[], how: Consensus = {}) =>
    json<ManyDone>("POST", `${project(p)}/images/actions`, { json: { action, images, ...how } }),

  run: (p: string, images: readonly string[] | null = null) =>
    json<Job>("POST", `${project(p)}/runs`, { json: images ? { images } : {} }),
  check: (p: string) => json<Job>("POST", `${project(p)}/checks`, { json: {} }),
  suggest: (p: string, n: number) => json<Job>("POST", `${project(p)}/suggestions`, { json: { n } }),
  export: (p: string, formats: string[], checked: boolean) =>
    json<Job>("POST", `${project(p)}/exports`, { json: { formats, checked } }),
  refine: (p: string, wanted: { name: string; minutes: number; group: "prefix" | null }) =>
    json<Job>("POST", `${project(p)}/refinements`, { json: wanted }),
  keep: (j: string, how: { anyway?: boolean; replace?: boolean }) =>
    json<Job>("POST", `/v1/jobs/${j}/keep`, { json: how }),
  drop: (j: string) => json<Job>("POST", `/v1/jobs/${j}/drop`, { json: {} }),
  jobs: (p: string, kind: JobKind) =>
    json<Page<Job>>("GET", `${project(p)}/jobs?${query({ kind, limit: 1 })}`),
  cancel: (j: string) => json<Job>("POST", `/v1/jobs/${j}/cancel`, { json: {} }),
  resume: (j: string) => json<Job>("POST", `/v1/jobs/${j}/resume`, { json: {} }),
  filePath: (j: string) => `/v1/jobs/${j}/file`,
  events: (j: string, signal: AbortSignal) => request("GET", `/v1/jobs/${j}/events`, { signal }),

  blob: async (path: string, signal?: AbortSignal) => (await request("GET", path, { signal })).blob(),
};
