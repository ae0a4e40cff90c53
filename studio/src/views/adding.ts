import { api } from "../api";
import { isFilm } from "../state/film";
import { reloadGallery } from "../state/gallery";
import { countVerdicts, reloadProject } from "../state/project";
import { notify } from "../state/session";
import { type Chosen, enqueue, fromDrop, sendFile } from "../state/uploads";
import { sentence, text } from "../text";

export interface Adding {
  files: (chosen: Chosen) => void;
  drop: (data: DataTransfer) => Promise<void>;
  cueset: (file: File) => Promise<void>;
}

/** How pictures and cue sets are added to a project that is open. */
export function useAdding(id: string): Adding {
  const t = text.value;
  const files = ({ files: list, skipped }: Chosen) => {
    if (isFilm.value) {
      // Once it has its video, the server says that another one is another project.
      enqueue(id, list.slice(0, 1), true);
      return;
    }
    if (skipped) notify(t.uploads.skipped(skipped));
    if (!list.length) notify(t.uploads.nothing, "error");
    enqueue(id, list);
  };
  const cueset = async (file: File) => {
    notify(t.projects.opening);
    try {
      const { images, cues } = JSON.parse(await sendFile(api.cuesetPath(id), file, () => {}));
      notify(t.projects.cuesetOpened(images, cues));
      await Promise.all([reloadProject(), reloadGallery(), countVerdicts()]);
    } catch (error) {
      notify(sentence(error), "error");
    }
  };
  return { files, cueset, drop: async (data) => files(await fromDrop(data)) };
}
