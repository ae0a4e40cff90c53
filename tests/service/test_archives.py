"""Cue sets brought in as .zip: all of it or none, and nothing that leads out."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuesets_made import add_cue
from service_client import Service, encoded, ok, png, refused

from cuecast.core.values import Box, Point, Polygon, Scribble
from cuecast.cuesets.edit import new_cueset


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def index(*cues: dict[str, Any], classes: Any = ({"id": 1, "name": "cell"},)) -> bytes:
    return json.dumps({"version": 1, "classes": list(classes), "cues": list(cues)}).encode()


def bring(service: Service, project: str, data: bytes) -> Any:
    return service.client.post(f"/v1/projects/{project}/cueset", content=data)


def nothing_is_left(service: Service, project: str) -> bool:
    files = [*(service.data / "uploads").iterdir(), *(service.data / "projects").glob("*/images/*")]
    return not files and ok(service.client.get(f"/v1/projects/{project}/images"))["total"] == 0


def test_what_of_a_label_file_is_passed_over_is_said(stored: Service) -> None:
    shapes = [
        {"label": "cell", "points": [[0, 0], [3, 0], [3, 4], [0, 4]]},
        {"label": "cell", "points": [[1, 1]]},
    ]
    cue = {"image": "images/a.png", "mask": "masks/a.json"}
    files = {"cues.json": index(cue), "images/a.png": png(shade=1)}
    project = stored.project()
    bad = packed({**files, "masks/a.json": json.dumps({"shapes": shapes[1:]}).encode()})
    message = refused(bring(stored, project, bad), 422, "mask_invalid")
    assert message.startswith("the cue set: masks/a.json: nothing in it can be used")
    assert nothing_is_left(stored, project)
    good = packed({**files, "masks/a.json": json.dumps({"shapes": shapes}).encode()})
    (note,) = ok(bring(stored, project, good))["notes"]
    assert note.startswith("the cue set: masks/a.json: passed over, ")
    assert note.endswith("(shape 2)")


def test_a_cue_set_of_the_library(stored: Service, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(shade=1))
    (tmp_path / "b.png").write_bytes(png(shade=2))
    (tmp_path / "c.png").write_bytes(png(shade=3))
    path = tmp_path / "set.zip"
    new_cueset(path, ["cell", "nucleus"])
    labels = np.zeros((4, 8), np.uint8)
    labels[:, :3], labels[:, 3] = 1, 2
    add_cue(path, tmp_path / "a.png", mask=labels)
    marks = {
        "boxes": [Box((0, 0, 3, 4), 2)],
        "points": [Point((7, 3), 0)],
        "scribbles": [Scribble(((1, 1), (2, 2)), 2, 1)],
    }
    add_cue(path, tmp_path / "b.png", **marks)
    add_cue(path, tmp_path / "b.png", points=[Point((1, 0), 1)])
    add_cue(path, tmp_path / "c.png", absent=True)
    project = stored.project()
    reply = ok(bring(stored, project, path.read_bytes()))
    assert (reply["images"], reply["cues"]) == (3, 3)
    assert [(c["id"], c["name"]) for c in reply["classes"]] == [(1, "cell"), (2, "nucleus")]
    listed = {i["name"]: i for i in ok(stored.client.get(f"/v1/projects/{project}/images"))["items"]}
    assert {name: i["marks"] for name, i in listed.items()} == {
        "a.png": "mask",
        "b.png": "sparse",
        "c.png": "absent",
    }

    def saved(name: str) -> Any:
        return ok(stored.client.get(f"/v1/projects/{project}/images/{listed[name]['id']}/marks"))

    assert saved("a.png")["mask"] == {"size": [4, 8], "counts": {"1": [0, 12, 20], "2": [12, 4, 16]}}
    assert saved("b.png") == {
        "version": 1,
        "absent": False,
        "boxes": [{"xyxy": [0, 0, 3, 4], "class": 2}],
        "points": [{"xy": [7, 3], "class": 0}, {"xy": [1, 0], "class": 1}],
        "scribbles": [{"path": [[1, 1], [2, 2]], "width": 2, "class": 1}],
        "polygons": [],
        "mask": None,
    }
    # the same again changes nothing
    reply = ok(bring(stored, project, path.read_bytes()))
    assert (reply["images"], reply["cues"]) == (0, 3)
    assert saved("a.png")["version"] == 1


def test_classes_are_matched_by_name(service: Service, tmp_path: Path) -> None:
    project = service.project(classes=[{"name": "wall"}, {"name": "cell"}])
    path = tmp_path / "set.zip"
    new_cueset(path, ["cell", "crack"])
    add_cue(
        path,
        png(),
        polygons=[Polygon(((0, 0), (4, 0), (4, 4)), 1)],
        points=[Point((7, 1), 2), Point((7, 3), 0)],
    )
    reply = ok(bring(service, project, path.read_bytes()))
    assert [(c["id"], c["name"]) for c in reply["classes"]] == [(1, "wall"), (2, "cell"), (3, "crack")]
    image = ok(service.client.get(f"/v1/projects/{project}/images"))["items"][0]["id"]
    marks = ok(service.client.get(f"/v1/projects/{project}/images/{image}/marks"))
    assert [p["class"] for p in marks["points"]] == [3, 0]
    assert marks["polygons"][0]["class"] == 2


def test_marks_that_are_there_are_not_overwritten(service: Service) -> None:
    project = service.project()
    image = service.image(project)
    ok(service.mark(project, image, absent=True))
    cue = {"image": "images/a.png", "points": [{"xy": [1, 1], "class": 1}]}
    other = {"image": "images/b.png", "absent": True}
    files = {"cues.json": index(cue, other), "images/a.png": png(), "images/b.png": png(shade=7)}
    refused(bring(service, project, packed(files)), 409, "marks_exist")
    listed = ok(service.client.get(f"/v1/projects/{project}/images"))
    assert [i["marks"] for i in listed["items"]] == ["absent"]
    assert [p.name for p in (service.data / "projects" / project / "images").iterdir()] == [f"{image}.png"]


CUE = {"image": "images/a.png", "absent": True}


def with_cues(*cues: dict[str, Any]) -> dict[str, bytes]:
    return {"cues.json": index(*cues), "images/a.png": png()}


def with_point(*xy: int, cls: int = 1) -> dict[str, Any]:
    return {"image": "images/a.png", "points": [{"xy": xy, "class": cls}]}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**with_cues(CUE), "../out.png": png()}, "must not lead out"),
        ({**with_cues(CUE), "/etc/out.png": png()}, "relative to the cue set"),
        (with_cues({**CUE, "image": "../../etc/passwd"}), "must not lead out"),
        ({"cues.json": index(CUE)}, "not in the cue set"),
        ({"cues.json": b"{", "images/a.png": png()}, "not JSON"),
        ({"cues.json": b"[" * 100_000}, "not JSON"),
        ({"images/a.png": png()}, "no cues.json"),
        ({"cues.json": index(CUE), "images/a.png": bytes(3_000_000)}, "unpacks to 3000000 bytes"),
        (with_cues({**CUE, "page": 2}), "page 2"),
        (with_cues(with_point(99, 0)), "outside"),
        (with_cues(with_point(1, 0, cls=5)), "class 5"),
        (with_cues(CUE, with_point(1, 1)), "contradict"),
    ],
)
def test_cue_sets_that_are_refused(service: Service, files: dict[str, bytes], said: str) -> None:
    project = service.project()
    response = bring(service, project, packed(files))
    assert response.status_code == 422, response.text
    message = response.json()["error"]["message"]
    assert said in message
    assert str(service.data) not in message
    assert nothing_is_left(service, project)
    assert not (service.data.parent / "out.png").exists()


def test_an_image_in_it_that_is_none(service: Service) -> None:
    project = service.project()
    files = {"cues.json": index(CUE), "images/a.png": b"<svg/>"}
    refused(bring(service, project, packed(files)), 415, "not_an_image")
    assert nothing_is_left(service, project)


def test_an_image_in_it_beyond_the_limits(service: Service) -> None:
    project = service.project()
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), np.uint8)
    data = packed({"cues.json": index(CUE), "images/a.png": encoded(noise, "BMP")})
    assert len(data) > 200_000
    refused(bring(service, project, data), 413, "too_large")
    flat = packed(
        {"cues.json": index(CUE), "images/a.png": encoded(np.zeros((300, 300, 3), np.uint8), "BMP")}
    )
    assert len(flat) < 200_000
    refused(bring(service, project, flat), 413, "too_large")
    assert nothing_is_left(service, project)


def test_what_is_no_zip(service: Service) -> None:
    project = service.project()
    refused(bring(service, project, b"x" * 100), 422, "cueset_invalid")
    refused(bring(service, project, b""), 422, "empty")
    refused(bring(service, "nosuchproject", b"x"), 404, "not_found")
    assert nothing_is_left(service, project)


def test_too_many_files(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuecast.io.bundle.MAX_MEMBERS", 3)
    project = service.project()
    files = {"cues.json": index(CUE), "images/a.png": png(), "b": b"", "c": b""}
    assert "4 files" in refused(bring(service, project, packed(files)), 422, "cueset_invalid")
