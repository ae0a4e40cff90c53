import { useEffect, useState } from "preact/hooks";
import { isTyping } from "../shortcuts";
import {
  acting,
  actOnChosen,
  allChosen,
  chooseAll,
  chooseUpTo,
  chosen,
  chosenImages,
  clearChosen,
  runChosen,
  toggleChosen,
} from "../state/chosen";
import { isFilm } from "../state/film";
import { sortLike, total } from "../state/gallery";
import { shared } from "../state/people";
import { project, running } from "../state/project";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import type { ImageInfo } from "../wire";
import { Confirm, Progress } from "./dialog";
import { Icon } from "./icon";
import { ConsensusDialog } from "./people";

/** The box on a card with which its picture is chosen. */
export function ChooseBox({ image }: { image: ImageInfo }) {
  const choose = (event: MouseEvent & { currentTarget: HTMLInputElement }) => {
    if (event.shiftKey) chooseUpTo(image.id);
    else toggleChosen(image.id);
    event.currentTarget.checked = chosen.value.has(image.id);
  };
  return (
    <label class="choosebox">
      <input
        type="checkbox"
        aria-label={text.value.chosen.choose(image.name)}
        checked={chosen.value.has(image.id)}
        onClick={choose}
      />
    </label>
  );
}

/** Ctrl and a click choose a card, Shift and a click all up to it: true where that was meant. */
export function choosesByClick(event: MouseEvent, id: string): boolean {
  if (!(event.ctrlKey || event.metaKey || event.shiftKey)) return false;
  event.preventDefault();
  if (event.shiftKey) chooseUpTo(id);
  else toggleChosen(id);
  return true;
}

/** What is done to the chosen pictures, below the gallery, and its keys: Ctrl A, Escape, Delete. */
export function ChosenBar() {
  const t = text.value;
  const [asked, setAsked] = useState(false);
  const count = chosen.value.size;
  const deletable = !isFilm.value;
  useChosenKeys(() => deletable && setAsked(true));
  if (!count) return null;
  const busy = acting.value;
  if (busy) {
    return (
      <section class="chosenbar" aria-label={t.chosen.title}>
        <Progress label={t.chosen.title} done={busy.done} all={busy.all} />
      </section>
    );
  }
  return (
    <section class="chosenbar" aria-label={t.chosen.title}>
      <b role="status">{t.chosen.count(count)}</b>
      {!allChosen() && (
        <button type="button" class="link" onClick={() => void chooseAll()}>
          {t.chosen.all(total.value)}
        </button>
      )}
      <span class="space" />
      {count === 1 && <LikeButton />}
      {deletable && <RunButton />}
      {!deletable && (
        <button type="button" title={t.carry.betweenHint} onClick={() => void actOnChosen("between")}>
          {t.carry.between}
        </button>
      )}
      <button type="button" title={t.chosen.acceptHint} onClick={() => void actOnChosen("accept")}>
        <Icon name="check" />
        {t.chosen.accept}
      </button>
      <button type="button" title={t.chosen.absentHint} onClick={() => void actOnChosen("absent")}>
        <Icon name="close" />
        {t.chosen.absent}
      </button>
      <ConsensusButton />
      {deletable && (
        <button type="button" onClick={() => setAsked(true)}>
          <Icon name="trash" />
          {t.chosen.delete}
        </button>
      )}
      <button
        type="button"
        class="quiet"
        aria-label={t.chosen.clear}
        title={`${t.chosen.clear} (Esc)`}
        onClick={clearChosen}
      >
        <Icon name="close" />
      </button>
      {asked && (
        <Confirm
          title={t.chosen.deleteTitle(count)}
          body={t.chosen.deleteText}
          action={t.remove}
          onConfirm={() => void actOnChosen("delete")}
          onClose={() => setAsked(false)}
        />
      )}
    </section>
  );
}

function ConsensusButton() {
  const [open, setOpen] = useState(false);
  const ids = shared(chosenImages()).map(({ id }) => id);
  if (!ids.length) return null;
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {text.value.people.make}
      </button>
      {open && <ConsensusDialog ids={ids} onClose={() => setOpen(false)} />}
    </>
  );
}

function RunButton() {
  const shown = project.value;
  const ready = !!shown && (shown.cues > 0 || shown.concept !== null) && !running.value;
  return (
    <button type="button" disabled={!ready} onClick={() => void runChosen()}>
      {text.value.chosen.run}
    </button>
  );
}

function LikeButton() {
  const sort = () => {
    const [image] = chosenImages();
    if (image) sortLike(image).catch((error) => notify(sentence(error), "error"));
  };
  return (
    <button type="button" onClick={sort}>
      {text.value.chosen.like}
    </button>
  );
}

function useChosenKeys(askToDelete: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.altKey || document.querySelector("dialog[open]")) return;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
        event.preventDefault();
        void chooseAll();
      } else if (event.key === "Escape") clearChosen();
      else if (event.key === "Delete" && chosen.peek().size) askToDelete();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

/** Arrow keys go from card to card, and with Shift choose on the way; Space chooses the card or lets go of it. */
export function moveBetweenCards(event: KeyboardEvent & { currentTarget: HTMLUListElement }): void {
  const cards = [...event.currentTarget.querySelectorAll<HTMLElement>(".open")];
  const at = cards.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  const idOf = (card: HTMLElement) => card.dataset.image ?? "";
  if (event.key === " ") {
    event.preventDefault();
    toggleChosen(idOf(cards[at]));
    return;
  }
  const columns = getComputedStyle(event.currentTarget).gridTemplateColumns.split(" ").length;
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const target = step ? cards[at + step] : undefined;
  if (!target) return;
  event.preventDefault();
  if (event.shiftKey) {
    if (!chosen.peek().has(idOf(cards[at]))) toggleChosen(idOf(cards[at]));
    chooseUpTo(idOf(target));
  }
  target.focus();
}
