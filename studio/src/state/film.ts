/** The frames of a video, or slices of a volume, in order; loaded whole, so that any of them can be gone to. */

import { computed, effect, signal, untracked } from "@preact/signals";
import { api } from "../api";
import type { ImageInfo, Project } from "../wire";
import { refreshed, updated } from "./gallery";
import { ended, project } from "./project";

const PAGE = 500;

export const frames = signal<ImageInfo[]>([]);
export const isFilm = computed(() => project.value !== null && project.value.kind !== "images");

let asking = new AbortController();

/** Which project, and how many frames of it there are: what is loaded anew where it changes. */
const wanted = computed(() => {
  const open = project.value;
  return isFilm.value && open ? `${open.id} ${open.source?.frames ?? 0}` : "";
});

effect(() => {
  asking.abort();
  asking = new AbortController();
  frames.value = [];
  const id = wanted.value && untracked(() => project.value?.id);
  if (id) load(id, asking.signal).catch(() => {}); // without them the page still goes from frame to frame
});

effect(() => {
  const over = ended.value;
  if (over?.kind === "run" && untracked(() => isFilm.value)) {
    load(over.project, asking.signal).catch(() => {});
  }
});

effect(() => take(refreshed.value));
effect(() => take(updated.value));

function take(image: ImageInfo | null): void {
  const known = untracked(() => frames.value);
  if (image && image.index !== null && known[image.index]?.id === image.id) {
    frames.value = known.with(image.index, image);
  }
}

async function load(id: string, signal: AbortSignal): Promise<void> {
  const found: ImageInfo[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: ImageInfo[]; next: string | null } = await api.images(
      id,
      { order: "name", limit: PAGE, cursor },
      signal,
    );
    found.push(...page.items);
    cursor = page.next;
    if (signal.aborted) return;
    // Those that are there already stay until all are known anew.
    if (found.length > frames.value.length || !cursor) frames.value = [...found];
  } while (cursor);
}

export type Sign = "marked" | "doubtful";

export interface Tick {
  /** Share of the way, 0 to 1. */
  at: number;
  sign: Sign;
}

/** Places of a slider that has `room` of them; where several frames share one, what is marked counts first. */
export function ticksOf(all: readonly ImageInfo[], room: number): Tick[] {
  const signs = new Map<number, Sign>();
  const last = Math.max(all.length - 1, 1);
  all.forEach((image, index) => {
    const sign: Sign | null = image.marks
      ? "marked"
      : image.prediction?.verdict === "doubtful"
        ? "doubtful"
        : null;
    const place = Math.round((index / last) * (room - 1));
    if (sign && (sign === "marked" || !signs.has(place))) signs.set(place, sign);
  });
  return [...signs].map(([place, sign]) => ({ at: place / Math.max(room - 1, 1), sign }));
}

/** Where a key takes the slider; null where it means nothing to it. */
export function stepTo(key: string, at: number, count: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowDown: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at + 1,
    PageUp: at - 10,
    PageDown: at + 10,
    Home: 0,
    End: count - 1,
  };
  return key in steps ? Math.min(Math.max(steps[key], 0), count - 1) : null;
}

const VIDEOS = /\.(mp4|m4v|mov|avi|mkv|webm|mpe?g|ts|mts|wmv|ogv)$/i;
const VOLUMES = /\.(nii|nii\.gz|nrrd)$/i;

/** The kind of project that a file belongs in, by its name. */
export function kindOf(name: string): Project["kind"] {
  return VIDEOS.test(name) ? "video" : VOLUMES.test(name) ? "volume" : "images";
}
