import { useEffect, useState } from "preact/hooks";
import { api } from "../api";
import { notify } from "../state/session";
import { arrived } from "../state/uploads";
import { text } from "../text";
import type { FolderAdded, FolderListing, ProjectKind } from "../wire";
import { Dialog, Failure } from "./dialog";
import { Icon } from "./icon";
import { Named } from "./uploads";

interface FoldersProps {
  onChoose: (path: string, kind: ProjectKind) => Promise<string | null>;
  /** Whether it is asked what the folder holds; else pictures. */
  kinds?: boolean;
  onClose: () => void;
}

/** Walks the folders that the server may read, and adds the pictures of one. */
export function Folders({ onChoose, kinds = false, onClose }: FoldersProps) {
  const t = text.value.folders;
  const [listing, setListing] = useState<FolderListing | null>(null);
  const [recursive, setRecursive] = useState(false);
  const [kind, setKind] = useState<ProjectKind>("images");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [failed, setFailed] = useState<FolderAdded["failed"]>([]);
  const open = (path: string) => {
    setError(null);
    api.folders(path).then(setListing, setError);
  };
  useEffect(() => open(""), []);

  const add = async () => {
    if (!listing) return;
    setBusy(true);
    setError(null);
    try {
      const project = await onChoose(listing.path, kind);
      if (!project) return;
      const result = await api.addFolder(project, listing.path, recursive);
      arrived.value += result.count;
      notify(t.added(result.count));
      if (result.failed.length) setFailed(result.failed);
      else onClose();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const noRoots = listing && !listing.path && !listing.folders.length;
  const isRoot = !listing?.path;
  return (
    <Dialog title={t.title} onClose={onClose}>
      {noRoots && <p>{t.noRoots}</p>}
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
      <Failure error={error} />
      {listing && !isRoot && (
        <>
          {kinds && (
            <fieldset>
              <legend>{t.holds}</legend>
              {(["images", "video", "volume"] as const).map((name) => (
                <label class="tick" key={name}>
                  <input type="radio" name="kind" checked={kind === name} onChange={() => setKind(name)} />
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
              class="primary"
              disabled={busy || (!listing.images && !recursive && kind !== "volume")}
              onClick={add}
            >
              {t.add}
            </button>
          </div>
        </>
      )}
    </Dialog>
  );
}
