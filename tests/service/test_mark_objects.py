"""Objects of a mask in a project: stored, learnt from, exported, imported; and refused where they cannot be."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuesets_made import add_cue
from inline_service import RAW, columns, inline_service, png

from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import read_cueset, read_example
from cuecast.cuesets.edit import new_cueset
from cuecast.service.snapshot import MarkedImage, read_marked, write_cueset

SIZE = (4, 8)
TWO = np.zeros(SIZE, np.int32)
TWO[:, :1], TWO[:, 1:3] = 1, 2
"""Two things that touch."""


def marks() -> dict[str, Any]:
    """The first three columns, of which the first is an object and the others are one."""
    told = columns(3)
    told["mask"]["objects"] = [[0, 4, 28], [4, 8, 20]]
    return told


def test_marks_with_objects_are_kept_and_exported(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        image = service.upload("a.png", png(3))
        service.mark(image, marks())
        sent = service.get(f"images/{image}/marks")
        assert sent["mask"]["objects"] == marks()["mask"]["objects"]
        service.mark(service.upload("b.png", png(2, 1)), columns(2))
        service.done("runs")
        job = service.done("exports", {"formats": ["cueset"]})
        packed = tmp_path / "export.zip"
        packed.write_bytes(service.client.get(f"/v1/jobs/{job['id']}/file").content)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    cueset = read_cueset(tmp_path / "cueset")
    first, second = (read_example(cueset, entry).marks for entry in cueset.entries)
    assert np.array_equal(first.objects, TWO)
    assert second.objects is None


def test_a_cue_set_with_objects_is_imported(tmp_path: Path) -> None:
    """Beside a mask, and as polygons, which stay what they are."""
    (tmp_path / "a.png").write_bytes(png(3))
    (tmp_path / "b.png").write_bytes(png(3, 1))
    new_cueset(tmp_path / "set.zip", ["thing"])
    squares = [[(0, 0), (1, 0), (1, 4), (0, 4)], [(1, 0), (3, 0), (3, 4), (1, 4)]]
    add_cue(tmp_path / "set.zip", tmp_path / "a.png", mask=(TWO > 0).astype(np.uint8), objects=TWO)
    add_cue(tmp_path / "set.zip", tmp_path / "b.png", polygons=squares)
    with inline_service(tmp_path / "data") as service:
        data = (tmp_path / "set.zip").read_bytes()
        reply = service.client.post(f"{service.p}/cueset", content=data, headers=RAW)
        assert reply.status_code == 200, reply.text
        items = service.get("images")["items"]
        first, second = (service.get(f"images/{item['id']}/marks") for item in items)
        assert first["mask"] == marks()["mask"]
        assert (second["mask"], len(second["polygons"])) == (None, 2)
        again = service.client.post(f"{service.p}/cueset", content=data, headers=RAW)
        assert again.status_code == 200, again.text


@pytest.mark.parametrize("told", [marks(), {"polygons": [
    {"path": [[0, 0], [1, 0], [1, 4], [0, 4]], "class": 1}, {"path": [[1, 0], [3, 0], [3, 4], [1, 4]], "class": 1},
]}])  # fmt: skip
def test_what_teaches_has_the_objects(tmp_path: Path, told: dict[str, Any]) -> None:
    """Read from the database, and from the cue set that a run makes of it."""
    (tmp_path / "a.png").write_bytes(png(3))
    digest = hashlib.sha256(png(3)).hexdigest()
    marked = MarkedImage("a.png", tmp_path / "a.png", digest, SIZE, told)
    assert np.array_equal(read_marked(marked, [ClassInfo(1, "thing")]).marks.objects, TWO)
    cueset = write_cueset(tmp_path / "cues", [ClassInfo(1, "thing")], [marked])
    assert np.array_equal(read_example(cueset, cueset.entries[0]).marks.objects, TWO)
    before = cueset.digest()
    one = MarkedImage("a.png", tmp_path / "a.png", digest, SIZE, columns(3))
    assert write_cueset(tmp_path / "cues", [ClassInfo(1, "thing")], [one]).digest() != before


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        ([[0, 4, 27]], "marks_invalid"),
        ([[0, 8, 24], [4, 4, 24]], "marks_invalid"),
        ([[0, 16, 16]], "mask_invalid"),
        ([[-1, 5, 28]], "invalid_request"),
        ([0, 4, 28], "invalid_request"),
        ("1", "invalid_request"),
        ([[32]] * 65535, "invalid_request"),
    ],
)
def test_objects_that_do_not_fit_are_refused(tmp_path: Path, objects: Any, code: str) -> None:
    with inline_service(tmp_path / "data") as service:
        image = service.upload("a.png", png(3))
        told = {**columns(3), "mask": {**columns(3)["mask"], "objects": objects}}
        reply = service.client.put(f"{service.p}/images/{image}/marks", json=told)
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, code), reply.text
        assert service.get(f"images/{image}/marks")["version"] == 0
