/** A picture cut into regions that can be clicked. Their map may be smaller than the picture. */

import type { Xy } from "../wire";
import { labelMap } from "./labels";
import { outlines } from "./outline";
import { pathOf } from "./overlay";

export class RegionMap {
  /** Of each region [left, top, right, bottom), in places of the map. */
  private readonly boxes: Int32Array;
  private lined: { id: number; path: Path2D } | null = null;

  /** `ids` of `columns` x `rows` places, for a picture of `width` x `height` pixels. */
  constructor(
    private readonly width: number,
    private readonly height: number,
    private readonly columns: number,
    private readonly rows: number,
    private readonly ids: Uint16Array,
  ) {
    this.boxes = boxesOf(ids, columns);
  }

  /** The region at a place of the picture; null outside of it. */
  idAt([x, y]: Xy): number | null {
    if (x < 0 || y < 0 || x >= this.width || y >= this.height) return null;
    const column = Math.floor((x * this.columns) / this.width);
    const row = Math.floor((y * this.rows) / this.height);
    return this.ids[row * this.columns + column];
  }

  /** The pixels of a region, as places in the picture's own maps. */
  pixelsOf(id: number): Uint32Array {
    const found: number[] = [];
    const [left, top, right, bottom] = this.boxOf(id);
    for (let y = top; y < bottom; y++) {
      const row = Math.floor(((y + 0.5) * this.rows) / this.height) * this.columns;
      for (let x = left; x < right; x++) {
        const column = Math.floor(((x + 0.5) * this.columns) / this.width);
        if (this.ids[row + column] === id) found.push(y * this.width + x);
      }
    }
    return Uint32Array.from(found);
  }

  /** The border of a region, in pixels of the picture. */
  outlineOf(id: number): Path2D {
    if (this.lined?.id === id) return this.lined.path;
    const map = labelMap(this.width, this.height);
    for (const at of this.pixelsOf(id)) map.data[at] = 1;
    const path = pathOf(outlines(map).get(1) ?? []);
    this.lined = { id, path };
    return path;
  }

  /** In pixels of the picture, a little too large. */
  private boxOf(id: number): [number, number, number, number] {
    const [left, top, right, bottom] = this.boxes.subarray(4 * id, 4 * id + 4);
    const x = this.width / this.columns;
    const y = this.height / this.rows;
    return [
      Math.floor(left * x),
      Math.floor(top * y),
      Math.min(Math.ceil(right * x), this.width),
      Math.min(Math.ceil(bottom * y), this.height),
    ];
  }
}

function boxesOf(ids: Uint16Array, columns: number): Int32Array {
  const boxes: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    const k = 4 * ids[at];
    const [x, y] = [at % columns, Math.floor(at / columns)];
    boxes[k] = Math.min(boxes[k] ?? x, x);
    boxes[k + 1] = Math.min(boxes[k + 1] ?? y, y);
    boxes[k + 2] = Math.max(boxes[k + 2] ?? 0, x + 1);
    boxes[k + 3] = y + 1;
  }
  return Int32Array.from(boxes);
}

/** Numbers of regions as the service draws them: red + 256 * green. */
export function idsOf(pixels: Uint8ClampedArray): Uint16Array {
  const ids = new Uint16Array(pixels.length / 4);
  for (let k = 0; k < ids.length; k++) ids[k] = pixels[4 * k] + 256 * pixels[4 * k + 1];
  return ids;
}
