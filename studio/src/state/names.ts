/** Names of projects: two of them are not called the same unless a person says so. */

import { api } from "../api";

/** As long as the service takes a name. */
const LONGEST = 200;

/** The wanted name, or where a project has it already the name with the next free number: "coins (2)". */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  for (let number = 1; ; number++) {
    const end = number > 1 ? ` (${number})` : "";
    const name = wanted.slice(0, LONGEST - end.length) + end;
    if (!taken.has(name)) return name;
  }
}

/** The names of all projects. */
export async function projectNames(): Promise<Set<string>> {
  const names = new Set<string>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof api.projects>> = await api.projects(cursor);
    for (const { name } of page.items) names.add(name);
    cursor = page.next;
  } while (cursor);
  return names;
}
