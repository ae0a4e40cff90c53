/** The pictures of the gallery that are chosen, and what can be done to all of them at once. */

import { effect, signal } from "@preact/signals";
import { ApiError, api, type Consensus } from "../api";
import { sentence, text } from "../text";
import type { ImageInfo, ManyAction, ManyDone } from "../wire";
import {
  closed,
  filter,
  images,
  loadAll,
  outdateImages,
  reloadGallery,
  removeImages,
  search,
  total,
  updateImage,
} from "./gallery";
import { countVerdicts, follow, keepOrderOf, project, reloadProject } from "./project";
import { notify } from "./session";

/** So many are sent with one request: the page tells how far it is. */
const AT_ONCE = 50;

export const chosen = signal<ReadonlySet<string>>(new Set());
/** How far an action is; null where none is going on. */
export const acting = signal<{ done: number; all: number } | null>(null);

/** From where a range is chosen: the card that was chosen last by itself. */
let anchor = "";

effect(() => {
  // What is not shown any more must not be deleted unseen.
  void [filter.value, search.value, closed.value];
  clearChosen();
});

export function clearChosen(): void {
  anchor = "";
  if (chosen.peek().size) chosen.value = new Set();
}

/** Choose one more picture, or one less. */
export function toggleChosen(id: string): void {
  const next = new Set(chosen.peek());
  if (!next.delete(id)) next.add(id);
  anchor = id;
  chosen.value = next;
}

/** Choose all from the picture that was chosen last up to this one, in the order in which they are shown. */
export function chooseUpTo(id: string): void {
  const ids = images.peek().map((image) => image.id);
  const ends = [ids.indexOf(anchor), ids.indexOf(id)].sort((a, b) => a - b);
  if (ends[0] < 0) toggleChosen(id);
  else chosen.value = new Set([...chosen.peek(), ...ids.slice(ends[0], ends[1] + 1)]);
}

/** Choose all that fit the filter, also those that are not loaded yet. */
export async function chooseAll(): Promise<void> {
  await loadAll();
  chosen.value = new Set(images.peek().map((image) => image.id));
}

/** The chosen pictures, as they are shown. */
export function chosenImages(): ImageInfo[] {
  return images.value.filter(({ id }) => chosen.value.has(id));
}

/** Run on the chosen pictures alone. */
export async function runChosen(): Promise<void> {
  const id = project.value?.id;
  if (!id) return;
  try {
    const job = await api.run(id, [...chosen.value]);
    keepOrderOf(job.id);
    follow(job);
    clearChosen();
  } catch (error) {
    notify(sentence(error), "error");
  }
}

/** Do one thing to all chosen pictures; those that were refused stay chosen. */
export function actOnChosen(action: ManyAction): Promise<void> {
  return actOn([...chosen.value], action);
}

/** Do one thing to these pictures; those that were refused are chosen then. */
export async function actOn(
  asked: readonly string[],
  action: ManyAction,
  how: Consensus = {},
): Promise<void> {
  const id = project.value?.id;
  if (!id || acting.value) return;
  const refused: ManyDone["refused"] = [];
  let done = 0;
  try {
    for (let from = 0; from < asked.length; from += AT_ONCE) {
      acting.value = { done: from, all: asked.length };
      const part = asked.slice(from, from + AT_ONCE);
      const told = await api.actOnImages(id, action, part, how);
      done += told.done;
      refused.push(...told.refused);
      const kept = new Set(told.refused.map(({ image }) => image));
      if (action === "delete") removeImages(part.filter((image) => !kept.has(image)));
      else for (const image of told.images) updateImage(image);
    }
    if (action !== "delete" && done) outdateImages();
    chosen.value = new Set(refused.map(({ image }) => image));
    tell(action, done, refused);
  } catch (error) {
    notify(sentence(error), "error");
  } finally {
    acting.value = null;
    await Promise.all([reloadProject(), countVerdicts(), reloadGallery()]).catch(() => {});
  }
}

function tell(action: ManyAction, done: number, refused: ManyDone["refused"]): void {
  const t = text.value.chosen;
  if (done) notify(t.done[action](done));
  const [first] = refused;
  if (!first) return;
  const reason = sentence(new ApiError(409, first.code, first.message));
  notify(t.refused(refused.length, reason), "error");
}

/** Whether all that fit the filter are chosen. */
export function allChosen(): boolean {
  return chosen.value.size >= total.value;
}
