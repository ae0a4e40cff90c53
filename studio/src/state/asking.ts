/** The one question of the editor: to click on what it is not, where marks say only what it is. */

import { signal } from "@preact/signals";
import type { Drawing } from "../canvas/drawing";
import { images } from "./gallery";

/** Project -> the picture on which it was asked; '' once it was answered or put aside. It is asked once. */
const askedOn = signal<ReadonlyMap<string, string>>(new Map());

interface Place {
  project: string;
  id: string;
}

/** Whether to ask now, on this picture. */
export function asksForNot(picture: Place, drawing: Drawing | null): boolean {
  if (!drawing?.isPositiveOnly) return false;
  // A picture that is marked wholly shows what the thing is not.
  if (images.value.some(({ marks }) => marks === "mask" || marks === "absent")) return false;
  const asked = askedOn.value.get(picture.project);
  return asked === undefined || asked === picture.id;
}

/** Note that it is being asked on this picture: on the next ones it is not. */
export function askForNot({ project, id }: Place): void {
  askedOn.value = new Map(askedOn.peek()).set(project, id);
}

export function putAside({ project }: Place): void {
  askedOn.value = new Map(askedOn.peek()).set(project, "");
}
