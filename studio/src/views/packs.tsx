import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, api } from "../api";
import { closeGallery } from "../state/gallery";
import { asAdmin, importPack, loadPacks, packs, usual } from "../state/packs";
import { closeProject } from "../state/project";
import { notify } from "../state/session";
import { text } from "../text";
import type { Pack } from "../wire";
import { Confirm, Failure } from "./dialog";
import { saveBlob, sizeInWords } from "./export";
import { Icon } from "./icon";

/** The packs of the server: what they are for; given out and taken in as files. */
export function Packs() {
  const t = text.value;
  const [error, setError] = useState<unknown>(null);
  const [taken, setTaken] = useState<File | null>(null);
  const [busy, setBusy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const load = () => {
    setError(null);
    loadPacks().catch(setError);
  };
  useEffect(() => {
    closeProject();
    closeGallery();
    load();
  }, []);
  useEffect(() => {
    document.title = `${t.packs.title} – ${t.app}`;
  }, [t]);
  const take = async (file: File, replace = false) => {
    setError(null);
    setBusy(true);
    try {
      notify(t.packs.imported(await importPack(file, replace)));
    } catch (problem) {
      if (!replace && problem instanceof ApiError && problem.code === "pack_exists") setTaken(file);
      else setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="page">
      <section>
        <h1>{t.packs.title}</h1>
        <p class="soft">{t.packs.lead}</p>
        <div class="ways">
          <input
            ref={input}
            type="file"
            accept=".zip"
            data-kind="pack"
            hidden
            onChange={(e) => {
              const file = e.currentTarget.files?.[0];
              e.currentTarget.value = "";
              if (file) void take(file);
            }}
          />
          <button type="button" disabled={busy} onClick={() => input.current?.click()}>
            <Icon name="zip" />
            {t.packs.import}
          </button>
        </div>
        <Failure error={error} {...(packs.value ? {} : { onRetry: load })} />
        {!packs.value && !error && <p class="soft">{t.loading}</p>}
        <ul class="packs">
          {packs.value?.map((pack) => (
            <PackCard key={pack.name} pack={pack} onError={setError} />
          ))}
        </ul>
      </section>
      {taken && (
        <Confirm
          title={t.packs.replaceTitle}
          body={t.packs.replaceText}
          action={t.packs.replace}
          onConfirm={() => void take(taken, true)}
          onClose={() => setTaken(null)}
        />
      )}
    </div>
  );
}

interface PackCardProps {
  pack: Pack;
  onError: (error: unknown) => void;
}

function PackCard({ pack, onError }: PackCardProps) {
  const t = text.value.packs;
  const about = [
    pack.name === usual.value && t.isUsual,
    pack.base && t.onBase(pack.base),
    pack.task,
    pack.organisation,
    pack.licence !== "NOASSERTION" && pack.licence,
    pack.bytes > 0 && sizeInWords(pack.bytes),
    pack.signature,
  ].filter(Boolean);
  const give = async () => {
    try {
      const path = api.packArchivePath(pack.name);
      saveBlob(await asAdmin(() => api.blob(path)), `${pack.name}.zip`);
    } catch (error) {
      onError(error);
    }
  };
  return (
    <li>
      <div>
        <h2>{pack.name}</h2>
        <p>{pack.summary}</p>
        <p class="soft">{about.join(" · ")}</p>
        {pack.concepts.length > 0 && (
          <p class="soft">
            {t.concepts}: {pack.concepts.join(", ")}
          </p>
        )}
        {pack.problem && <p class="failed">{pack.problem}</p>}
        <p class="soft digest" title={pack.digest}>
          {t.digest}: {pack.digest.slice(0, 12)}
        </p>
      </div>
      <button type="button" aria-label={`${t.export}: ${pack.name}`} onClick={() => void give()}>
        {t.export}
      </button>
    </li>
  );
}
