/** The server learns while marks are drawn and pictures are looked at, so that the first click need not wait for it. */

import { effect } from "@preact/signals";
import { api, pause } from "../api";
import { lastSaved } from "./saver";

/** Seconds without another stroke, or on one picture. */
const QUIET = 1;

let waiting = new AbortController();

/** Have the server learn what the next click on a picture needs, or on any that is not marked. The latest counts. */
export async function prepare(project: string, image: string | null): Promise<void> {
  waiting.abort();
  waiting = new AbortController();
  const { signal } = waiting;
  try {
    await pause(QUIET, signal);
    await api.prepare(project, image, signal);
  } catch {
    // Left, or not possible now: the click itself says what is wrong.
  }
}

effect(() => {
  const saved = lastSaved.value;
  if (saved && !saved.person) void prepare(saved.project, null);
});
