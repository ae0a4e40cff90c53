/** The upload queue: a few files at a time, each with its own error; it waits for a server that is away. */

import { computed, signal } from "@preact/signals";
import { ApiError, api, authorization, pause, problemFrom } from "../api";
import { SUFFIXES } from "../service";
import type { Choice, Info } from "../wire";
import { askForKey, whenOnline } from "./session";

export interface Upload {
  name: string;
  file: File;
  project: string;
  /** Whether it is the project's video or volume, and no picture. */
  source: boolean;
  /** Which of several volumes of the file it is. */
  choice: Choice | null;
  state: "waiting" | "sending" | "done" | "failed";
  /** Share that was sent, 0 to 1. */
  sent: number;
  error: ApiError | null;
}

const AT_ONCE = 3;
const TRIES = 4;

export const uploads = signal<Upload[]>([]);
export const uploading = computed(() =>
  uploads.value.some((u) => u.state === "waiting" || u.state === "sending"),
);
/** Rises by one with each picture that has arrived. */
export const arrived = signal(0);

const queue: Upload[] = [];
let running = 0;
let info: Promise<Info> | null = null;

export function enqueue(project: string, files: readonly File[], source = false): void {
  if (!uploading.value) uploads.value = [];
  for (const file of files) {
    add({ name: file.name, file, project, source, choice: null, state: "waiting", sent: 0, error: null });
  }
}

/** Send a file again that was refused because it holds several volumes: it is this one. */
export function choose(refused: Upload, choice: Choice): void {
  uploads.value = uploads.value.filter((upload) => upload !== refused);
  add({ ...refused, choice, state: "waiting", sent: 0, error: null });
}

function add(upload: Upload): void {
  queue.push(upload);
  uploads.value = [...uploads.value, upload];
  if (running < AT_ONCE) void work();
}

export function clearUploads(): void {
  uploads.value = uploads.value.filter((u) => u.state === "waiting" || u.state === "sending");
}

async function work(): Promise<void> {
  running++;
  for (let next = queue.shift(); next; next = queue.shift()) {
    const upload = next;
    const { file, project, choice } = upload;
    change(upload, { state: "sending" });
    try {
      const most = (await information()).limits.upload_bytes;
      if (file.size > most) throw new ApiError(0, "too_large", `${most} B`);
      const path = upload.source
        ? api.sourcePath(project, file.name, choice)
        : api.uploadPath(project, file.name);
      await sendFile(path, file, (sent) => change(upload, { sent }));
      change(upload, { state: "done", sent: 1 });
      arrived.value++;
    } catch (error) {
      change(upload, { state: "failed", error: error as ApiError });
    }
  }
  running--;
}

function information(): Promise<Info> {
  info ??= api.info().catch((error) => {
    info = null; // the next file asks again
    throw error;
  });
  return info;
}

function change(upload: Upload, changes: Partial<Upload>): void {
  Object.assign(upload, changes);
  uploads.value = [...uploads.value];
}

/**
 * Send a file as the body of a POST; tries again while the server is away, busy or without a key. A file that
 * breaks the connection several times is given up: it may have been changed or moved on the disk.
 */
export async function sendFile(path: string, file: File, onSent: (share: number) => void): Promise<string> {
  for (let broken = 0; ; ) {
    const { status, text, retryAfter } = await post(path, file, onSent);
    if (status >= 200 && status < 300) return text;
    if (status === 0 && ++broken < TRIES) await whenOnline();
    else if (status === 0) throw new ApiError(0, "not_sent", file.name);
    else if (status === 401) await askForKey();
    else if (status === 429) await pause(retryAfter);
    else throw problemFrom(status, text);
  }
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function post(path: string, file: File, onSent: (share: number) => void) {
  return new Promise<{ status: number; text: string; retryAfter: number }>((resolve) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", path);
    for (const [name, value] of Object.entries(authorization())) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.upload.onprogress = (event) => event.lengthComputable && onSent(event.loaded / event.total);
    xhr.onloadend = () => {
      const retryAfter = Number(xhr.getResponseHeader("Retry-After") ?? 1);
      resolve({ status: xhr.status, text: xhr.responseText, retryAfter });
    };
    xhr.send(file);
  });
}

/** What was dropped or chosen: files, and the name of the folder if it was one. */
export interface Chosen {
  folder: string | null;
  files: File[];
  /** Files of folders that are no pictures by their names. Files that were chosen one by one are all tried. */
  skipped: number;
}

export function fromInput(list: FileList): Chosen {
  const files = [...list];
  const path = files[0]?.webkitRelativePath ?? "";
  return path ? fromFolder(path.split("/")[0], files) : { folder: null, files, skipped: 0 };
}

function fromFolder(folder: string | null, files: File[]): Chosen {
  const pictures = files.filter(({ name }) => SUFFIXES.images.some((s) => name.toLowerCase().endsWith(s)));
  pictures.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  return { folder, files: pictures, skipped: files.length - pictures.length };
}

export async function fromDrop(data: DataTransfer): Promise<Chosen> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((e) => e !== null);
  const folders = entries.filter((entry) => entry.isDirectory);
  if (!folders.length) return { folder: null, files: [...data.files], skipped: 0 };
  const files = (await Promise.all(entries.map(filesIn))).flat();
  return fromFolder(folders[0].name, files);
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [
      await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
    ];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(filesIn))).flat());
  }
}
