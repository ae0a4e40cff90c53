/** The images of the open project, page by page, in the order and with the filter that were chosen. */

import { batch, signal } from "@preact/signals";
import { api } from "../api";
import type { ImageInfo, Order } from "../wire";

const PAGE = 100;

export const images = signal<ImageInfo[]>([]);
export const total = signal(0);
export const order = signal<Order>("name");
/** One of `Found`, or '' for all. */
export const filter = signal("");
export const search = signal("");
export const loading = signal(false);

/** The image that was last looked at by itself. */
export const lastOpened = signal("");

let project = "";
let next: string | null = null;
let asking = new AbortController();

export async function openGallery(id: string): Promise<void> {
  if (id === project) return;
  project = id;
  batch(() => {
    images.value = [];
    total.value = 0;
    order.value = "name";
    filter.value = "";
    search.value = "";
  });
  await reloadGallery();
}

export function closeGallery(): void {
  asking.abort();
  project = "";
}

/** Load anew as many images as are there, in another order if one is given. */
export async function reloadGallery(by?: Order): Promise<void> {
  if (!project) return;
  if (by) order.value = by;
  asking.abort();
  asking = new AbortController();
  await load(null, Math.min(Math.max(images.value.length, PAGE), 500));
}

export async function loadMore(): Promise<void> {
  if (next && !loading.value) await load(next, PAGE);
}

async function load(cursor: string | null, limit: number): Promise<void> {
  const { signal } = asking;
  loading.value = true;
  try {
    const asked = { order: order.value, verdict: filter.value, q: search.value, limit, cursor };
    const page = await api.images(project, asked, signal);
    if (signal.aborted) return;
    batch(() => {
      images.value = cursor ? [...images.value, ...page.items] : page.items;
      total.value = page.total;
    });
    next = page.next;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (!signal.aborted) loading.value = false;
  }
}

/** The image whose new state a job has told last. */
export const updated = signal<ImageInfo | null>(null);

/** Put the new state of an image in its place, where it is shown. */
export function updateImage(image: ImageInfo): void {
  updated.value = image;
  const at = images.value.findIndex(({ id }) => id === image.id);
  if (at >= 0) images.value = images.value.with(at, image);
}

/** The image that was asked for anew last. */
export const refreshed = signal<ImageInfo | null>(null);

export async function refreshImage(id: string): Promise<void> {
  if (!project) return;
  const image = await api.image(project, id);
  updateImage(image);
  refreshed.value = image;
}

/** Marks have changed: what was found is of the marks before. */
export function outdateImages(): void {
  images.value = images.value.map((image) =>
    image.prediction ? { ...image, prediction: { ...image.prediction, stale: true } } : image,
  );
}

export function removeImage(id: string): void {
  const left = images.value.filter((image) => image.id !== id);
  if (left.length < images.value.length) total.value--;
  images.value = left;
}
