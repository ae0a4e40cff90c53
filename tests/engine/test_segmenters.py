"""What every segmenter promises, over every entry of the table."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from foundation_models import write_model

from cuecast.catalogue.foundation import find_weights, make_weights_pack
from cuecast.core.notes import notes_to
from cuecast.core.values import Example, Image, Marks, Point
from cuecast.engine.packs import open_pack
from cuecast.engine.segmenter import SEGMENTERS, ScoreMaps, Segmenter

PACKS = {"matching": "general", "colour": "colours"}
"""Value of `segmenter` in a card -> a pack that ships and has it."""
RANDOM = {"seggpt": "seggpt", "dino": "dinov3_vit", "sam2": "sam2_video", "sam3": "sam3_video"}
"""The same -> a kind of model, of which a tiny one with random weights is made."""
IGNORANT = ("seggpt", "sam2", "sam3")
"""Those that answer, and know nothing with such weights; features tell colours apart with any."""
COLOURS = np.array([(70, 150, 80), (200, 60, 50), (40, 60, 190)], np.uint8)
"""Of the ground, and of class 1 and 2."""
IDS = (2, 1)
"""Not in order: planes belong to the classes as they are given."""


def picture(shift: int) -> tuple[Image, np.ndarray]:
    """A square of each class on the ground, (60, 80), and its label map."""
    labels = np.zeros((60, 80), np.int32)
    labels[10:30, 10 + shift : 30 + shift], labels[30:50, 50 - shift : 70 - shift] = 1, 2
    return Image(COLOURS[labels]), labels


@pytest.fixture(scope="module", params=sorted(SEGMENTERS))
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Segmenter:
    if request.param in PACKS:
        return open_pack(PACKS[request.param]).segmenter(threads=1)
    root = tmp_path_factory.mktemp(request.param)
    weights = find_weights(str(write_model(root / "weights", RANDOM[request.param])), request.param)
    with notes_to(lambda _: None):
        return make_weights_pack("tiny", root, weights).segmenter(threads=1)


@pytest.fixture
def knows(request: pytest.FixtureRequest) -> bool:
    """Whether the segmenter can be expected to be right."""
    return request.node.callspec.params["segmenter"] not in IGNORANT


@pytest.fixture(scope="module")
def cues() -> list[Example]:
    image, labels = picture(0)
    return [Example(image, Marks(image.size, mask=labels))]


@pytest.fixture(scope="module")
def known(segmenter: Segmenter, cues: list[Example]) -> Any:
    """What the cues teach; no test changes it, or those after it fail."""
    return segmenter.learn(cues, IDS, "frame")


def same(a: ScoreMaps, b: ScoreMaps) -> bool:
    return a.scores.tobytes() == b.scores.tobytes() and a.verdict_features == b.verdict_features


def test_each_has_a_pack_here() -> None:
    assert {*PACKS, *RANDOM} == SEGMENTERS.keys()


@pytest.mark.parametrize("scale", ["frame", "pixel"])
def test_scores_of_each_class_in_its_plane(
    segmenter: Segmenter, cues: Sequence[Example], scale: str, knows: bool
) -> None:
    image, labels = picture(5)
    answer = segmenter.score(segmenter.learn(cues, IDS, scale), image)
    assert answer.scores.shape == (2, *image.size)
    assert answer.scores.dtype == np.float32
    assert answer.scores.min() >= 0
    assert answer.scores.max() <= 1
    for plane, cls in zip(answer.scores, IDS, strict=True) if knows else ():
        assert plane[labels == cls].mean() > 0.5 > plane[labels != cls].mean()


def test_what_speaks_for_an_answer_has_the_same_names_everywhere(segmenter: Segmenter, known: Any) -> None:
    answers = [segmenter.score(known, picture(shift)[0]).verdict_features for shift in (0, 5)]
    assert all(len(features) in (0, len(IDS)) for features in answers)
    assert len({frozenset(f) for features in answers for f in features}) <= 1


def test_the_same_bytes_again_and_anew_and_from_other_threads(
    segmenter: Segmenter, known: Any, cues: Sequence[Example]
) -> None:
    image, _ = picture(5)
    first = segmenter.score(known, image)
    assert same(segmenter.score(known, image), first)
    segmenter.forget()
    with ThreadPoolExecutor(2) as threads:
        assert all(same(a, first) for a in threads.map(segmenter.score, [known] * 2, [image] * 2))
    assert same(segmenter.score(segmenter.learn(cues, IDS, "frame"), image), first)


def test_what_was_learned_before_stays_as_it_was(
    segmenter: Segmenter, known: Any, cues: Sequence[Example]
) -> None:
    image, labels = picture(5)
    first = segmenter.score(known, image)
    more = [*cues, Example(image, Marks(image.size, mask=labels))]
    after = segmenter.score(segmenter.learn(more, IDS, "frame", known), image)
    assert after.scores.shape == first.scores.shape
    assert same(segmenter.score(known, image), first)


def test_marks_on_the_image_itself_are_agreed_with(segmenter: Segmenter, known: Any, knows: bool) -> None:
    image, _ = picture(5)
    denied = Marks(image.size, points=(Point((25.5, 20.5), 0),))
    plane = IDS.index(1)
    usual = segmenter.score(known, image).scores
    moved = segmenter.score(known, image, [denied]).scores
    assert moved.shape == usual.shape
    assert moved[plane, 20, 25] < 0.5
    assert usual[plane, 20, 25] > 0.5 or not knows


def test_zoom_is_told_of_things_that_keep_their_size(
    segmenter: Segmenter, known: Any, cues: Sequence[Example]
) -> None:
    assert segmenter.zoom(known) == 1
    assert 0 < segmenter.zoom(segmenter.learn(cues, IDS, "pixel")) <= 1


def test_an_encoder_gives_the_maps_it_states(segmenter: Segmenter) -> None:
    encoder = segmenter.encoder
    if encoder is None:
        pytest.skip("it has no encoder")
    assert encoder.maps
    frame = np.random.default_rng(0).integers(
        0, 256, (2 * encoder.multiple, 3 * encoder.multiple, 3), np.uint8
    )
    found = encoder.encode(frame)
    assert found.keys() == encoder.maps.keys()
    for name, (stride, width) in encoder.maps.items():
        assert encoder.multiple % stride == 0
        assert found[name].shape == (width, frame.shape[0] // stride, frame.shape[1] // stride)
        assert found[name].dtype == np.float32
        assert np.isfinite(found[name]).all()
        assert (found[name] == encoder.encode(frame)[name]).all()
