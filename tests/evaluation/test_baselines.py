"""One contract for every entry of `BASELINES`, on drawn pictures whose answer is known."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import cuecast
from cuecast.core.errors import CueError, MissingExtraError, PackError
from cuecast.core.values import Box, Example, Image, Marks
from cuecast.engine.encoder import OnnxEncoder
from cuecast.engine.packs import WHEEL_PACKS
from cuecast.evaluation.baselines import BASELINES, Baseline
from cuecast.evaluation.bench import boxes_of

pytestmark = pytest.mark.skipif(
    not (WHEEL_PACKS / "general" / "card.json").is_file(), reason="the pack general is not in this checkout"
)


def discs(seed: int, size: tuple[int, int] = (96, 120)) -> tuple[Image, np.ndarray]:
    """Red discs on a green ground with noise: picture and truth (H, W) bool."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    truth = np.zeros(size, bool)
    for _ in range(3):
        cy, cx = random.integers(18, size[0] - 18), random.integers(18, size[1] - 18)
        truth |= (y - cy) ** 2 + (x - cx) ** 2 <= 15**2
    pixels = np.where(truth[..., None], (190, 60, 50), (70, 150, 80)) + random.normal(0, 8, (*size, 3))
    return Image(np.clip(pixels, 0, 255).astype(np.uint8)), truth


def shown(baseline: Baseline, image: Image, truth: np.ndarray) -> Example:
    """The cue that the baseline takes."""
    if baseline.cues == "masks":
        return Example(image, Marks(image.size, mask=truth.astype(np.int32)))
    return Example(image, Marks(image.size, boxes=boxes_of(truth)))


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("general", threads=1)


@pytest.fixture(scope="module", params=BASELINES)
def baseline(request: pytest.FixtureRequest, predictor: cuecast.Predictor) -> Baseline:
    if request.param == "grabcut":
        pytest.importorskip("cv2")
    return BASELINES[request.param].from_predictor(predictor, 1)


def test_finds_the_thing_and_says_the_same_again(baseline: Baseline) -> None:
    (first, marked), (second, truth) = discs(0), discs(1)
    if baseline.cues != "masks":
        first, marked = second, truth
    cue = shown(baseline, first, marked)
    before = [a.copy() for a in (first.pixels, second.pixels)]
    knowledge = baseline.learn([cue])
    mask = baseline.segment(knowledge, second)
    assert mask.shape == second.size
    assert mask.dtype == bool
    assert (mask & truth).sum() / (mask | truth).sum() > 0.7
    assert (mask == baseline.segment(baseline.learn([cue]), second)).all()
    assert all((a == b).all() for a, b in zip(before, (first.pixels, second.pixels), strict=True))


@pytest.mark.parametrize("size", [(1, 40), (33, 47), (40, 200)])
def test_answers_have_the_size_of_the_image(baseline: Baseline, size: tuple[int, int]) -> None:
    image = Image(np.full((*size, 3), 90, np.uint8))
    truth = np.zeros(size, bool)
    truth[:, :3] = True
    assert baseline.segment(baseline.learn([shown(baseline, image, truth)]), image).shape == size


def test_a_cue_may_be_the_thing_all_over(baseline: Baseline) -> None:
    image, _ = discs(0)
    mask = baseline.segment(baseline.learn([shown(baseline, image, np.ones(image.size, bool))]), image)
    # A box round the whole image says only that the thing is somewhere in it.
    assert mask.mean() > (0.5 if baseline.cues == "masks" else 0.1)


def test_cues_without_the_thing_are_refused(baseline: Baseline) -> None:
    image, _ = discs(0)
    with pytest.raises(CueError):
        baseline.learn([Example(image, Marks(image.size, absent=True))])


def test_a_peer_says_what_it_is(baseline: Baseline) -> None:
    assert len(baseline.title) > 5
    assert baseline.cues in ("masks", "box on the query")
    assert isinstance(baseline.settings, dict)


def test_absent_cues_beside_others_are_taken(baseline: Baseline) -> None:
    if baseline.cues != "masks":
        pytest.skip("takes boxes on the query alone")
    image, truth = discs(0)
    green = Image(np.full((60, 60, 3), (70, 150, 80), np.uint8))
    cues = [shown(baseline, image, truth), Example(green, Marks(green.size, absent=True))]
    assert baseline.segment(baseline.learn(cues), green).mean() < 0.1


def test_ours_is_the_library_itself(predictor: cuecast.Predictor) -> None:
    (first, marked), (second, _) = discs(0), discs(1)
    baseline = BASELINES["cuecast"].from_predictor(predictor, None)
    expected = predictor.learn([cuecast.Cue(first.pixels, mask=marked)]).segment(second).mask > 0
    cue = Example(first, Marks(first.size, mask=marked.astype(np.int32)))
    assert (baseline.segment(baseline.learn([cue]), second) == expected).all()


def test_ours_encodes_what_it_has_seen_before(predictor: cuecast.Predictor) -> None:
    asked = []
    viewer = predictor.segmenter.viewer  # type: ignore[attr-defined]

    class Counting(OnnxEncoder):
        def encode(self, frame: np.ndarray) -> Any:
            asked.append(frame.shape)
            return super().encode(frame)

    encoder = Counting(viewer.encoder._session, viewer.encoder.multiple)
    counted = replace(predictor.segmenter, viewer=replace(viewer, encoder=encoder))  # type: ignore[type-var]
    baseline = BASELINES["cuecast"].from_predictor(replace(predictor, segmenter=counted), None)
    (first, marked), (second, _) = discs(0), discs(1)
    cue = Example(first, Marks(first.size, mask=marked.astype(np.int32)))
    for times in (1, 2):
        baseline.segment(baseline.learn([cue]), second)
        assert len(asked) == 2 * times


def test_prototype_needs_an_encoder() -> None:
    with pytest.raises(PackError, match=r"pack colours: it has no encoder.*--baselines"):
        BASELINES["prototype"].from_predictor(cuecast.load("colours"), None)


def test_grabcut_needs_opencv(predictor: cuecast.Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Any = None
    monkeypatch.setitem(sys.modules, "cv2", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuecast\[bench\]'"):
        BASELINES["grabcut"].from_predictor(predictor, None)


def test_grabcut_finds_the_thing_in_a_loose_box_and_nothing_outside(predictor: cuecast.Predictor) -> None:
    pytest.importorskip("cv2")
    pixels = np.full((60, 80, 3), (70, 150, 80), np.uint8)
    pixels[20:40, 20:40] = pixels[20:40, 60:70] = (190, 60, 50)
    image = Image(pixels)
    baseline = BASELINES["grabcut"].from_predictor(predictor, None)
    box = Box((14, 14, 46, 46))
    mask = baseline.segment(baseline.learn([Example(image, Marks(image.size, boxes=(box,)))]), image)
    assert not mask[:, 46:].any()
    other = Image(np.where(np.arange(80)[None, :, None] >= 46, (70, 150, 80), pixels).astype(np.uint8))
    mask = baseline.segment(baseline.learn([Example(other, Marks(other.size, boxes=(box,)))]), other)
    expected = np.zeros(other.size, bool)
    expected[20:40, 20:40] = True
    assert (mask == expected).all()
