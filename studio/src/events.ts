/** Server-sent events, read by fetch: an EventSource could not send the API key. */

import { ApiError, api, pause } from "./api";
import type { ImageInfo, Job } from "./wire";

export interface ServerEvent {
  event: string;
  data: string;
}

/** The events of a text/event-stream. Comments and empty events are left out. */
export async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = stream
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split(/\r\n\r\n|\n\n|\r\r/);
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parse(block: string): ServerEvent | null {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event = value;
    else if (field === "data") data.push(value);
  }
  return data.length ? { event, data: data.join("\n") } : null;
}

export interface JobListener {
  onProgress(job: Job): void;
  onImage?(image: ImageInfo): void;
}

/** Why a job failed; null where it did not. */
export function errorOf(job: Job | undefined): ApiError | null {
  return job?.error ? new ApiError(500, job.error.code, job.error.message) : null;
}

const ENDED = new Set(["done", "failed", "cancelled"]);

export function hasEnded(job: Job): boolean {
  return ENDED.has(job.state);
}

/** Follow a job to its end, over lost connections and restarts of the server. Returns its last state. */
export async function followJob(id: string, listener: JobListener, signal: AbortSignal): Promise<Job> {
  for (;;) {
    try {
      const response = await api.events(id, signal);
      if (!response.body) throw new TypeError("the answer has no body");
      for await (const { event, data } of readEvents(response.body)) {
        if (event === "image") {
          listener.onImage?.(JSON.parse(data) as ImageInfo);
          continue;
        }
        const job = JSON.parse(data) as Job;
        if (event === "end") return job;
        // A job is over before its last images are told: who listens hears of the end once all is there.
        if (!hasEnded(job)) listener.onProgress(job);
      }
    } catch (error) {
      if (signal.aborted || error instanceof ApiError) throw error;
    }
    await pause(1, signal); // the stream broke off: the next one begins with the full state
  }
}
