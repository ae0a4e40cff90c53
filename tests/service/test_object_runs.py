"""Things that touch are told apart by the service as by the library: runs, tables, exports and answers at once."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import Service, inline_service
from pictures import BLUE, RED
from PIL import Image

from cuecast.cues import ids_of, mask_document

SIZE = (40, 64)
TWO, THREE = [(12, 12, 9), (12, 28, 9)], [(12, 12, 9), (12, 28, 9), (30, 50, 7)]
"""Discs (row, column, radius); the first two touch."""


def discs(shown: list[tuple[int, int, int]]) -> np.ndarray:
    """(40, 64) int32: a number a disc."""
    found = np.zeros(SIZE, np.int32)
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    for number, (row, column, radius) in reversed(list(enumerate(shown, start=1))):
        found[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    return found


def as_png(ids: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.array([BLUE, RED], np.uint8)[np.minimum(ids, 1)]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """two.png, whose things are told apart by its marks, and three.png."""
    with inline_service(tmp_path / "data") as service:
        for name, shown in (("two", TWO), ("three", THREE)):
            service.ids[name] = service.upload(f"{name}.png", as_png(discs(shown)))
        told = discs(TWO)
        service.mark(service.ids["two"], {"version": 0, "mask": mask_document(np.minimum(told, 1), told)})
        yield service


def counts(service: Service) -> dict[str, dict[str, int]]:
    return {name: found["counts"] for name, found in service.predictions().items()}


def test_a_run_counts_lists_and_exports_what_it_tells_apart(service: Service) -> None:
    service.done("runs")
    assert counts(service) == {"two.png": {"1": 2}, "three.png": {"1": 3}}
    listed = service.get("objects")
    assert (listed["total"], [r["object"] for r in listed["items"]]) == (5, [1, 2, 3, 1, 2])
    assert all(0 <= r["confidence"] <= 1 for r in listed["items"])
    detail = service.get(f"images/{service.ids['three']}/prediction")
    sent = service.get(f"images/{service.ids['three']}/prediction/mask?as=rle")
    ids = ids_of(sent, SIZE)
    assert ids is not None
    assert [r["area"] for r in detail["objects"]] == np.bincount(ids.ravel())[1:].tolist()
    job = service.done("exports", {"formats": ["csv", "coco", "objects", "report"]})
    packed = service.client.get(f"/v1/jobs/{job['id']}/file")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = archive.namelist()
        with Image.open(archive.open("objects/three.png")) as written:
            assert (np.asarray(written) == ids).all()
        assert len(json.loads(archive.read("annotations.coco.json"))["annotations"]) == 5
    assert not [n for n in names if n.startswith("masks/")]


@pytest.mark.parametrize(
    ("formats", "folders"), [(["masks"], {"masks", "objects"}), (["csv"], set()), (["objects"], {"objects"})]
)
def test_ids_go_with_masks(service: Service, formats: list[str], folders: set[str]) -> None:
    service.done("runs")
    job = service.done("exports", {"formats": formats})
    with zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job['id']}/file").content)) as archive:
        assert {n.split("/")[0] for n in archive.namelist() if "/" in n} == folders


def test_a_run_of_another_way_makes_its_results_anew(service: Service) -> None:
    service.done("runs")
    joined = service.done("runs", {"objects": "connected"})
    assert joined["result"]["kept"] == 0
    assert counts(service) == {"two.png": {"1": 1}, "three.png": {"1": 2}}
    assert service.get(f"images/{service.ids['two']}/prediction/mask?as=rle").keys() == {"size", "counts"}
    least = service.done("runs", {"objects": "connected", "min_area": 200})
    assert least["result"]["kept"] == 0
    assert counts(service) == {"two.png": {"1": 1}, "three.png": {"1": 1}}
    assert service.done("runs", {"objects": "connected", "min_area": 200})["result"]["kept"] == 2


@pytest.mark.parametrize(
    "wrong", [{"objects": "apart"}, {"min_area": -1}, {"min_confidence": 2}, {"min_area": "many"}]
)
def test_what_is_no_way_to_objects_is_refused(service: Service, wrong: dict[str, Any]) -> None:
    for path in ("runs", f"images/{service.ids['three']}/preview"):
        body = {**wrong, "marks": {}} if path != "runs" else wrong
        said = service.post(path, body, 422)["error"]["message"]
        assert next(iter(wrong)) in said
    reply = service.client.post(
        f"{service.p}/segment",
        params=wrong,
        content=as_png(discs(TWO)),
        headers={"Content-Type": "image/png"},
    )
    assert reply.status_code == 422
    assert next(iter(wrong)) in reply.json()["error"]["message"]


def test_answers_at_once_tell_apart_and_leave_out(service: Service) -> None:
    def asked(**way: Any) -> list[int]:
        """Numbers of objects by preview, by the call of the project, and by the call that stands for itself."""
        preview = service.post(f"images/{service.ids['three']}/preview", {"marks": {}, **way}, 200)
        query = as_png(discs(THREE))
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
        sent = service.client.post(f"{service.p}/segment", params=way, content=query, headers=headers)
        told = discs(TWO)
        cues = json.dumps([{"mask": mask_document(np.minimum(told, 1), told)}])
        files = [("query", ("q.png", query)), ("cue", ("c.png", as_png(told)))]
        once = service.client.post("/v1/segment", files=files, data={"cues": cues, **way})
        replies = [preview, sent.json(), once.json()]
        for reply in replies:
            assert "counts" in reply, reply
        return [reply["counts"].get("1", 0) for reply in replies]

    assert asked() == [3, 3, 3]
    assert asked(objects="split") == [3, 3, 3]
    assert asked(objects="connected") == [2, 2, 2]
    assert asked(min_area=200) == [2, 2, 2]


def test_a_wrong_field_of_the_single_call_is_named(service: Service) -> None:
    told = discs(TWO)
    cues = json.dumps([{"mask": mask_document(np.minimum(told, 1))}])
    files = [("query", ("q.png", as_png(told))), ("cue", ("c.png", as_png(told)))]
    reply = service.client.post("/v1/segment", files=files, data={"cues": cues, "objects": "apart"})
    assert reply.status_code == 422
    assert "objects" in reply.json()["error"]["message"]
