/** What the service sends and takes. Written by docs/generate_wire.py from its OpenAPI document. */

/** The thing lies inside: x1, y1, x2, y2 (half-open pixels). */
export interface Box {
  xyxy: [number, number, number, number];
  class: number;
}

/** One thing that is looked for. `id` is its value in masks; `threshold` is there where one was given. */
export interface Class {
  id: number;
  name: string;
  colour: string;
  threshold: number | null;
}

/** An image in a kept run (`before`) and in the one beside it (`after`); null where one has not looked at it. `likeness` of the two masks: mean IoU over the classes, in [0, 1]. `truth` is there where the whole mask is known, from marks or because it was called right, and neither run had learnt from the image. */
export interface Compared {
  image_id: string;
  image: string;
  before: Side | null;
  after: Side | null;
  likeness: number | null;
  truth: Truth | null;
}

/** Every error. */
export interface Error {
  error: ErrorBody;
}

/** What was refused, and what to do. */
export interface ErrorBody {
  code: string;
  message: string;
  details: unknown;
}

/** A folder below the server's roots: names of its folders, number of its images. path '' lists the roots. */
export interface Folder {
  path: string;
  parent: string | null;
  folders: string[];
  images: number;
}

/** What came of a folder: at most 500 of the images are listed, `count` says how many are new. */
export interface FolderAdded {
  added: Image[];
  count: number;
  failed: NotAdded[];
  /** How many other files the folder holds, that are no pictures */
  note: string | null;
}

/** An image of a project. `digest` is the SHA-256 of its file, `marks` how it is marked as a cue; `checked`: a person has drawn its whole mask, or called the one that was found right. `index` is the number of a frame or slice, from 0, and `seconds` when it is shown; of images both are null. `people` have marked all of it, each by himself; `agreement` is the mean IoU of all pairs of them, in [0, 1]. */
export interface Image {
  id: string;
  name: string;
  width: number;
  height: number;
  bytes: number;
  digest: string;
  index: number | null;
  seconds: number | null;
  marks: "mask" | "sparse" | "absent" | null;
  marks_version: number;
  checked: boolean;
  people: string[];
  agreement: number | null;
  prediction: Prediction | null;
}

/** What this service is and can do. */
export interface Info {
  version: string;
  pack: string;
  packs: string[];
  roots: string[];
  limits: InfoLimits;
  formats: string[];
}

/** Bounds on requests. */
export interface InfoLimits {
  upload_bytes: number;
  pixels: number;
  queue: number;
  /** that a file packed more than `ratio` times may come to */
  unpacked_bytes: number;
  ratio: number;
}

/** Work in the queue, going on or done: `done` of `total` images, or of what its `stage` counts: of a refinement 'base', 'lessons', 'fit', 'refined', 'curve', 'last'. */
export interface Job {
  id: string;
  project: string;
  kind: "run" | "check" | "suggest" | "export" | "refine";
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  stage: string | null;
  error: JobError | null;
  result: Record<string, unknown> | null;
  created: string;
  started: string | null;
  finished: string | null;
}

/** Why a job failed. */
export interface JobError {
  code: string;
  message: string;
}

/** Results that were kept: of how many images, taught by how many, and how many have which verdict. */
export interface KeptRun {
  id: string;
  name: string;
  created: string;
  images: number;
  cues: number;
  verdicts: Record<string, number>;
}

/** A class of labels. `new`: the project does not have it yet. */
export interface LabelledClass {
  name: string;
  new: boolean;
  objects: number;
}

/** An image of the project of which labels speak. `objects`: name of a class -> number; `absent`: none is there; `replaces`: it is marked, and these take the place of its marks. */
export interface LabelledImage {
  image: string;
  name: string;
  file: string;
  objects: Record<string, number>;
  absent: boolean;
  replaces: boolean;
}

/** What labels say: at most 500 of the images are listed, `count` says how many there are, `absent` on how many of them nothing is marked, and `replaced` how many are marked already. `notes`: how files were understood. */
export interface LabelsRead {
  images: LabelledImage[];
  count: number;
  absent: number;
  replaced: number;
  classes: LabelledClass[];
  left_out: LeftOut[];
  notes: string[];
  stored: boolean;
}

/** Why something was left out, how often, and some of the files or images. */
export interface LeftOut {
  reason: string;
  count: number;
  names: string[];
}

/** What came of it: to how many it was done, those of them that are not gone as they are now, and the others. */
export interface ManyDone {
  done: number;
  images: Image[];
  refused: NotDone[];
}

/** What is marked on one image. `version` is the one a change is based on; 0: nothing was ever marked. `teaches` is there, and false, where the whole mask is known and the image is no cue: a person called what was found right. */
export interface Marks {
  version: number;
  absent: boolean;
  /** The thing lies inside: x1, y1, x2, y2 (half-open pixels). */
  boxes: Box[];
  /** A pixel of the thing, or (class 0) of something else. */
  points: Point[];
  /** A stroke of `width` pixels along `path` [(x, y), ...] on the thing, or (class 0) on something else. */
  scribbles: Scribble[];
  /** The outline of a thing: vertices [(x, y), ...] of one ring. Complete: what none of them covers is background. */
  polygons: Polygon[];
  mask: Mask | null;
  teaches: boolean;
}

/** A label map as run lengths, one list a class: down the columns, starting with pixels that are not of it. Classes do not overlap. The key 'ignore' holds what counts neither as a thing nor as background. `objects`, left out where nobody has told things apart, are the run lengths of one object each, which do not overlap. */
export interface Mask {
  /** height and width, those of the image */
  size: [number, number];
  counts: Record<string, number[]>;
  objects: number[][] | null;
}

/** A file that could not be added. */
export interface NotAdded {
  name: string;
  error: string;
}

/** An image that stayed as it is, and why: `code` and `message` as of an error. */
export interface NotDone {
  image: string;
  code: string;
  message: string;
}

/** A pack, with the names of the concepts that come with it. */
export interface Pack {
  name: string;
  summary: string;
  /** SHA-256 of all of it */
  digest: string;
  /** who has signed it, in words */
  signature: string | null;
  /** the pack that it stands on */
  base: string | null;
  segmenter: string;
  /** an SPDX expression; NOASSERTION: not stated */
  licence: string;
  /** of the pictures that it was trained on */
  data_licences: string[];
  organisation: string | null;
  /** two letters of ISO 3166 */
  country: string | null;
  region: string | null;
  sector: string | null;
  task: string | null;
  date: string | null;
  /** means, by number of cues */
  scores: Record<string, number>;
  /** of its own files */
  bytes: number;
  /** it came with the package */
  builtin: boolean;
  problem: string | null;
  concepts: string[];
}

/** How far two people agree: the mean IoU over the `images` that both have marked. */
export interface PairOfPeople {
  person: string;
  other: string;
  images: number;
  agreement: number;
}

/** Who has marked images of a project by himself, and how far they agree: the mean over the `images` that two at least have marked. `you`: the name that your key has, under which alone you mark; null: under any. */
export interface People {
  people: Person[];
  pairs: PairOfPeople[];
  images: number;
  agreement: number | null;
  you: string | null;
}

/** One who marks images beside others: of how many `images` all, the mean IoU with the others, and by STAPLE: class id -> `sensitivity` and `specificity`; all in [0, 1]. */
export interface Person {
  name: string;
  images: number;
  agreement: number | null;
  sensitivity: Record<string, number>;
  specificity: Record<string, number>;
}

/** A pixel of the thing, or (class 0) of something else. */
export interface Point {
  xy: [number, number];
  /** 0: 'not this' */
  class: number;
}

/** The outline of a thing: vertices [(x, y), ...] of one ring. Complete: what none of them covers is background. */
export interface Polygon {
  path: [number, number][];
  class: number;
}

/** What the last run found. counts and areas: class id -> number of objects, pixels. `stale`: the marks have changed since; `wrong`: a person said so. */
export interface Prediction {
  verdict: "found" | "doubtful" | "absent" | null;
  confidence: number | null;
  counts: Record<string, number>;
  areas: Record<string, number>;
  seconds: number | null;
  error: string | null;
  stale: boolean;
  wrong: boolean;
}

/** One answer at once. `thresholds`: for each class the score from which a pixel is marked; `counts`: class id -> number of objects. Where things that touch were told apart, the mask has `objects`. */
export interface PredictionMask {
  verdict: "found" | "doubtful" | "absent";
  confidence: number;
  seconds: number;
  mask: Mask;
  counts: Record<string, number>;
  thresholds: number[];
}

/** One concept with its images. `cues` is the number of images that teach, `checked` of those whose mask a person has drawn or called right, `job` the newest that is not over. `source` is the video or volume whose frames or slices its images are, once it is there. `pack`: null is the service's; `concept`: one of the pack's that teaches beside the marks. `pixel_size`, in `unit`, is the edge of a pixel where a person has said it. */
export interface Project {
  id: string;
  name: string;
  kind: "images" | "video" | "volume";
  scale: "frame" | "pixel";
  pack: string | null;
  concept: string | null;
  pixel_size: number | null;
  unit: string | null;
  classes: Class[];
  source: Source | null;
  images: number;
  cues: number;
  checked: number;
  created: string;
  updated: string;
  job: Job | null;
}

/** A stroke of `width` pixels along `path` [(x, y), ...] on the thing, or (class 0) on something else. */
export interface Scribble {
  path: [number, number][];
  width: number;
  /** 0: 'not this' */
  class: number;
}

/** What a run says of an image. counts and areas: class id -> number of objects, pixels. */
export interface Side {
  verdict: "found" | "doubtful" | "absent" | null;
  confidence: number | null;
  counts: Record<string, number>;
  areas: Record<string, number>;
}

/** The video or volume of a project: `frames` frames, or slices along its first axis, in the order of its images. `seconds`: when the last frame is shown; `note`: what a person should know of it, such as where it breaks off. `series` or `channel`: which of several volumes of its folder or file it is, as it was chosen. */
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

/** How well each run fits what is known of an image: mean IoU over the classes, in [0, 1]. */
export interface Truth {
  before: number;
  after: number;
}

/** Through which values a volume is looked at: `low` becomes black and `high` white in what is segmented. `usual`: name -> (low, high), where its values look like those of computed tomography. */
export interface ValueWindow {
  low: number;
  high: number;
  usual: Record<string, [number, number]>;
}

/** Suffixes of the files that are taken, by the kind of project, in lower case. */
export const SUFFIXES = {
  images: [
    ".apng",
    ".avif",
    ".avifs",
    ".bmp",
    ".btf",
    ".bw",
    ".dib",
    ".gif",
    ".heic",
    ".heif",
    ".hif",
    ".icb",
    ".j2c",
    ".j2k",
    ".jfif",
    ".jif",
    ".jp2",
    ".jpc",
    ".jpe",
    ".jpeg",
    ".jpf",
    ".jpg",
    ".jpx",
    ".mpo",
    ".pbm",
    ".pcx",
    ".pfm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".psd",
    ".qoi",
    ".ras",
    ".rgb",
    ".rgba",
    ".sgi",
    ".tf8",
    ".tga",
    ".tif",
    ".tiff",
    ".vda",
    ".vst",
    ".webp",
  ],
  video: [
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".gif",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".wmv",
    ".ogv",
    ".flv",
  ],
  volume: [".nii.gz", ".nii", ".nrrd", ".nhdr", ".tif", ".tiff", ".dcm", ".dicom", ".ima"],
} as const;
