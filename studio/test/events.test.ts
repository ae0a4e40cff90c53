import { afterEach, expect, it, vi } from "vitest";
import { followJob, readEvents, type ServerEvent } from "../src/events";

afterEach(() => vi.unstubAllGlobals());

function streamOf(...parts: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(encoder.encode(part));
      controller.close();
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of readEvents(stream)) events.push(event);
  return events;
}

it("reads events that arrive in pieces, and passes over comments", async () => {
  const stream = streamOf(
    "event: pro",
    'gress\r\ndata: {"done": 1}\r\n\r\n: ping\r\n\r\nevent: image\r\nda',
    "ta: a\r\ndata: b\r\n\r\n",
  );
  expect(await all(stream)).toEqual([
    { event: "progress", data: '{"done": 1}' },
    { event: "image", data: "a\nb" },
  ]);
});

it("leaves out an event that broke off", async () => {
  expect(await all(streamOf("data: whole\n\ndata: half"))).toEqual([{ event: "message", data: "whole" }]);
});

it("tells that a job is over once its last images are told", async () => {
  const told = (event: string, data: object) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  const stream = streamOf(
    told("progress", { state: "running" }),
    told("progress", { state: "done" }),
    told("image", { id: "last" }),
    told("end", { state: "done" }),
  );
  vi.stubGlobal("fetch", async () => new Response(stream));
  const heard: string[] = [];
  const end = await followJob(
    "j",
    { onProgress: ({ state }) => heard.push(state), onImage: ({ id }) => heard.push(id) },
    new AbortController().signal,
  );
  expect([...heard, end.state]).toEqual(["running", "last", "done"]);
});
