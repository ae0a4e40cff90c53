import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError } from "../api";
import type { Drawing } from "../canvas/drawing";
import { type LabelMap, type ObjectMap, whole } from "../canvas/labels";
import { maskOf } from "../canvas/object_edits";
import { outlines } from "../canvas/outline";
import { Overlay, pathOf } from "../canvas/overlay";
import { go, paths } from "../route";
import { type Action, commandOf, isTyping } from "../shortcuts";
import { valueWindow } from "../state/display";
import { frames, isFilm } from "../state/film";
import { openGallery, refreshed, refreshImage } from "../state/gallery";
import { changeLook, changeOpacity, look, panelOpen, resize, showUncertainty, tool } from "../state/pen";
import { person, showOthers } from "../state/people";
import { type Mode, OpenPicture } from "../state/picture";
import { togglePlaying } from "../state/player";
import { chosenClass, colours, ended, openProject, project } from "../state/project";
import { regionSize } from "../state/regions";
import { ruled } from "../state/ruler";
import { notify } from "../state/session";
import { sentence, text } from "../text";
import { Canvas, type CanvasControl } from "./canvas";
import { Failure, Gone } from "./dialog";
import { DisplayPart } from "./display";
import { EditorTop } from "./editor_top";
import { FirstHelp } from "./first_help";
import { endInWords } from "./flow";
import { MarkPanel } from "./mark_panel";
import { PeoplePart } from "./people";
import { accept, copyToNext, fillIn, goTo, judge } from "./picture_steps";
import { PixelSizeDialog } from "./pixel_size";
import { ResultPanel } from "./result_panel";
import { Tip } from "./tip";
import { Toolbar, ViewBar } from "./toolbar";

interface EditorProps {
  projectId: string;
  imageId: string;
}

/** One picture: marking it, looking at what was found, correcting that. */
export function Editor({ projectId, imageId }: EditorProps) {
  const t = text.value;
  const picture = useMemo(() => new OpenPicture(projectId, imageId), []);
  const control = useRef<CanvasControl | null>(null);
  useEffect(() => {
    Promise.all([openProject(projectId), openGallery(projectId)]).catch((error) => {
      picture.error.value = error;
    });
    return () => picture.close();
  }, []);
  useFreshness(picture);
  useShortcuts(picture, control);

  const image = picture.image.value;
  const drawing = drawingOf(picture);
  const overlay = useOverlay(picture, control);
  const chosen = useChosen(picture);
  useEffect(() => {
    if (image) document.title = `${image.name} – ${t.app}`;
  }, [image?.name]);
  useEffect(() => {
    if (showUncertainty.value && picture.mode.value !== "mark") void picture.loadUncertainty();
  }, [showUncertainty.value, picture.mode.value, picture.uncertainty.value]);

  useEffect(() => {
    picture.changePerson().catch((error) => notify(sentence(error), "error"));
  }, [person.value]);
  useEffect(() => {
    picture.loadOthers(showOthers.value).catch((error) => notify(sentence(error), "error"));
  }, [showOthers.value, person.value, image?.people.join()]);

  const wand = tool.value === "wand" && !!drawing;
  useEffect(() => {
    if (wand && image) void picture.regions.show(regionSize.value, image);
  }, [wand, !!image, regionSize.value]);
  useEffect(() => {
    void picture.showWindow().catch((error) => notify(sentence(error), "error"));
  }, [valueWindow.value, picture.pixels.value]);

  const error = picture.error.value;
  if (error instanceof ApiError && error.status === 404) return <Gone message={sentence(error)} />;
  if (error instanceof RangeError) return <Gone message={`${t.editor.unreadable} ${error.message}`} />;
  if (error) return <Failure error={error} onRetry={() => location.reload()} />;
  const unsure = picture.mode.value !== "mark" && showUncertainty.value ? picture.uncertainty.value : null;
  drawing?.revision.value; // read, so that the page follows what is drawn
  return (
    <div class={panelOpen.value ? "editor with-panel" : "editor"}>
      {ruled.value !== null && <PixelSizeDialog />}
      <EditorTop picture={picture} />
      <Toolbar picture={picture} drawing={drawing} />
      <Tip />
      <div class="stage">
        <Canvas
          label={t.editor.canvas(image?.name ?? "")}
          size={image ?? { width: 1, height: 1 }}
          picture={picture.pixels.value}
          overlay={overlay}
          uncertainty={unsure === "none" ? null : unsure}
          shapes={drawing?.shapes ?? null}
          drawing={drawing}
          regions={picture.regions.map.value}
          chooser={picture.objects.told.value && picture.objects}
          chosen={chosen}
          others={picture.others.value}
          classId={chosenClass.value}
          colours={colours.value}
          control={control}
        />
        {!picture.pixels.value && <p class="loading soft">{t.loading}</p>}
        {picture.pixels.value && picture.mode.value === "mark" && <FirstHelp drawing={drawing} />}
        <ViewBar picture={picture} drawing={drawing} control={control} />
      </div>
      {panelOpen.value && (
        <aside class="panel" aria-label={t.editor.panel}>
          {picture.mode.value === "mark" ? (
            <MarkPanel picture={picture} />
          ) : (
            <ResultPanel picture={picture} />
          )}
          <PeoplePart picture={picture} />
          <DisplayPart imageId={picture.id} />
        </aside>
      )}
    </div>
  );
}

/** What the tools draw on in the present mode. */
function drawingOf(picture: OpenPicture): Drawing | null {
  const drawings: Record<Mode, Drawing | null> = {
    mark: picture.saver.value?.drawing ?? null,
    correct: picture.correction.value?.drawing ?? null,
    result: null,
  };
  return drawings[picture.mode.value];
}

/** The border of the object that is chosen. */
function useChosen({ objects }: OpenPicture): Path2D | null {
  const [told, id] = [objects.told.value, objects.current.value && objects.chosen.value];
  return useMemo(() => {
    const lines = told && id ? outlines(maskOf(told.objects, id)).get(1) : null;
    return lines ? pathOf(lines) : null;
  }, [told, id]);
}

/** The coloured layer of the present mode, kept up to date while it is drawn on. */
function useOverlay(picture: OpenPicture, control: { current: CanvasControl | null }): Overlay | null {
  const { mode, saver, correction, found } = picture;
  const map: LabelMap | null | undefined =
    mode.value === "mark"
      ? saver.value?.drawing.labels
      : mode.value === "correct"
        ? correction.value?.shown
        : found.value;
  const overlay = useMemo(() => {
    const objects: Record<Mode, () => ObjectMap | null | undefined> = {
      mark: () => saver.peek()?.drawing.objects,
      correct: () => correction.peek()?.shownObjects,
      result: () => picture.foundObjects,
    };
    const shown = objects[mode.peek()];
    return map && new Overlay(map, colours.peek(), () => shown() ?? null);
  }, [map]);
  useEffect(() => {
    if (overlay?.recolour(colours.value)) control.current?.repaint(whole(overlay.map));
  }, [overlay, colours.value]);
  useEffect(() => {
    if (!overlay) return;
    const update: (typeof overlay)["update"] = (rect) => {
      overlay.update(rect);
      control.current?.repaint(rect);
    };
    const drawing = saver.value?.drawing;
    if (mode.value === "mark" && drawing) drawing.onPaint = update;
    if (mode.value === "correct" && correction.value) correction.value.onShown = update;
  }, [overlay, mode.value]);
  return overlay ?? null;
}

/** Follow what becomes of the image: its marks are stored, a run ends. */
function useFreshness(picture: OpenPicture): void {
  const tell = (error: unknown) => notify(sentence(error), "error");
  const image = refreshed.value;
  useEffect(() => {
    if (image) picture.take(image).catch(tell);
  }, [image]);
  const over = ended.value;
  const before = useRef(ended.peek());
  useEffect(() => {
    if (over?.kind !== "run" || over === before.current) return;
    refreshImage(picture.id).catch(tell);
    notify(endInWords(over), over.error ? "error" : "info");
  }, [over]);
}

function toEnd(picture: OpenPicture, index: 0 | -1): void {
  const frame = frames.value.at(index);
  if (frame) go(paths.image(picture.project, frame.id));
}

function useShortcuts(picture: OpenPicture, control: { current: CanvasControl | null }): void {
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const command = commandOf(event);
      if (!command) return;
      if ("tool" in command) {
        if (drawingOf(picture)) tool.value = command.tool;
      } else if ("classAt" in command) {
        const chosen = project.value?.classes[command.classAt];
        if (chosen) chosenClass.value = chosen.id;
      } else if (!perform(command.action, picture, control.current)) {
        return;
      }
      event.preventDefault();
    };
    const up = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "h") changeLook({ hidden: false });
    };
    addEventListener("keydown", down);
    addEventListener("keyup", up);
    return () => {
      removeEventListener("keydown", down);
      removeEventListener("keyup", up);
    };
  }, []);
}

/** Do what a key asks for; false where it means nothing at present. */
function perform(action: Action, picture: OpenPicture, control: CanvasControl | null): boolean {
  const drawing = drawingOf(picture);
  const mode = picture.mode.value;
  switch (action) {
    case "undo":
      if (!control?.cancel()) drawing?.undo();
      return true;
    case "redo":
      if (!control?.busy) drawing?.redo();
      return true;
    case "smaller":
    case "larger":
      if (tool.value === "wand") regionSize.value = action === "larger" ? "large" : "small";
      else resize(action === "larger" ? 1 : -1);
      return true;
    case "fainter":
    case "stronger":
      changeOpacity(action === "stronger" ? 1 : -1);
      return true;
    case "object":
      if (mode === "mark") drawing?.newObject();
      return mode === "mark";
    case "copy":
      if (mode === "mark") copyToNext(picture);
      return mode === "mark";
    case "between":
      if (mode === "mark") fillIn(picture);
      return mode === "mark" && isFilm.value;
    case "absent":
      if (mode === "mark" && drawing) drawing.setAbsent(!drawing.shapes.absent);
      return mode === "mark";
    case "zoomIn":
    case "zoomOut":
      control?.zoom(action === "zoomIn" ? 1.25 : 0.8);
      return true;
    case "fit":
      control?.fit();
      return true;
    case "hide":
      changeLook({ hidden: true });
      return true;
    case "outline":
      changeLook({ outlineOnly: !look.value.outlineOnly });
      return true;
    case "previous":
    case "next":
      goTo(picture, action === "next" ? 1 : -1);
      return true;
    case "first":
    case "last":
      if (isFilm.value) toEnd(picture, action === "first" ? 0 : -1);
      return isFilm.value;
    case "play":
      if (isFilm.value) togglePlaying();
      return isFilm.value;
    case "tab":
      picture.mode.value = mode === "mark" ? (picture.correction.value ? "correct" : "result") : "mark";
      return true;
    case "correct":
      if (mode === "result" && !picture.isComplete) picture.beginCorrecting();
      return mode === "result";
    case "accept":
      if (mode === "correct") accept(picture);
      return mode === "correct";
    case "right":
      void judge(picture, true);
      return true;
    case "wrong":
      if (mode === "result") void judge(picture, false);
      return mode === "result";
    case "back":
      if (!control?.cancel() && !picture.objects.letGo()) go(paths.project(picture.project));
      return true;
    default:
      return false;
  }
}
