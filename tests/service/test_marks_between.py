"""Frames and slices are filled in between those that are marked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from films import film, save_film
from inline_service import RAW, Service, inline_service, png
from numpy.typing import NDArray

from cuecast.cues import mask_document, read_document

FRAMES = 9


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A project of a video whose square moves two pixels a frame to the right; ids are those of its frames."""
    with inline_service(tmp_path / "data") as service:
        made = service.client.post("/v1/projects", json={"name": "A film", "kind": "video"}).json()
        service.p, service.project = f"/v1/projects/{made['id']}", made["id"]
        clip = save_film(tmp_path / "clip.mp4", film(FRAMES, lambda i: (10, 4 + 2 * i))).read_bytes()
        sent = service.client.post(
            f"{service.p}/source", params={"name": "clip.mp4"}, content=clip, headers=RAW
        )
        assert sent.status_code == 201, sent.text
        items = service.get("images?limit=100")["items"]
        service.ids = {str(item["index"]): item["id"] for item in items}
        service.size = (items[0]["height"], items[0]["width"])  # type: ignore[attr-defined]
        yield service


def labels(service: Service, left: int) -> NDArray[np.int32]:
    out = np.zeros(service.size, np.int32)  # type: ignore[attr-defined]
    out[10:18, left : left + 8] = 1
    return out


def mark(service: Service, frame: int, left: int) -> None:
    service.mark(service.ids[str(frame)], {"version": 0, "mask": mask_document(labels(service, left))})


def between(service: Service, frame: int, status: int = 200) -> Any:
    return service.get(f"images/{service.ids[str(frame)]}/marks/between", status)


def shown(service: Service, document: dict[str, Any]) -> NDArray[np.int32]:
    found = read_document(document, service.size)  # type: ignore[attr-defined]
    assert found is not None
    assert found.mask is not None
    return found.mask


def test_a_frame_gets_the_shape_that_is_due_there(service: Service) -> None:
    mark(service, 0, 4)
    mark(service, 8, 20)
    found = between(service, 4)
    assert found["version"] == 0
    assert np.array_equal(shown(service, found), labels(service, 12))
    # It is not saved: that is for whoever looks at it.
    assert service.get(f"images/{service.ids['4']}")["marks"] is None


def test_the_nearest_marked_frames_count_and_strokes_do_not(service: Service) -> None:
    for frame, left in ((0, 0), (3, 10), (5, 14), (8, 40)):
        mark(service, frame, left)
    service.mark(service.ids["4"], {"points": [{"xy": [1, 1], "class": 1}]})
    found = between(service, 4)
    assert found["version"] == 1
    assert np.array_equal(shown(service, found), labels(service, 12))


def test_between_nothing_and_nothing_it_is_not_there(service: Service) -> None:
    for frame in (0, 8):
        service.mark(service.ids[str(frame)], {"version": 0, "absent": True})
    assert between(service, 4)["absent"] is True


def test_both_neighbours_are_needed(service: Service) -> None:
    mark(service, 3, 4)
    for frame, side in ((1, "before"), (6, "behind")):
        error = between(service, frame, 409)["error"]
        assert error["code"] == "no_neighbours"
        assert f"no frame {side} " in error["message"]


def test_many_frames_are_filled_from_those_that_a_person_has_marked(service: Service) -> None:
    mark(service, 0, 4)
    mark(service, 8, 20)
    service.mark(service.ids["6"], {"points": [{"xy": [17, 12], "class": 1}]})
    asked = {"action": "between", "images": [service.ids[str(i)] for i in range(FRAMES)]}
    told = service.post("images/actions", asked, 200)
    assert told["done"] == 6
    assert {r["image"]: r["code"] for r in told["refused"]} == {
        service.ids[str(i)]: "already_marked" for i in (0, 6, 8)
    }
    for frame, left in ((1, 6), (4, 12), (7, 18)):
        marks = service.get(f"images/{service.ids[str(frame)]}/marks")
        assert np.array_equal(shown(service, marks), labels(service, left))


def test_a_picture_is_between_nothing(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        image = service.upload("a.png", png(2))
        error = service.get(f"images/{image}/marks/between", 422)["error"]
        assert error["code"] == "not_of_this_kind"
