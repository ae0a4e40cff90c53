"""Objects that a cue shows: from every door they arrive as ids beside the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuecast.core.errors import CueError, MaskError
from cuecast.core.objects import of_one_class
from cuecast.core.values import Image, Polygon
from cuecast.cues import Cue, cue_of, ids_of, labels_of, marks_document, mask_document, read_document
from cuecast.cuesets.cueset import read_cueset, read_example
from cuecast.cuesets.edit import add_cues, new_cueset

LEFT = [(0, 0), (2, 0), (2, 2), (0, 2)]
RIGHT = [(2, 0), (4, 0), (4, 2), (2, 2)]
TOUCHING = [[1, 1, 2, 2, 0]] * 2 + [[0] * 5]
PHOTO = Image(np.zeros((3, 5, 3), np.uint8), "photo.png")


def objects(**shown: Any) -> np.ndarray:
    found = Cue(PHOTO, **shown).read().marks.objects
    assert found is not None
    return found


def test_each_polygon_is_an_object() -> None:
    assert objects(polygons=[LEFT, RIGHT]).tolist() == TOUCHING
    assert objects(polygons=[LEFT, Polygon(tuple(RIGHT), 2)]).tolist() == TOUCHING


def test_a_polygon_over_another_takes_its_pixels_and_class_0_is_none() -> None:
    hole = Polygon(((0, 0), (1, 0), (1, 1), (0, 1)), 0)
    found = objects(polygons=[LEFT, RIGHT, [(1, 0), (3, 0), (3, 1), (1, 1)], hole])
    assert found.tolist() == [[0, 3, 3, 2, 0], [1, 1, 2, 2, 0], [0] * 5]


def test_polygons_beside_a_mask_are_further_objects() -> None:
    mask = np.array([[1, 1, 0, 0, 0]] * 2 + [[0] * 5])
    assert objects(mask=mask, polygons=[RIGHT]).tolist() == [[0, 0, 1, 1, 0]] * 2 + [[0] * 5]
    assert objects(mask=mask, objects=mask * 7, polygons=[RIGHT]).tolist() == [[7, 7, 8, 8, 0]] * 2 + [
        [0] * 5
    ]


def test_given_ids_say_which_polygons_are_one_thing() -> None:
    ids = np.array([[5, 5, 5, 5, 0]] * 2 + [[0] * 5])
    assert objects(polygons=[LEFT, RIGHT], objects=ids).tolist() == ids.tolist()


def test_a_plain_mask_tells_nothing_apart() -> None:
    assert Cue(PHOTO, mask=np.array(TOUCHING) > 0).read().marks.objects is None


def test_an_object_has_one_class() -> None:
    """Where things are numbered from 1 in each class, a number of two classes is two things."""
    mask = np.array([[1, 1, 2, 2, 0]] * 2 + [[0] * 5])
    found = objects(mask=mask, objects=np.array([[1, 2, 1, 1, 0]] * 2 + [[0] * 5]))
    assert found.tolist() == [[1, 3, 2, 2, 0]] * 2 + [[0] * 5]
    assert of_one_class(found, mask.astype(np.int32)) is found


def document() -> dict[str, Any]:
    marks = Cue(PHOTO, polygons=[LEFT, RIGHT]).read().marks
    assert marks.mask is not None
    return marks_document(Cue(None), marks.mask, marks.objects)


def test_a_document_carries_the_objects() -> None:
    sent = document()
    assert sent["mask"]["objects"] == [[0, 2, 1, 2, 10], [6, 2, 1, 2, 4]]
    assert ids_of(sent["mask"], (3, 5)).tolist() == TOUCHING
    assert read_document(sent, (3, 5)).objects.tolist() == TOUCHING
    assert cue_of(sent).marks((3, 5)).objects.tolist() == TOUCHING
    over = {**sent, "polygons": [{"path": [[4, 2], [5, 2], [5, 3], [4, 3]], "class": 1}]}
    assert read_document(over, (3, 5)).objects.tolist() == [*TOUCHING[:2], [0, 0, 0, 0, 3]]


def test_a_document_without_objects_is_as_ever() -> None:
    labels = np.array(TOUCHING, np.int32)
    assert set(mask_document(labels)) == {"size", "counts"}
    assert ids_of(mask_document(labels), (3, 5)) is None
    assert labels_of(document()["mask"], (3, 5)).max() == 1


@pytest.mark.parametrize(
    ("runs", "error", "words"),
    [
        ([[0, 2, 1, 2, 9]], CueError, "run lengths of object 1 are none of a mask of 3 x 5"),
        ([[0, 2, 1, 2, 10], [0, 1.5, 13.5]], CueError, "run lengths of object 2"),
        ([[0, 2, 1, 2, 10], [3, 4, 8]], CueError, "two objects of the mask overlap"),
        ([[0, 15]] * 10_000, CueError, "two objects of the mask overlap"),
        ([[0, 3, 12]], MaskError, "1 pixels of objects lie outside the mask"),
    ],
)
def test_objects_that_cannot_be_are_refused(runs: Any, error: type[Exception], words: str) -> None:
    sent = document()
    with pytest.raises(error, match=words):
        read_document({**sent, "mask": {**sent["mask"], "objects": runs}}, (3, 5))


def test_ten_thousand_objects_go_there_and_back() -> None:
    ids = np.kron(np.arange(1, 10_001, dtype=np.int32).reshape(100, 100), np.ones((2, 2), np.int32))
    sent = mask_document((ids > 0).astype(np.int32), ids)
    assert np.array_equal(ids_of(sent, ids.shape), ids)


def test_a_cue_set_keeps_polygons_as_they_are_and_ids_beside_a_mask(tmp_path: Path) -> None:
    new_cueset(tmp_path / "set", ["cell", "dirt"])
    other = Image(np.ones((3, 5, 3), np.uint8), "other.png")
    mask = np.array(TOUCHING) > 0
    add_cues(tmp_path / "set", [Cue(PHOTO.pixels, polygons=[LEFT, RIGHT])])
    add_cues(tmp_path / "set", [Cue(other.pixels, mask=mask.astype(np.uint8), objects=np.array(TOUCHING))])
    cueset = read_cueset(tmp_path / "set")
    drawn, masked = cueset.entries
    assert (len(drawn.polygons), drawn.objects, masked.objects is None) == (2, None, False)
    for entry in cueset.entries:
        assert read_example(cueset, entry).marks.objects.tolist() == TOUCHING
