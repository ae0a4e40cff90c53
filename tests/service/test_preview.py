"""Answers at once: from saved marks and a draft."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import RAW, Service, columns, inline_service, png

from cuecast.core.values import ClassInfo
from cuecast.cues import Cue
from cuecast.predictor import Concept, Predictor, load
from cuecast.service.loaded import keeping, warm
from cuecast.service.preview import NoCuesError, Previewer, SavedCues

RED_POINT = {"points": [{"xy": [0, 0], "class": 1}]}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Images a and b with 3 and 5 red columns; nothing is marked."""
    with inline_service(tmp_path / "data") as service:
        service.ids["a"], service.ids["b"] = (
            service.upload("a.png", png(3, 1)),
            service.upload("b.png", png(5, 2)),
        )
        yield service


def preview(service: Service, image: str, marks: dict[str, Any], status: int = 200) -> dict[str, Any]:
    return service.post(f"images/{image}/preview", {"marks": marks}, status)


def marked(reply: dict[str, Any]) -> dict[str, list[int]]:
    counts: dict[str, list[int]] = reply["mask"]["counts"]
    return counts


def test_nothing_marked_at_all(service: Service) -> None:
    assert preview(service, service.ids["b"], {}, 409)["error"]["code"] == "no_cues"
    not_this = {"points": [{"xy": [0, 0], "class": 0}]}
    assert preview(service, service.ids["b"], not_this, 409)["error"]["code"] == "no_cues"


def test_a_draft_alone_is_enough(service: Service) -> None:
    reply = preview(service, service.ids["b"], RED_POINT)
    assert marked(reply) == {"1": [0, 20, 12]}
    assert reply["verdict"] == "doubtful"  # nothing says what the thing is not, and the mask fills the frame
    assert service.get(f"images/{service.ids['b']}/marks")["points"] == []


def test_saved_marks_and_the_draft_together(service: Service) -> None:
    service.mark(service.ids["a"], columns(3))
    assert marked(preview(service, service.ids["b"], {})) == {"1": [0, 20, 12]}
    blue_too = {"points": [{"xy": [6, 1], "class": 1}]}
    # All but the one pixel that has a colour of its own.
    assert marked(preview(service, service.ids["b"], blue_too)) == {"1": [0, 31, 1]}


def test_the_draft_counts_in_place_of_the_saved_marks_of_its_image(service: Service) -> None:
    service.mark(service.ids["a"], columns(3))
    service.mark(service.ids["b"], {"absent": True})
    assert marked(preview(service, service.ids["b"], RED_POINT)) == {"1": [0, 20, 12]}


def test_marks_that_were_saved_meanwhile_count(service: Service) -> None:
    version = service.mark(service.ids["a"], columns(3))
    assert marked(preview(service, service.ids["b"], {})) == {"1": [0, 20, 12]}
    service.mark(service.ids["a"], {"version": version, "points": [{"xy": [5, 0], "class": 1}]})
    assert marked(preview(service, service.ids["b"], {})) == {"1": [20, 11, 1]}


def test_a_draft_that_does_not_fit_is_refused(service: Service) -> None:
    outside = {"points": [{"xy": [50, 0], "class": 1}]}
    assert preview(service, service.ids["b"], outside, 422)["error"]["code"] == "marks_invalid"
    assert preview(service, "nosuchimage1", RED_POINT, 404)["error"]["code"] == "not_found"


def test_an_image_that_is_sent_is_not_kept(service: Service) -> None:
    path = f"{service.p}/segment"
    assert service.client.post(path, content=png(4), headers=RAW).json()["error"]["code"] == "no_cues"
    service.mark(service.ids["a"], columns(3))
    reply = service.client.post(path, content=png(4), headers=RAW)
    assert marked(reply.json()) == {"1": [0, 16, 16]}
    picture = service.client.post(path, content=png(4), headers={**RAW, "Accept": "image/png"})
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-cuecast-verdict"] == "found"
    assert service.get("images")["total"] == 2
    assert list(service.state.files.uploads.iterdir()) == []
    assert service.client.post(path, content=b"no image", headers=RAW).status_code == 415


def test_without_workers_nothing_is_answered(service: Service) -> None:
    workers, service.state.workers = service.state.workers, None
    reply = service.client.post(f"{service.p}/images/{service.ids['b']}/preview", json={"marks": RED_POINT})
    service.state.workers = workers
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "no_workers")
    assert reply.headers["Retry-After"]


class Counting:
    """Counts what is learnt from scratch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.learnt = 0
        learn = Predictor.learn

        def counting(*args: Any, **named: Any) -> Concept:
            self.learnt += 1
            return learn(*args, **named)

        monkeypatch.setattr(Predictor, "learn", counting)


def test_one_more_click_learns_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    path = tmp_path / "b.png"
    path.write_bytes(png(5))
    previewer = Previewer(lambda _: load("colours"))
    nothing = SavedCues("key", (ClassInfo(1, "thing"),), "frame", lambda: [])
    clicks = [{"xy": [0, 0], "class": 1}, {"xy": [6, 1], "class": 1}, {"xy": [7, 0], "class": 0}]
    for count in (1, 2, 3, 2):
        mask = previewer.preview(nothing, path, {"points": clicks[:count]}).mask
        assert mask[0, 0] == 1
    assert counting.learnt == 1
    with pytest.raises(NoCuesError):
        previewer.preview(nothing, path, {"points": clicks[2:]})


def test_a_box_is_learnt_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(monkeypatch)
    path = tmp_path / "b.png"
    path.write_bytes(png(5))
    previewer = Previewer(lambda _: load("colours"))
    nothing = SavedCues("key", (ClassInfo(1, "thing"),), "frame", lambda: [])
    box = [{"xyxy": [0, 0, 5, 4], "class": 1}]
    clicks = [{"xy": [6, 1], "class": 1}, {"xy": [5, 0], "class": 0}]
    for count in (0, 1, 2):
        mask = previewer.preview(nothing, path, {"boxes": box, "points": clicks[:count]}).mask
        assert (mask[0, 0], mask[1, 6]) == (1, int(count > 0))
    assert counting.learnt == 1


def test_classes_of_a_draft_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "b.png"
    path.write_bytes(png(5))
    classes = (ClassInfo(1, "red"), ClassInfo(2, "blue"))
    draft = {"points": [{"xy": [0, 0], "class": 1}, {"xy": [6, 1], "class": 2}]}
    found = Previewer(lambda _: load("colours")).preview(
        SavedCues("key", classes, "frame", lambda: []), path, draft
    )
    assert np.array_equal(found.mask[0], [1, 1, 1, 1, 1, 2, 2, 2])


def prepare(service: Service, image: str | None, status: int = 202) -> None:
    reply = service.client.post(f"{service.p}/prepare", json={"image": image})
    assert reply.status_code == status, reply.text


@pytest.fixture
def learned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each time that something is learned: by the number of its cues."""
    counts: list[int] = []
    learn = Predictor.learn

    def counting(self: Predictor, cues: Any, *args: Any, **named: Any) -> Concept:
        counts.append(len(list(cues)))
        return learn(self, cues, *args, **named)

    monkeypatch.setattr(Predictor, "learn", counting)
    return counts


def test_a_preview_finds_learned_what_was_prepared(service: Service, learned: list[int]) -> None:
    prepare(service, None)  # nothing is marked: nothing to do, and nothing wrong
    service.mark(service.ids["a"], columns(3))
    prepare(service, None)
    assert learned == [1]
    assert marked(preview(service, service.ids["b"], {})) == {"1": [0, 20, 12]}
    assert marked(preview(service, service.ids["b"], RED_POINT)) == {"1": [0, 20, 12]}
    assert learned == [1]


def test_a_picture_with_marks_of_its_own_is_prepared_by_those_of_the_others(
    service: Service, learned: list[int]
) -> None:
    service.mark(service.ids["a"], columns(3))
    service.mark(service.ids["b"], RED_POINT)
    prepare(service, service.ids["b"])
    assert learned == [1]
    preview(service, service.ids["b"], {"points": [*RED_POINT["points"], {"xy": [1, 1], "class": 1}]})
    assert learned == [1]
    prepare(service, "nosuchimage1", 404)
    service.client.delete(f"{service.p}")
    prepare(service, None, 404)


def test_only_points_on_one_picture_are_prepared(service: Service, learned: list[int]) -> None:
    service.mark(service.ids["a"], RED_POINT)
    prepare(service, service.ids["a"])
    assert learned == [1]
    preview(service, service.ids["a"], {"points": [*RED_POINT["points"], {"xy": [7, 3], "class": 0}]})
    assert learned == [1]


def test_the_same_cues_are_learned_once(learned: list[int]) -> None:
    predictor = keeping("colours", 1)
    cue = Cue(np.full((4, 4, 3), 200, np.uint8), points=[(1, 1)])
    first = predictor.learn([cue])
    assert predictor.learn([cue]) is first
    assert first.segment(np.full((4, 4, 3), 200, np.uint8)).mask.all()
    assert predictor.learn([cue], ["red"]) is not first
    assert predictor.learn([cue], scale="pixel") is not first
    assert learned == [1, 1, 1]
    warm(predictor)
    assert predictor.learn([cue]) is first
