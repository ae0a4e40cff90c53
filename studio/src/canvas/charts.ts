/** Sums, means and histograms of what was measured; drawn for the page and for a picture file. */

export interface Summary {
  count: number;
  total: number;
  mean: number;
}

export interface Bins {
  /** The lower edge of the first bin, and how wide each is. */
  start: number;
  width: number;
  counts: number[];
}

const MOST_BINS = 24;

/** Null where there is no value. */
export function summaryOf(values: readonly number[]): Summary | null {
  if (!values.length) return null;
  const total = values.reduce((sum, value) => sum + value, 0);
  return { count: values.length, total, mean: total / values.length };
}

/** Bins of a round width (1, 2 or 5 times a power of ten), each half-open; none for no values. */
export function binsOf(values: readonly number[]): Bins | null {
  if (!values.length) return null;
  let [low, high] = [values[0], values[0]];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const least = (high - low || Math.abs(low) || 1) / MOST_BINS;
  const power = 10 ** Math.floor(Math.log10(least));
  const width = ([1, 2, 5].find((step) => step * power >= least) ?? 10) * power;
  const first = Math.floor(low / width);
  const counts = new Array<number>(Math.floor(high / width) - first + 1).fill(0);
  for (const value of values) counts[Math.floor(value / width) - first]++;
  return { start: first * width, width, counts };
}

export interface Look {
  ink: string;
  ground: string;
  bar: string;
}

export interface Words {
  title: string;
  mean: string;
  number: (value: number) => string;
}

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 32, 40, 34];

/** Draw bars, an axis and a line at the mean, on a context of `width` x `height` CSS pixels. */
export function drawHistogram(
  context: CanvasRenderingContext2D,
  [width, height]: [number, number],
  { start, width: step, counts }: Bins,
  mean: number,
  look: Look,
  words: Words,
): void {
  const end = start + step * counts.length;
  const most = Math.max(...counts);
  const x = (value: number) => LEFT + ((value - start) / (end - start)) * (width - LEFT - RIGHT);
  const y = (count: number) => height - BOTTOM - (count / most) * (height - TOP - BOTTOM);
  context.fillStyle = look.ground;
  context.fillRect(0, 0, width, height);
  context.fillStyle = look.bar;
  counts.forEach((count, k) => {
    const [from, to] = [x(start + k * step), x(start + (k + 1) * step)];
    context.fillRect(from + 0.5, y(count), Math.max(to - from - 1, 1), y(0) - y(count));
  });
  context.strokeStyle = context.fillStyle = look.ink;
  context.lineWidth = 1;
  line(context, [LEFT, y(0) + 0.5], [width - RIGHT, y(0) + 0.5]);
  context.font = "600 14px system-ui, sans-serif";
  context.textAlign = "left";
  context.fillText(words.title, LEFT, 18);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(words.number(most), LEFT - 8, y(most) + 4);
  context.fillText("0", LEFT - 8, y(0) + 4);
  context.textAlign = "center";
  const every = Math.ceil(counts.length / Math.max(Math.floor((width - LEFT - RIGHT) / 70), 1));
  for (let k = 0; k <= counts.length; k += every) {
    const value = start + k * step;
    line(context, [x(value), y(0)], [x(value), y(0) + 5]);
    context.fillText(words.number(value), x(value), height - BOTTOM + 20);
  }
  context.setLineDash([5, 4]);
  line(context, [x(mean), TOP - 8], [x(mean), y(0)]);
  context.setLineDash([]);
  context.textAlign = x(mean) > width / 2 ? "right" : "left";
  context.fillText(words.mean, x(mean) + (x(mean) > width / 2 ? -6 : 6), TOP - 2);
}

/** One of the things on a scatter plot. */
export interface Dot {
  x: number;
  y: number;
  colour: string;
}

/** How far y goes along with x, -1 to 1 (Pearson); null where one of them does not vary. */
export function correlationOf(dots: readonly Dot[]): number | null {
  const [mx, my] = [
    summaryOf(dots.map(({ x }) => x))?.mean ?? 0,
    summaryOf(dots.map(({ y }) => y))?.mean ?? 0,
  ];
  let [xy, xx, yy] = [0, 0, 0];
  for (const { x, y } of dots) {
    xy += (x - mx) * (y - my);
    xx += (x - mx) ** 2;
    yy += (y - my) ** 2;
  }
  return xx && yy ? xy / Math.sqrt(xx * yy) : null;
}

/** Round numbers from at or below the least value to at or above the largest, about `count` steps. */
export function ticksBetween(values: readonly number[], count: number): number[] {
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const least = (high - low || Math.abs(low) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(least));
  const width = ([1, 2, 5].find((step) => step * power >= least) ?? 10) * power;
  const [first, last] = [Math.floor(low / width), Math.ceil(high / width)];
  return Array.from({ length: Math.max(last - first, 1) + 1 }, (_, k) => (first + k) * width);
}

/** Draw a dot for each thing, with round numbers along both axes. */
export function drawScatter(
  context: CanvasRenderingContext2D,
  [width, height]: [number, number],
  dots: readonly Dot[],
  look: Look,
  words: { title: string; across: string; note: string; number: (value: number) => string },
): void {
  const across = ticksBetween(
    dots.map(({ x }) => x),
    6,
  );
  const up = ticksBetween(
    dots.map(({ y }) => y),
    4,
  );
  const [left, bottom] = [LEFT + 14, BOTTOM + 14];
  const x = (v: number) =>
    left + ((v - across[0]) / (across[across.length - 1] - across[0])) * (width - left - RIGHT);
  const y = (v: number) =>
    height - bottom - ((v - up[0]) / (up[up.length - 1] - up[0])) * (height - TOP - bottom);
  context.fillStyle = look.ground;
  context.fillRect(0, 0, width, height);
  context.strokeStyle = context.fillStyle = look.ink;
  context.lineWidth = 1;
  line(context, [left, y(up[0]) + 0.5], [width - RIGHT, y(up[0]) + 0.5]);
  line(context, [left - 0.5, TOP], [left - 0.5, y(up[0])]);
  context.font = "600 14px system-ui, sans-serif";
  context.textAlign = "left";
  context.fillText(words.title, 12, 18);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "right";
  context.fillText(words.note, width - RIGHT, 18);
  context.fillText(words.across, width - RIGHT, height - 6);
  for (const value of up) context.fillText(words.number(value), left - 8, y(value) + 4);
  context.textAlign = "center";
  for (const value of across) context.fillText(words.number(value), x(value), height - bottom + 18);
  context.globalAlpha = 0.85;
  for (const dot of dots) {
    context.fillStyle = dot.colour;
    context.beginPath();
    context.arc(x(dot.x), y(dot.y), 3.5, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function line(context: CanvasRenderingContext2D, from: [number, number], to: [number, number]): void {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/** A table as CSV (RFC 4180), the first line its columns. */
export function csvOf(columns: readonly string[], rows: readonly Record<string, unknown>[]): string {
  const cell = (value: unknown) => {
    const words = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
  };
  return [columns, ...rows.map((row) => columns.map((name) => row[name]))]
    .map((cells) => `${cells.map(cell).join(",")}\r\n`)
    .join("");
}
