"""The zip of a project: the tree that `cuecast segment` writes."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png
from sqlalchemy import update

from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.predictor import load
from cuecast.runs.images import BatchOptions, run
from cuecast.service import exports, progress
from cuecast.service.store.models import JobRow

EVERYTHING = ["masks", "overlays", "coco", "csv", "yolo", "labelme", "report", "cueset"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a.png to c.png with 1 to 3 red columns; a.png is marked; run."""
    with inline_service(tmp_path / "data") as service:
        for red, name in enumerate("abc", start=1):
            service.upload(f"{name}.png", png(red, red))
        service.mark(service.get("images")["items"][0]["id"], columns(1))
        service.done("runs")
        yield service


def export(service: Service, formats: list[str], **more: str) -> zipfile.ZipFile:
    job = service.done("exports", {"formats": formats, **more})
    reply = service.client.get(f"/v1/jobs/{job['id']}/file")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-disposition"] == "attachment; filename*=utf-8''Red%20things.zip"
    assert len(reply.content) == job["result"]["bytes"]
    return zipfile.ZipFile(io.BytesIO(reply.content))


def test_it_holds_what_the_command_writes(service: Service, tmp_path: Path) -> None:
    packed = export(service, EVERYTHING)
    with packed:
        packed.extractall(tmp_path / "export")
    cueset = read_cueset(tmp_path / "export" / "cueset")
    photos = tmp_path / "photos"
    photos.mkdir()
    for red, name in enumerate("abc", start=1):
        (photos / f"{name}.png").write_bytes(png(red, red))
    concept = load("colours").learn(read_examples(cueset), cueset.classes)
    formats: Any = ("overlays", "coco", "csv", "yolo", "labelme", "report")
    run(concept, sorted(photos.iterdir()), tmp_path / "out", BatchOptions(formats=formats))
    ours = {p.relative_to(tmp_path / "export").as_posix(): p for p in (tmp_path / "export").rglob("*")}
    for path in (p for p in (tmp_path / "out").rglob("*") if p.is_file()):
        name = path.relative_to(tmp_path / "out").as_posix()
        assert name in ours
        # These name the moment, the cue set's version, or the folder of the images.
        if name not in ("manifest.jsonl", "report.html") and not name.startswith("labelme/"):
            assert ours[name].read_bytes() == path.read_bytes(), name
    shapes = [json.loads((tmp_path / d / "labelme/b.json").read_text())["shapes"] for d in ("out", "export")]
    assert shapes[0] == shapes[1]


def test_its_steps_are_counted_to_the_end(service: Service) -> None:
    job = service.done("exports", {"formats": ["csv", "overlays", "cueset"]})
    assert (job["done"], job["total"]) == (6, 6)  # two formats, three overlays, and what comes behind


def test_only_what_was_asked_for(service: Service) -> None:
    with export(service, ["csv"]) as packed:
        assert sorted(packed.namelist()) == ["manifest.jsonl", "objects.csv"]
        rows = list(csv.DictReader(io.StringIO(packed.read("objects.csv").decode())))
    assert [(r["image"], r["area"]) for r in rows] == [("a.png", "4"), ("b.png", "8"), ("c.png", "12")]


def test_coco_may_have_polygons(service: Service) -> None:
    shapes = {}
    for shape in ("rle", "polygon"):
        with export(service, ["coco"], coco_shape=shape) as packed:
            data = json.loads(packed.read("annotations.coco.json"))
        shapes[shape] = [type(a["segmentation"]) for a in data["annotations"]]
    assert shapes == {"rle": [dict] * 3, "polygon": [list] * 3}


def test_it_names_no_folder_of_the_server(service: Service) -> None:
    with export(service, EVERYTHING) as packed:
        said = b"".join(
            packed.read(n) for n in packed.namelist() if n.endswith(("json", "jsonl", "csv", "html"))
        )
        images = [json.loads(line)["image"] for line in packed.read("manifest.jsonl").splitlines()]
    assert str(service.state.files.root).encode() not in said
    assert images == ["a.png", "b.png", "c.png"]


def test_images_that_were_removed_are_not_in_it(service: Service) -> None:
    service.client.delete(f"{service.p}/images/{service.get('images')['items'][2]['id']}")
    with export(service, ["masks"]) as packed:
        assert sorted(packed.namelist()) == ["manifest.jsonl", "masks/a.png", "masks/b.png"]


def test_a_project_without_a_run_gives_its_cue_set(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        service.mark(service.upload("a.png", png(3)), columns(3))
        with export(service, ["masks", "cueset"]) as packed:
            names = packed.namelist()
    assert sorted(names) == [
        "cueset/cues.json",
        "cueset/images/a.png",
        "cueset/masks/a.png",
        "manifest.jsonl",
    ]


def test_without_a_run_there_are_no_masks_to_export(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        service.mark(service.upload("a.png", png(3)), columns(3))
        job = service.post("exports", {"formats": ["masks", "csv"]})
        service.work()
        ended = service.job(job)
    assert ended["state"] == "failed"
    assert ended["error"]["message"].startswith("this project has no results yet; run it, then export")


def test_objects_of_a_class_that_was_taken_out_are_kept(service: Service) -> None:
    image = service.get("images")["items"][0]["id"]
    service.client.delete(f"{service.p}/images/{image}/marks")
    reply = service.client.patch(service.p, json={"classes": [{"name": "other"}]})
    assert reply.status_code == 200, reply.text
    with export(service, ["csv", "coco"]) as packed:
        assert "class 1" in packed.read("objects.csv").decode()


def test_a_cancelled_export_leaves_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TICK", 0.0)
    job = service.post("exports", {"formats": ["csv", "coco"]})
    with service.state.database.writing() as session:
        session.execute(update(JobRow).where(JobRow.id == job["id"]).values(cancel=True))
    service.work()
    assert service.job(job)["state"] == "cancelled"
    assert list(service.state.files.exports(service.project).glob("*")) == []
    assert service.client.get(f"/v1/jobs/{job['id']}/file").json()["error"]["code"] == "no_file"


def test_the_newest_zips_are_kept(service: Service) -> None:
    made = [service.done("exports", {"formats": ["csv"]})["id"] for _ in range(exports.EXPORTS + 2)]
    assert len(list(service.state.files.exports(service.project).glob("*.zip"))) == exports.EXPORTS
    assert service.client.get(f"/v1/jobs/{made[0]}/file").status_code == 404
    assert service.client.get(f"/v1/jobs/{made[-1]}/file").status_code == 200


def test_an_unknown_format_is_refused(service: Service) -> None:
    service.post("exports", {"formats": ["gif"]}, 422)
    service.post("exports", {"formats": []}, 422)
