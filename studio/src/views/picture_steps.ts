/** Steps from an open picture that its keys, its head and its panel share: to a neighbour, or on with a correction. */
import { go, paths, route } from "../route";
import { frames, isFilm } from "../state/film";
import { images, loadMore } from "../state/gallery";
import { panelOpen } from "../state/pen";
import type { OpenPicture } from "../state/picture";
import { notify } from "../state/session";
import { sentence, text } from "../text";

export function neighbour(step: 1 | -1): string | null {
  const at = route.value;
  if (at.page !== "image") return null;
  if (isFilm.value) {
    const frame = frames.value.findIndex(({ id }) => id === at.image);
    return frame < 0 ? null : (frames.value[frame + step]?.id ?? null);
  }
  const index = images.value.findIndex(({ id }) => id === at.image);
  if (index < 0) return null;
  if (step > 0 && index > images.value.length - 5) void loadMore();
  return images.value[index + step]?.id ?? null;
}

export function goTo(picture: OpenPicture, step: 1 | -1): void {
  const id = neighbour(step);
  if (id) go(paths.image(picture.project, id));
}

export function accept(picture: OpenPicture): void {
  picture.acceptCorrection().then(
    // The panel says it, too, and offers to run.
    () => panelOpen.value || notify(text.value.result.accepted),
    (error) => notify(sentence(error), "error"),
  );
}
