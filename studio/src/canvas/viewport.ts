/** Where the picture lies on the screen: screen = image * scale + (x, y). Screen lengths are CSS pixels. */

import type { Xy } from "../wire";

export interface Viewport {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

export const LARGEST_SCALE = 40;
const MARGIN = 12;

export function toImage(view: Viewport, [x, y]: Xy): Xy {
  return [(x - view.x) / view.scale, (y - view.y) / view.scale];
}

export function toScreen(view: Viewport, [x, y]: Xy): Xy {
  return [x * view.scale + view.x, y * view.scale + view.y];
}

/** The whole picture in the middle. Small pictures are enlarged, up to 8 times. */
export function fit(image: Size, screen: Size): Viewport {
  const room = (side: number) => Math.max(side - 2 * MARGIN, 16);
  const scale = Math.min(room(screen.width) / image.width, room(screen.height) / image.height, 8);
  return {
    scale,
    x: (screen.width - image.width * scale) / 2,
    y: (screen.height - image.height * scale) / 2,
  };
}

/** Zoom by a factor; what is under `at` stays there. */
export function zoomAt(view: Viewport, at: Xy, factor: number, smallest: number): Viewport {
  const scale = Math.min(Math.max(view.scale * factor, smallest), LARGEST_SCALE);
  const [ix, iy] = toImage(view, at);
  return { scale, x: at[0] - ix * scale, y: at[1] - iy * scale };
}

/** Move the picture, but never so far that less than a strip of it is left on the screen. */
export function pan(view: Viewport, dx: number, dy: number, image: Size, screen: Size): Viewport {
  const strip = 48;
  const hold = (at: number, length: number, room: number) =>
    Math.min(Math.max(at, strip - length), room - strip);
  return {
    scale: view.scale,
    x: hold(view.x + dx, image.width * view.scale, screen.width),
    y: hold(view.y + dy, image.height * view.scale, screen.height),
  };
}

/** The smallest scale that zooming out reaches: half of what fits. */
export function smallestScale(image: Size, screen: Size): number {
  return Math.min(fit(image, screen).scale / 2, 1);
}
