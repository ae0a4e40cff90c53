"""SAM 3: its tracker from weights as they are published, cue and query as frames of a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foundation_models import needed, write_model

from cuecast.catalogue.foundation import find_weights, make_weights_pack
from cuecast.core.errors import PackError
from cuecast.core.notes import notes_to
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.foundation.folder import look_at
from cuecast.engine.foundation.runtime import normal
from cuecast.engine.foundation.sam3 import Sam3Segmenter

SIDE, GRID = 56, 16
"""Of the tiny model: 4 x 4 patches of 14 pixels, four logits a patch."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("sam3") / "weights", "sam3_video")


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Sam3Segmenter:
    with notes_to(lambda _: None):
        built: Any = make_weights_pack("tiny", folder.parent, find_weights(str(folder), "sam3")).segmenter(1)
    return built


def picture(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def cue(seed: int) -> Example:
    mask = np.zeros((SIDE, SIDE), np.int32)
    mask[10 + seed : 40, 20:50] = 1
    return Example(picture(seed), Marks(mask.shape, mask=mask))


def test_the_tracker_is_read_and_the_rest_of_the_detector_is_not(
    folder: Path, segmenter: Sam3Segmenter
) -> None:
    from safetensors.numpy import load_file

    stored, loaded = load_file(folder / "model.safetensors"), segmenter.network.model.state_dict()
    assert any(name.startswith("detector_model.text_encoder") for name in stored)
    assert not any("text" in name for name in loaded)
    for theirs, ours in {
        "tracker_model.mask_decoder.conv_s0.weight": "mask_decoder.conv_s0.weight",
        "tracker_neck.fpn_layers.0.proj1.weight": "vision_encoder.neck.fpn_layers.0.proj1.weight",
        "detector_model.vision_encoder.backbone.layers.1.mlp.fc1.weight": (
            "vision_encoder.backbone.layers.1.mlp.fc1.weight"
        ),
    }.items():
        assert np.array_equal(stored[theirs], loaded[ours].numpy()), theirs
    used = [n for n in stored if n.startswith(("tracker_", "detector_model.vision_encoder.backbone"))]
    assert look_at(folder).numbers == sum(stored[n].size for n in used) < sum(t.size for t in stored.values())


@pytest.mark.parametrize("shots", [1, 3])
def test_logits_are_those_of_the_video_of_cues_and_query(segmenter: Sam3Segmenter, shots: int) -> None:
    torch, transformers = needed()
    cues, query = [cue(seed) for seed in range(shots)], picture(9)
    video = np.stack([i.pixels for i in (*(e.image for e in cues), query)]).transpose(0, 3, 1, 2)
    session = transformers.Sam3TrackerVideoInferenceSession(
        video=torch.from_numpy(video.astype(np.float32) / 127.5 - 1), dtype=torch.float32
    )
    index = session.obj_id_to_idx(1)
    with torch.inference_mode():
        for number, example in enumerate(cues):
            mask = torch.from_numpy((example.marks.mask == 1)[None, None].astype(np.float32))
            session.add_mask_inputs(index, number, mask)
            session.obj_with_new_inputs = [1]
            segmenter.network.model(inference_session=session, frame_idx=number)
        wanted = segmenter.network.model(inference_session=session, frame_idx=shots)
    (lesson,) = segmenter.learn(cues, [1], "frame").lessons
    logits, there = segmenter._ask(query, lesson.memories)
    assert logits.shape == (GRID, GRID) == (segmenter.grid,) * 2
    assert np.allclose(logits, wanted.pred_masks[0, 0].numpy(), atol=1e-4)
    assert there == pytest.approx(float(wanted.object_score_logits), abs=1e-4)


def test_a_picture_is_pressed_into_the_square_with_colours_from_minus_1_to_1(
    segmenter: Sam3Segmenter,
) -> None:
    halves = np.zeros((30, 120, 3), np.uint8)
    halves[:, 60:] = 255
    made = normal(segmenter._square(Image(halves), SIDE), *segmenter.colours)
    assert made.shape == (3, SIDE, SIDE)
    assert (made[..., :20] == -1).all()
    assert (made[..., -20:] == 1).all()


def test_no_more_cues_are_remembered_than_the_model_attends_to(segmenter: Sam3Segmenter) -> None:
    said: list[str] = []
    with notes_to(said.append):
        known = segmenter.learn([cue(i) for i in range(6)], [1], "frame")
    assert len(known.lessons[0].memories) == 4
    assert said == ["class 1: 6 cues show it, and SAM 3 remembers the first 4"]


def test_its_weights_are_for_no_other_segmenter(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        PackError, match=r"weights of 'sam3_video', and sam2 needs sam2_video; .* use them for sam3"
    ):
        look_at(folder, "sam2")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam3"}))
    with pytest.raises(PackError, match="model_type 'sam3' is not known here; known are sam3_video"):
        look_at(tmp_path, "sam3")
