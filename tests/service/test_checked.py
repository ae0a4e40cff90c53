"""Masks that a person has called right: known, and no cues; the export of them alone."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import Service, columns, inline_service, png
from PIL import Image

from cuecast.cuesets.cueset import read_cueset, read_examples


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a.png to c.png with 1 to 3 red columns, d.png with none; a.png is marked; run."""
    with inline_service(tmp_path / "data") as service:
        for red, name in ((1, "a"), (2, "b"), (3, "c"), (0, "d")):
            service.ids[name] = service.upload(f"{name}.png", png(red, red + 1))
        service.mark(service.ids["a"], columns(1))
        service.done("runs")
        yield service


def call_right(service: Service, name: str, **changes: Any) -> int:
    """What the studio does: the mask that was found becomes known, and teaches nothing."""
    image = service.ids[name]
    mask = service.get(f"images/{image}/prediction/mask?as=rle")
    said = {"mask": mask} if mask["counts"] else {"absent": True}
    return service.mark(image, {"teaches": False, **said, **changes})


def states(service: Service) -> dict[str, tuple[Any, bool]]:
    """Name -> how it is marked as a cue, and whether it is checked."""
    return {i["name"][0]: (i["marks"], i["checked"]) for i in service.get("images")["items"]}


def test_what_is_called_right_is_known_and_no_cue(service: Service) -> None:
    assert states(service) == {
        "a": ("mask", True),
        "b": (None, False),
        "c": (None, False),
        "d": (None, False),
    }
    call_right(service, "b")
    call_right(service, "d")
    assert states(service) == {"a": ("mask", True), "b": (None, True), "c": (None, False), "d": (None, True)}
    project = service.client.get(service.p).json()
    assert (project["cues"], project["checked"], project["images"]) == (1, 3, 4)
    assert not any(p["stale"] for p in service.predictions().values())
    assert service.done("runs")["result"]["kept"] == 4
    marks = service.get(f"images/{service.ids['b']}/marks")
    assert (marks["teaches"], marks["mask"]["counts"]) == (False, {"1": [0, 8, 24]})
    assert "teaches" not in service.get(f"images/{service.ids['a']}/marks")


def test_images_are_listed_by_whether_they_are_checked(service: Service) -> None:
    call_right(service, "b")
    listed = {w: [i["name"] for i in service.get(f"images?checked={w}")["items"]] for w in ("true", "false")}
    assert listed == {"true": ["a.png", "b.png"], "false": ["c.png", "d.png"]}


def test_marked_anew_it_is_a_cue(service: Service) -> None:
    version = call_right(service, "b")
    service.mark(service.ids["b"], {**columns(1), "version": version})
    assert states(service)["b"] == ("mask", True)
    assert service.client.get(service.p).json()["cues"] == 2
    assert service.predictions()["c.png"]["stale"]


def test_who_calls_it_wrong_takes_that_it_is_right_back(service: Service) -> None:
    wrong = f"{service.p}/images/{service.ids['b']}/prediction/review"
    service.client.put(wrong, json={"wrong": True})
    call_right(service, "b")
    assert service.predictions()["b.png"]["wrong"] is False
    assert service.client.put(wrong, json={"wrong": True}).json()["wrong"] is True
    assert states(service)["b"] == (None, False)
    # A cue stays one.
    service.client.put(f"{service.p}/images/{service.ids['a']}/prediction/review", json={"wrong": True})
    assert states(service)["a"] == ("mask", True)


def test_a_few_clicks_do_not_say_all_of_a_picture(service: Service) -> None:
    points = {"points": [{"xy": [1, 1], "class": 1}], "teaches": False}
    reply = service.client.put(f"{service.p}/images/{service.ids['b']}/marks", json=points)
    assert reply.status_code == 422
    assert "do not say all of a picture" in reply.json()["error"]["message"]


def test_nothing_is_learnt_from_what_is_called_right_alone(service: Service) -> None:
    call_right(service, "b")
    service.client.delete(f"{service.p}/images/{service.ids['a']}/marks")
    assert service.post("runs", status=409)["error"]["code"] == "no_cues"


def exported(service: Service, formats: list[str]) -> zipfile.ZipFile:
    job = service.done("exports", {"formats": formats, "checked": True})
    return zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job['id']}/file").content))


def test_the_checked_ones_alone_are_exported_with_the_masks_that_a_person_stands_for(
    service: Service, tmp_path: Path
) -> None:
    # Of a.png a person says another thing than the run has found.
    service.mark(service.ids["a"], {**columns(4), "version": 1})
    call_right(service, "c")
    call_right(service, "d")
    with exported(service, ["masks", "csv", "coco", "overlays", "report", "cueset"]) as packed:
        names = set(packed.namelist())
        masks = {
            n: np.asarray(Image.open(io.BytesIO(packed.read(f"masks/{n}.png")))).sum(axis=1).tolist()
            for n in "acd"
        }
        rows = list(csv.DictReader(io.StringIO(packed.read("objects.csv").decode())))
        lines = [json.loads(line) for line in packed.read("manifest.jsonl").splitlines()]
        coco = json.loads(packed.read("annotations.coco.json"))
        packed.extractall(tmp_path)
    assert "masks/b.png" not in names
    assert {"overlays/a.jpg", "overlays/c.jpg", "overlays/d.jpg", "report.html"} <= names
    assert masks == {"a": [4] * 4, "c": [3] * 4, "d": [0] * 4}
    assert [(r["image"], r["area"]) for r in rows] == [("a.png", "16"), ("c.png", "12")]
    said = [(e["name"], e["verdict"], e["objects"]) for e in lines]
    assert said == [("a", "found", 1), ("c", "found", 1), ("d", "absent", 0)]
    assert [i["file_name"] for i in coco["images"]] == ["a.png", "c.png", "d.png"]
    examples = read_examples(read_cueset(tmp_path / "cueset"))
    assert [(e.image.name, e.marks.absent) for e in examples] == [
        ("images/a.png", False),
        ("images/c.png", False),
        ("images/d.png", True),
    ]


def test_things_that_touch_stay_apart_in_the_export(service: Service) -> None:
    # Columns 0 and 1 are an object each, column 3 is left out, column 5 belongs to no object that was drawn.
    counts = {"1": [0, 8, 12, 4, 8], "ignore": [12, 4, 16]}
    apart = {"size": [4, 8], "counts": counts, "objects": [[0, 4, 28], [4, 4, 24]]}
    service.mark(service.ids["b"], {"teaches": False, "mask": apart})
    with exported(service, ["masks", "csv"]) as packed:
        rows = list(csv.DictReader(io.StringIO(packed.read("objects.csv").decode())))
        files = ("objects/b.png", "masks/b.png")
        ids, mask = (np.asarray(Image.open(io.BytesIO(packed.read(name))))[0].tolist() for name in files)
    assert [(r["image"], r["area"]) for r in rows] == [("a.png", "4"), *[("b.png", "4")] * 3]
    assert ids == [1, 2, 0, 0, 0, 3, 0, 0]
    assert mask == [1, 1, 0, 0, 0, 1, 0, 0]


def test_where_nothing_is_checked_there_is_nothing_to_export(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        service.upload("a.png", png(3))
        job = service.post("exports", {"formats": ["masks", "cueset"], "checked": True})
        service.work()
        ended = service.job(job)
    assert ended["error"]["message"].startswith("no image of this project is checked yet; call what")
