import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { notify } from "../state/session";
import { arrived } from "../state/uploads";
import { text } from "../text";
import type { Choice, FolderAdded, FolderListing, ProjectKind } from "../wire";
import { Dialog, Failure } from "./dialog";
import { Icon } from "./icon";
import { Named } from "./uploads";
import { choicesOf, VolumeChoice } from "./volume_choice";

/** The project that a folder of the server is added to. */
export interface FolderTarget {
  /** Its id; null where it could not be made. */
  project: (path: string, kind: ProjectKind) => Promise<string | null>;
  /** Called when the folder is in it, and what could not be added was seen. */
  onAdded?: (project: string) => void;
  /** Called where nothing was added. */
  onRefused?: (project: string) => Promise<unknown>;
}

export interface FolderWalk {
  listing: FolderListing | null;
  error: unknown;
  open: (path: string) => void;
}

/** Where one is in the folders that the server may read; at first above them. */
export function useFolders(): FolderWalk {
  const [listing, setListing] = useState<FolderListing | null>(null);
  const [error, setError] = useState<unknown>(null);
  const open = (path: string) => {
    setError(null);
    api.folders(path).then(setListing, setError);
  };
  useEffect(() => open(""), []);
  return { listing, error, open };
}

/** The folders of a folder, to go on into, and the way up. */
export function FolderList({ folders: { listing, open } }: { folders: FolderWalk }) {
  const t = text.value.folders;
  const isRoot = !listing?.path;
  return (
    <>
      {listing && isRoot && !listing.folders.length && <p>{t.noRoots}</p>}
      {listing && !isRoot && <p class="path">{listing.path}</p>}
      <ul class="folders">
        {listing && !isRoot && (
          <li>
            <button type="button" class="quiet" onClick={() => open(listing.parent ?? "")}>
              <Icon name="up" />
              {t.up}
            </button>
          </li>
        )}
        {listing?.folders.map((name) => (
          <li key={name}>
            <button
              type="button"
              class="quiet"
              onClick={() => open(isRoot ? name : `${listing.path}/${name}`)}
            >
              <Icon name="folder" />
              {name}
            </button>
          </li>
        ))}
      </ul>
      {listing && !isRoot && !listing.folders.length && <p class="soft">{t.none}</p>}
    </>
  );
}

interface FoldersProps {
  target: FolderTarget;
  /** Whether it is asked what the folder holds; else pictures. */
  kinds?: boolean;
  onClose: () => void;
}

/** Walks the folders that the server may read, and adds the pictures of one. */
export function Folders({ target, kinds = false, onClose }: FoldersProps) {
  const t = text.value.folders;
  const folders = useFolders();
  const { listing } = folders;
  const [recursive, setRecursive] = useState(false);
  const [kind, setKind] = useState<ProjectKind>("images");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [failed, setFailed] = useState<FolderAdded["failed"]>([]);
  const [filled, setFilled] = useState<string | null>(null);
  useEffect(() => setError(folders.error), [folders.error, listing]);

  const close = (project: string | null) => {
    onClose();
    if (project) target.onAdded?.(project);
  };
  const add = async (choice: Choice | null = null) => {
    if (!listing) return;
    setBusy(true);
    setError(null);
    let project: string | null = null;
    try {
      project = await target.project(listing.path, kind);
      if (!project) return;
      const result = await api.addFolder(project, listing.path, recursive, choice);
      arrived.value += result.count;
      notify(t.added(result.count));
      if (!result.failed.length) return close(project);
      setFilled(project);
      setFailed(result.failed);
    } catch (problem) {
      setError(problem);
      if (project) await target.onRefused?.(project).catch(() => {});
    } finally {
      setBusy(false);
    }
  };
  const choose = (name: ProjectKind) => {
    setKind(name);
    setError(null);
  };
  const several = choicesOf(error);
  const isRoot = !listing?.path;
  return (
    <Dialog title={t.title} onClose={() => close(filled)}>
      <FolderList folders={folders} />
      {failed.length > 0 && (
        <div class="failure" role="alert">
          <p>{t.failed(failed.length)}</p>
          <ul>
            {failed.slice(0, 20).map(({ name, error: why }) => (
              <li key={name}>
                <Named name={name} error={why} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {several && listing ? (
        <VolumeChoice
          name={listing.path.split(/[\\/]/).pop() ?? listing.path}
          several={several}
          busy={busy}
          onChoose={(choice) => void add(choice)}
        />
      ) : (
        <Failure error={error} />
      )}
      {listing && !isRoot && (
        <>
          {kinds && (
            <fieldset>
              <legend>{t.holds}</legend>
              {(["images", "video", "volume"] as const).map((name) => (
                <label class="tick" key={name}>
                  <input type="radio" name="kind" checked={kind === name} onChange={() => choose(name)} />
                  {t.kinds[name]}
                </label>
              ))}
            </fieldset>
          )}
          {kind === "images" && (
            <label class="tick">
              <input
                type="checkbox"
                checked={recursive}
                onChange={(e) => setRecursive(e.currentTarget.checked)}
              />
              {t.recursive}
            </label>
          )}
          <div class="actions">
            <span class="soft">{t.here(listing.images)}</span>
            <button
              type="button"
              class={several ? undefined : "primary"}
              disabled={busy || (!listing.images && !recursive && kind !== "volume")}
              onClick={() => void add()}
            >
              {t.add}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
