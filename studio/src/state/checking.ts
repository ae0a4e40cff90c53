/** Going through results and saying of each whether it is right: all that is right is checked, and known. */

import type { ImageInfo } from "../wire";
import { frames, isFilm } from "./film";
import { arrived, hasMore, images, loadMore } from "./gallery";

/** Whether something was found on a picture of which nobody has said yet whether it is right. */
export function isOpen({ checked, prediction }: ImageInfo): boolean {
  return !checked && !!prediction?.verdict && !prediction.wrong;
}

/** The next picture after another one, or from the beginning on, that is to be looked at; null where none is left. */
export async function nextOpen(after: string | null): Promise<string | null> {
  if (!isFilm.value) {
    await arrived();
    // Those that are not loaded come after those that are.
    for (let before = -1; hasMore() && before < images.value.length && !someOpenAfter(after); ) {
      before = images.value.length;
      await loadMore();
    }
  }
  const all = isFilm.value ? frames.value : images.value;
  const at = placeOf(all, after) + 1;
  return (
    [...all.slice(at), ...all.slice(0, at)].find((image) => isOpen(image) && image.id !== after)?.id ?? null
  );
}

function someOpenAfter(id: string | null): boolean {
  return images.value.slice(placeOf(images.value, id) + 1).some(isOpen);
}

function placeOf(all: readonly ImageInfo[], id: string | null): number {
  return all.findIndex((image) => image.id === id);
}
