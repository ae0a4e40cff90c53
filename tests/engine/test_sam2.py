"""SAM 2: cue and query as frames of a video, by masks, boxes and clicks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from foundation_models import needed, write_model
from PIL import Image as PILImage

from cuecast.catalogue.foundation import find_weights, make_weights_pack
from cuecast.core.notes import notes_to
from cuecast.core.values import Box, Example, Image, Marks, Point
from cuecast.engine.foundation.runtime import normal
from cuecast.engine.foundation.sam2 import MOST_CUES, Sam2Segmenter

SIDE = 64


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Sam2Segmenter:
    root = tmp_path_factory.mktemp("sam2")
    weights = find_weights(str(write_model(root / "weights", "sam2_video")), "sam2")
    with notes_to(lambda _: None):
        built: Any = make_weights_pack("tiny", root, weights).segmenter(threads=1)
    return built


def picture(seed: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def cue(seed: int) -> Example:
    mask = np.zeros((SIDE, SIDE), np.int32)
    mask[10 + seed : 40, 20:50] = 1
    return Example(picture(seed), Marks(mask.shape, mask=mask))


def frames(*images: Image) -> Any:
    torch, _ = needed()
    return torch.from_numpy(np.stack([normal(i.pixels) for i in images]))


@pytest.mark.parametrize("shots", [1, 3])
def test_logits_are_those_of_the_video_of_cues_and_query(segmenter: Sam2Segmenter, shots: int) -> None:
    torch, transformers = needed()
    cues, query = [cue(seed) for seed in range(shots)], picture(9)
    session = transformers.Sam2VideoInferenceSession(
        video=frames(*(e.image for e in cues), query), dtype=torch.float32
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
    assert np.allclose(logits, wanted.pred_masks[0, 0].numpy(), atol=1e-4)
    assert there == pytest.approx(float(wanted.object_score_logits), abs=1e-4)


def test_boxes_and_clicks_are_asked_as_sam_takes_them(segmenter: Sam2Segmenter) -> None:
    torch, transformers = needed()
    image = picture(3)
    session = transformers.Sam2VideoInferenceSession(video=frames(image), dtype=torch.float32)
    points = {
        "point_coords": torch.tensor([[[[16.0, 8.0], [48.0, 32.0]]]]),
        "point_labels": torch.tensor([[[2, 3]]], dtype=torch.int32),
    }
    session.add_point_inputs(session.obj_id_to_idx(1), 0, points)
    session.obj_with_new_inputs = [1]
    with torch.inference_mode():
        wanted = segmenter.network.model(inference_session=session, frame_idx=0).pred_masks[0, 0].numpy()
    logits, _ = segmenter._ask(image, (), [(16, 8), (48, 32)], [2, 3])
    assert np.allclose(logits, wanted, atol=1e-4)


def test_marks_are_scaled_to_the_square(segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(3, (32, 128))
    asked = []

    def ask(*given: Any) -> Any:
        _, _, _, places, kinds = given
        asked.append((list(places), list(kinds)))
        return np.full((16, 16), 1.0, np.float32), 1.0

    monkeypatch.setattr(Sam2Segmenter, "_ask", ask)
    box = Example(image, Marks(image.size, boxes=(Box((32, 8, 64, 16)), Box((0, 0, 10, 10), 2))))
    assert segmenter._thing(box, 1).all()
    assert asked == [([(16.0, 16.0), (32.0, 32.0)], [2, 3])]
    clicks = Example(image, Marks(image.size, points=(Point((64, 16)), Point((0, 8), 0))))
    found = segmenter._thing(clicks, 1)
    assert asked[1:] == [([(32.0, 32.0), (0.0, 16.0)], [1, 0])]
    assert found[16, 64]
    assert not found[8, 0]


def test_what_a_box_finds_nothing_in_is_what_it_covers(
    segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = np.full((16, 16), -1024, np.float32), -5.0
    monkeypatch.setattr(Sam2Segmenter, "_ask", lambda *_: nothing)
    image = picture(3)
    found = segmenter._thing(Example(image, Marks(image.size, boxes=(Box((16, 16, 48, 48)),))), 1)
    assert found[32, 32]
    assert not found[5, 5]


def test_where_the_model_sees_no_thing_scores_are_near_0(
    segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = segmenter.learn([cue(0)], [1], "frame")
    nothing = np.full((16, 16), -1024, np.float32), -5.0
    monkeypatch.setattr(Sam2Segmenter, "_ask", lambda *_: nothing)
    answer = segmenter.score(known, picture(9, (40, 50)))
    assert answer.scores.shape == (1, 40, 50)
    assert answer.scores.max() < 0.01
    assert answer.verdict_features == ({"object": -5.0},)


def test_clicks_on_the_query_are_asked_after_it_was_tracked(segmenter: Sam2Segmenter) -> None:
    known = segmenter.learn([cue(0)], [1], "frame")
    image, (lesson,) = picture(9), known.lessons
    usual, tracked = segmenter._ask(image, lesson.memories)
    _, moved = segmenter._ask(image, lesson.memories, [(30, 30)], [0])
    _, alone = segmenter._ask(image, (), [(30, 30)], [0])
    assert len({round(there, 4) for there in (tracked, moved, alone)}) == 3
    assert np.array_equal(segmenter._ask(image, lesson.memories)[0], usual)
    marks = Marks(image.size, points=(Point((30.5, 30.5), 0),))
    assert segmenter.score(known, image, [marks]).scores[0, 30, 30] < 0.5


def test_a_picture_is_encoded_once(segmenter: Sam2Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = segmenter.network.model, []
    encode = model.get_image_features
    monkeypatch.setattr(model, "get_image_features", lambda *a, **k: calls.append(1) or encode(*a, **k))
    segmenter.forget()
    known = segmenter.learn([cue(0)], [1, 1], "frame")
    segmenter.score(known, cue(0).image)
    assert len(calls) == 1


def test_more_cues_than_are_remembered_are_said(segmenter: Sam2Segmenter) -> None:
    said: list[str] = []
    with notes_to(said.append):
        known = segmenter.learn([cue(i) for i in range(MOST_CUES + 1)], [1], "frame")
    assert len(known.lessons[0].memories) == MOST_CUES
    assert said == [f"class 1: {MOST_CUES + 1} cues show it, and SAM 2 remembers the first {MOST_CUES}"]


def test_the_square_is_that_of_sams_processor(segmenter: Sam2Segmenter) -> None:
    image = picture(4, (90, 120))
    wanted = PILImage.fromarray(image.pixels).resize((64, 64), PILImage.Resampling.BILINEAR)
    assert np.array_equal(segmenter._square(image, 64), np.asarray(wanted))
