/** The pixel size of a project: typed, or from a line that is drawn along a scale bar. */

import { signal } from "@preact/signals";
import { api } from "../api";
import type { Project } from "../wire";
import { project } from "./project";

/** The length of the line that was drawn, in pixels; 0 where it is to be typed; null while nobody asks. */
export const ruled = signal<number | null>(null);

export const UNITS = ["nm", "um", "mm", "cm", "m", "km"] as const;

/** Keep the edge of a pixel for all pictures; null for what each file states. Raises ApiError. */
export async function savePixelSize(size: { edge: number; unit: string } | null): Promise<void> {
  const id = project.value?.id;
  if (!id) return;
  const said: Pick<Project, "pixel_size" | "unit"> = {
    pixel_size: size?.edge ?? null,
    unit: size?.unit ?? null,
  };
  const changed = await api.changeProject(id, said);
  if (project.value?.id === id) project.value = changed;
}
