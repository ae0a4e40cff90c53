import { afterEach, describe, expect, it, vi } from "vitest";
import { nextOpen } from "../src/state/checking";
import { closeGallery, openGallery, reloadGallery } from "../src/state/gallery";
import { OpenPicture } from "../src/state/picture";
import { closeProject, jobs, openProject, project, start } from "../src/state/project";
import { heldSavers, lastSaved, openSaver } from "../src/state/saver";
import { notices } from "../src/state/session";
import { choose, enqueue, fromInput, uploads } from "../src/state/uploads";
import { choicesOf } from "../src/views/volume_choice";
import type { ImageInfo } from "../src/wire";

afterEach(() => {
  vi.unstubAllGlobals();
  closeProject();
});

const reply = (content: unknown, status = 200) => new Response(JSON.stringify(content), { status });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server of empty projects: what it says of the one named "slow" comes last. */
async function projects(path: string, { method }: RequestInit): Promise<Response> {
  const [, id, part] = /projects\/(\w+)(?:\/(\w+))?/.exec(path) ?? [];
  if (id === "slow") await pause(30);
  if (method === "POST")
    return reply({ id: "j", project: id, kind: "run", state: "done", done: 1, total: 1 });
  if (part) return reply({ items: [], next: null, total: 0 });
  return reply({ id, name: id, kind: "images", classes: [{ id: 1, name: "thing", colour: "#ff0000" }] });
}

describe("a project that was left", () => {
  it("is not shown when its answer comes after that of the next one", async () => {
    vi.stubGlobal("fetch", projects);
    const first = openProject("slow");
    await openProject("quick");
    await first;
    expect(project.value?.id).toBe("quick");
  });

  it("keeps the job that was started in it", async () => {
    vi.stubGlobal("fetch", projects);
    await openProject("slow");
    const started = start("run");
    await openProject("quick");
    await started;
    expect(project.value?.id).toBe("quick");
    expect(jobs.value.run).toBeUndefined();
  });
});

it("what was saved is asked for once, and not for ever", async () => {
  let asked = 0;
  vi.stubGlobal("fetch", (path: string, call: RequestInit) => {
    asked++;
    return projects(path, call);
  });
  await openProject("quick");
  lastSaved.value = { project: "quick", image: "i", person: "", teaches: true };
  await pause(30);
  const soon = asked;
  await pause(60);
  expect(asked).toBe(soon);
});

const NOTHING = { version: 0, absent: false, boxes: [], points: [], scribbles: [], polygons: [], mask: null };

describe("marks", () => {
  const image = { id: "i", width: 40, height: 30 } as ImageInfo;

  it("are forgotten with the last view of their picture once they are stored", async () => {
    let stored = 0;
    vi.stubGlobal("fetch", async (_: string, { method }: RequestInit) => {
      if (method === "PUT") stored++;
      return reply({ ...NOTHING, version: stored });
    });
    const saver = await openSaver("p", image);
    saver.drawing.add({ points: [{ xy: [3, 4], class: 1 }] });
    expect(await openSaver("p", image)).toBe(saver);
    await saver.leave();
    expect([stored, heldSavers()]).toEqual([1, 1]);
    await saver.leave();
    expect([stored, heldSavers()]).toEqual([1, 0]);
  });

  it("stay while they cannot be stored", async () => {
    vi.stubGlobal("fetch", async (_: string, { method }: RequestInit) =>
      method === "PUT" ? reply({ error: { code: "marks_invalid", message: "no" } }, 422) : reply(NOTHING),
    );
    const saver = await openSaver("p", image);
    saver.drawing.add({ points: [{ xy: [3, 4], class: 1 }] });
    await saver.leave();
    expect(saver.state.value).toBe("failed");
    expect(await openSaver("p", image)).toBe(saver);
    saver.discard();
  });

  it("are not held for a picture that was closed while they were on their way", async () => {
    vi.stubGlobal("fetch", async (path: string) => {
      await pause(5);
      return path.endsWith("/marks") ? reply(NOTHING) : reply({ ...image, id: "closed" });
    });
    const picture = new OpenPicture("p", "closed");
    await pause(8);
    picture.close();
    await pause(20);
    expect(heldSavers()).toBe(0);
  });
});

const EMPTY = { version: 0, mask: null, absent: false, boxes: [], points: [], scribbles: [], polygons: [] };

describe("a run", () => {
  it("says which marks were refused and do not count", async () => {
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      if (init.method === "PUT")
        return reply({ error: { code: "marks_invalid", message: "no", details: null } }, 422);
      return path.endsWith("/marks") ? reply(EMPTY) : projects(path, init);
    });
    await openProject("p");
    const image = { id: "i", name: "shot.png", width: 8, height: 4 } as ImageInfo;
    const saver = await openSaver("p", image);
    saver.drawing.revision.value++;
    await saver.save();
    expect(saver.refused).toBe(true);
    await start("run");
    expect(notices.value.map(({ text }) => text).join()).toContain("shot.png");
    saver.discard();
  });
});

describe("uploads", () => {
  it("takes every kind of picture that is read out of a folder, and counts the others", () => {
    const named = (name: string) =>
      Object.assign(new File([], name), { webkitRelativePath: `shots/${name}` });
    const names = ["1.heic", "10.avif", "2.PNM", "notes.txt", "3.jpeg", "scan.dcm"];
    const chosen = fromInput(names.map(named) as unknown as FileList);
    expect(chosen.files.map(({ name }) => name)).toEqual(["1.heic", "2.PNM", "3.jpeg", "10.avif"]);
    expect([chosen.folder, chosen.skipped]).toEqual(["shots", 2]);
  });

  it("ask for the bounds again after they could not be had", async () => {
    let asked = 0;
    vi.stubGlobal("fetch", async () => {
      if (asked++) return reply({ limits: { upload_bytes: 1 } });
      return reply({ error: { code: "internal_error", message: "no" } }, 500);
    });
    const file = new File(["more than a byte"], "a.png");
    enqueue("p", [file]);
    await vi.waitFor(() => expect(uploads.value[0].state).toBe("failed"));
    enqueue("p", [file]);
    await vi.waitFor(() => expect(uploads.value[0].state).toBe("failed"));
    expect(uploads.value[0].error?.code).toBe("too_large");
  });

  it("send a file with several volumes again, as the one that was chosen", async () => {
    const paths: string[] = [];
    const details = { option: "channel", choices: [{ value: "0", name: "0" }] };
    vi.stubGlobal("fetch", async () => reply({ limits: { upload_bytes: 100 } }));
    vi.stubGlobal(
      "XMLHttpRequest",
      class {
        upload = {};
        status = 0;
        responseText = "";
        onloadend = () => {};
        setRequestHeader() {}
        getResponseHeader = () => null;
        open(_: string, path: string) {
          paths.push(path);
        }
        send() {
          const first = paths.length === 1;
          this.status = first ? 422 : 201;
          const error = { code: "several_volumes", message: "a.nii: holds 1", details };
          this.responseText = JSON.stringify(first ? { error } : {});
          this.onloadend();
        }
      },
    );
    enqueue("p", [new File(["x"], "a.nii")], true);
    await vi.waitFor(() => expect(uploads.value[0].state).toBe("failed"));
    expect(choicesOf(uploads.value[0].error)).toEqual(details);
    choose(uploads.value[0], { option: "channel", value: "0" });
    await vi.waitFor(() => expect(uploads.value.map(({ state }) => state)).toEqual(["done"]));
    expect(paths).toEqual(["/v1/projects/p/source?name=a.nii", "/v1/projects/p/source?name=a.nii&channel=0"]);
  });
});

it("the next picture to be looked at is the next in the order that was asked for last", async () => {
  const found = { checked: false, prediction: { verdict: "found", wrong: false } };
  vi.stubGlobal("fetch", async (path: string) => {
    const byName = path.includes("order=name");
    if (byName) await pause(20);
    const ids = byName ? ["a", "b"] : ["b", "a"];
    return reply({ items: ids.map((id) => ({ ...found, id })), next: null, total: 2 });
  });
  await openGallery("quick");
  await reloadGallery("doubtful");
  expect(await nextOpen(null)).toBe("b");
  const reloaded = reloadGallery("name");
  expect(await nextOpen(null)).toBe("a");
  await reloaded;
  closeGallery();
});
