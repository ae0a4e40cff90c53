/** Marks that are carried on: to the picture that is opened next, or into a frame from those around it. */

import { api } from "../api";
import type { Drawing } from "../canvas/drawing";
import { text } from "../text";
import type { Marks } from "../wire";
import { notify } from "./session";

interface Carried {
  to: string;
  marks: Marks;
  width: number;
  height: number;
}

let carried: Carried | null = null;

/** Have the picture `to` begin with a copy of these marks, once it is opened. */
export function carry(to: string, drawing: Drawing): void {
  carried = { to, marks: drawing.toMarks(0), width: drawing.width, height: drawing.height };
}

/** Put what was carried here into an empty drawing, as one step; true where it was. */
export function takeCarried(id: string, drawing: Drawing): boolean {
  const here = carried?.to === id ? carried : null;
  carried = null;
  if (!here) return false;
  const t = text.value.carry;
  const fits = here.width === drawing.width && here.height === drawing.height;
  if (drawing.isEmpty && fits) {
    drawing.putMarks(here.marks);
    return true;
  }
  notify(fits ? t.marked : t.otherSize, "error");
  return false;
}

/** Fill a frame in from the marked ones before and behind it. Raises ApiError where one is missing. */
export async function fillBetween(project: string, image: string, drawing: Drawing): Promise<void> {
  const marks = await api.marksBetween(project, image);
  if (drawing.isEmpty) drawing.putMarks(marks);
}
