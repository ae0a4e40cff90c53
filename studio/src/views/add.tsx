import { useRef, useState } from "preact/hooks";
import { SUFFIXES } from "../service";
import { type Chosen, fromDrop, fromInput } from "../state/uploads";
import { text } from "../text";
import type { ProjectKind } from "../wire";
import { Folders, type FolderTarget } from "./folders";
import { Icon, type IconName } from "./icon";

interface AddProps {
  onFiles: (chosen: Chosen) => void;
  server: FolderTarget;
  onCueset: (file: File) => void;
  /** A video or volume, which makes a project of its own; left out where there is one already. */
  onSource?: (file: File, kind: ProjectKind) => void;
  /** With room to drop files on. */
  large?: boolean;
}

/** All ways to bring pictures in. */
export function AddPictures({ onFiles, server, onCueset, onSource, large = false }: AddProps) {
  const t = text.value.first;
  const [over, setOver] = useState(false);
  const [browsing, setBrowsing] = useState(false);
  const buttons = (
    <div class="ways">
      <PickButton icon="file" words={t.files} onPick={(list) => onFiles(fromInput(list))} kind="files" />
      <PickButton icon="folder" words={t.folder} onPick={(list) => onFiles(fromInput(list))} kind="folder" />
      <button type="button" onClick={() => setBrowsing(true)}>
        <Icon name="folder" />
        {t.server}
      </button>
      <PickButton icon="zip" words={t.cueset} onPick={(list) => onCueset(list[0])} kind="zip" />
      {onSource && (
        <>
          <SourceButton kind="video" onPick={(file) => onSource(file, "video")} />
          <SourceButton kind="volume" onPick={(file) => onSource(file, "volume")} />
        </>
      )}
      {browsing && <Folders target={server} kinds={!!onSource} onClose={() => setBrowsing(false)} />}
    </div>
  );
  if (!large) return buttons;
  const drop = async (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer) onFiles(await fromDrop(event.dataTransfer));
  };
  const hover = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way more; the buttons do the same
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={hover}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <p>
        <b>{over ? t.dropToAdd : t.drop}</b>
        <span class="soft">{t.or}</span>
      </p>
      {buttons}
    </div>
  );
}

interface SourceProps {
  kind: ProjectKind;
  onPick: (file: File) => void;
}

/** Chooses a video or a volume. */
export function SourceButton({ kind, onPick }: SourceProps) {
  const t = text.value.first;
  if (kind === "images") return null;
  return <PickButton icon="file" words={t[kind]} onPick={(list) => onPick(list[0])} kind={kind} />;
}

interface PickProps {
  icon: IconName;
  words: string;
  kind: "files" | "folder" | "zip" | "video" | "volume" | "labels" | "labelfolder";
  onPick: (list: FileList) => void;
}

const MORE = {
  files: { multiple: true },
  folder: { webkitdirectory: true },
  zip: { accept: ".zip" },
  labels: { multiple: true },
  labelfolder: { webkitdirectory: true },
  video: { accept: ["video/*", ...SUFFIXES.video].join() },
  // A browser knows the last part of a suffix alone.
  volume: { accept: SUFFIXES.volume.map((suffix) => suffix.replace(/.*\./, ".")).join() },
};

export function PickButton({ icon, words, kind, onPick }: PickProps) {
  const input = useRef<HTMLInputElement>(null);
  const picked = () => {
    const field = input.current;
    if (field?.files?.length) onPick(field.files);
    if (field) field.value = "";
  };
  return (
    <>
      <button type="button" onClick={() => input.current?.click()}>
        <Icon name={icon} />
        {words}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        data-kind={kind}
        aria-label={words}
        {...MORE[kind]}
        onChange={picked}
      />
    </>
  );
}
