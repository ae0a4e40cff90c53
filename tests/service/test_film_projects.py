"""Projects of a video or a volume: its frames or slices are the images, and the library's own functions run it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest
from films import film, save_film, save_frames, square
from inline_service import RAW, Service, inline_service, png
from numpy.typing import NDArray
from PIL import Image

from cuecast.core.ordered import Step
from cuecast.core.values import ClassInfo
from cuecast.cues import Cue, mask_document
from cuecast.cuesets.cueset import read_cueset
from cuecast.io.video import open_frames
from cuecast.predictor import load
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results.manifest import read_manifest
from cuecast.runs.video import track_into
from cuecast.runs.volume import run_volume
from cuecast.service import progress
from cuecast.service.settings import Limits

FRAMES = 12
MARKED = 3
SLICE = 2


def moving(count: int = FRAMES) -> list[Any]:
    """A red square that moves two pixels a frame to the right."""
    return film(count, lambda i: (10, 4 + 2 * i))


def corner(index: int) -> tuple[int, int]:
    return 10, 4 + 2 * index


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return save_film(tmp_path_factory.mktemp("film") / "clip.mp4", moving()).read_bytes()


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume of 8 bits whose block is as red as a grey thing can be: the pack `colours` tells it by its grey."""
    return phantoms.nifti(
        tmp_path_factory.mktemp("scan") / "scan.nii.gz", phantoms.values(), phantoms.affine()
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data", roots=(tmp_path / "root",)) as service:
        yield service


def of_kind(service: Service, kind: str, **fields: Any) -> None:
    """Make the service's project one of a kind."""
    made = service.client.post("/v1/projects", json={"name": f"A {kind}", "kind": kind, **fields})
    assert made.status_code == 201, made.text
    service.project = made.json()["id"]
    service.p = f"/v1/projects/{service.project}"


def send(service: Service, name: str, data: bytes) -> Any:
    return service.client.post(f"{service.p}/source", params={"name": name}, content=data, headers=RAW)


def with_source(service: Service, kind: str, name: str, data: bytes) -> list[str]:
    """A project with its source; the ids of its images."""
    of_kind(service, kind)
    reply = send(service, name, data)
    assert reply.status_code == 201, reply.text
    return [i["id"] for i in service.get("images?limit=500")["items"]]


def drawn(labels: NDArray[np.int32], version: int = 0) -> dict[str, Any]:
    return {"version": version, "mask": mask_document(labels)}


def masks(service: Service) -> dict[str, tuple[bytes, int]]:
    return {p.stem: (p.read_bytes(), p.stat().st_mtime_ns) for p in service.results.glob("masks/*.png")}


def remade(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


def refusal(reply: Any, status: int) -> str:
    assert reply.status_code == status, reply.text
    return str(reply.json()["error"]["message"])


# ---- videos


def test_the_frames_of_a_video_become_the_images_in_order(service: Service, clip: bytes) -> None:
    ids = with_source(service, "video", "C:\\films\\clip.mp4", clip)
    project = service.client.get(service.p).json()
    assert (project["kind"], project["scale"], project["images"]) == ("video", "pixel", FRAMES)
    source = project["source"]
    assert (source["name"], source["frames"], source["width"], source["height"]) == (
        "clip.mp4",
        FRAMES,
        64,
        48,
    )
    assert (source["seconds"], source["note"], source["bytes"]) == (pytest.approx(0.44), None, len(clip))
    found = service.get("images?limit=500")["items"]
    assert [i["name"] for i in found] == [f"{n:06d}.png" for n in range(FRAMES)]
    assert [i["index"] for i in found] == list(range(FRAMES))
    assert [i["seconds"] for i in found] == [pytest.approx(0.04 * n) for n in range(FRAMES)]
    view = service.client.get(f"{service.p}/images/{ids[5]}/view")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(view.content))), moving()[5])
    small = service.client.get(f"{service.p}/images/{ids[5]}/thumbnail?size=16")
    assert Image.open(io.BytesIO(small.content)).size == (16, 12)


def test_the_same_video_twice_is_one_and_another_is_refused(service: Service, clip: bytes) -> None:
    with_source(service, "video", "clip.mp4", clip)
    assert send(service, "again.mp4", clip).status_code == 200
    assert service.client.get(service.p).json()["images"] == FRAMES
    assert "another project" in refusal(send(service, "b.mp4", clip + b"\0" * 8), 409)


def test_the_masks_of_a_run_are_those_of_the_library(service: Service, clip: bytes, tmp_path: Path) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[MARKED], drawn(square(corner(MARKED))))
    job = service.done("runs")
    assert job["result"]["counts"] == {"found": FRAMES, "doubtful": 0, "absent": 0, "failed": 0}
    assert (job["done"], job["total"], job["result"]["kept"]) == (FRAMES, FRAMES, 0)

    path = tmp_path / "clip.mp4"
    path.write_bytes(clip)
    frames = open_frames(path)
    still = next(iter(frames.read(range(MARKED, MARKED + 1)))).image
    classes = [ClassInfo(1, "thing", "#e6194b")]
    concept = load("colours").learn([Cue(still, mask=square(corner(MARKED)))], classes, "pixel")
    track_into(concept, frames, tmp_path / "out", {MARKED: concept.examples[0]})
    library = {p.stem: p.read_bytes() for p in (tmp_path / "out" / "masks").iterdir()}
    assert {name: data for name, (data, _) in masks(service).items()} == library
    assert len(library) == FRAMES

    found = service.predictions()
    assert {p["areas"]["1"] for p in found.values()} == {144}
    assert all(p["counts"] == {"1": 1} and not p["stale"] for p in found.values())
    sent = service.client.get(f"{service.p}/images/{ids[7]}/prediction/mask")
    assert sent.content == library["000007"]
    assert service.get(f"images/{ids[7]}/prediction/uncertainty", 404)["error"]["code"] == "no_result"
    (measured,) = service.get(f"images/{ids[7]}/prediction")["objects"]
    assert (measured["x1"], measured["y1"], measured["area"]) == (18, 10, 144)
    assert service.get("objects?limit=5")["total"] == FRAMES
    assert len(service.get("images?order=doubtful")["items"]) == FRAMES


def test_things_that_touch_in_a_video_are_components_in_the_list_and_in_the_files(
    service: Service, clip: bytes
) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    labels = square(corner(MARKED))
    halves = labels * (1 + (np.arange(labels.shape[1]) > corner(MARKED)[1] + 5)).astype(np.int32)
    assert set(np.unique(halves)) == {0, 1, 2}
    service.mark(ids[MARKED], {"version": 0, "mask": mask_document(labels, halves)})
    service.done("runs")
    assert not (service.results / "objects").exists()
    assert not any(e.split for e in read_manifest(service.results / "manifest.jsonl"))
    assert {len(service.get(f"images/{i}/prediction")["objects"]) for i in ids} == {1}


def test_a_correction_redoes_its_side_alone(service: Service, clip: bytes) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[0], drawn(square(corner(0))))
    service.mark(ids[6], drawn(square(corner(6))))
    service.done("runs")
    before = masks(service)
    service.mark(ids[10], drawn(square(corner(10))))
    assert all(p["stale"] for p in service.predictions().values())
    job = service.done("runs")
    # Frames 1 to 6 lie between marks that are as they were.
    assert remade(before, masks(service)) == {f"{n:06d}" for n in range(7, FRAMES)}
    assert job["result"]["kept"] == 7
    assert not any(p["stale"] for p in service.predictions().values())
    again = masks(service)
    assert service.done("runs")["result"]["kept"] == FRAMES
    assert masks(service) == again
    assert service.done("runs", {"overwrite": True})["result"]["kept"] == 0
    assert remade(again, masks(service)) == set(again)


def test_a_cancelled_run_goes_on_where_it_was(
    service: Service, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[4], drawn(square(corner(4))))
    job = service.post("runs")
    monkeypatch.setattr(progress, "TICK", 0.0)
    tick = progress.Recorder.tick

    def ticking(recorder: Any, step: Step) -> None:
        if step.done == 7:
            service.client.post(f"/v1/jobs/{job['id']}/cancel")
        tick(recorder, step)

    monkeypatch.setattr(progress.Recorder, "tick", ticking)
    service.work()
    stopped = service.job(job)
    assert (stopped["state"], stopped["done"], stopped["total"]) == ("cancelled", 7, FRAMES)
    # The marked frame and those before it are done, and two after it.
    assert [bool(p) for p in service.predictions().values()] == [True] * 7 + [False] * 5
    assert "not whole" in exported(service, {"formats": ["masks"]}, "failed")["error"]["message"]
    before = masks(service)
    monkeypatch.undo()
    service.client.post(f"/v1/jobs/{job['id']}/resume")
    service.work()
    assert service.job(job)["state"] == "done"
    assert service.job(job)["result"]["kept"] >= 5
    assert remade(before, masks(service)) >= {f"{n:06d}" for n in range(7, FRAMES)}
    assert all(p["verdict"] == "found" and not p["stale"] for p in service.predictions().values())


def test_a_stopped_worker_puts_its_run_back(service: Service, clip: bytes) -> None:
    from cuecast.service import workers

    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[4], drawn(square(corner(4))))
    job = service.post("runs")
    asked = iter([False] * 4 + [True])
    bench = service.bench(stopping=lambda: next(asked))
    claimed = workers._claim(bench.database, bench.worker)
    assert claimed is not None
    workers._do(bench, claimed)
    assert service.job(job)["state"] == "queued"
    service.work()
    assert service.job(job)["state"] == "done"
    assert all(p and not p["stale"] for p in service.predictions().values())


def exported(service: Service, body: dict[str, Any], state: str = "done") -> dict[str, Any]:
    job = service.post("exports", body)
    service.work()
    ended = service.job(job)
    assert ended["state"] == state, ended
    return ended


def unzipped(service: Service, job: dict[str, Any]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job['id']}/file").content))


def test_an_export_holds_what_track_writes(service: Service, clip: bytes, tmp_path: Path) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[MARKED], drawn(square(corner(MARKED))))
    service.done("runs")
    job = exported(service, {"formats": ["overlays", "ytvis", "csv", "provenance", "cueset"]})
    with unzipped(service, job) as archive:
        names = set(archive.namelist())
        stills = {f"masks/{n:06d}.png" for n in range(FRAMES)}
        made = {
            "overlay.mp4",
            "annotations.ytvis.json",
            "objects.csv",
            "manifest.jsonl",
            "provenance.jsonld",
        }
        cueset = {"cueset/cues.json", "cueset/images/000003.png", "cueset/masks/000003.png"}
        assert names == stills | made | cueset
        assert all(archive.read(f"masks/{n}.png") == data for n, (data, _) in masks(service).items())
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [(e["frame"], e["image"]) for e in lines] == [(n, "clip.mp4") for n in range(FRAMES)]
        assert json.loads(archive.read("annotations.ytvis.json"))["videos"][0]["length"] == FRAMES
        told = {node["@id"]: node for node in json.loads(archive.read("provenance.jsonld"))["@graph"]}
        assert told["#source"]["name"] == "clip.mp4"
        assert told["#source"]["sha256"] == hashlib.sha256(clip).hexdigest()
        assert told[told["masks/000003.png"]["wasDerivedFrom"]]["frame"] == 3
        archive.extractall(tmp_path / "zip")
    assert open_frames(tmp_path / "zip" / "overlay.mp4").size == (48, 64)
    (entry,) = read_cueset(tmp_path / "zip" / "cueset").entries
    assert entry.image == "images/000003.png"


def test_a_click_on_a_frame_is_answered_at_once(service: Service, clip: bytes) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    point = {"points": [{"xy": [20, 15], "class": 1}]}
    alone = service.post(f"images/{ids[5]}/preview", {"marks": point}, 200)
    assert alone["mask"] == mask_document(square(corner(5)))
    service.mark(ids[0], drawn(square(corner(0))))
    taught = service.post(f"images/{ids[9]}/preview", {"marks": {}}, 200)
    assert taught["mask"] == mask_document(square(corner(9)))


def test_marks_are_checked_against_each_other_and_nothing_is_suggested(service: Service, clip: bytes) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    assert service.post("runs", status=409)["error"]["code"] == "no_cues"
    for index in (0, 6):
        service.mark(ids[index], drawn(square(corner(index))))
    job = service.done("checks")
    cues = job["result"]["leave_one_out"]["cues"]
    assert [(c["image"], c["image_id"]) for c in cues] == [("000000.png", ids[0]), ("000006.png", ids[6])]
    assert "doubtful" in service.post("suggestions", {"n": 2}, 422)["error"]["message"]
    assert "as a whole" in service.post("runs", {"images": [ids[0]]}, 422)["error"]["message"]
    assert "ytvis" in service.post("exports", {"formats": ["coco"]}, 422)["error"]["message"]
    checked = {"formats": ["ytvis"], "checked": True}
    assert "coco" in service.post("exports", checked, 422)["error"]["message"]


def call_right(service: Service, image: str) -> None:
    """What was found becomes known, and teaches nothing."""
    mask = service.get(f"images/{image}/prediction/mask?as=rle")
    service.mark(image, {"mask": mask, "teaches": False})


def test_checked_frames_alone_are_exported_as_images(service: Service, clip: bytes, tmp_path: Path) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    service.mark(ids[MARKED], drawn(square(corner(MARKED))))
    service.done("runs")
    call_right(service, ids[7])
    job = exported(service, {"formats": ["masks", "overlays", "coco", "csv", "cueset"], "checked": True})
    with unzipped(service, job) as archive:
        names = set(archive.namelist())
        two = ("000003", "000007")
        assert {n for n in names if n.startswith("masks/")} == {f"masks/{n}.png" for n in two}
        assert {f"overlays/{n}.jpg" for n in two} <= names
        found = np.asarray(Image.open(io.BytesIO(archive.read("masks/000007.png"))))
        assert np.array_equal(found > 0, square(corner(7)) > 0)
        rows = archive.read("objects.csv").decode().splitlines()
        assert [row.split(",")[0] for row in rows[1:]] == ["000003.png", "000007.png"]
        coco = json.loads(archive.read("annotations.coco.json"))
        assert [i["file_name"] for i in coco["images"]] == ["000003.png", "000007.png"]
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert [(e["image"], e["review"]) for e in lines] == [
            ("000003.png", None),
            ("000007.png", "accepted"),
        ]
        archive.extractall(tmp_path / "zip")
    entries = read_cueset(tmp_path / "zip" / "cueset").entries
    assert [e.image for e in entries] == ["images/000003.png", "images/000007.png"]
    still = np.asarray(Image.open(tmp_path / "zip/cueset/images/000007.png"))
    assert np.array_equal(still, moving()[7])


def test_a_folder_of_frames_stays_where_it_is(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "shots"
    save_frames(folder, moving(4))
    of_kind(service, "video")
    added = service.post("folder", {"path": str(folder)}, 201)
    assert (added["count"], [i["name"] for i in added["added"]]) == (4, [f"f{n}.png" for n in range(4)])
    assert service.post("folder", {"path": str(folder)}, 201)["count"] == 0
    service.mark(added["added"][0]["id"], drawn(square(corner(0))))
    assert service.done("runs")["result"]["counts"]["found"] == 4
    assert set(masks(service)) == {"f0", "f1", "f2", "f3"}
    assert service.client.delete(service.p).status_code == 204
    assert len(list(folder.iterdir())) == 4


def test_paths_and_links_that_lead_out_of_the_roots_are_refused(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "shots"
    (outside,) = save_frames(tmp_path / "secret", moving(1))
    save_frames(folder, moving(2))
    (folder / "f9.png").symlink_to(outside)
    of_kind(service, "video")
    assert service.post("folder", {"path": str(outside)}, 403)["error"]["code"] == "outside_roots"
    assert service.post("folder", {"path": str(folder)}, 403)["error"]["code"] == "outside_roots"
    assert service.post("folder", {"path": str(folder / "no.mp4")}, 404)["error"]["code"] == "not_found"


def test_bad_files_are_refused_with_a_sentence(service: Service, clip: bytes) -> None:
    assert "kind 'video'" in refusal(send(service, "clip.mp4", clip), 415)
    images = f"{service.p}/images"
    sent = service.client.post(images, params={"name": "clip.mp4"}, content=clip, headers=RAW)
    assert "a project of the kind 'video'" in refusal(sent, 415)
    of_kind(service, "video")
    assert "kind 'images'" in refusal(send(service, "a.png", png(3)), 415)
    sent = service.client.post(f"{service.p}/images", params={"name": "a.png"}, content=png(3), headers=RAW)
    assert "kind 'images'" in refusal(sent, 415)
    cueset = service.client.post(f"{service.p}/cueset", content=b"PK\3\4", headers=RAW)
    assert "kind 'images'" in refusal(cueset, 415)
    assert "no video" in refusal(send(service, "clip.mp4", b"#EXTM3U\nfile:///etc/passwd\n"), 415)
    broken = refusal(send(service, "clip.mp4", clip[:200]), 422)
    assert broken.startswith("clip.mp4: ")
    assert str(service.state.files.root) not in broken
    assert service.client.get(service.p).json()["source"] is None
    assert not list(service.state.files.images(service.project).iterdir())
    assert send(service, "clip.mp4", clip).status_code == 201


def test_a_video_that_breaks_off_keeps_its_sound_frames(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "shots"
    save_frames(folder, moving(4))
    (folder / "f3.png").write_bytes(b"no picture")
    of_kind(service, "video")
    assert service.post("folder", {"path": str(folder)}, 201)["count"] == 3
    assert service.client.get(service.p).json()["source"]["note"].startswith("frame 3 is broken")


def test_limits_hold_for_frames(tmp_path: Path, clip: bytes) -> None:
    from cuecast.service.settings import Limits

    with inline_service(tmp_path / "data", limits=Limits(frames=FRAMES - 1)) as service:
        of_kind(service, "video")
        assert "cut it into parts" in refusal(send(service, "clip.mp4", clip), 422)
    with inline_service(tmp_path / "other", limits=Limits(pixels=1000)) as service:
        of_kind(service, "video")
        assert "more than the limit" in refusal(send(service, "clip.mp4", clip), 422)


def test_a_frame_goes_with_its_project_alone(service: Service, clip: bytes) -> None:
    ids = with_source(service, "video", "clip.mp4", clip)
    assert "cannot go alone" in refusal(service.client.delete(f"{service.p}/images/{ids[0]}"), 409)
    assert "'pixel'" in refusal(service.client.patch(service.p, json={"scale": "frame"}), 422)
    assert service.client.delete(service.p).status_code == 204
    assert not service.state.files.project(service.project).exists()


# ---- volumes


def test_the_slices_of_a_volume_become_the_images(service: Service, scan: Path) -> None:
    ids = with_source(service, "volume", "scan.nii.gz", scan.read_bytes())
    found = service.get("images")["items"]
    assert [i["name"] for i in found] == [f"scan_z{z:04d}.png" for z in range(6)]
    assert [(i["index"], i["seconds"], i["width"], i["height"]) for i in found] == [
        (z, None, 10, 8) for z in range(6)
    ]
    view = service.client.get(f"{service.p}/images/{ids[SLICE]}/view")
    pixels = np.asarray(Image.open(io.BytesIO(view.content)))
    assert np.array_equal(pixels[..., 0] == 255, phantoms.truth()[SLICE])


def test_a_run_of_a_volume_is_the_librarys(service: Service, scan: Path, tmp_path: Path) -> None:
    ids = with_source(service, "volume", "scan.nii.gz", scan.read_bytes())
    labels = phantoms.truth()[SLICE].astype(np.int32)
    service.mark(ids[SLICE], drawn(labels))
    job = service.done("runs")
    classes = [ClassInfo(1, "thing", "#e6194b")]
    summary = run_volume(
        load("colours"), scan, tmp_path / "out", [SliceCue("z", SLICE, mask=labels)], classes
    )
    ours = service.results / "masks" / "scan.nii.gz"
    assert ours.read_bytes() == (tmp_path / "out" / "masks" / "scan.nii.gz").read_bytes()
    assert job["result"]["voxels"] == dict(summary.voxels)
    assert job["result"]["millilitres"] == dict(summary.millilitres or {})
    entries = list(read_manifest(tmp_path / "out" / "manifest.jsonl"))
    found = list(service.predictions().values())
    assert [(p["verdict"], p["confidence"]) for p in found] == [(e.verdict, e.confidence) for e in entries]
    sent = service.client.get(f"{service.p}/images/{ids[SLICE]}/prediction/mask?as=rle").json()
    assert sent == mask_document(labels)
    (measured,) = service.get(f"images/{ids[SLICE]}/prediction")["objects"]
    assert (measured["area"], measured["x1"], measured["y1"]) == (15, 3, 2)
    assert service.get("objects")["total"] == sum(sum(p["counts"].values()) for p in found)


def test_checked_slices_alone_are_exported_as_images(service: Service, scan: Path) -> None:
    ids = with_source(service, "volume", "scan.nii.gz", scan.read_bytes())
    service.mark(ids[SLICE], drawn(phantoms.truth()[SLICE].astype(np.int32)))
    service.done("runs")
    call_right(service, ids[SLICE + 1])
    job = exported(service, {"formats": ["masks", "csv"], "checked": True})
    with unzipped(service, job) as archive:
        assert {n for n in archive.namelist() if n.startswith("masks/")} == {
            "masks/scan_z0002.png",
            "masks/scan_z0003.png",
        }
        rows = list(csv.DictReader(io.StringIO(archive.read("objects.csv").decode())))
    # A pixel of a slice need not be square: measures are in pixels.
    assert [(r["image"], r["area"], r["unit"]) for r in rows] == [
        ("scan_z0002.png", "15", ""),
        ("scan_z0003.png", "15", ""),
    ]


def test_other_marks_take_the_place_of_the_results(service: Service, scan: Path) -> None:
    ids = with_source(service, "volume", "scan.nii.gz", scan.read_bytes())
    labels = phantoms.truth()[SLICE].astype(np.int32)
    service.mark(ids[SLICE], drawn(labels))
    service.done("runs")
    assert service.done("runs")["result"]["kept"] == 6
    service.mark(ids[4], drawn(phantoms.truth()[4].astype(np.int32)))
    assert all(p["stale"] for p in service.predictions().values())
    assert service.done("runs")["result"]["kept"] == 0
    assert not any(p["stale"] for p in service.predictions().values())
    job = exported(service, {"formats": ["overlays", "csv", "provenance", "cueset"]})
    with unzipped(service, job) as archive:
        names = set(archive.namelist())
        assert {"masks/scan.nii.gz", "objects.csv", "manifest.jsonl", "cueset/cues.json"} <= names
        told = {node["@id"]: node for node in json.loads(archive.read("provenance.jsonld"))["@graph"]}
        assert told["#source"]["name"] == "scan.nii.gz"
        assert told["masks/scan.nii.gz"]["wasDerivedFrom"] == "#source"
        assert {n for n in names if n.startswith("cueset/images/")} == {
            "cueset/images/scan_z0002.png",
            "cueset/images/scan_z0004.png",
        }


def test_a_cancelled_run_of_a_volume_begins_anew(
    service: Service, scan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = with_source(service, "volume", "scan.nii.gz", scan.read_bytes())
    service.mark(ids[SLICE], drawn(phantoms.truth()[SLICE].astype(np.int32)))
    job = service.post("runs")
    monkeypatch.setattr(progress, "TICK", 0.0)
    tick = progress.Recorder.tick

    def ticking(recorder: Any, step: Step) -> None:
        if step.done == 3:
            service.client.post(f"/v1/jobs/{job['id']}/cancel")
        tick(recorder, step)

    monkeypatch.setattr(progress.Recorder, "tick", ticking)
    service.work()
    assert (service.job(job)["state"], service.job(job)["done"]) == ("cancelled", 3)
    assert not any(service.predictions().values())
    monkeypatch.undo()
    service.client.post(f"/v1/jobs/{job['id']}/resume")
    service.work()
    assert service.job(job)["state"] == "done"


def test_a_dicom_series_is_added_where_it_lies(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "root" / "series"
    folder.mkdir(parents=True)
    slices = phantoms.dicom(folder, phantoms.values())
    of_kind(service, "volume")
    assert service.post("folder", {"path": str(folder)}, 201)["count"] == 6
    of_kind(service, "volume")
    assert "DICOM series is a folder" in refusal(send(service, "a.dcm", slices[0].read_bytes()), 415)


def test_bad_volumes_are_refused(service: Service, scan: Path, clip: bytes) -> None:
    of_kind(service, "volume")
    assert "kind 'video'" in refusal(send(service, "clip.mp4", clip), 415)
    threshold = refusal(send(service, "scan.nii.gz", scan.read_bytes()[:-40]), 422)
    assert threshold.startswith("scan.nii.gz: ")
    detached = b"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: /etc/passwd\n\n"
    assert "elsewhere than behind its header" in refusal(send(service, "a.nrrd", detached), 415)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("at", "value"), [(42, 0), (44, -1), (46, -32768), (42, 32767), (40, -1), (70, 9999)]
)
def test_a_volume_whose_header_cannot_be_is_refused(
    service: Service, scan: Path, packed: bool, at: int, value: int
) -> None:
    data = bytearray(gzip.decompress(scan.read_bytes()))
    struct.pack_into("<h", data, at, value)
    of_kind(service, "volume")
    name = "scan.nii.gz" if packed else "scan.nii"
    said = refusal(send(service, name, gzip.compress(data) if packed else bytes(data)), 422)
    assert said.startswith(f"{name}: ")
    assert str(service.results.parent) not in said


def test_a_film_with_a_cover_and_one_that_is_mirrored(service: Service, cases: Path) -> None:
    for name in ("cover_first", "cover_last"):
        film = (cases / f"video_cover_first/{name}.mp4").read_bytes()
        assert len(with_source(service, "video", "a.mp4", film)) == 12
        assert service.client.get(service.p).json()["source"]["width"] == 128
    first = with_source(service, "video", "b.mp4", (cases / "video_mirrored/hflip.mp4").read_bytes())[0]
    view = Image.open(io.BytesIO(service.client.get(f"{service.p}/images/{first}/view").content)).convert(
        "RGB"
    )
    with Image.open(cases / "video_mirrored/hflip_as_ffmpeg_shows_it.png") as shown:
        assert np.abs(np.asarray(view, int) - np.asarray(shown.convert("RGB"), int)).max() <= 3


def test_a_volume_that_unpacks_to_too_much_is_refused_by_its_header(tmp_path: Path, scan: Path) -> None:
    from cuecast.service.settings import Limits

    with inline_service(tmp_path / "data", limits=Limits(voxels=400)) as service:
        of_kind(service, "volume")
        assert "480 voxels" in refusal(send(service, "scan.nii.gz", scan.read_bytes()), 422)


def test_a_source_may_be_as_large_as_an_upload(tmp_path: Path, clip: bytes) -> None:
    few = Limits(body_bytes=len(clip) // 2)
    with inline_service(tmp_path / "small", limits=few) as service:
        of_kind(service, "video")
        assert send(service, "clip.mp4", clip).status_code == 201
