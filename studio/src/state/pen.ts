/** What a person draws and looks with; kept from picture to picture. */

import { signal } from "@preact/signals";
import type { Look } from "../canvas/stage";
import type { ToolName } from "../canvas/tools";

export const tool = signal<ToolName>("brush");
/** Of brush and eraser, in pixels of the picture; 0: chosen by the size of the next picture. */
export const radius = signal(0);
export const look = signal<Look>({ opacity: 0.45, outlineOnly: false, hidden: false, swipe: 0 });
export const showUncertainty = signal(false);
/** Of the picture on the screen, for the display of the zoom. */
export const scale = signal(1);
export const panelOpen = signal(matchMedia("(min-width: 900px)").matches);

export function changeLook(changes: Partial<Look>): void {
  look.value = { ...look.value, ...changes };
}

/** One step of a key. */
export function changeOpacity(step: 1 | -1): void {
  const opacity = Math.round(look.value.opacity * 10 + step) / 10;
  changeLook({ opacity: Math.min(Math.max(opacity, 0.1), 1) });
}

export function resize(step: 1 | -1): void {
  const factor = step > 0 ? 1.25 : 0.8;
  radius.value = Math.min(Math.max(radius.value * factor, 0.5), 1000);
}

/** A brush that suits a picture, before the person has chosen one. */
export function suitRadius(image: { width: number; height: number }): void {
  if (!radius.value) radius.value = Math.max(2, Math.round(Math.min(image.width, image.height) / 40));
}
