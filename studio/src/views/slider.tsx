import { useEffect, useRef, useState } from "preact/hooks";
import { go, paths } from "../route";
import { frames, isFilm, stepTo, ticksOf } from "../state/film";
import { playing, togglePlaying } from "../state/player";
import { project } from "../state/project";
import { text } from "../text";
import type { ImageInfo } from "../wire";
import { Icon } from "./icon";

const PLACES = 400;
/** Milliseconds that the hand must rest on a frame before it is opened. */
const REST = 90;

/** The way through a video or volume. It stays while the pictures above it change. */
export function FrameSlider({ imageId }: { imageId: string }) {
  const t = text.value.film;
  const all = frames.value;
  const here = all.findIndex(({ id }) => id === imageId);
  const [wanted, setWanted] = useState<number | null>(null);
  const timer = useRef(0);
  useEffect(() => {
    setWanted(null);
    return () => clearTimeout(timer.current);
  }, [imageId]);
  const open = project.value;
  if (!isFilm.value || !open || here < 0) return null;
  const at = wanted ?? here;
  const move = (index: number, rest = REST) => {
    setWanted(index);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go(paths.image(open.id, all[index].id)), rest);
  };
  const down = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = stepTo(event.key, at, all.length);
    if (target === null) return;
    event.preventDefault();
    if (target !== at) move(target);
  };
  const words = open.kind === "video" ? t.frame(at, all.length) : t.slice(at, all.length);
  const { seconds } = all[at];
  return (
    <div class="frames">
      <button
        type="button"
        class="quiet"
        aria-pressed={playing.value}
        aria-label={playing.value ? t.pause : t.play}
        title={`${playing.value ? t.pause : t.play} (J)`}
        onClick={togglePlaying}
      >
        <Icon name={playing.value ? "pause" : "play"} />
      </button>
      <div class="way">
        <div class="ticks" aria-hidden="true">
          {ticksOf(all, PLACES).map(({ at: share, sign }) => (
            <i key={share} class={sign} style={{ left: `${share * 100}%` }} />
          ))}
        </div>
        <input
          type="range"
          min={0}
          max={all.length - 1}
          value={at}
          aria-label={open.kind === "video" ? t.slider : t.sliderVolume}
          aria-valuetext={[words, seconds === null ? "" : t.seconds(seconds), state(all[at])]
            .filter(Boolean)
            .join(", ")}
          onInput={(event) => move(Number(event.currentTarget.value))}
          onKeyDown={down}
        />
      </div>
      <output>
        {words}
        {seconds !== null && <span class="soft"> {t.seconds(seconds)}</span>}
      </output>
    </div>
  );
}

function state(image: ImageInfo): string {
  const t = text.value;
  if (image.marks) return t.marks[image.marks];
  const verdict = image.prediction?.verdict;
  return verdict ? t.verdict[verdict] : "";
}
