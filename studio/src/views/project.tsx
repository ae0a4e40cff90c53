import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api";
import { paths } from "../route";
import {
  alike,
  comparing,
  filter,
  images,
  lastOpened,
  loading,
  loadMore,
  openGallery,
  order,
  reloadGallery,
  reverse,
  search,
  total,
} from "../state/gallery";
import { people } from "../state/people";
import {
  countVerdicts,
  openProject,
  project,
  reloadProject,
  suggested,
  VERDICTS,
  verdicts,
} from "../state/project";
import { arrived, uploading } from "../state/uploads";
import { sentence, text } from "../text";
import type { Order } from "../wire";
import { useAdding } from "./adding";
import { ImageCard } from "./card";
import { ChosenBar, moveBetweenCards } from "./chosen";
import { Failure, Gone } from "./dialog";
import { Flow } from "./flow";
import { Icon } from "./icon";

/** The gallery of a project, with the steps of the work beside it. */
export function ProjectPage({ id }: { id: string }) {
  const t = text.value;
  const [error, setError] = useState<unknown>(null);
  const adding = useAdding(id);
  const load = () => {
    setError(null);
    Promise.all([openProject(id), openGallery(id)]).catch(setError);
  };
  useEffect(load, []);
  useArrivals();
  useEffect(() => {
    if (project.value) document.title = `${project.value.name} – ${t.app}`;
  }, [project.value?.name]);
  if (error instanceof ApiError && error.status === 404) return <Gone message={sentence(error)} />;
  if (error) return <Failure error={error} onRetry={load} />;
  if (!project.value) return <p class="soft page">{t.loading}</p>;
  const drop = (event: DragEvent) => {
    event.preventDefault();
    if (event.dataTransfer) void adding.drop(event.dataTransfer);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way more; the buttons do the same
    <div class="work" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <h1 class="unseen">{project.value.name}</h1>
      <Flow project={project.value} adding={adding} />
      <section class="gallery" aria-label={t.gallery.title}>
        <GalleryTools />
        <Grid id={id} />
        <ChosenBar />
      </section>
    </div>
  );
}

/** While pictures arrive, show them, once a second at most. */
function useArrivals(): void {
  const [shown, setShown] = useState(arrived.value);
  const count = arrived.value;
  const busy = uploading.value;
  // What arrives before the project is there is counted once it is: its number of pictures was asked for earlier.
  const opened = project.value?.id;
  useEffect(() => {
    if (count === shown || !opened) return;
    const timer = setTimeout(
      () => {
        setShown(count);
        void reloadGallery();
        void reloadProject();
        void countVerdicts();
      },
      busy ? 1000 : 0,
    );
    return () => clearTimeout(timer);
  }, [count, busy, shown, opened]);
}

/** Orders that have another way round. */
const BY_NUMBER: ReadonlySet<Order> = new Set(["count", "area", "confidence", "like", "agreement"]);

function GalleryTools() {
  const t = text.value;
  const counts = verdicts.value;
  const all = counts ? VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0) : null;
  const show = (verdict: string) => {
    filter.value = verdict;
    void reloadGallery();
  };
  const orders: Order[] = [
    "name",
    "doubtful",
    ...(suggested.value.length ? (["suggested"] as const) : []),
    "count",
    "area",
    "confidence",
    ...(people.value?.agreement != null ? (["agreement"] as const) : []),
    ...(alike.value ? (["like"] as const) : []),
  ];
  const timer = useRef(0);
  const find = (words: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      search.value = words;
      void reloadGallery();
    }, 250);
  };
  return (
    <div class="gallerytools">
      <div class="chips" role="group" aria-label={t.gallery.filter}>
        {["", ...VERDICTS].map((verdict) => {
          const count = verdict ? counts?.[verdict as (typeof VERDICTS)[number]] : all;
          if (verdict && !count && filter.value !== verdict) return null;
          return (
            <button
              type="button"
              key={verdict}
              class="chip"
              aria-pressed={filter.value === verdict}
              onClick={() => show(verdict)}
            >
              <span class={`dot ${verdict}`} />
              {verdict ? t.verdict[verdict as (typeof VERDICTS)[number]] : t.verdict.all}
              {typeof count === "number" && <b>{count}</b>}
            </button>
          );
        })}
      </div>
      <span class="space" />
      <input
        type="search"
        placeholder={t.gallery.search}
        aria-label={t.gallery.search}
        defaultValue={search.value}
        onInput={(e) => find(e.currentTarget.value)}
      />
      <select
        aria-label={t.gallery.sort}
        value={order.value}
        onChange={(e) => void reloadGallery(e.currentTarget.value as Order)}
      >
        {orders.map((name) => (
          <option key={name} value={name}>
            {name === "like" ? t.gallery.like(alike.value?.name ?? "") : t.gallery.orders[name]}
          </option>
        ))}
      </select>
      {BY_NUMBER.has(order.value) && (
        <button
          type="button"
          class="quiet"
          aria-pressed={reverse.value}
          aria-label={t.gallery.reverse}
          title={t.gallery.reverse}
          onClick={() => {
            reverse.value = !reverse.value;
            void reloadGallery();
          }}
        >
          <Icon name="reverse" />
        </button>
      )}
      {comparing.value && (
        <p class="soft" role="status">
          {t.gallery.comparing(comparing.value.done, comparing.value.total)}
        </p>
      )}
    </div>
  );
}

function Grid({ id }: { id: string }) {
  const t = text.value;
  const shown = images.value;
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    // Who comes back from a picture goes on where it lies.
    list.current?.querySelector<HTMLElement>(`[href="${paths.image(id, lastOpened.peek())}"]`)?.focus();
  }, [shown.length > 0]);
  if (!shown.length && !loading.value) {
    const narrowed = search.value || filter.value;
    return <p class="nothing">{narrowed ? t.gallery.empty : t.gallery.noPictures}</p>;
  }
  return (
    <>
      <ul class="grid" ref={list} onKeyDown={moveBetweenCards}>
        {shown.map((image) => (
          <ImageCard key={image.id} project={id} image={image} classes={project.value?.classes ?? []} />
        ))}
      </ul>
      {shown.length < total.value && <MoreBelow />}
    </>
  );
}

/** Loads the next page when its button comes near the screen; the button is there for the keyboard. */
function MoreBelow() {
  const [button, setButton] = useState<HTMLButtonElement | null>(null);
  useEffect(() => {
    if (!button) return;
    const observer = new IntersectionObserver(([entry]) => entry.isIntersecting && void loadMore(), {
      rootMargin: "3000px",
    });
    observer.observe(button);
    return () => observer.disconnect();
  }, [button, images.value.length]);
  return (
    <button type="button" class="more" ref={setButton} onClick={() => void loadMore()}>
      {text.value.more} ({text.value.gallery.count(images.value.length, total.value)})
    </button>
  );
}
