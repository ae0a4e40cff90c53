import { useEffect, useState } from "preact/hooks";
import { actOn } from "../state/chosen";
import { images, loadAll, refreshImage } from "../state/gallery";
import {
  markAs,
  meanRate,
  names,
  openPeople,
  people,
  person,
  reloadPeople,
  shared,
  showOthers,
} from "../state/people";
import type { OpenPicture } from "../state/picture";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import { type ImageInfo, WAYS, type Way } from "../wire";
import { Dialog, Failure } from "./dialog";
import { Icon } from "./icon";

/** In the editor: whose marks are shown and drawn, the others' outlines, and how all agree on this picture. */
export function PeoplePart({ picture }: { picture: OpenPicture }) {
  const t = text.value.people;
  const [naming, setNaming] = useState(false);
  const [agreeing, setAgreeing] = useState(false);
  const image = picture.image.value;
  const known = names();
  const choose = (value: string) => (value === OTHER ? setNaming(true) : markAs(value));
  return (
    <details class="people" open={known.length > 0}>
      <summary>{t.title}</summary>
      <label class="field">
        {t.whose}
        <select value={person.value} onChange={(e) => choose(e.currentTarget.value)}>
          <option value="">{t.own}</option>
          {known.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
          {!people.value?.you && <option value={OTHER}>{t.another}</option>}
        </select>
      </label>
      <p class="soft">{person.value ? t.teachesNothing(person.value) : t.ownTeach}</p>
      {image && image.people.length > 0 && (
        <>
          <label class="tick">
            <input
              type="checkbox"
              checked={showOthers.value}
              onChange={(e) => (showOthers.value = e.currentTarget.checked)}
            />
            {t.others}
          </label>
          {showOthers.value && <Legend picture={picture} />}
          <p>{agreementInWords(image)}</p>
        </>
      )}
      {image && image.people.length > 1 && (
        <button type="button" onClick={() => setAgreeing(true)}>
          <Icon name="check" />
          {t.make}
        </button>
      )}
      {naming && <NameDialog onClose={() => setNaming(false)} />}
      {agreeing && image && (
        <ConsensusDialog
          ids={[image.id]}
          before={async () => picture.saver.value?.save()}
          after={async () => {
            await refreshImage(image.id);
            if (!person.value) await picture.reopenMarks();
          }}
          onClose={() => setAgreeing(false)}
        />
      )}
    </details>
  );
}

/** The value of the choice that asks for a name: no name begins with a space. */
const OTHER = " other";

function agreementInWords(image: ImageInfo): string {
  const t = text.value.people;
  const who = image.people.join(", ");
  return image.agreement === null ? t.marked(who) : t.agreement(who, text.value.percent(image.agreement));
}

function Legend({ picture }: { picture: OpenPicture }) {
  const t = text.value.people;
  return (
    <ul class="legend">
      {picture.others.value.map(({ name, colour, dash, absent }) => (
        <li key={name}>
          <svg width="28" height="6" aria-hidden="true">
            <line
              x1="0"
              y1="3"
              x2="28"
              y2="3"
              stroke={colour}
              stroke-width="3"
              stroke-dasharray={dash.join(" ")}
            />
          </svg>
          {name}
          {absent && <span class="soft"> {text.value.marks.absent}</span>}
        </li>
      ))}
      {!picture.others.value.length && <li class="soft">{t.noOthers}</li>}
    </ul>
  );
}

function NameDialog({ onClose }: { onClose: () => void }) {
  const t = text.value.people;
  const [name, setName] = useState("");
  const give = (event: Event) => {
    event.preventDefault();
    if (!name.trim()) return;
    markAs(name.trim());
    onClose();
  };
  return (
    <Dialog title={t.another} onClose={onClose}>
      <form onSubmit={give}>
        <label class="field">
          {t.name}
          <input
            value={name}
            maxLength={200}
            autoComplete="off"
            onInput={(e) => setName(e.currentTarget.value)}
          />
        </label>
        <div class="actions">
          <button type="submit" class="primary" disabled={!name.trim()}>
            {t.markAs}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** In the steps of the work: who has marked, and the way to one truth; nothing where nobody has marked by himself. */
export function PeopleButton({ project }: { project: string }) {
  const [open, setOpen] = useState(false);
  useEffect(() => openPeople(project), [project]);
  if (!people.value?.people.length) return null;
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        <Icon name="object" />
        {text.value.people.title} …
      </button>
      {open && <ConsensusDialog ids={null} onClose={() => setOpen(false)} />}
    </>
  );
}

interface ConsensusProps {
  /** The pictures of which it is made; null: all that are shown. */
  ids: readonly string[] | null;
  before?: () => Promise<unknown>;
  after?: () => Promise<unknown>;
  onClose: () => void;
}

/** How people agree, and one truth of what they have marked. */
export function ConsensusDialog({ ids, before, after, onClose }: ConsensusProps) {
  const t = text.value.people;
  const [way, setWay] = useState<Way>("majority");
  const [replace, setReplace] = useState(false);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    void reloadPeople();
    if (!ids) loadAll().catch(setError);
  }, []);
  const wanted = ids ?? shared(images.value).map(({ id }) => id);
  const make = async () => {
    onClose();
    try {
      await before?.();
      await actOn(wanted, "consensus", { way, replace });
      await after?.();
    } catch (problem) {
      notify(sentence(problem), "error");
    }
  };
  return (
    <Dialog title={t.title} wide onClose={onClose}>
      <PeopleTable />
      <h3>{t.make}</h3>
      <fieldset class="choices">
        <legend class="unseen">{t.way}</legend>
        {WAYS.map((name) => (
          <label class="tick" key={name}>
            <input type="radio" name="way" checked={way === name} onChange={() => setWay(name)} />
            <span>
              <b>{t.ways[name][0]}</b>
              {text.value.colon}
              {t.ways[name][1]}
            </span>
          </label>
        ))}
      </fieldset>
      <label class="tick">
        <input type="checkbox" checked={replace} onChange={(e) => setReplace(e.currentTarget.checked)} />
        {t.replace}
      </label>
      <p class="soft">{t.stays}</p>
      <Failure error={error} />
      <div class="actions">
        <button type="button" class="primary" disabled={!wanted.length} onClick={() => void make()}>
          {t.makeOf(wanted.length)}
        </button>
      </div>
    </Dialog>
  );
}

/** Each person, and how far each two agree. */
function PeopleTable() {
  const { people: t, percent } = text.value;
  const told = people.value;
  if (!told) return <p class="soft">{text.value.loading}</p>;
  const share = (value: number | null) => (value === null ? "–" : percent(value));
  return (
    <>
      <p>{told.agreement === null ? t.notYet : t.all(told.images, percent(told.agreement))}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keys */}
      <div class="tablebox plain" tabIndex={0} role="group" aria-label={t.title}>
        <table>
          <thead>
            <tr>
              <th>{t.person}</th>
              <th class="number">{t.pictures}</th>
              <th class="number">{t.with}</th>
              <th class="number">{t.sensitivity}</th>
              <th class="number">{t.specificity}</th>
            </tr>
          </thead>
          <tbody>
            {told.people.map((each) => (
              <tr key={each.name}>
                <td>{each.name}</td>
                <td class="number">{each.images}</td>
                <td class="number">{share(each.agreement)}</td>
                <td class="number">{share(meanRate(each.sensitivity))}</td>
                <td class="number">{share(meanRate(each.specificity))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft">{t.explained}</p>
      {told.pairs.length > 1 && (
        <ul class="counts">
          {told.pairs.map(({ person: one, other, images: count, agreement }) => (
            <li key={`${one} ${other}`}>{t.pair(one, other, percent(agreement), count)}</li>
          ))}
        </ul>
      )}
    </>
  );
}
