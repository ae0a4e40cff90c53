import { signal } from "@preact/signals";

interface Shown {
  words: string;
  keys: string;
  /** Where the tip begins, in CSS pixels of the window. */
  x: number;
  y: number;
  /** Beside its button, or above it where there is no room. */
  side: "right" | "above";
}

const shown = signal<Shown | null>(null);
const ROOM = 260;

/** Handlers of a bar whose buttons have `data-tip`, and `data-keys` where a key does the same. */
export const tips = {
  onPointerOver: (event: Event) => show(event.target),
  onPointerLeave: () => hide(),
  onFocusIn: (event: Event) => {
    if (event.target instanceof Element && event.target.matches(":focus-visible")) show(event.target);
  },
  onFocusOut: () => hide(),
  onPointerDown: () => hide(),
};

function show(target: EventTarget | null): void {
  const button = target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
  if (!button) {
    hide();
    return;
  }
  const { left, right, top, height } = button.getBoundingClientRect();
  const { tip = "", keys = "" } = button.dataset;
  const fits = right + ROOM < innerWidth;
  shown.value = fits
    ? { words: tip, keys, x: right + 8, y: top + height / 2, side: "right" }
    : { words: tip, keys, x: Math.min(left, innerWidth - ROOM), y: top - 6, side: "above" };
}

function hide(): void {
  shown.value = null;
}

addEventListener("keydown", (event) => event.key === "Escape" && hide());

/** The name and the key of the button under the pointer. A screen reader has the name of the button itself. */
export function Tip() {
  const tip = shown.value;
  if (!tip) return null;
  return (
    <div class={`tip ${tip.side}`} style={{ left: `${tip.x}px`, top: `${tip.y}px` }} aria-hidden="true">
      {tip.words} {tip.keys && <kbd>{tip.keys}</kbd>}
    </div>
  );
}
