"""Errors say what, where and what to do as fields; their text is made of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cuecast.core.errors import CuecastError, ImageError
from cuecast.io.volumes.reading import Choice, Reading, SeveralVolumesError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ImageError("it is empty"), "it is empty"),
        (ImageError("it is empty", where=Path("a.png")), "a.png: it is empty"),
        (ImageError("it is empty", remedy="copy it again"), "it is empty; copy it again"),
        (
            ImageError("it is empty", where="a.png", remedy="copy it again"),
            "a.png: it is empty; copy it again",
        ),
    ],
)
def test_the_text_is_made_of_the_fields(error: CuecastError, text: str) -> None:
    assert str(error) == text


def test_the_place_is_called_otherwise() -> None:
    error = SeveralVolumesError(
        "holds two", [Choice(Reading(channel=1), "1")], where="/in/b.nii", remedy="choose"
    )
    moved = error.at("b.nii")
    assert (str(moved), moved.what, moved.remedy) == ("b.nii: holds two; choose", "holds two", "choose")
    assert moved.choices == error.choices
    assert str(error) == "/in/b.nii: holds two; choose"


def test_fields_go_from_process_to_process() -> None:
    error = pickle.loads(pickle.dumps(ImageError("it is empty", where="a.png", remedy="copy it")))
    assert (str(error), error.where, error.what, error.remedy) == (
        "a.png: it is empty; copy it", "a.png", "it is empty", "copy it",
    )  # fmt: skip
