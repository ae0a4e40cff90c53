"""Texts that are no paths, and output folders that hold what was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pictures import picture

from cuecast.cli import run
from cuecast.core.errors import InputError, OutputError
from cuecast.io.places import check_path_text, check_places
from cuecast.runs.raster import segment_raster
from cuecast.runs.video import track_into
from cuecast.runs.volume import run_volume


@pytest.mark.parametrize("text", ["a", "a" * 255, "a/" * 2047, "é" * 127, "../a b\n", "/"])
def test_what_may_be_a_path(text: str) -> None:
    check_path_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("a\0b", "a NUL character"),
        ("\ud800", "half of a character"),
        ("a\udcff", "half of a character"),
        ("a" * 256, "255 bytes"),
        (f"ok/{'é' * 128}/ok", "255 bytes"),
        ("a/" * 2048, "4095"),
    ],
)
def test_what_is_no_path(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        check_path_text(text)
    assert str(raised.value).isprintable()


def test_an_output_folder_beside_the_inputs_is_taken(tmp_path: Path) -> None:
    for out in ("out", "photos/out", "photos2"):
        check_places([tmp_path / "photos" / "a.png"], tmp_path / out, beside=False)
    check_places([tmp_path / "scan.nii"], tmp_path)  # one volume or film may lie in the folder of its results


@pytest.mark.parametrize(
    ("given", "out"),
    [("photos/a.png", "photos"), ("photos", "photos"), ("link/a.png", "photos"), ("photos/a.png", "link")],
)
def test_the_folder_of_the_inputs_is_refused(tmp_path: Path, given: str, out: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to("photos")
    with pytest.raises(OutputError, match="this is the folder of the inputs"):
        check_places([tmp_path / given], tmp_path / out, beside=False)


def test_an_output_folder_that_is_an_input_file_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(OutputError, match=r"a\.png: this is one of the inputs, not a folder; choose"):
        check_places([tmp_path / "a.png"], tmp_path / "a.png")


@pytest.mark.parametrize("folder", ["masks", "overlays", "uncertainty", "edited", "yolo", "labelme"])
@pytest.mark.parametrize("beside", [True, False])
def test_inputs_that_results_are_written_over(tmp_path: Path, folder: str, beside: bool) -> None:
    with pytest.raises(OutputError, match="lies where results of"):
        check_places([tmp_path / folder / "a.png"], tmp_path, beside=beside)


def test_a_cue_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cues.json").write_text("{}")
    with pytest.raises(OutputError, match="this is a cue set"):
        check_places([Path("elsewhere/a.png")], tmp_path)


def test_track_does_not_write_into_its_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "frames")
    picture(tmp_path / "frames" / "a.png", 1)
    assert run(["track", folder, "--point", "0=0,0", "-p", "colours", "-o", folder]) == 1
    assert "this is the folder of the inputs" in capsys.readouterr().err
    assert [p.name for p in Path(folder).iterdir()] == ["a.png"]


@pytest.mark.parametrize("function", [track_into, run_volume, segment_raster])
def test_functions_say_it_before_any_work(tmp_path: Path, function: Callable[..., Any]) -> None:
    """Before they look at what is to be taught, which is nothing here."""
    with pytest.raises(OutputError, match="this is the folder of the inputs"):
        function(None, tmp_path, tmp_path)


def test_segment_does_not_write_among_its_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture(tmp_path / "a.png", 1)
    for given in (str(tmp_path), str(tmp_path / "a.png")):
        words = [
            "segment",
            given,
            "--point",
            f"{tmp_path / 'a.png'}=0,0",
            "-p",
            "colours",
            "-o",
            str(tmp_path),
        ]
        assert run(words) == 1
        assert "choose another output folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
