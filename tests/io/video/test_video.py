"""Frames of folders and lists, looked at once and read by number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from films import film, save_frames, still
from PIL import Image

from cuecast.core.errors import ImageError, InputError
from cuecast.io.video import open_frames


def numbers(folder: Path, count: int = 12) -> list[np.ndarray]:
    frames = film(count, lambda i: (4, 2 + 3 * i))
    save_frames(folder, frames)
    return frames


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    pictures = numbers(tmp_path / "in")
    frames = open_frames(tmp_path / "in")
    assert (frames.label, frames.size, frames.broken) == (str(tmp_path / "in"), (48, 64), None)
    assert [frames.name(i) for i in (0, 2, 10)] == ["f0", "f2", "f10"]
    assert frames.seconds == (None,) * 12
    for which in (range(12), range(11, -1, -1), range(3, 5), range(7, 4, -1)):
        read = list(frames.read(which))
        assert [f.index for f in read] == list(which)
        assert all((f.image.pixels == pictures[f.index]).all() for f in read)


def test_digits_that_are_no_numbers_are_letters(tmp_path: Path) -> None:
    save_frames(tmp_path, film(2, lambda i: (4, 2 + 3 * i)))
    next(iter(sorted(tmp_path.iterdir()))).rename(tmp_path / "1\u00b23.png")
    frames = open_frames(tmp_path)
    assert [frames.name(i) for i in range(2)] == ["1\u00b23", "f1"]


def test_a_list_may_hold_arrays_and_names_its_frames_by_number() -> None:
    frames = open_frames([still(), still(((1, 1), (200, 30, 30)))])
    assert (frames.name(1), len(frames.seconds)) == ("000001", 2)


def test_the_digest_is_that_of_the_pixels(tmp_path: Path) -> None:
    pictures = numbers(tmp_path / "in", 3)
    assert open_frames(tmp_path / "in").digest == open_frames(pictures).digest
    assert open_frames(pictures[:2]).digest != open_frames(pictures).digest


def test_a_broken_picture_ends_the_frames_and_is_named(tmp_path: Path) -> None:
    numbers(tmp_path)
    (tmp_path / "f4.png").write_bytes((tmp_path / "f4.png").read_bytes()[:60])
    frames = open_frames(tmp_path)
    assert len(frames.seconds) == 4
    assert frames.broken is not None
    assert frames.broken.startswith("frame 4 is broken: ")
    assert "f4.png" in frames.broken


def test_a_picture_of_another_size_ends_the_frames(tmp_path: Path) -> None:
    numbers(tmp_path, 3)
    Image.fromarray(still(size=(50, 64))).save(tmp_path / "f2.png")
    frames = open_frames(tmp_path)
    assert (len(frames.seconds), frames.size) == (2, (48, 64))
    assert "frame 2 is broken: f2.png: is 64 wide and 50 high" in str(frames.broken)


def test_no_frame_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "f0.png").write_bytes(b"nothing")
    with pytest.raises(ImageError, match="frame 0 is broken"):
        open_frames(tmp_path)
    with pytest.raises(ImageError, match="there are no frames"):
        open_frames([])


def test_one_picture_is_no_video(tmp_path: Path) -> None:
    Image.fromarray(still()).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="this is one picture, not a video"):
        open_frames(tmp_path / "a.png")


def test_two_pictures_of_one_stem_are_refused(tmp_path: Path) -> None:
    numbers(tmp_path, 3)
    Image.fromarray(still()).save(tmp_path / "F1.jpg")
    with pytest.raises(InputError, match=r"F1\.jpg and f1\.png: both are frame 'f1'; keep one of them"):
        open_frames(tmp_path)
