/** The images of the open project, page by page, in the order and with the filter that were chosen. */

import { batch, signal } from "@preact/signals";
import { ApiError, api } from "../api";
import type { ImageInfo, Order, Page } from "../wire";

const PAGE = 100;

export const images = signal<ImageInfo[]>([]);
export const total = signal(0);
export const order = signal<Order>("name");
/** The other way round: of the orders by a number. */
export const reverse = signal(false);
/** The picture by whose look the order 'like' sorts. */
export const alike = signal<Pick<ImageInfo, "id" | "name"> | null>(null);
/** How far the comparison for that order is; null where none is going on. */
export const comparing = signal<{ done: number; total: number } | null>(null);
/** Counts how often a gallery was left. */
export const closed = signal(0);
/** One of `Found`, or '' for all. */
export const filter = signal("");
export const search = signal("");
export const loading = signal(false);

/** The image that was last looked at by itself. */
export const lastOpened = signal("");

let project = "";
let next: string | null = null;
let asking = new AbortController();
let more: Promise<void> | null = null;
let arriving: Promise<void> = Promise.resolve();

export async function openGallery(id: string): Promise<void> {
  if (id === project) return;
  project = id;
  batch(() => {
    images.value = [];
    total.value = 0;
    order.value = "name";
    reverse.value = false;
    alike.value = null;
    filter.value = "";
    search.value = "";
  });
  await reloadGallery();
}

export function closeGallery(): void {
  asking.abort();
  project = "";
  closed.value++;
}

/** Those that look most like this picture first. Raises ApiError where it cannot be read. */
export async function sortLike(image: ImageInfo): Promise<void> {
  const before = [order.value, reverse.value] as const;
  alike.value = { id: image.id, name: image.name };
  reverse.value = false;
  try {
    await reloadGallery("like");
  } catch (error) {
    alike.value = null;
    [order.value, reverse.value] = before;
    void reloadGallery();
    throw error;
  }
}

/** Load anew as many images as are there, in another order if one is given. */
export async function reloadGallery(by?: Order): Promise<void> {
  if (!project) return;
  if (by && by !== order.value) {
    order.value = by;
    reverse.value = false;
  }
  asking.abort();
  asking = new AbortController();
  arriving = load(null, Math.min(Math.max(images.value.length, PAGE), 500));
  await arriving;
}

/** Wait until the list is in the order that was asked for last. That it cannot be read is told to who asked for it. */
export async function arrived(): Promise<void> {
  for (let seen: unknown; seen !== arriving; ) {
    seen = arriving;
    await arriving.catch(() => {});
  }
}

/** Whether there are more than are loaded. */
export function hasMore(): boolean {
  return next !== null && project !== "";
}

/** Load the next page; a call while one is on its way waits for that. */
export async function loadMore(): Promise<void> {
  if (!more && next && !loading.value) more = load(next, PAGE);
  try {
    await more;
  } finally {
    more = null;
  }
}

/** Load what is not there yet of all that fit the filter. */
export async function loadAll(): Promise<void> {
  while (next && images.value.length < total.value) await load(next, 500);
}

async function load(cursor: string | null, limit: number): Promise<void> {
  const { signal } = asking;
  loading.value = true;
  try {
    const page = await ask(limit, cursor, signal);
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

/** A page of the list. The server compares pictures piece by piece: it is asked until it is through. */
async function ask(limit: number, cursor: string | null, signal: AbortSignal): Promise<Page<ImageInfo>> {
  const to = order.value === "like" ? alike.value?.id : undefined;
  const asked = { order: order.value, verdict: filter.value, q: search.value, limit, cursor };
  const more = { ...(to ? { to } : {}), ...(reverse.value ? { reverse: "true" as const } : {}) };
  try {
    for (;;) {
      try {
        return await api.images(project, { ...asked, ...more }, signal);
      } catch (error) {
        if (!(error instanceof ApiError && error.code === "comparing")) throw error;
        comparing.value = error.details as { done: number; total: number };
      }
    }
  } finally {
    comparing.value = null;
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

export function removeImages(ids: readonly string[]): void {
  const gone = new Set(ids);
  const left = images.value.filter((image) => !gone.has(image.id));
  batch(() => {
    total.value -= images.value.length - left.length;
    images.value = left;
  });
}
