/** The connection to the server, its key, and what the person chose for this browser. */

import { effect, signal } from "@preact/signals";

const KEY = "cuecast-key";
const THEME = "cuecast-theme";

/** The API key (an admin's, where one was asked for), for as long as this tab is open. */
export const key = signal(sessionStorage.getItem(KEY) ?? "");
/** Whether the server asks for a key, and whether one was given and refused. */
export const keyWanted = signal<"no" | "missing" | "refused" | "admin">("no");
export const online = signal(true);

export type Theme = "auto" | "light" | "dark";
export const theme = signal<Theme>((localStorage.getItem(THEME) as Theme | null) ?? "auto");

effect(() => {
  localStorage.setItem(THEME, theme.value);
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
});

let keyGiven: ((given: boolean) => void)[] = [];
let backUp: (() => void)[] = [];
const PROBE_EVERY = 1500;

/** Resolves when the person has typed a key. */
export async function askForKey(): Promise<void> {
  keyWanted.value = key.value ? "refused" : "missing";
  await new Promise<boolean>((resolve) => keyGiven.push(resolve));
}

/** Ask for the key of an admin; whether one was typed. */
export function askForAdmin(): Promise<boolean> {
  keyWanted.value = "admin";
  return new Promise((resolve) => keyGiven.push(resolve));
}

export function giveKey(value: string): void {
  key.value = value;
  sessionStorage.setItem(KEY, value);
  answered(true);
}

/** Type no key: what needs an admin's is not done. */
export function giveNoKey(): void {
  answered(false);
}

function answered(given: boolean): void {
  keyWanted.value = "no";
  const waiting = keyGiven;
  keyGiven = [];
  for (const resolve of waiting) resolve(given);
}

/** Resolves when the server answers again; asks it every second or two meanwhile. */
export function whenOnline(): Promise<void> {
  const promise = new Promise<void>((resolve) => backUp.push(resolve));
  if (online.value) {
    online.value = false;
    setTimeout(probe, PROBE_EVERY);
  }
  return promise;
}

async function probe(): Promise<void> {
  const answer = await fetch("/healthz").catch(() => null);
  if (!answer?.ok) {
    setTimeout(probe, PROBE_EVERY);
    return;
  }
  online.value = true;
  const waiting = backUp;
  backUp = [];
  for (const resolve of waiting) resolve();
}

export interface Notice {
  id: number;
  kind: "info" | "error";
  text: string;
}

export const notices = signal<Notice[]>([]);
/** What screen readers are told: progress and results. */
export const spoken = signal("");
let lastNotice = 0;

export function notify(text: string, kind: Notice["kind"] = "info"): void {
  if (notices.value.some((notice) => notice.text === text)) return;
  const id = ++lastNotice;
  notices.value = [...notices.value, { id, kind, text }];
  if (kind === "info") setTimeout(() => dismiss(id), 6000);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
