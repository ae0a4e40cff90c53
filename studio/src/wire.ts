/** What goes over the wire. The service's own types are in service.ts, which is written from its OpenAPI document. */

import type * as Service from "./service";

export type {
  Box as BoxMark,
  Class as ClassInfo,
  Compared,
  ErrorBody as ProblemBody,
  Folder as FolderListing,
  FolderAdded,
  Image as ImageInfo,
  Info,
  KeptRun,
  LabelsRead,
  ManyDone,
  Mask as MaskRuns,
  Pack,
  People,
  Person,
  Point as PointMark,
  Prediction as PredictionInfo,
  PredictionMask as PreviewAnswer,
  Scribble as ScribbleMark,
  Source,
  ValueWindow,
} from "./service";

/** `teaches` is left out where it is true. */
export type Marks = Omit<Service.Marks, "teaches"> & { teaches?: boolean };

/** How labels are read; `format` '': as they are; `person` '': as the pictures' own marks. */
export interface LabelsWay {
  format: string;
  person: string;
  replace: boolean;
  empty: boolean;
}

export type Xy = Service.Point["xy"];
export type Verdict = Service.PredictionMask["verdict"];
export type Scale = Service.Project["scale"];
export type ProjectKind = Service.Project["kind"];
export type JobKind = Service.Job["kind"];
export type JobState = Service.Job["state"];
export type Order =
  | "name"
  | "doubtful"
  | "suggested"
  | "count"
  | "area"
  | "confidence"
  | "like"
  | "agreement";
/** What can be done to many images at once. */
export type ManyAction = "accept" | "absent" | "between" | "consensus" | "delete";
/** How one truth is made of what several people have marked. */
export const WAYS = ["majority", "unanimous", "staple"] as const;
export type Way = (typeof WAYS)[number];

/** `R`: what a job of its kind comes to. */
export type Job<R = unknown> = Omit<Service.Job, "result"> & { result: R | null };
export type Project = Omit<Service.Project, "job"> & { job: Job | null };

export interface Page<T> {
  items: T[];
  next: string | null;
  total: number;
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

/** What a refinement comes to: the pack beside its base, by number of cues, and what became of it. */
export interface RefineResult {
  pack: string;
  base: string;
  better: boolean;
  faults: string[];
  by_shots: Record<string, { base: number; refined: number }>;
  quiet_without: { base: number; refined: number } | null;
  gain: number;
  pictures: number;
  curve: Record<string, number>;
  twice_as_many_would_add: number | null;
  concepts: string[];
  notes: string[];
  state: "open" | "kept" | "dropped";
}

export interface SuggestResult {
  images: string[];
}

/** With its objects, numbered from 1 as in objects.csv. */
export type PredictionDetail = Service.Prediction & { objects: ObjectRow[] };

export type ObjectRow = Record<string, string | number | boolean | null>;
