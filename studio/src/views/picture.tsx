import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import { coloursOf, Overlay } from "../canvas/overlay";
import { sampleMask } from "../canvas/rle";
import type { ClassInfo, ImageInfo } from "../wire";
import { isSuperseded } from "./badges";

/** Fetched rather than named in `src`: an <img> could not send the API key. Null until it is there. */
export function useBlobUrl(path: string | null): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    if (!path) return;
    const abort = new AbortController();
    let made = "";
    api
      .blob(path, abort.signal)
      .then((blob) => {
        made = URL.createObjectURL(blob);
        setUrl(made);
      })
      .catch(() => setUrl(null)); // a thumbnail that cannot be had stays an empty frame
    return () => {
      abort.abort();
      if (made) URL.revokeObjectURL(made);
      setUrl(null);
    };
  }, [path]);
  return url;
}

/** How far from the visible part of the page pictures are fetched: some tenths of a second of a quick scroll. */
const AHEAD = "900px";

/** Whether the element is near the visible part of the page; true for good once its picture is `there`. */
function useNear(element: { current: Element | null }, near: Signal<boolean>, there: boolean): void {
  useEffect(() => {
    if (there || !element.current) return;
    const watch = (entries: IntersectionObserverEntry[]) => {
      near.value = entries.at(-1)?.isIntersecting ?? false;
    };
    const observer = new IntersectionObserver(watch, { rootMargin: AHEAD });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [there]);
}

interface ThumbProps {
  project: string;
  image: ImageInfo;
  classes: readonly ClassInfo[];
}

/** A thumbnail; once it has been run with what was found on it, or with what was marked on all of it since. */
export function Thumb({ project, image, classes }: ThumbProps) {
  const frame = useRef<HTMLDivElement>(null);
  const near = useSignal(false);
  // One that is gone before its picture came gives it up, so that those in sight need not wait for it.
  const url = useBlobUrl(near.value ? api.thumbnailPath(project, image.id) : null);
  useNear(frame, near, url !== null);
  return (
    <div class="thumb" ref={frame}>
      {url && <img src={url} alt="" />}
      {url && <ThumbMask project={project} image={image} classes={classes} />}
    </div>
  );
}

const SIDE = 256;

function ThumbMask({ project, image, classes }: ThumbProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { prediction } = image;
  const marked = isSuperseded(image);
  const found = marked ? image.marks !== "absent" : Object.values(prediction?.areas ?? {}).some((a) => a > 0);
  const shrink = SIDE / Math.max(image.width, image.height, SIDE);
  const [width, height] = [image.width, image.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const painted = JSON.stringify(classes.map(({ id, colour }) => [id, colour]));
  // Another run makes another mask, and nearly always another time or confidence.
  const version = marked
    ? `marks ${image.marks_version}`
    : JSON.stringify([prediction?.seconds, prediction?.confidence, prediction?.areas]);
  useEffect(() => {
    const target = canvas.current;
    if (!target || !found) return;
    const abort = new AbortController();
    const asked = marked
      ? api.marks(project, image.id).then(({ mask }) => mask)
      : api.predictionMask(project, image.id, abort.signal);
    asked
      .then((mask) => {
        if (!mask || abort.signal.aborted) return;
        const overlay = new Overlay(sampleMask(mask, width, height), coloursOf(classes));
        const context = target.getContext("2d");
        context?.clearRect(0, 0, width, height);
        context?.drawImage(overlay.canvas, 0, 0);
        target.dataset.drawn = "";
      })
      .catch(() => {}); // without its mask the thumbnail still says what was found
    return () => abort.abort();
  }, [version, painted]);
  return found ? <canvas ref={canvas} width={width} height={height} /> : null;
}
