import { afterEach, describe, expect, it, vi } from "vitest";
import { OpenPicture } from "../src/state/picture";
import type { ImageInfo } from "../src/wire";

afterEach(() => vi.unstubAllGlobals());

/** A server that never answers, and a request that is given up when its signal says so. */
const never = (_: string, { signal }: { signal?: AbortSignal | null }) =>
  new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

describe("a picture that is closed", () => {
  it("does not fail for what was still on its way", async () => {
    vi.stubGlobal("fetch", never);
    const picture = new OpenPicture("p", "i");
    const taken = picture.take({ id: "i", prediction: { verdict: "found" } } as ImageInfo);
    picture.close();
    await expect(taken).resolves.toBeUndefined();
    expect(picture.error.value).toBeNull();
  });
});
