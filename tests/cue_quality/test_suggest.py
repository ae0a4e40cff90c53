"""What is doubtful and unlike the cues comes first, near-duplicates do not, and the order never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PILImage

import cuecast
from cuecast.core.values import Example, Image, Marks
from cuecast.cue_quality.suggest import FLOOR, choose, suggest_images
from cuecast.engine.segmenter import ScoreMaps


def line(*places: float) -> NDArray[np.float32]:
    """Descriptors of one number."""
    return np.array(places, np.float32)[:, None]


def sure(*confidence: float) -> NDArray[np.float32]:
    return np.array(confidence, np.float32)


def test_the_choice_by_hand() -> None:
    # From the mark at 0: an image at 5 saves 5 + 5; then those at 1 and 1.1 save 2.0 each, the first is taken.
    pool = line(0, 1, 1.1, 5, 5)
    assert choose(sure(0, 0, 0, 0, 0), pool, line(0), 5) == [3, 1, 2]
    assert choose(sure(0, 0, 0, 0, 0), pool, line(0), 1) == [3]


def test_of_two_as_far_the_doubtful_one_is_taken() -> None:
    assert choose(sure(1, 0.5), line(2, -2), line(0), 2) == [1, 0]
    assert choose(sure(0.5, 1), line(2, -2), line(0), 1) == [0]


def test_one_that_stands_for_many_comes_before_an_outlier() -> None:
    assert choose(sure(0, 0, 0, 0), line(9, -4, -4.1, -4.2), line(0), 2) == [2, 0]


def test_an_outlier_comes_first_where_the_others_are_sure() -> None:
    assert choose(sure(0, 1, 1, 1), line(9, -4, -4.1, -4.2), line(0), 1) == [0]


def test_doubt_never_vanishes() -> None:
    assert choose(sure(1, 1), line(1, 3), line(0), 5) == [1, 0]
    assert FLOOR > 0


def test_an_empty_pool_gives_nothing() -> None:
    assert choose(sure(), line(), line(0), 3) == []


class Brightness:
    """A segmenter whose score of a pixel is its brightness."""

    def learn(
        self, examples: Sequence[Example], class_ids: Sequence[int], scale: str, before: Any = None
    ) -> None: ...

    def score(self, knowledge: Any, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:  # noqa: ARG002
        return ScoreMaps(image.pixels[None, ..., 0].astype(np.float32) / 255)


def grey(folder: Path, name: str, level: int, ground: tuple[int, int, int] = (0, 0, 0)) -> Path:
    """A picture with a square of grey `level` on the ground's colour."""
    pixels = np.full((32, 32, 3), ground, np.uint8)
    pixels[8:24, 8:24] = level
    path = folder / name
    PILImage.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def concept() -> cuecast.Concept:
    predictor = replace(cuecast.load("colours"), segmenter=Brightness())
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[8:24, 8:24] = 255
    return predictor.learn([cuecast.Cue(pixels, mask=pixels[..., 0])])


def test_the_doubtful_and_unlike_come_first(concept: cuecast.Concept, tmp_path: Path) -> None:
    paths = [
        grey(tmp_path, "sure.png", 250),
        grey(tmp_path, "dim_a.png", 140, (0, 120, 0)),
        grey(tmp_path, "dim_b.png", 140, (0, 120, 0)),
        grey(tmp_path, "marked.png", 255),
        grey(tmp_path, "dim_c.png", 140, (0, 0, 160)),
    ]
    found = suggest_images(concept, paths, 5)
    assert [Path(s.image).name for s in found.suggestions] == ["dim_a.png", "dim_c.png", "sure.png"]
    assert [s.rank for s in found.suggestions] == [1, 2, 3]
    first, _, last = found.suggestions
    assert first.confidence == pytest.approx(140 / 255, abs=1e-4)
    assert (first.verdict, first.like) == ("found", 1)
    assert first.why == ("unsure", "unlike the cues", "stands for 1 other")
    assert last.why == ("not marked yet",)
    assert 0 < last.unlike < first.unlike
    assert [Path(m).name for m in found.marked] == ["marked.png"]
    assert found.images == 5


def test_what_cannot_be_read_is_named_and_the_rest_is_done(concept: cuecast.Concept, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    found = suggest_images(concept, [bad, grey(tmp_path, "a.png", 140)])
    assert [Path(s.image).name for s in found.suggestions] == ["a.png"]
    assert [image for image, _ in found.failures] == [str(bad)]
    assert "bad.png" in found.failures[0][1]


def test_workers_change_nothing_and_progress_is_in_order(concept: cuecast.Concept, tmp_path: Path) -> None:
    paths = [grey(tmp_path, f"{n}.png", 100 + 9 * n, (0, 12 * (n % 5), 0)) for n in range(13)]
    steps: list[tuple[int, int]] = []
    one = suggest_images(concept, paths, 4, progress=lambda step: steps.append((step.done, step.total)))
    assert steps == [(n, 13) for n in range(1, 14)]
    for workers in (2, 5):
        assert suggest_images(concept, paths, 4, workers) == one


def test_large_pools_are_cut_to_the_doubtful(
    concept: cuecast.Concept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuecast.cue_quality.suggest.MOST", 1)
    paths = [grey(tmp_path, "sure.png", 250), grey(tmp_path, "dim.png", 140)]
    assert [Path(s.image).name for s in suggest_images(concept, paths).suggestions] == ["dim.png"]


def test_nothing_to_suggest(concept: cuecast.Concept, tmp_path: Path) -> None:
    found = suggest_images(concept, [grey(tmp_path, "marked.png", 255)])
    assert found.suggestions == ()
    assert found.as_table().startswith("nothing to suggest")
    assert suggest_images(concept, []).suggestions == ()


def test_a_count_below_one_is_refused(concept: cuecast.Concept) -> None:
    with pytest.raises(cuecast.CueError, match="0 images to suggest: ask for at least one"):
        suggest_images(concept, [], 0)


def test_json_and_table(concept: cuecast.Concept, tmp_path: Path) -> None:
    found = suggest_images(concept, [grey(tmp_path, "a.png", 140, (0, 120, 0))])
    record = found.as_dict()["suggestions"][0]
    assert list(record) == ["rank", "image", "verdict", "confidence", "unlike", "like", "why"]
    head, row = found.as_table().splitlines()
    assert head.split() == ["rank", "image", "verdict", "confidence", "why"]
    assert row.split()[:4] == ["1", str(tmp_path / "a.png"), "found", "0.55"]
