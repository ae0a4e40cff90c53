import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../api";
import { go, paths } from "../route";
import { kindOf } from "../state/film";
import { closeGallery } from "../state/gallery";
import { freeName, projectNames } from "../state/names";
import { closeProject } from "../state/project";
import { notify } from "../state/session";
import { type Chosen, enqueue, sendFile } from "../state/uploads";
import { language, sentence, text } from "../text";
import type { ImageInfo, Project, ProjectKind } from "../wire";
import { AddPictures } from "./add";
import { Confirm, Dialog, Failure } from "./dialog";
import type { FolderTarget } from "./folders";
import { Icon } from "./icon";
import { Thumb } from "./picture";

export function Projects() {
  const t = text.value;
  const [projects, setProjects] = useState<Project[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [opening, setOpening] = useState(false);

  const load = async (cursor: string | null = null) => {
    const page = await api.projects(cursor);
    setProjects((known) => [...(cursor ? (known ?? []) : []), ...page.items]);
    setNext(page.next);
  };
  useEffect(() => {
    closeProject();
    closeGallery();
    document.title = t.app;
    load().catch(setError);
  }, []);

  const create = async (name: string, kind: ProjectKind = "images") => {
    setError(null);
    try {
      const made = await api.createProject(freeName(name, await projectNames()), kind);
      return made.id;
    } catch (problem) {
      setError(problem);
      return null;
    }
  };
  const withFiles = async ({ folder, files, skipped }: Chosen) => {
    if (skipped) notify(t.uploads.skipped(skipped));
    if (!files.length) return setError(t.uploads.nothing);
    if (files.length === 1 && kindOf(files[0].name) !== "images") {
      return withSource(files[0], kindOf(files[0].name));
    }
    const id = await create(folder ?? t.projects.newName(today()));
    if (!id) return;
    enqueue(id, files);
    go(paths.project(id));
  };
  const withSource = async (file: File, kind: ProjectKind) => {
    const id = await create(file.name, kind);
    if (!id) return;
    enqueue(id, [file], true);
    go(paths.project(id));
  };
  const server: FolderTarget = {
    project: (path, kind) => create(path.split(/[\\/]/).filter(Boolean).pop() ?? today(), kind),
    onAdded: (id) => go(paths.project(id)),
    onRefused: api.deleteProject,
  };
  const withCueset = async (file: File) => {
    const id = await create(file.name.replace(/\.zip$/i, ""));
    if (!id) return;
    setOpening(true);
    try {
      const { images, cues } = JSON.parse(await sendFile(api.cuesetPath(id), file, () => {}));
      notify(t.projects.cuesetOpened(images, cues));
      go(paths.project(id));
    } catch (problem) {
      setError(problem);
      await api.deleteProject(id);
    } finally {
      setOpening(false);
    }
  };

  return (
    <div class="page">
      <section class="hero">
        <h1>{t.first.title}</h1>
        <p class="lead">{t.first.lead}</p>
        <ol class="steps">
          {t.first.steps.map(([title, words]) => (
            <li key={title}>
              <b>{title}</b>
              <span>{words}</span>
            </li>
          ))}
        </ol>
        <AddPictures onFiles={withFiles} server={server} onCueset={withCueset} onSource={withSource} large />
        {opening && <p role="status">{t.projects.opening}</p>}
        <Failure error={error} />
      </section>
      <section aria-labelledby="projects-title">
        <h2 id="projects-title">{t.projects.title}</h2>
        {projects && !projects.length && <p class="soft">{t.projects.none}</p>}
        {!projects && !error && <p class="soft">{t.loading}</p>}
        <ul class="cards">
          {projects?.map((p) => (
            <ProjectCard
              key={p.id}
              project={p}
              onChange={(changed) =>
                setProjects((all) =>
                  (all ?? []).flatMap((o) => (o.id !== p.id ? [o] : changed ? [changed] : [])),
                )
              }
            />
          ))}
        </ul>
        {next && (
          <button type="button" onClick={() => load(next)}>
            {t.more}
          </button>
        )}
      </section>
    </div>
  );
}

/** How many pictures, frames or slices a project has. */
export function sizeOf({ kind, images }: Project): string {
  const t = text.value;
  return kind === "images" ? t.pictures(images) : kind === "video" ? t.frames(images) : t.slices(images);
}

function today(): string {
  return new Date().toLocaleDateString(language.value, { day: "numeric", month: "long", year: "numeric" });
}

interface CardProps {
  project: Project;
  /** The changed project; null when it was deleted. */
  onChange: (project: Project | null) => void;
}

function ProjectCard({ project, onChange }: CardProps) {
  const t = text.value;
  const [cover, setCover] = useState<ImageInfo | null>(null);
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  useEffect(() => {
    if (project.images) api.images(project.id, { limit: 1 }).then(({ items }) => setCover(items[0] ?? null));
  }, [project.images]);
  const remove = () =>
    api.deleteProject(project.id).then(
      () => onChange(null),
      (error) => notify(sentence(error), "error"),
    );
  return (
    <li class="card">
      <a class="open" href={paths.project(project.id)} aria-label={t.projects.open(project.name)}>
        {cover ? (
          <Thumb project={project.id} image={cover} classes={project.classes} />
        ) : (
          <div class="thumb" />
        )}
      </a>
      <div class="words">
        <b class="name">{project.name}</b>
        <span class="soft">
          {sizeOf(project)} · {t.examples(project.cues)}
        </span>
        <span class="cardtools">
          <button
            type="button"
            class="quiet"
            title={t.projects.rename}
            aria-label={`${t.projects.rename}: ${project.name}`}
            onClick={() => setAsked("rename")}
          >
            <Icon name="pencil" />
          </button>
          <button
            type="button"
            class="quiet"
            title={t.remove}
            aria-label={`${t.remove}: ${project.name}`}
            onClick={() => setAsked("delete")}
          >
            <Icon name="trash" />
          </button>
        </span>
      </div>
      {asked === "delete" && (
        <Confirm
          title={t.projects.deleteTitle(project.name)}
          body={t.projects.deleteText}
          action={t.remove}
          onConfirm={remove}
          onClose={() => setAsked(null)}
        />
      )}
      {asked === "rename" && <Rename project={project} onDone={onChange} onClose={() => setAsked(null)} />}
    </li>
  );
}

interface RenameProps {
  project: Project;
  onDone: (project: Project) => void;
  onClose: () => void;
}

function Rename({ project, onDone, onClose }: RenameProps) {
  const t = text.value;
  const input = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      onDone(await api.changeProject(project.id, { name: input.current?.value.trim() ?? "" }));
      onClose();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Dialog title={t.projects.renameTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <label class="field">
          {t.projects.name}
          <input ref={input} required maxLength={200} defaultValue={project.name} />
        </label>
        <Failure error={error} />
        <div class="actions">
          <button type="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="primary">
            {t.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
