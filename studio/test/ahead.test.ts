import { afterEach, expect, it, vi } from "vitest";
import { prepare } from "../src/state/ahead";
import { lastSaved } from "../src/state/saver";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

it("what is drawn last is learned once, when nobody draws", async () => {
  vi.useFakeTimers();
  const sent: unknown[] = [];
  vi.stubGlobal("fetch", async (path: string, { body }: RequestInit) => {
    sent.push([path, JSON.parse(String(body))]);
    return new Response(null, { status: 202 });
  });
  lastSaved.value = { project: "p", image: "a", person: "", teaches: true };
  await vi.advanceTimersByTimeAsync(500);
  lastSaved.value = { project: "p", image: "a", person: "", teaches: true };
  await vi.advanceTimersByTimeAsync(900);
  expect(sent).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(sent).toEqual([["/v1/projects/p/prepare", { image: null }]]);
  void prepare("p", "b");
  void prepare("p", "c");
  await vi.advanceTimersByTimeAsync(2000);
  expect(sent.slice(1)).toEqual([["/v1/projects/p/prepare", { image: "c" }]]);
});
