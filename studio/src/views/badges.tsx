import { type Found, project, suggested } from "../state/project";
import { text } from "../text";
import type { ImageInfo } from "../wire";
import { Icon } from "./icon";

export function foundOf(image: ImageInfo): Found {
  const { prediction } = image;
  if (!prediction) return "unrun";
  return prediction.verdict ?? (prediction.error ? "failed" : "unrun");
}

/** Whether the person has since said all of the picture: what was found before says nothing any more. */
export function isSuperseded({ checked, prediction }: ImageInfo): boolean {
  return !!prediction?.stale && checked;
}

/** The verdict in words, with the confidence. The mark in front tells verdicts apart without colours. */
export function Verdict({ image }: { image: ImageInfo }) {
  const t = text.value;
  const found = foundOf(image);
  const share = image.prediction?.confidence;
  const shown = found !== "failed" && found !== "unrun" && typeof share === "number";
  const words = t.verdict[found] + (shown ? ` ${t.percent(share)}` : "");
  if (isSuperseded(image)) return null;
  if (!image.prediction?.stale) return <span class={`verdict ${found}`}>{words}</span>;
  return (
    <span class="verdict earlier" title={t.stale}>
      {t.earlier(words)}
    </span>
  );
}

export function MarkBadge({ image }: { image: ImageInfo }) {
  const t = text.value;
  if (!image.marks && !image.checked) return null;
  if (!image.marks) {
    return (
      <span class="badge example">
        <Icon name="check" />
        {t.checking.badge}
      </span>
    );
  }
  return (
    <span class="badge example">
      <Icon name={image.marks === "absent" ? "close" : "check"} />
      {t.marks[image.marks]}
    </span>
  );
}

/** How many objects were found; null where that says nothing. */
function countOf(image: ImageInfo): number | null {
  const { prediction } = image;
  if (!prediction?.verdict || prediction.stale) return null;
  return Object.values(prediction.counts).reduce((sum, n) => sum + n, 0) || null;
}

/** The objects of each class, where several were found. */
function countsApart(image: ImageInfo): { name: string; colour: string; count: number }[] {
  const counts = image.prediction?.counts ?? {};
  const found = (project.value?.classes ?? []).filter(({ id }) => counts[id]);
  return found.length < 2 ? [] : found.map(({ id, name, colour }) => ({ name, colour, count: counts[id] }));
}

export function CountBadge({ image }: { image: ImageInfo }) {
  const n = countOf(image);
  if (n === null) return null;
  const apart = countsApart(image);
  return (
    <span class="badge count">
      {text.value.objects(n)}
      {apart.map(({ name, colour, count }) => (
        <span key={name} class="ofclass" title={name}>
          <i style={{ background: colour }} />
          {count}
        </span>
      ))}
    </span>
  );
}

/** How many people have marked all of it, and how far they agree. */
export function PeopleBadge({ image }: { image: ImageInfo }) {
  if (!image.people.length) return null;
  return (
    <span class="badge count" title={image.people.join(", ")}>
      {peopleInWords(image)}
    </span>
  );
}

function peopleInWords({ people, agreement }: ImageInfo): string {
  return text.value.people.badge(people.length, agreement === null ? null : text.value.percent(agreement));
}

export function OtherBadges({ image }: { image: ImageInfo }) {
  const t = text.value;
  return (
    <>
      {image.prediction?.wrong && <span class="badge wrong">{t.wrong}</span>}
      {suggested.value.includes(image.id) && (
        <span class="badge star">
          <Icon name="star" />
          {t.suggestedBadge}
        </span>
      )}
    </>
  );
}

/** What a screen reader hears of an image in the gallery. */
export function stateInWords(image: ImageInfo): string {
  const t = text.value;
  const { prediction } = image;
  const old = isSuperseded(image);
  const count = countOf(image);
  return [
    !old && t.verdict[foundOf(image)],
    !old &&
      prediction?.verdict &&
      typeof prediction.confidence === "number" &&
      t.percent(prediction.confidence),
    count !== null && t.objects(count),
    count !== null &&
      countsApart(image)
        .map((found) => `${found.count} ${found.name}`)
        .join(", "),
    image.marks ? t.marks[image.marks] : image.checked && t.checking.badge,
    image.people.length > 0 && peopleInWords(image),
    !old && prediction?.stale && t.stale,
    prediction?.wrong && t.wrong,
    suggested.value.includes(image.id) && t.suggestedBadge,
  ]
    .filter(Boolean)
    .join(", ");
}
