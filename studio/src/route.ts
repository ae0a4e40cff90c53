/** Where in the studio one is: the part of the address after '#'. */

import { signal } from "@preact/signals";

export type Route =
  | { page: "projects" }
  | { page: "packs" }
  | { page: "project"; project: string }
  | { page: "image"; project: string; image: string }
  | { page: "measures"; project: string }
  | { page: "compare"; project: string };

export function parseRoute(hash: string): Route {
  const [, p, project, what, image] = hash.replace(/^#/, "").split("/").map(decodeURIComponent);
  if (p === "packs") return { page: "packs" };
  if (p !== "p" || !project) return { page: "projects" };
  if (what === "i" && image) return { page: "image", project, image };
  if (what === "measures" || what === "compare") return { page: what, project };
  return { page: "project", project };
}

export const paths = {
  projects: "#/",
  packs: "#/packs",
  project: (p: string) => `#/p/${encodeURIComponent(p)}`,
  image: (p: string, i: string) => `#/p/${encodeURIComponent(p)}/i/${encodeURIComponent(i)}`,
  compare: (p: string) => `#/p/${encodeURIComponent(p)}/compare`,
  measures: (p: string) => `#/p/${encodeURIComponent(p)}/measures`,
};

export const route = signal<Route>(parseRoute(location.hash));

addEventListener("hashchange", () => {
  route.value = parseRoute(location.hash);
});

export function go(path: string): void {
  location.hash = path;
}
