/** Steps from an open picture that its keys, its head and its panel share: to a neighbour, or on with a correction. */
import { go, paths, route } from "../route";
import { carry, fillBetween } from "../state/carry";
import { nextOpen } from "../state/checking";
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

/** Say whether what is shown is right, and go on to the next picture of which nobody has said it. */
export async function judge(picture: OpenPicture, right: boolean): Promise<void> {
  try {
    const image = picture.image.value;
    if (picture.mode.value === "correct" && right) {
      await picture.acceptCorrection();
    } else if (picture.mode.value === "mark") {
      if (!image?.checked) return;
    } else if (!image || !picture.isJudged) {
      return;
    } else if (right) {
      if (image.checked && image.marks === null) return await picture.forgetCheck();
      if (!image.checked) await picture.callRight();
    } else {
      await picture.callWrong(!image.prediction?.wrong);
      if (image.prediction?.wrong) return;
    }
    await toNextOpen(picture.project, picture.id);
  } catch (error) {
    notify(sentence(error), "error");
  }
}

/** Open the next picture that is to be looked at, after another one. */
export async function toNextOpen(project: string, after: string | null): Promise<void> {
  const next = await nextOpen(after);
  if (next) go(paths.image(project, next));
  else notify(text.value.checking.allSeen);
}

/** Open the next picture with a copy of these marks. */
export function copyToNext(picture: OpenPicture): void {
  const [id, drawing] = [neighbour(1), picture.saver.value?.drawing];
  if (!id || !drawing || drawing.isEmpty) return;
  carry(id, drawing);
  go(paths.image(picture.project, id));
}

/** Fill this frame in from the marked ones around it. */
export function fillIn(picture: OpenPicture): void {
  const drawing = picture.saver.value?.drawing;
  if (!isFilm.value || !drawing?.isEmpty) return;
  fillBetween(picture.project, picture.id, drawing).catch((error) => notify(sentence(error), "error"));
}

export function accept(picture: OpenPicture): void {
  picture.acceptCorrection().then(
    // The panel says it, too, and offers to run.
    () => panelOpen.value || notify(text.value.result.accepted),
    (error) => notify(sentence(error), "error"),
  );
}
