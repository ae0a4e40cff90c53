"""Marks and masks in JSON, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cuecast.core.errors import CueError, MaskError
from cuecast.core.marks import EXAMPLE, marks_json, read_marks
from cuecast.core.values import IGNORE, KINDS, Box, Point, Scribble
from cuecast.cues import (
    Cue,
    coloured_classes,
    cue_of,
    joined,
    labels_of,
    marks_document,
    mask_document,
    read_document,
)
from cuecast.mcp.schemas import CueGiven
from cuecast.service import schemas as service_schemas

LABELS = np.array([[0, 1, 1], [2, 0, IGNORE]], np.int32)
# Down the columns: 0 2 | 1 0 | 1 ignore
DOCUMENT = {"size": [2, 3], "counts": {"1": [2, 1, 1, 1, 1], "2": [1, 1, 4], "ignore": [5, 1]}}


def test_a_mask_is_run_lengths_down_the_columns() -> None:
    assert mask_document(LABELS) == DOCUMENT


def test_run_lengths_become_the_mask() -> None:
    read = labels_of(DOCUMENT, (2, 3))
    assert read is not None
    assert read.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    "mask", [None, {"size": [2, 3], "counts": {}}, {"size": [2, 3], "counts": {"1": [6]}}]
)
def test_a_mask_without_a_marked_pixel_says_nothing(mask: object) -> None:
    assert labels_of(mask, (2, 3)) is None
    assert read_document({"mask": mask, "points": [], "absent": False}, (2, 3)) is None


def test_erased_paint_does_not_make_points_complete() -> None:
    erased = {"mask": {"size": [2, 3], "counts": {"1": [6]}}, "points": [{"xy": [0, 0], "class": 1}]}
    assert cue_of(erased).marks((2, 3)).is_sparse
    assert cue_of(erased).kinds == ("points",)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(MaskError, match=r"2 x 3 .* is 3 x 2"):
        labels_of(DOCUMENT, (3, 2))


def test_run_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(CueError, match="add up to 5"):
        labels_of({"size": [2, 3], "counts": {"1": [2, 3]}}, (2, 3))


def test_all_kinds_of_marks_are_read() -> None:
    document = {
        "boxes": [{"xyxy": [0, 0, 2, 1], "class": 2}],
        "points": [{"xy": [1, 1], "class": 0}],
        "scribbles": [{"path": [[0, 0], [1, 0]], "width": 2, "class": 1}],
    }
    marks = cue_of(document).marks((2, 3))
    assert marks.boxes == (Box((0, 0, 2, 1), 2),)
    assert marks.points == (Point((1, 1), 0),)
    assert marks.scribbles == (Scribble(((0, 0), (1, 0)), 2.0, 1),)


def test_polygons_are_drawn_over_the_mask() -> None:
    square = {"path": [[0, 0], [1, 0], [1, 1], [0, 1]], "class": 3}
    labels = cue_of({"mask": DOCUMENT, "polygons": [square]}).marks((2, 3)).mask
    assert labels is not None
    assert labels.tolist() == [[3, 1, 1], [2, 0, IGNORE]]


def test_an_entry_and_its_mask_become_the_same_document() -> None:
    document = {
        "absent": False,
        "boxes": [{"xyxy": [0.0, 0.0, 2.0, 1.0], "class": 2}],
        "points": [{"xy": [1.0, 1.0], "class": 0}],
        "scribbles": [{"path": [[0.0, 0.0], [1.0, 0.0]], "width": 2.0, "class": 1}],
        "polygons": [{"path": [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], "class": 1}],
        "mask": DOCUMENT,
    }
    assert document.items() <= marks_document(cue_of(document), labels_of(DOCUMENT, (2, 3))).items()


def test_every_kind_of_mark_comes_through_every_door_unchanged() -> None:
    document = dict(EXAMPLE)
    assert list(document) == list(KINDS)
    assert marks_json(read_marks(document)) == document
    sent = service_schemas.Marks.model_validate(document).model_dump(mode="json", by_alias=True)
    asked = CueGiven.model_validate({"image": "a.png", **document}).model_dump(mode="json", by_alias=True)
    for through in (sent, asked):
        assert marks_json(read_marks(through)) == document
        assert {name: through[name] for name in KINDS} == document
    assert marks_json(Cue(None, **read_marks(document)).drawn()) == document


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_of_mark_is_told_from_others_where_it_is_wrong(name: str) -> None:
    (mark,) = EXAMPLE[name]
    with pytest.raises(ValidationError):
        service_schemas.Marks.model_validate({name: [{**mark, "colour": "red"}]})
    with pytest.raises((KeyError, ValueError)):
        read_marks({name: [{"class": 1}]})


MARKED = {"points": [{"xy": [0, 0], "class": 1}]}


def test_of_two_documents_one_is_made() -> None:
    both = joined({**MARKED, "mask": DOCUMENT}, {"boxes": [{"xyxy": [0, 0, 1, 1], "class": 2}]})
    assert [len(both[name]) for name in ("boxes", "points", "scribbles")] == [1, 1, 0]
    assert both["mask"] == DOCUMENT
    assert joined({"mask": DOCUMENT}, {"mask": {**DOCUMENT, "counts": {}}})["mask"]["counts"] == {}
    assert joined({}, {"absent": True})["absent"]


@pytest.mark.parametrize("pair", [(MARKED, {"absent": True}), ({"absent": True}, {"mask": DOCUMENT})])
def test_absent_contradicts_a_mark_and_not_an_empty_document(pair: tuple[Any, Any]) -> None:
    with pytest.raises(CueError, match="one cue says 'absent' and another marks the thing"):
        joined(*pair)
    joined({"absent": True, "points": []}, {"absent": True})


def test_a_mask_of_run_lengths_can_be_given_in_python() -> None:
    picture = np.zeros((2, 3, 3), np.uint8)
    cue = Cue(picture, mask=DOCUMENT)
    assert cue.read().marks.mask.tolist() == LABELS.tolist()  # type: ignore[union-attr]
    assert coloured_classes([cue, cue]) == ()
    with pytest.raises(MaskError, match=r"^image: .* has no counts"):
        Cue(picture, mask={"size": [2, 3]}).read()
