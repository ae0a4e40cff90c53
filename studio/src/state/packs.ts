/** The packs that the server has, and what needs an admin's key. */

import { signal } from "@preact/signals";
import { ApiError, api } from "../api";
import type { Pack } from "../wire";
import { askForAdmin } from "./session";
import { sendFile } from "./uploads";

/** By name; null while they are not known. */
export const packs = signal<Pack[] | null>(null);
/** The pack that segments where a project names none. */
export const usual = signal("");

export async function loadPacks(): Promise<void> {
  const [found, info] = await Promise.all([api.packs(), api.info()]);
  usual.value = info.pack;
  packs.value = [...found.items].sort((a, b) => a.name.localeCompare(b.name));
}

/** Do it, and where that needs the key of an admin, ask for one and do it again. */
export async function asAdmin<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const needed = error instanceof ApiError && error.code === "admin_key_needed";
      if (!needed || !(await askForAdmin())) throw error;
    }
  }
}

/** Take in a pack from a file; its name. */
export async function importPack(file: File, replace: boolean): Promise<string> {
  const taken = await asAdmin(() => sendFile(api.packsPath(replace), file, () => {}));
  await loadPacks();
  return (JSON.parse(taken) as Pack).name;
}
