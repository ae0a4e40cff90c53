"""Masks told apart into objects by what the cues show of them, with the pack `colours`, which segments exactly."""

from __future__ import annotations

import numpy as np
import pytest

import cuecast
from cuecast.core.objects import connected_objects, objects_of
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.objects import object_rule

SIDE = 96


def discs(*centres: tuple[int, int], radius: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) of red discs on black, and their ids (H, W): a pixel is of the nearest centre's disc."""
    rows, columns = np.indices((SIDE, SIDE))
    distances = np.stack([np.hypot(rows - y, columns - x) for y, x in centres])
    ids = np.where(distances.min(0) <= radius, distances.argmin(0) + 1, 0).astype(np.int32)
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[ids > 0] = (200, 30, 30)
    return picture, ids


TOUCHING = discs((20, 20), (20, 38), (60, 60), (60, 78), (74, 69))
QUERY = discs((30, 30), (30, 48), (46, 39), (80, 80))


def concept(objects: str = "auto", told: bool = True) -> cuecast.Concept:
    picture, ids = TOUCHING
    cue = cuecast.Cue(picture, mask=(ids > 0).astype(np.uint8), objects=ids if told else None)
    return cuecast.load("colours").learn([cue], classes=["disc"], objects=objects)  # type: ignore[arg-type]


def test_things_that_touch_are_told_apart_where_the_cues_show_it() -> None:
    picture, ids = QUERY
    taught = concept()
    assert taught.objects == "auto"
    assert taught.splits
    prediction = taught.segment(picture)
    assert prediction.instances.dtype == np.int32
    assert ((prediction.instances > 0) == (prediction.mask > 0)).all()
    assert ((prediction.mask > 0) == (ids > 0)).all()
    objects = prediction.objects()
    assert len(objects) == 4
    for number, found in enumerate(objects, start=1):
        x1, y1, x2, y2 = found.xyxy
        assert ((prediction.instances[y1:y2, x1:x2] == number) == found.mask).all()
        assert np.bincount(ids[y1:y2, x1:x2][found.mask]).max() >= 0.9 * found.area
    assert all(o.confidence is not None and 0 <= o.confidence <= 1 and not o.touches_border for o in objects)


def test_ids_count_in_reading_order_of_first_pixels() -> None:
    picture, _ = QUERY
    instances = concept().segment(picture).instances
    _, first = np.unique(instances, return_index=True)
    assert sorted(np.unique(instances).tolist()) == [0, 1, 2, 3, 4]
    assert (np.diff(first[1:]) > 0).all()


def test_connected_is_one_object_a_component_and_learns_nothing_anew() -> None:
    picture, _ = QUERY
    taught = concept()
    whole = taught.with_objects("connected")
    assert not whole.splits
    assert whole.knowledge is taught.knowledge
    prediction = whole.segment(picture)
    assert len(prediction.objects()) == 2
    assert prediction.instances.max() == 2
    assert (prediction.mask == taught.segment(picture).mask).all()
    assert len(whole.with_objects("split").segment(picture).objects()) == 4


def test_plain_masks_are_left_connected_unless_splitting_is_asked_for() -> None:
    picture, _ = QUERY
    plain = concept(told=False)
    assert not plain.splits
    prediction = plain.segment(picture)
    expected = connected_objects(prediction.mask)
    assert [(o.top, o.left, o.area) for o in prediction.objects()] == [
        (o.top, o.left, o.area) for o in expected
    ]


def test_a_mode_that_is_unknown_is_refused() -> None:
    with pytest.raises(cuecast.CueError, match="'parts' is unknown; use one of auto, split, connected"):
        concept("parts")
    with pytest.raises(cuecast.CueError, match="'parts' is unknown"):
        concept().with_objects("parts")  # type: ignore[arg-type]


def test_marked_objects_of_the_query_itself_stay_as_they_are() -> None:
    picture, ids = TOUCHING
    instances = concept().segment(picture).instances
    pairs = {(int(a), int(b)) for a, b in zip(instances.ravel(), ids.ravel(), strict=True)}
    assert pairs == {(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)}


def test_objects_of_an_id_map_state_class_confidence_and_border() -> None:
    ids = np.array([[0, 1, 1, 0], [2, 2, 1, 0], [2, 0, 0, 3]], np.int32)
    mask = np.array([[0, 5, 5, 0], [7, 7, 5, 0], [7, 0, 0, 5]], np.int32)
    found = objects_of(ids, mask, [0.5, 0.25, 1.0])
    assert [(o.cls, o.top, o.left, o.area, o.confidence) for o in found] == [
        (5, 0, 1, 3, 0.5),
        (7, 1, 0, 3, 0.25),
        (5, 2, 3, 1, 1.0),
    ]
    assert all(o.touches_border for o in found)
    inside = np.pad(ids, 1)
    assert not any(o.touches_border for o in objects_of(inside, np.pad(mask, 1)))


def shown(ids: np.ndarray, told: bool = True) -> Example:
    mask = (ids > 0).astype(np.int32)
    picture = Image(np.repeat(mask[..., None], 3, 2).astype(np.uint8) * 200)
    return Example(picture, Marks(mask.shape, mask, objects=ids if told else None))


def test_what_lies_nearer_than_a_radius_touches() -> None:
    ids = np.zeros((40, 60), np.int32)
    ids[10:20, 5:15] = 1
    for gap, touch in ((0, True), (3, True), (9, False)):
        beside = ids.copy()
        beside[10:20, 15 + gap : 25 + gap] = 2
        rule = object_rule([shown(beside)], [1])
        assert rule.touch is touch, gap
        assert not object_rule([shown(beside, told=False)], [1]).touch
        assert rule.shown[0].count == 2
        assert rule.shown[0].radius == 5


def test_pieces_that_differ_in_size_are_doubted_where_splitting_is_asked_for() -> None:
    ids = np.zeros((60, 60), np.int32)
    ids[2:6, 2:6], ids[10:14, 2:6], ids[20:50, 10:50] = 1, 2, 3
    picture = np.repeat((ids > 0)[..., None], 3, 2).astype(np.uint8) * 200
    cue = cuecast.Cue(picture, mask=(ids > 0).astype(np.uint8))
    with pytest.warns(cuecast.CuecastWarning, match="differ much in size"):
        unlike = cuecast.load("colours").learn([cue], classes=["thing"], objects="split")
    assert unlike.segment(picture).instances.max() >= 3
    cuecast.load("colours").learn([cue], classes=["thing"])  # nobody asked: nothing is said


def test_splitting_without_a_shown_object_is_said_and_leaves_pieces() -> None:
    picture, _ = QUERY
    cue = cuecast.Cue(picture, points=[(30, 30)])
    with pytest.warns(cuecast.CuecastWarning, match="no cue shows an object"):
        concept = cuecast.load("colours").learn([cue], classes=["disc"], objects="split")
    assert concept.segment(picture).instances.max() == 2


def test_objects_of_a_pixel_stay_objects() -> None:
    ids = np.zeros((40, 40), np.int32)
    ids[::2, ::2] = np.arange(1, 401).reshape(20, 20)
    picture = np.repeat((ids > 0)[..., None], 3, 2).astype(np.uint8) * 200
    cue = cuecast.Cue(picture, mask=(ids > 0).astype(np.uint8), objects=ids)
    found = (
        cuecast.load("colours")
        .learn([cue], classes=["dot"], objects="split")
        .segment(picture[:, ::-1].copy())
    )
    assert found.instances.max() == 400


def test_things_are_as_large_in_pixels_or_in_share_of_the_frame_as_the_mask_says() -> None:
    _, ids = TOUCHING
    (taught,) = object_rule([shown(ids)], [1]).shown
    wide = np.kron(QUERY[1] > 0, np.ones((4, 4), bool))
    assert taught.scale(wide) == 4
    more = np.tile(QUERY[1] > 0, (4, 4))
    assert taught.scale(more) == 1


def test_a_depth_that_the_segmenter_says_is_heeded() -> None:
    picture, ids = QUERY
    taught = concept()
    mask = (ids > 0).astype(np.int32)
    said = np.stack([np.where(ids == 1, 1, 0).astype(np.float32)])
    told = taught.rule.tell_apart(Image(picture), mask, said)
    assert ((told.ids > 0) == (mask > 0)).all()
