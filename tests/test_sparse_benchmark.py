"""benchmarks/sparse.py: forms of marks by IoU, kinds by calibration, with the exact pack `colours`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from pictures import BLUE, RED
from PIL import Image as PILImage
from scripts import load_script

import cuecast
from cuecast.evaluation.episodes import Episode, EpisodeImage


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/sparse.py")


def save_square(folder: Path, name: str, corner: int) -> EpisodeImage:
    """A red square on blue with its mask."""
    mask = np.zeros((48, 64), np.uint8)
    mask[corner : corner + 16, 10:30] = 1
    for part, pixels in (("images", np.where(mask[..., None] > 0, RED, BLUE)), ("masks", mask)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        suffix = "jpg" if part == "images" and folder.name == "film" else "png"
        options = {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
        PILImage.fromarray(pixels.astype(np.uint8)).save(folder / part / f"{name}.{suffix}", **options)
    return EpisodeImage(f"images/{name}.png", f"masks/{name}.png", (1,))


def test_pictures_are_asked_with_each_form_of_marks(script: ModuleType, tmp_path: Path) -> None:
    cue, query = save_square(tmp_path, "a", 4), save_square(tmp_path, "b", 20)
    episodes = [Episode(f"s/t/{n}", "s", "t", (cue,) * n, query) for n in (1, 2)]
    forms = ("point", "stroke against", "boxes")
    answers = list(script.picture_answers(cuecast.load("colours"), episodes, tmp_path, 2, forms))
    assert [(a.asked, a.kind) for a in answers] == [
        (asked, kind)
        for kind in ("one-sided", "two-sided", "boxes")
        for asked in ("marked picture", "another picture")
    ]
    assert [a.iou for a in answers if a.kind != "boxes"] == [1.0] * 4


def test_videos_are_followed_from_their_marked_first_frame(script: ModuleType, tmp_path: Path) -> None:
    for i in range(5):
        save_square(tmp_path / "film", f"{i:05}", 4 + 2 * i)
    answers = list(script.video_answers(cuecast.load("colours"), tmp_path, 10, ["point"]))
    assert [(a.asked, a.set) for a in answers] == [
        ("video", "film")
    ] * 2  # each second frame, the first is marked


def test_errors_are_those_of_a_kind_and_means_are_over_sets(script: ModuleType) -> None:
    def answer(form: str, name: str, reached: float, said: float) -> object:
        return script.Answer("video", form, name, reached, said, "found" if said >= 0.6 else "doubtful")

    record = script.summarise(
        [
            answer("point", "a", 0.4, 0.65),
            answer("point", "a", 0.8, 0.65),
            answer("stroke", "b", 0.3, 0.35),
            answer("boxes", "b", 0.5, 0.5),
        ]
    )
    assert [(f["form"], f["iou"]) for f in record["forms"]] == [
        ("point", pytest.approx(0.6)),
        ("stroke", 0.3),
        ("boxes", 0.5),
    ]
    one, boxes = record["kinds"]
    assert (one["marks"], one["answers"], one["found"]) == ("one-sided", 3, 2)
    assert one["error"] == pytest.approx((2 * 0.05 + 0.05) / 3)
    assert one["found_iou"] == pytest.approx(0.6)
    assert (boxes["found"], boxes["found_iou"]) == (0, None)
