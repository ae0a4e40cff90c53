import { useEffect } from "preact/hooks";
import { api } from "../api";
import { reloadGallery } from "../state/gallery";
import { loadPacks, packs, usual } from "../state/packs";
import { countVerdicts, reloadProject } from "../state/project";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import type { Project } from "../wire";

/** Which pack looks at the pictures, and a ready concept of it that needs no example. */
export function PackChoice({ project, open }: { project: Project; open: boolean }) {
  const t = text.value.packs;
  useEffect(() => {
    loadPacks().catch((error) => notify(sentence(error), "error"));
  }, []);
  const known = packs.value;
  if (!known) return null;
  const name = project.pack ?? usual.value;
  const chosen = known.find((pack) => pack.name === name);
  const change = async (changes: Partial<Pick<Project, "pack" | "concept">>) => {
    try {
      await api.changeProject(project.id, changes);
      await Promise.all([reloadProject(), countVerdicts(), reloadGallery()]);
    } catch (error) {
      notify(sentence(error), "error");
    }
  };
  return (
    <details open={open}>
      <summary>
        {t.pack}: {name}
        {project.concept && `, ${project.concept}`}
      </summary>
      <label class="field">
        {t.pack}
        <select
          value={project.pack ?? ""}
          onChange={(e) => void change({ pack: e.currentTarget.value || null, concept: null })}
        >
          <option value="">{t.usual(usual.value)}</option>
          {known
            .filter((pack) => !pack.problem && pack.name !== usual.value)
            .map((pack) => (
              <option key={pack.name} value={pack.name}>
                {pack.name}
              </option>
            ))}
        </select>
      </label>
      {chosen && <p class="soft">{chosen.summary}</p>}
      {!!chosen?.concepts.length && (
        <label class="field">
          {t.concept}
          <select
            value={project.concept ?? ""}
            onChange={(e) => void change({ concept: e.currentTarget.value || null })}
          >
            <option value="">{t.noConcept}</option>
            {chosen.concepts.map((concept) => (
              <option key={concept} value={concept}>
                {concept}
              </option>
            ))}
          </select>
        </label>
      )}
      {project.concept && <p class="soft">{t.conceptHint}</p>}
    </details>
  );
}
