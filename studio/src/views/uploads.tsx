import { paths, route } from "../route";
import { choose, clearUploads, type Upload, uploading, uploads } from "../state/uploads";
import { about, text } from "../text";
import { Progress } from "./dialog";
import { Icon } from "./icon";
import { choicesOf, VolumeChoice } from "./volume_choice";

const SHOWN = 50;

function failedOf(all: readonly Upload[]): Upload[] {
  return all.filter(({ state }) => state === "failed");
}

/** In the head of every other page: how far the upload is, or how many files failed. It leads to the list of them. */
export function UploadChip() {
  const t = text.value.uploads;
  const all = uploads.value;
  const failed = failedOf(all);
  const at = route.value;
  const to = (failed[0] ?? all[0])?.project;
  if (!to || (!uploading.value && !failed.length)) return null;
  if (at.page === "project" && at.project === to) return null;
  const done = all.filter(({ state }) => state === "done").length;
  return (
    <a class={uploading.value ? "uploadchip" : "uploadchip bad"} href={paths.project(to)}>
      {!uploading.value && <Icon name="warning" />}
      {uploading.value ? t.progress(done, all.length) : t.failed(failed.length)}
    </a>
  );
}

/** The uploads of a project: what is going on, what is to be chosen, and each file that failed with its reason. */
export function UploadList({ project }: { project: string }) {
  const t = text.value;
  const all = uploads.value.filter((upload) => upload.project === project);
  const asking = failedOf(all).filter(({ error }) => choicesOf(error));
  const failed = failedOf(all).filter((upload) => !asking.includes(upload));
  const going = all.some(({ state }) => state === "waiting" || state === "sending");
  if (!going && !failed.length && !asking.length) return null;
  const done = all.filter(({ state }) => state === "done").length;
  const sent = all.reduce((sum, upload) => sum + (upload.state === "failed" ? 1 : upload.sent), 0);
  return (
    <div class="uploads">
      {going && (
        <>
          <Progress label={t.uploads.title} done={sent} all={all.length} />
          <p class="soft" role="status">
            {t.uploads.progress(done, all.length)}
          </p>
        </>
      )}
      {asking.map((upload) => {
        const several = choicesOf(upload.error);
        return (
          several && (
            <VolumeChoice
              key={upload.name}
              name={upload.name}
              several={several}
              onChoose={(choice) => choose(upload, choice)}
            />
          )
        );
      })}
      {failed.length > 0 && (
        <details class="failures" open>
          <summary>
            <span role="alert">{t.uploads.failed(failed.length)}</span>
          </summary>
          <ul>
            {failed.slice(0, SHOWN).map((upload, k) => (
              <li key={k}>
                <Named name={upload.name} error={upload.error} />
              </li>
            ))}
          </ul>
          {!going && (
            <button type="button" class="link" onClick={clearUploads}>
              {t.uploads.seen}
            </button>
          )}
        </details>
      )}
    </div>
  );
}

/** A file and what went wrong with it; its name once. */
export function Named({ name, error }: { name: string; error: unknown }) {
  const [said, rest] = about(name, error);
  return (
    <>
      <b>{said}</b>
      {rest}
    </>
  );
}
