import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import { errorOf, followJob } from "../events";
import { key } from "../state/session";
import { text } from "../text";
import type { Job, Project } from "../wire";
import { Dialog, Failure, Progress } from "./dialog";

interface ExportProps {
  project: Project;
  onClose: () => void;
}

interface ExportResult {
  bytes: number;
  name: string;
}

const USUAL = new Set(["masks", "overlays", "coco", "csv"]);
const OF_FILMS = {
  video: ["masks", "overlays", "ytvis", "csv", "provenance", "cueset"],
  volume: ["masks", "overlays", "csv", "provenance", "cueset"],
};

export function ExportDialog({ project, onClose }: ExportProps) {
  const t = text.value.export;
  const [ofImages, setOfImages] = useState<string[]>([]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(USUAL);
  const [onlyChecked, setOnlyChecked] = useState(false);
  const [job, setJob] = useState<Job | null>(null);
  const [error, setError] = useState<unknown>(null);
  const abort = useRef(new AbortController());
  useEffect(() => {
    api.info().then((info) => setOfImages(info.formats), setError);
    return () => abort.current.abort();
  }, []);

  // Frames and slices that are checked are exported as the images that they are.
  const film = project.kind === "images" || onlyChecked ? null : project.kind;
  const formats = film ? OF_FILMS[film] : ofImages;
  const words = film ? { ...t.formats, ...t.filmFormats[film] } : t.formats;
  const toggle = (name: string) => {
    const changed = new Set(chosen);
    if (!changed.delete(name)) changed.add(name);
    setChosen(changed);
  };
  const start = async () => {
    setError(null);
    try {
      const made = await api.export(
        project.id,
        formats.filter((name) => chosen.has(name)),
        onlyChecked,
      );
      setJob(made);
      const end = await followJob(made.id, { onProgress: setJob }, abort.current.signal);
      setError(errorOf(end));
      setJob(end.state === "done" ? end : null);
    } catch (problem) {
      if (abort.current.signal.aborted) return;
      setError(problem);
      setJob(null);
    }
  };
  const ready = job?.state === "done" ? (job.result as ExportResult) : null;
  return (
    <Dialog title={t.title} onClose={onClose}>
      {!ready && (
        <fieldset disabled={!!job}>
          <legend>{t.lead}</legend>
          {formats.map((name) => (
            <label class="tick" key={name}>
              <input type="checkbox" checked={chosen.has(name)} onChange={() => toggle(name)} />
              <span>
                <b>{words[name]?.[0] ?? name}</b> <span class="soft">{words[name]?.[1]}</span>
              </span>
            </label>
          ))}
          <label class="tick apart">
            <input
              type="checkbox"
              checked={onlyChecked}
              disabled={!project.checked}
              onChange={(e) => setOnlyChecked(e.currentTarget.checked)}
            />
            <span>
              <b>{t.onlyChecked(project.checked)}</b> <span class="soft">{t.onlyCheckedHint}</span>
            </span>
          </label>
        </fieldset>
      )}
      <Failure error={error} />
      {job && !ready && (
        <p role="status">
          {t.working}
          <Progress label={t.working} done={job.done} all={job.total} />
        </p>
      )}
      {ready && job && (
        <p role="status" class="ready">
          {t.ready(ready.name, sizeInWords(ready.bytes))}
        </p>
      )}
      <div class="actions">
        {!job && (
          <button
            type="button"
            class="primary"
            disabled={!formats.some((name) => chosen.has(name))}
            onClick={() => void start()}
          >
            {t.start}
          </button>
        )}
        {ready && job && (
          <>
            <button type="button" onClick={() => setJob(null)}>
              {t.again}
            </button>
            <Download path={api.filePath(job.id)} name={ready.name} onError={setError} />
          </>
        )}
      </div>
    </Dialog>
  );
}

interface DownloadProps {
  path: string;
  name: string;
  onError: (error: unknown) => void;
}

/** A plain link, so that the browser writes to the disk as it comes; with a key, which no link can send, by fetch. */
function Download({ path, name, onError }: DownloadProps) {
  const words = text.value.export.download;
  if (!key.value) {
    return (
      <a class="button primary" href={path} download={name}>
        {words}
      </a>
    );
  }
  const save = async () => saveBlob(await api.blob(path), name);
  return (
    <button type="button" class="primary" onClick={() => save().catch(onError)}>
      {words}
    </button>
  );
}

/** Have the browser write it to the disk. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function sizeInWords(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let [size, unit] = [bytes, 0];
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${size < 10 && unit ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}
