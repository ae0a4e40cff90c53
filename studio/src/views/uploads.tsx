import { clearUploads, uploading, uploads } from "../state/uploads";
import { sentence, text } from "../text";
import { Progress } from "./dialog";
import { Icon } from "./icon";

/** The upload queue, in a corner of every page: what is going on, and each file that failed with its reason. */
export function UploadQueue() {
  const t = text.value;
  const all = uploads.value;
  const failed = all.filter(({ state }) => state === "failed");
  if (!all.length || (!uploading.value && !failed.length)) return null;
  const done = all.filter(({ state }) => state === "done").length;
  const sent = all.reduce((sum, upload) => sum + (upload.state === "failed" ? 1 : upload.sent), 0);
  return (
    <aside class="uploads" aria-label={t.uploads.title}>
      <header>
        <b>{uploading.value ? t.uploads.title : t.uploads.failed(failed.length)}</b>
        {!uploading.value && (
          <button type="button" class="quiet" aria-label={t.close} onClick={clearUploads}>
            <Icon name="close" />
          </button>
        )}
      </header>
      {uploading.value && (
        <>
          <Progress label={t.uploads.title} done={sent} all={all.length} />
          <p class="soft" role="status">
            {t.uploads.progress(done, all.length)}
          </p>
        </>
      )}
      {failed.length > 0 && (
        <ul class="failures">
          {failed.slice(0, 50).map((upload, k) => (
            <li key={k}>
              <b>{upload.name}</b>: {sentence(upload.error)}
            </li>
          ))}
        </ul>
      )}
    </aside>
  );
}
