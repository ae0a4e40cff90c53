/** Line drawings of 20 x 20, drawn for this page. */

const LINES = {
  back: "M12 4 6 10l6 6",
  forward: "m8 4 6 6-6 6",
  up: "M10 16V4M5 9l5-5 5 5",
  close: "m5 5 10 10M15 5 5 15",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  help: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8v.3M10 14.6v.2",
  brush: "M16.5 3.5 9 11M9.2 10.8l-2-.3c-1.6 0-2.7 1.2-2.9 2.7-.1 1.1-.7 1.9-1.6 2.5 2.6.9 6.4.3 6.8-2.7z",
  eraser: "m11.5 4 4.5 4.5-7.5 7.5H6l-2.5-2.5zM8 7.5l4.5 4.5M9 16h7",
  polygon: "M10 3.5 16.5 8.5 14 16H6L3.5 8.5z",
  wand: "M3.5 16.5 11 9M13 3v3M13 10v2.5M8.5 7.5h2M15.5 7.5h2M9.9 4.4l1.2 1.2M16.1 4.4l-1.2 1.2M16.1 10.6l-1.2-1.2",
  box: "M4 5h12v10H4z",
  point: "M10 10h.01M10 3v3M10 14v3M3 10h3M14 10h3",
  notPoint: "M4 10h12M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4",
  scribble: "M3 13c2-6 4-7 5-5s-1 6 1 6 3-8 5-8 1 4 3 4",
  notScribble: "M3 13c2-6 4-7 5-5s-1 6 1 6 3-8 5-8 1 4 3 4M4 17.5h12",
  ignore: "M4 16 16 4M4 10l6-6M10 16l6-6",
  hand: "M10 3v14M3 10h14M10 3 8 5m2-2 2 2M10 17l-2-2m2 2 2-2M3 10l2-2m-2 2 2 2M17 10l-2-2m2 2-2 2",
  ruler: "M3 13 13 3l4 4L7 17zM6 10l1.5 1.5M9 7l1.5 1.5M12 4l1.5 1.5",
  select: "M5 3v12.5l3.4-3.2 2.3 4.9 2-.9-2.3-4.9 4.6-.3z",
  object: "M7.5 4a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M12 8.5h.5a4 4 0 1 1-4 4V13M16 2v5M13.5 4.5h5",
  merge: "M8 4.5a5.5 5.5 0 1 0 0 11h4a5.5 5.5 0 1 0 0-11zM6.5 10h7M10 7v6",
  cut: "M14.5 3 6.8 13.2M5.5 3l7.7 10.2M5 13a2.2 2.2 0 1 0 0 4.4A2.2 2.2 0 0 0 5 13M15 13a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4",
  undo: "M7 5 3.5 8.5 7 12M4 8.5h7.5a4 4 0 0 1 0 8H8",
  redo: "m13 5 3.5 3.5L13 12M16 8.5H8.5a4 4 0 0 0 0 8H12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6M8.5 9v4.5M11.5 9v4.5",
  panel: "M3 4h14v12H3zM12.5 4v12",
  reverse: "M6 3.5v13M3.5 14 6 16.5 8.5 14M14 16.5v-13M11.5 6 14 3.5 16.5 6",
  star: "m10 3 2.1 4.5 4.9.6-3.6 3.4.9 4.9L10 14l-4.3 2.4.9-4.9L3 8.1l4.9-.6z",
  play: "M6 4v12l10-6z",
  pause: "M6.5 4v12M13.5 4v12",
  check: "m4 10.5 4 4 8-9",
  pencil: "m4 16 .8-3.5L13.5 3.8l2.7 2.7L7.5 15.2z",
  folder: "M3 5.5h5l1.5 2H17V15H3z",
  file: "M5 3h6.5L15 6.5V17H5zM11 3v4h4",
  zip: "M4 4h12v12H4zM10 4v2M10 8v2M8.5 12h3v2.5h-3z",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.5 1.5M14.2 14.2l1.5 1.5M15.7 4.3l-1.5 1.5M5.8 14.2l-1.5 1.5",
  warning: "M10 3.5 17.5 16.5h-15zM10 8.5v4M10 14.5v.1",
} as const;

export type IconName = keyof typeof LINES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={LINES[name]} />
    </svg>
  );
}
