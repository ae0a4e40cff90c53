import { defineConfig } from "vitest/config";

// One process for all files: they take milliseconds, starting a process for each takes seconds.
export default defineConfig({
  test: {
    environment: "happy-dom",
    include: ["test/**/*.test.ts"],
    pool: "threads",
    isolate: false,
    maxWorkers: 1,
  },
});
