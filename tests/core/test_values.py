"""Values at the door."""

from __future__ import annotations

import os

import pytest

from cuecast.core.errors import CueError
from cuecast.core.values import MAX_CLASS_ID, ClassInfo, Marks, Scribble


def test_names_of_classes_are_text() -> None:
    assert ClassInfo(1, "肝臓 é").name == "肝臓 é"
    with pytest.raises(
        CueError, match=r"class 1 is called 'b\\udcff', which is no valid text; write it in UTF-8"
    ):
        ClassInfo(1, os.fsdecode(b"b\xff"))  # as a command line gives what is no UTF-8


@pytest.mark.parametrize("number", [0, -1, MAX_CLASS_ID + 1])
def test_numbers_of_classes_fit_label_maps(number: int) -> None:
    with pytest.raises(CueError, match="ids run from 1 to"):
        ClassInfo(number, "a")


@pytest.mark.parametrize("bad", [float("inf"), float("nan"), 1e300, -1e12])
def test_numbers_of_scribbles_are_near_an_image(bad: float) -> None:
    for scribble in (Scribble(((1, 1), (bad, 2))), Scribble(((1, 1), (2, bad))), Scribble(((1, 1),), bad)):
        with pytest.raises(CueError, match="not a number below 1e"):
            Marks((8, 8), scribbles=(scribble,))
