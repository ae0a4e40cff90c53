import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const root = dirname(fileURLToPath(import.meta.url));
const target = join(root, "../src/cuecast/service/studio");
const SOURCES = ["index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "src"];

function filesOf(path: string): string[] {
  const found = readdirSync(path, { withFileTypes: true, recursive: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Path -> SHA-256, sorted by path, with forward slashes. */
function digests(paths: string[], base: string): Record<string, string> {
  const named = paths.map((path) => [relative(base, path).replaceAll("\\", "/"), sha256(path)] as const);
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** build.json says from which sources which files were made: tests/studio/test_build.py compares both. */
function buildRecord(): Plugin {
  return {
    name: "build-record",
    apply: "build",
    closeBundle() {
      const sources = SOURCES.flatMap((name) =>
        name === "src" ? filesOf(join(root, name)) : [join(root, name)],
      );
      const built = filesOf(target).filter((path) => !path.endsWith("build.json"));
      const record = { sources: digests(sources, root), files: digests(built, target) };
      writeFileSync(join(target, "build.json"), `${JSON.stringify(record, null, 1)}\n`);
    },
  };
}

export default defineConfig({
  root,
  base: "/studio/",
  plugins: [buildRecord()],
  build: {
    outDir: target,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8000", "/healthz": "http://127.0.0.1:8000" } },
});
