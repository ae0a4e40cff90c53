"""DINO: patches without what says nothing of the thing, and heads that tell things apart by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foundation_models import needed, write_model

from cuecast.catalogue.foundation import find_weights, make_weights_pack
from cuecast.core.errors import PackError
from cuecast.core.notes import notes_to
from cuecast.core.values import Box, Example, Image, Marks
from cuecast.engine.foundation.dino import PATCH, DinoEncoder, DinoSegmenter, leading, without
from cuecast.engine.foundation.folder import look_at
from cuecast.engine.foundation.runtime import load, normal
from cuecast.engine.foundation.stated import read_numbers

KINDS = ("dinov2", "dinov2_with_registers", "dinov3_vit", "dinov3_convnext")
GROUND, THING = (70, 150, 80), (200, 60, 50)


def picture(left: int, size: tuple[int, int] = (60, 80)) -> tuple[Image, np.ndarray]:
    """A red square on green, and its mask."""
    mask = np.zeros(size, np.int32)
    mask[20:44, left : left + 24] = 1
    return Image(np.array([GROUND, THING], np.uint8)[mask]), mask


@pytest.fixture(scope="module", params=KINDS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DinoEncoder:
    folder = write_model(tmp_path_factory.mktemp("weights") / "it", request.param)
    return DinoEncoder(load(look_at(folder, "dino"), "cpu", 1), 0.25)


def test_patches_are_those_of_transformers_in_their_places(encoder: DinoEncoder) -> None:
    torch, _ = needed()
    step = encoder.multiple
    assert (
        step
        == {"dinov2": 14, "dinov2_with_registers": 14, "dinov3_vit": 16, "dinov3_convnext": 32}[
            encoder.network.config.model_type
        ]
    )
    frame = np.random.default_rng(0).integers(0, 256, (2 * step, 3 * step, 3), np.uint8)
    with torch.inference_mode():
        found = encoder.network.model(torch.from_numpy(normal(frame)[None])).last_hidden_state[0].numpy()
    last = found[-6:].reshape(2, 3, -1).transpose(2, 0, 1)
    plain = DinoEncoder(encoder.network, 0.0).encode(frame)[PATCH]
    assert np.allclose(plain, last / np.linalg.norm(last, axis=0), atol=1e-5)


def test_the_positional_part_is_what_an_empty_picture_has(encoder: DinoEncoder) -> None:
    """None of a network of convolutions; of a transformer, as many directions as were asked for are gone."""
    step = encoder.multiple
    frame = np.random.default_rng(1).integers(0, 256, (2 * step, 2 * step, 3), np.uint8)
    found = encoder.encode(frame)[PATCH].reshape(32, -1)
    count = 0 if encoder.network.config.model_type == "dinov3_convnext" else 8
    assert encoder.basis.shape == (32, count)
    assert np.allclose(encoder.basis.T @ encoder.basis, np.eye(count), atol=1e-5)
    assert np.allclose(np.linalg.norm(found, axis=0), 1, atol=1e-4)
    assert count == 0 or np.abs(encoder.basis.T @ found).max() < 1e-5


def test_the_background_is_taken_out() -> None:
    """Rows that vary along two directions only: both are found, and gone."""
    rows = np.array([[3, 0, 0, 0], [-1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    found = leading(rows, 2)
    assert np.allclose(np.abs(found), [[1, 0], [0, 1], [0, 0], [0, 0]], atol=1e-6)
    assert np.allclose(without(np.array([[5, 5, 3, 4]], np.float32), found), [[0, 0, 0.6, 0.8]], atol=1e-5)
    assert leading(np.zeros((0, 4), np.float32), 2).shape == (4, 0)


def test_little_background_gives_few_directions(segmenter: DinoSegmenter) -> None:
    """28 x 37 patches: about 880 of background, and in a strip of 11 of 80 columns about 140."""
    image, mask = picture(10)
    strip = np.ones_like(mask)
    strip[:, :11] = 0
    for marked, wanted in ((mask, 8), (strip, 2)):
        known = segmenter.learn([Example(image, Marks(image.size, mask=marked))], [1], "frame")
        assert known.lessons[0].background.shape == (32, wanted)


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> DinoSegmenter:
    root = tmp_path_factory.mktemp("dino")
    weights = find_weights(str(write_model(root / "weights", "dinov3_vit")), "dino", "dinov3")
    with notes_to(lambda _: None):
        built: Any = make_weights_pack("tiny", root, weights).segmenter(threads=1)
    return built


def test_a_thing_is_found_elsewhere_by_a_mask_or_a_box(segmenter: DinoSegmenter) -> None:
    image, mask = picture(10)
    query, truth = picture(45, (70, 90))
    for marks in (Marks(image.size, mask=mask), Marks(image.size, boxes=(Box((10, 20, 34, 44)),))):
        known = segmenter.learn([Example(image, marks)], [1], "frame")
        scores = segmenter.score(known, query).scores
        assert scores.shape == (1, 70, 90)
        found = scores[0] >= 0.5
        assert (found & (truth == 1)).sum() / (found | (truth == 1)).sum() > 0.7


def test_an_image_is_encoded_once(segmenter: DinoSegmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = picture(10)
    segmenter.forget()
    calls = []
    encode = DinoEncoder.encode
    monkeypatch.setattr(DinoEncoder, "encode", lambda *a: calls.append(1) or encode(*a))
    known = segmenter.learn([Example(image, Marks(image.size, mask=mask))], [1], "frame")
    segmenter.score(known, image)
    segmenter.score(known, image)
    assert len(calls) == 1


def test_a_thing_smaller_than_a_patch_is_learnt(segmenter: DinoSegmenter) -> None:
    mask = np.zeros((2000, 2000), np.int32)
    mask[700:702, 900:903] = 1
    image = Image(np.where(mask[..., None] == 1, np.array(THING, np.uint8), np.array(GROUND, np.uint8)))
    (lesson,) = segmenter.learn([Example(image, Marks(image.size, mask=mask))], [1], "frame").lessons
    assert lesson.side == 2 * 512
    assert lesson.thing.max() > 0


def test_numbers_of_a_card_are_read_and_checked() -> None:
    assert read_numbers({"most": 3}, {"most": 2.0, "side": 1.0}) == {"most": 3.0, "side": 1.0}
    with pytest.raises(PackError, match="'mots' is not known; known are most"):
        read_numbers({"mots": 3}, {"most": 2.0})
    with pytest.raises(PackError, match="most is True; give a number"):
        read_numbers({"most": True}, {"most": 2.0})


def test_a_share_above_one_is_refused(tmp_path: Path) -> None:
    weights = find_weights(str(write_model(tmp_path / "weights", "dinov3_vit")), None)
    with pytest.raises(PackError, match=r"positional is 2\.0; give a share"):
        make_weights_pack("tiny", tmp_path, weights, fields={"preprocessing": {"positional": 2}})
