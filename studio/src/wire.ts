/** What goes over the wire: the names and meanings of the service's HTTP API. */

export type Verdict = "found" | "doubtful" | "absent";
export type Scale = "frame" | "pixel";
export type JobKind = "run" | "check" | "suggest" | "export";
export type JobState = "queued" | "running" | "done" | "failed" | "cancelled";
export type Order = "name" | "doubtful" | "suggested";

export interface ClassInfo {
  id: number;
  name: string;
  colour: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
}

export interface Info {
  version: string;
  pack: string;
  packs: string[];
  roots: string[];
  limits: {
    upload_bytes: number;
    pixels: number;
    queue: number;
    unpacked_bytes: number;
    ratio: number;
  };
  formats: string[];
}

export interface ProblemBody {
  code: string;
  message: string;
  details: unknown;
}

export interface Job<R = unknown> {
  id: string;
  project: string;
  kind: JobKind;
  state: JobState;
  done: number;
  total: number;
  error: { code: string; message: string } | null;
  result: R | null;
  created: string;
  started: string | null;
  finished: string | null;
}

export type ProjectKind = "images" | "video" | "volume";

/** The video or volume whose frames or slices are the images of a project. */
export interface Source {
  name: string;
  bytes: number;
  digest: string;
  frames: number;
  width: number;
  height: number;
  seconds: number | null;
  note: string | null;
  series: string | null;
  channel: number | null;
}

/** One of several volumes of a file or folder, as requests name it. */
export interface Choice {
  option: "series" | "channel";
  value: string;
}

/** The details of the error `several_volumes`. */
export interface SeveralVolumes {
  option: Choice["option"];
  choices: { value: string; name: string }[];
}

export interface Project {
  id: string;
  name: string;
  kind: ProjectKind;
  scale: Scale;
  classes: ClassInfo[];
  source: Source | null;
  images: number;
  cues: number;
  created: string;
  updated: string;
  job: Job | null;
}

export interface PredictionInfo {
  verdict: Verdict | null;
  confidence: number | null;
  counts: Record<string, number>;
  areas: Record<string, number>;
  seconds: number | null;
  error: string | null;
  stale: boolean;
  wrong: boolean;
}

export interface ImageInfo {
  id: string;
  name: string;
  width: number;
  height: number;
  bytes: number;
  digest: string;
  /** Number of a frame or slice, from 0, and when it is shown; null of images. */
  index: number | null;
  seconds: number | null;
  marks: null | "mask" | "sparse" | "absent";
  marks_version: number;
  prediction: PredictionInfo | null;
}

export type Xy = [number, number];

export interface BoxMark {
  xyxy: [number, number, number, number];
  class: number;
}

export interface PointMark {
  xy: Xy;
  class: number;
}

export interface ScribbleMark {
  path: Xy[];
  width: number;
  class: number;
}

export interface PolygonMark {
  path: Xy[];
  class: number;
}

/** size is [height, width]; counts: class number or "ignore" -> COCO run lengths down the columns, zeros first. */
export interface MaskRuns {
  size: [number, number];
  counts: Record<string, number[]>;
}

export interface Marks {
  version: number;
  absent: boolean;
  boxes: BoxMark[];
  points: PointMark[];
  scribbles: ScribbleMark[];
  polygons: PolygonMark[];
  mask: MaskRuns | null;
}

export interface PreviewAnswer {
  verdict: Verdict;
  confidence: number;
  seconds: number;
  mask: MaskRuns;
}

export interface FolderListing {
  path: string;
  parent: string | null;
  folders: string[];
  images: number;
}

export interface FolderAdded {
  added: ImageInfo[];
  count: number;
  failed: { name: string; error: string }[];
}

export interface CueFlag {
  image: string;
  image_id: string | null;
  kind: "shifted" | "inverted" | "class" | "border" | "magnification" | "harmful";
  reason: string;
  remedy: string;
  facts: Record<string, number>;
}

export interface CheckResult {
  ok: boolean;
  findings: { level: "error" | "warning"; entry: string; reason: string; remedy: string }[];
  leave_one_out: {
    iou: number | null;
    cues: { image: string; image_id: string | null; iou: number | null }[];
    flags: CueFlag[];
    curve: { cues: number; iou: number }[];
    more_helps: boolean | null;
    advice: string;
  } | null;
  note: string | null;
}

export interface SuggestResult {
  images: string[];
}

export type ObjectRow = Record<string, string | number | boolean | null>;
