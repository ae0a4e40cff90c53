"""Errors say what, where and what to do as fields; their text is made of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from cuecast.core.errors import CuecastError, ImageError
from cuecast.io.images import read_image
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
    error = SeveralVolumesError("holds two", "/in/b.nii", "choose", choices=[Choice(Reading(channel=1), "1")])
    moved = error.at("b.nii")
    assert (str(moved), moved.what, moved.remedy) == ("b.nii: holds two; choose", "holds two", "choose")
    assert moved.choices == error.choices
    assert str(error) == "/in/b.nii: holds two; choose"


def test_the_place_lies_in_another() -> None:
    error = ImageError("it is empty", where="mask.png", remedy="copy it")
    assert str(error.within("a.png")) == "a.png: mask.png: it is empty; copy it"
    assert str(ImageError("it is empty").within("a.png")) == "a.png: it is empty"


def test_its_texts_are_changed() -> None:
    error = ImageError("/in/a.png is there", where="/in", remedy="move /in/a.png").reworded(
        lambda text: text.replace("/in", "~")
    )
    assert (str(error), error.reason) == ("~: ~/a.png is there; move ~/a.png", "~: ~/a.png is there")


def test_fields_go_from_process_to_process() -> None:
    error = pickle.loads(pickle.dumps(ImageError("it is empty", where="a.png", remedy="copy it")))
    assert (str(error), error.where, error.what, error.remedy) == (
        "a.png: it is empty; copy it", "a.png", "it is empty", "copy it",
    )  # fmt: skip


def test_readers_state_the_fields(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "a.png")
    found = caught.value
    assert (found.where, found.what) == (str(tmp_path / "a.png"), "the file is empty (0 bytes)")
    assert found.remedy == "copy or export it again"
