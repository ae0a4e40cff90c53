"""The single call: cues and an image in one multipart body."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import Service, inline_service, png
from pictures import mask
from PIL import Image

from cuecast.service.settings import Limits

POINT = json.dumps([{"points": [{"xy": [0, 0], "class": 1}]}])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data", limits=Limits(upload_bytes=20_000)) as service:
        yield service
        assert list(service.state.files.uploads.iterdir()) == []


def send(
    service: Service, files: list[tuple[str, Any]], data: dict[str, Any] | None = None, accept: str = "*/*"
) -> Any:
    return service.client.post("/v1/segment", files=files, data=data or {}, headers={"Accept": accept})


def as_png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def file(name: str, data: bytes) -> tuple[str, tuple[str, bytes]]:
    return name, (f"{name}.png", data)


def test_a_mask_file_teaches(service: Service, tmp_path: Path) -> None:
    labels = mask(tmp_path / "m.png", [1, 1, 1, 0, 0, 0, 0, 0]).read_bytes()
    reply = send(service, [file("query", png(5)), file("cue", png(3)), file("mask", labels)])
    assert reply.status_code == 200, reply.text
    assert reply.json()["mask"] == {"size": [4, 8], "counts": {"1": [0, 20, 12]}}


def test_numbers_of_objects_are_one_class_where_one_is_named(service: Service) -> None:
    pixels = np.full((24, 24, 3), (30, 30, 200), np.uint8)
    labels = np.zeros((24, 24), np.uint8)
    for n in range(9):
        y, x = n // 3 * 8 + 2, n % 3 * 8 + 2
        labels[y : y + 4, x : x + 4] = n + 1
    pixels[labels > 0] = (200, 30, 30)
    files = [file(name, as_png(a)) for name, a in (("query", pixels), ("cue", pixels), ("mask", labels))]
    reply = send(service, files)
    assert reply.status_code == 422
    assert "these look like objects, not classes" in reply.text
    reply = send(service, files, {"class": "cell"})
    assert reply.status_code == 200, reply.text
    assert list(reply.json()["mask"]["counts"]) == ["1"]
    assert send(service, files, {"class": " "}).status_code == 422


def test_ids_beside_masks_tell_things_apart(service: Service, tmp_path: Path) -> None:
    """The picture with the marks is the query, too: what they tell apart stays so in the answer."""
    labels = mask(tmp_path / "m.png", [1, 1, 1, 0, 0, 0, 0, 0]).read_bytes()
    ids = as_png(np.tile(np.array([1, 2, 2, 0, 0, 0, 0, 0], np.uint8), (4, 1)))
    files = [file("query", png(3)), file("cue", png(3)), file("mask", labels)]
    assert send(service, files).json()["mask"].get("objects") is None
    reply = send(service, [*files, file("cue_objects", ids)])
    assert reply.status_code == 200, reply.text
    assert reply.json()["mask"]["objects"] == [[0, 4, 28], [4, 8, 20]]
    twice = send(service, [*files, file("cue_objects", ids), file("cue_objects", ids)])
    assert (twice.status_code, "`cue_objects` are ids beside masks" in twice.text) == (422, True)
    small = send(service, [*files, file("cue_objects", as_png(np.ones((2, 2), np.uint8)))])
    assert (small.status_code, small.json()["error"]["code"]) == (422, "mask_invalid")
    assert str(service.state.files.root) not in small.text


def test_marks_teach_and_the_answer_may_be_a_picture(service: Service) -> None:
    reply = send(service, [file("query", png(5)), file("cue", png(3))], {"cues": POINT}, "image/png")
    assert reply.headers["content-type"] == "image/png"
    assert np.asarray(Image.open(io.BytesIO(reply.content)))[0].tolist() == [1, 1, 1, 1, 1, 0, 0, 0]


def test_a_threshold_may_be_given_for_all_classes_or_for_one(service: Service, tmp_path: Path) -> None:
    labels = mask(tmp_path / "m.png", [1, 1, 1, 0, 2, 2, 0, 0]).read_bytes()
    files = [file("query", png(5)), file("cue", png(3)), file("mask", labels)]
    for given, thresholds in (("0.3", [0.3, 0.3]), (["b=0.2", "a=0.4"], [0.4, 0.2]), ("b=1", [0.5, 1.0])):
        reply = send(service, files, {"class": ["a", "b"], "threshold": given})
        assert (reply.status_code, reply.json().get("thresholds")) == (200, thresholds), reply.text
    for given, said in (
        ("0", "`threshold` '0': [CLASS=]VALUE is expected, a score above 0 and up to 1"),
        (["a=0.4", "a=0.5"], "`threshold` 'a=0.5': given twice"),
        (["0.4", "a=0.5"], "`threshold` without a class is for all of them"),
        ("c=0.4", "class 'c', and the classes are a, b"),
    ):
        reply = send(service, files, {"class": ["a", "b"], "threshold": given})
        assert reply.status_code == 422
        assert said in reply.json()["error"]["message"]


def test_several_cues_in_their_order(service: Service) -> None:
    cues = json.dumps([{"points": [{"xy": [0, 0], "class": 1}]}, {"absent": True}])
    reply = send(service, [file("query", png(5)), file("cue", png(3)), file("cue", png(0))], {"cues": cues})
    assert reply.json()["mask"]["counts"] == {"1": [0, 20, 12]}


@pytest.mark.parametrize(
    ("names", "data", "status", "said"),
    [
        (["cue"], {"cues": POINT}, 422, "one `query` file"),
        (["query"], {"cues": POINT}, 422, "1 to 16 `cue` files"),
        (["query", "cue"], {}, 422, "`mask` file for each"),
        (["query", "cue", "cue"], {"cues": POINT}, 422, "`mask` file for each of the 2"),
        (["query", "cue"], {"cues": "{"}, 422, "`cues`"),
        (
            ["query", "cue"],
            {"cues": '[{"points": [{"xy": [1], "class": 1}]}]'},
            422,
            "`cues`: [0].points[0].xy",
        ),
        (["query", "cue"], {"cues": "[{}]"}, 422, "entry 1 of `cues` marks nothing"),
        (["query", "cue"], {"cues": POINT, "scale": "huge"}, 422, "`scale`"),
        (["query", *["cue"] * 17], {"cues": POINT}, 422, "1 to 16"),
        (["query", "cue", *["mask"] * 60], {}, 422, "multipart body"),
    ],
)
def test_a_form_that_is_none(
    service: Service, names: list[str], data: dict[str, str], status: int, said: str
) -> None:
    reply = send(service, [file(name, png(3)) for name in names], data)
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]["code"] == "invalid_form"
    assert said in reply.json()["error"]["message"]


def test_files_are_checked_by_content(service: Service) -> None:
    reply = send(service, [file("query", b"RIFF????AVI "), file("cue", png(3))], {"cues": POINT})
    assert (reply.status_code, "`query`" in reply.json()["error"]["message"]) == (415, True)
    damaged = send(service, [file("query", png(3)[:40]), file("cue", png(3))], {"cues": POINT})
    assert (damaged.status_code, damaged.json()["error"]["code"]) == (422, "image_unreadable")
    assert str(service.state.files.root) not in damaged.text


def test_the_body_is_bounded(service: Service) -> None:
    reply = send(service, [file("query", b"x" * 25_000), file("cue", png(3))], {"cues": POINT})
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "too_large")


def test_bodies_at_once_are_bounded(tmp_path: Path) -> None:
    with inline_service(tmp_path / "none", limits=Limits(uploads=0)) as service:
        reply = send(service, [file("query", png(3)), file("cue", png(3))], {"cues": POINT})
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "uploads_full")
    assert int(reply.headers["Retry-After"]) >= 1


def test_another_kind_of_body_is_refused(service: Service) -> None:
    reply = service.client.post("/v1/segment", json={})
    assert (reply.status_code, reply.json()["error"]["code"]) == (415, "not_multipart")


def test_marks_outside_the_image_are_refused(service: Service) -> None:
    cues = json.dumps([{"points": [{"xy": [99, 0], "class": 1}]}])
    reply = send(service, [file("query", png(5)), file("cue", png(3))], {"cues": cues})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "marks_invalid")
    assert str(service.state.files.root) not in reply.text
