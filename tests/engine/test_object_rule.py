"""Masks told apart into objects by what the cues show of them, with the pack `colours`, which segments exactly."""

from __future__ import annotations

import numpy as np
import pytest

import cuecast
from cuecast.core.objects import connected_objects, objects_of

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
