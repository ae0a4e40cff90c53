/** The regions of the open picture, asked for when the wand is taken up. */

import { signal } from "@preact/signals";
import { api } from "../api";
import { idsOf, RegionMap } from "../canvas/regions";
import { sentence } from "../text";
import type { ImageInfo } from "../wire";
import { notify } from "./session";

export type RegionSize = "small" | "large";

/** Kept from picture to picture. */
export const regionSize = signal<RegionSize>("large");

export class Regions {
  /** Those of the size that was chosen; null where they are not there yet. */
  readonly map = signal<RegionMap | null>(null);
  readonly loading = signal(false);
  private readonly known = new Map<RegionSize, RegionMap>();
  private wanted: RegionSize | null = null;

  constructor(
    private readonly project: string,
    private readonly abort: AbortSignal,
  ) {}

  /** Have the regions of a size at hand. */
  async show(size: RegionSize, image: ImageInfo): Promise<void> {
    this.wanted = size;
    const known = this.known.get(size);
    this.map.value = known ?? null;
    if (known || this.loading.value) return;
    this.loading.value = true;
    try {
      const blob = await api.blob(api.regionsPath(this.project, image.id, size), this.abort);
      this.known.set(size, await regionMapOf(blob, image));
    } catch (error) {
      if (!this.abort.aborted) notify(sentence(error), "error");
      this.wanted = null;
    } finally {
      this.loading.value = false;
    }
    if (this.wanted && !this.abort.aborted) await this.show(this.wanted, image);
  }
}

async function regionMapOf(blob: Blob, { width, height }: ImageInfo): Promise<RegionMap> {
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = Object.assign(document.createElement("canvas"), {
    width: bitmap.width,
    height: bitmap.height,
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  return new RegionMap(width, height, canvas.width, canvas.height, idsOf(pixels.data));
}
