/** Playing a video: frame by frame, as fast as they come, and no faster than they were taken. */

import { effect, signal } from "@preact/signals";
import { api } from "../api";
import { go, paths, route } from "../route";
import { frames, isFilm } from "./film";
import { project } from "./project";

export const playing = signal(false);
/** The frame that is on the screen with all that belongs to it. */
export const onScreen = signal("");

/** Seconds between two slices, which have no time. */
const SLICE = 0.15;
/** Frames that are fetched before they are shown. */
const AHEAD = 3;

let timer = 0;
let since = 0;

export function togglePlaying(): void {
  if (playing.value) playing.value = false;
  else if (isFilm.value && frames.value.length > 1) {
    if (placeNow() === frames.value.length - 1) show(0);
    playing.value = true;
  }
}

function placeNow(): number {
  const at = route.value;
  return at.page === "image" ? frames.value.findIndex(({ id }) => id === at.image) : -1;
}

effect(() => {
  clearTimeout(timer);
  const at = route.value;
  if (!playing.value) return;
  if (at.page !== "image" || at.project !== project.value?.id) {
    playing.value = false;
    return;
  }
  if (onScreen.value !== at.image) return; // it is still coming
  const place = placeNow();
  const next = frames.value[place + 1];
  if (!next) {
    playing.value = false;
    return;
  }
  for (const frame of frames.value.slice(place + 1, place + 1 + AHEAD)) fetchAhead(frame.id);
  const [now, then] = [frames.value[place].seconds, next.seconds];
  const pause = now === null || then === null ? SLICE : then - now;
  timer = window.setTimeout(() => show(place + 1), Math.max(0, pause * 1000 - (performance.now() - since)));
});

const fetched = new Set<string>();

/** The browser keeps it until it is shown. */
function fetchAhead(id: string): void {
  const open = project.peek();
  if (!open || fetched.has(id)) return;
  if (fetched.size > 500) fetched.clear();
  fetched.add(id);
  api.blob(api.viewPath(open.id, id)).catch(() => fetched.delete(id));
}

function show(place: number): void {
  const open = project.peek();
  const frame = frames.peek()[place];
  since = performance.now();
  onScreen.value = ""; // until the frame has come, none is
  if (open && frame) go(paths.image(open.id, frame.id));
}
