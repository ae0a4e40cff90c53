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
