/** How the picture is shown: to be looked at, and never what is segmented. Kept from picture to picture. */

import { computed, signal } from "@preact/signals";

export const CHANNELS = ["all", "red", "green", "blue", "grey"] as const;
export type Channel = (typeof CHANNELS)[number];

export interface Display {
  /** -1 black to 1 white. */
  brightness: number;
  /** -1 flat to 1 black and white. */
  contrast: number;
  /** Above 1 what is dark becomes lighter. */
  gamma: number;
  channel: Channel;
}

export const PLAIN: Display = { brightness: 0, contrast: 0, gamma: 1, channel: "all" };

export const display = signal<Display>(PLAIN);
/** Of a volume, the project and the values that become black and white; null: those that are segmented. */
export const valueWindow = signal<{ project: string; low: number; high: number } | null>(null);

/** Whether its part of the side panel is open. */
export const displayOpen = signal(false);

export const isPlain = computed(() =>
  (Object.keys(PLAIN) as (keyof Display)[]).every((name) => display.value[name] === PLAIN[name]),
);

export function changeDisplay(changes: Partial<Display>): void {
  display.value = { ...display.value, ...changes };
}

export function resetDisplay(): void {
  display.value = PLAIN;
  valueWindow.value = null;
}

/** The window in which a project is looked at; null for the one that is segmented. */
export function windowOf(project: string): { low: number; high: number } | null {
  const seen = valueWindow.value;
  return seen?.project === project ? seen : null;
}

/** What becomes of a value in [0, 1]. */
export function shown(value: number, { brightness, contrast, gamma }: Display): number {
  // At 1 the steepness is without end: what is above the middle is white.
  const steep = Math.tan(((Math.min(contrast, 0.98) + 1) * Math.PI) / 4);
  const moved = (value - 0.5) * steep + 0.5 + brightness;
  return Math.min(Math.max(moved, 0), 1) ** (1 / gamma);
}

const STEPS = 255;

/** The same as a table of an SVG filter. */
export function tableOf(seen: Display): string {
  return Array.from({ length: STEPS + 1 }, (_, k) => shown(k / STEPS, seen).toFixed(6)).join(" ");
}

const LIGHT = "0.2126 0.7152 0.0722 0 0";
const ROWS: Record<Channel, string[]> = {
  all: ["1 0 0 0 0", "0 1 0 0 0", "0 0 1 0 0"],
  red: ["1 0 0 0 0", "1 0 0 0 0", "1 0 0 0 0"],
  green: ["0 1 0 0 0", "0 1 0 0 0", "0 1 0 0 0"],
  blue: ["0 0 1 0 0", "0 0 1 0 0", "0 0 1 0 0"],
  grey: [LIGHT, LIGHT, LIGHT],
};

/** A channel as the matrix of an SVG filter: it is shown in grey. */
export function matrixOf(channel: Channel): string {
  return [...ROWS[channel], "0 0 0 1 0"].join(" ");
}
