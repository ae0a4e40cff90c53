import { useRef, useState } from "preact/hooks";
import { api } from "../api";
import { outdateImages, reloadGallery } from "../state/gallery";
import { names, reloadPeople } from "../state/people";
import { countVerdicts, reloadProject } from "../state/project";
import { notify } from "../state/session";
import { sendFile } from "../state/uploads";
import { text } from "../text";
import type { LabelsRead, LabelsWay } from "../wire";
import { zipOf } from "../zip";
import { PickButton } from "./add";
import { Dialog, Failure } from "./dialog";
import { FolderList, useFolders } from "./folders";
import { Icon } from "./icon";

/** Where labels are: files of this computer, packed as one, or a folder of the server. */
type Source = { file: File } | { path: string };

const WAYS = ["", "masks", "objects"] as const;
const SHOWN = 100;
/** Milliseconds without a key after which a name is complete. */
const QUIET = 400;

/** Brings labels of other programs as marks: they are looked at, with what is left out and why, before any is stored. */
export function LabelsDialog({ project, onClose }: { project: string; onClose: () => void }) {
  const t = text.value.labels;
  const [source, setSource] = useState<Source | null>(null);
  const [way, setWay] = useState<LabelsWay>({ format: "", person: "", replace: false, empty: true });
  const [read, setRead] = useState<LabelsRead | null>(null);
  const [browsing, setBrowsing] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const asked = useRef(0);
  const timer = useRef(0);

  const ask = async (from: Source, how: LabelsWay, store: boolean) => {
    const number = ++asked.current;
    setBusy(true);
    setError(null);
    try {
      const answer = await labelsOf(project, from, { ...how, store });
      if (number === asked.current) await (store ? stored(answer) : setRead(answer));
    } catch (problem) {
      if (number !== asked.current) return;
      setError(problem);
      setRead(null);
    } finally {
      if (number === asked.current) setBusy(false);
    }
  };
  const stored = async ({ count }: LabelsRead) => {
    notify(t.stored(count));
    if (!way.person) outdateImages();
    await Promise.all([reloadProject(), reloadGallery(), countVerdicts(), reloadPeople()]);
    onClose();
  };
  const look = (from: Source) => {
    setSource(from);
    setBrowsing(false);
    void ask(from, way, false);
  };
  const pick = (files: File[]) => void packed(files).then((file) => look({ file }), setError);
  const change = (changes: Partial<LabelsWay>) => {
    const how = { ...way, ...changes };
    setWay(how);
    if (source) void ask(source, how, false);
  };
  /** It is read anew once nobody types: not when the field is left, for that would take the click on 'Store' away. */
  const rename = (person: string) => {
    const how = { ...way, person };
    setWay(how);
    clearTimeout(timer.current);
    if (source) timer.current = window.setTimeout(() => void ask(source, how, false), QUIET);
  };
  const store = () => {
    clearTimeout(timer.current);
    if (source) void ask(source, way, true);
  };
  if (browsing)
    return <ServerLabels onChoose={(path) => look({ path })} onClose={() => setBrowsing(false)} />;
  return (
    <Dialog title={t.title} wide onClose={onClose}>
      <p>{t.lead}</p>
      <div class="ways">
        <PickButton icon="file" words={t.files} kind="labels" onPick={(list) => pick([...list])} />
        <PickButton icon="folder" words={t.folder} kind="labelfolder" onPick={(list) => pick([...list])} />
        <button type="button" onClick={() => setBrowsing(true)}>
          <Icon name="folder" />
          {t.server}
        </button>
      </div>
      <label class="field">
        {t.numbers}
        <select value={way.format} onChange={(e) => change({ format: e.currentTarget.value })}>
          {WAYS.map((name) => (
            <option key={name} value={name}>
              {t.numbersAre[name || "auto"]}
            </option>
          ))}
        </select>
      </label>
      <label class="field">
        {t.person}
        <input
          value={way.person}
          maxLength={200}
          list="people"
          autoComplete="off"
          onInput={(e) => rename(e.currentTarget.value.trim())}
        />
      </label>
      <datalist id="people">
        {names().map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {(["empty", "replace"] as const).map((name) => (
        <label class="tick" key={name}>
          <input
            type="checkbox"
            checked={way[name]}
            onChange={(e) => change({ [name]: e.currentTarget.checked })}
          />
          {t[name]}
        </label>
      ))}
      <Failure error={error} />
      {busy && <p role="status">{t.reading}</p>}
      {read && !busy && <Preview read={read} />}
      <div class="actions">
        <button type="button" class="primary" disabled={busy || !source || !read?.count} onClick={store}>
          {t.store(read?.count ?? 0)}
        </button>
      </div>
    </Dialog>
  );
}

/** What was read, and what is left out, before it is stored. */
function Preview({ read }: { read: LabelsRead }) {
  const t = text.value.labels;
  const reasons = t.reasons as Record<string, string>;
  return (
    <div class="labels" role="status">
      <p class="said">{t.found(read.count, read.absent)}</p>
      {read.replaced > 0 && <p>{t.replaced(read.replaced)}</p>}
      {read.classes.length > 0 && (
        <ul class="counts">
          {read.classes.map(({ name, objects, new: isNew }) => (
            <li key={name}>
              <b>{name}</b>: {text.value.objects(objects)}
              {isNew && <span class="badge example">{t.newClass}</span>}
            </li>
          ))}
        </ul>
      )}
      {read.left_out.length > 0 && (
        <>
          <h3>{t.leftOut}</h3>
          <ul class="leftout">
            {read.left_out.map(({ reason, count, names }) => (
              <li key={reason}>
                <b>{count}</b> {reasons[reason] ?? reason}
                <span class="soft">
                  {names.join(", ")}
                  {count > names.length && " …"}
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {read.notes.length > 0 && (
        <details>
          <summary>{t.notes(read.notes.length)}</summary>
          <ul class="leftout">
            {read.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </details>
      )}
      {read.count > 0 && (
        <details>
          <summary>{t.pictures(read.count)}</summary>
          <ul class="leftout">
            {read.images.slice(0, SHOWN).map((image) => (
              <li key={image.image}>
                <b>{image.name}</b>
                <span class="soft">
                  {image.absent
                    ? text.value.marks.absent
                    : Object.entries(image.objects)
                        .map(([name, n]) => `${name}: ${n}`)
                        .join(", ")}
                </span>
              </li>
            ))}
            {read.count > SHOWN && <li>…</li>}
          </ul>
        </details>
      )}
    </div>
  );
}

interface ServerProps {
  onChoose: (path: string) => void;
  onClose: () => void;
}

/** Chooses a folder of the server. */
function ServerLabels({ onChoose, onClose }: ServerProps) {
  const t = text.value;
  const folders = useFolders();
  const path = folders.listing?.path;
  return (
    <Dialog title={t.folders.title} onClose={onClose}>
      <FolderList folders={folders} />
      <Failure error={folders.error} />
      <div class="actions">
        <button type="button" class="primary" disabled={!path} onClick={() => path && onChoose(path)}>
          {t.labels.here}
        </button>
      </div>
    </Dialog>
  );
}

/** One file as it is, several as a .zip with the folders that they lie in. */
async function packed(files: File[]): Promise<File> {
  if (files.length === 1 && !files[0].webkitRelativePath) return files[0];
  const entries = files.map((file) => ({ name: file.webkitRelativePath || file.name, file }));
  return new File([await zipOf(entries)], "labels.zip");
}

async function labelsOf(
  project: string,
  from: Source,
  way: LabelsWay & { store: boolean },
): Promise<LabelsRead> {
  if ("path" in from) return api.labelsOfFolder(project, from.path, way);
  return JSON.parse(await sendFile(api.labelsPath(project, from.file.name, way), from.file, () => {}));
}
