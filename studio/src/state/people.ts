/** Several people who mark the same pictures, each by himself: who they are, and whose marks are shown and drawn. */

import { effect, signal, untracked } from "@preact/signals";
import { api } from "../api";
import { sentence } from "../text";
import type { ImageInfo, People, Person } from "../wire";
import { lastSaved } from "./saver";
import { notify } from "./session";

const KEY = "cuecast-person ";

/** Who has marked pictures of the open project; null while it is not known. */
export const people = signal<People | null>(null);
/** Whose marks are shown and drawn; '' are the pictures' own, which teach. */
export const person = signal("");
/** Whether the outlines of the others are shown over those marks. */
export const showOthers = signal(false);

let project = "";

/** Whose marks are drawn is remembered by project, for as long as the tab is open. */
export function openPeople(id: string): void {
  if (id !== project) {
    project = id;
    person.value = sessionStorage.getItem(KEY + id) ?? "";
    people.value = null;
  }
  void reloadPeople();
}

export async function reloadPeople(): Promise<void> {
  const asked = project;
  try {
    const told = await api.people(asked);
    if (asked === project) people.value = told;
  } catch (error) {
    notify(sentence(error), "error");
  }
}

export function markAs(name: string): void {
  person.value = name;
  if (name) sessionStorage.setItem(KEY + project, name);
  else sessionStorage.removeItem(KEY + project);
}

/** Names under which marks can be drawn, the present one among them. */
export function names(): string[] {
  const known = people.value;
  const all = known?.you ? [known.you] : (known?.people.map(({ name }) => name) ?? []);
  return [...new Set([...all, ...(person.value ? [person.value] : [])])].sort();
}

/** The pictures on which people can be compared. */
export function shared(images: readonly ImageInfo[]): ImageInfo[] {
  return images.filter((image) => image.people.length > 1);
}

/** The mean over the classes; null where nothing is known. */
export function meanRate(rates: Person["sensitivity"]): number | null {
  const values = Object.values(rates);
  return values.length ? values.reduce((sum, rate) => sum + rate, 0) / values.length : null;
}

effect(() => {
  const saved = lastSaved.value;
  untracked(() => {
    const isNew = saved?.person && !people.value?.people.some(({ name }) => name === saved.person);
    if (isNew && saved.project === project) void reloadPeople();
  });
});
