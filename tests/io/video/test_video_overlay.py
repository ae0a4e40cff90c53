"""Pictures -> MP4, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from films import film, still
from PIL import Image

from cuecast.core.errors import MissingExtraError, OutputError
from cuecast.io.video import file as video_overlay
from cuecast.io.video.file import open_video, write_video

PICTURES = [Image.fromarray(p) for p in film(5, lambda i: (4, 4 + 8 * i))]
TIMES = [0.0, 0.04, 0.5, 0.54, 2.0]


@pytest.mark.parametrize("encoders", [video_overlay.ENCODERS, ("nosuch", "mpeg4")])
def test_pictures_and_times_come_back(
    encoders: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_overlay, "ENCODERS", encoders)
    path = write_video(tmp_path / "new" / "o.mp4", zip(PICTURES, TIMES, strict=True), 25.0)
    video = open_video(path)
    assert video.seconds == pytest.approx(TIMES, abs=2e-3)
    for frame in video.read(range(5)):
        differs = np.abs(frame.image.pixels.astype(int) - np.asarray(PICTURES[frame.index])).max(axis=2)
        assert (differs < 60).mean() > 0.95
    assert [p.name for p in path.parent.iterdir()] == ["o.mp4"]


def test_odd_sides_grow_by_one_pixel(tmp_path: Path) -> None:
    path = write_video(tmp_path / "o.mp4", [(Image.fromarray(still(size=(47, 63))), 0.0)], 25.0)
    assert open_video(path).size == (48, 64)


def test_without_an_encoder_the_error_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_overlay, "ENCODERS", ("nosuch", "none"))
    with pytest.raises(MissingExtraError, match=r"no encoder for MP4 .*looked for nosuch, none"):
        write_video(tmp_path / "o.mp4", zip(PICTURES, TIMES, strict=True), 25.0)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def pictures() -> object:
        yield PICTURES[0], 0.0
        raise OutputError("stopped")

    with pytest.raises(OutputError, match="stopped"):
        write_video(tmp_path / "o.mp4", pictures(), 25.0)
    assert list(tmp_path.iterdir()) == []


def test_a_rate_below_what_can_be_written_is_raised(tmp_path: Path) -> None:
    path = write_video(tmp_path / "o.mp4", zip(PICTURES, [0.0, 4000.0, 8000.0], strict=False), 1 / 4000)
    assert open_video(path).seconds == pytest.approx([0, 4000, 8000], abs=2e-3)


def test_what_the_encoder_refuses_is_an_output_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_overlay, "OPTIONS", {"libx264": {"preset": "nosuch"}})
    with pytest.raises(OutputError, match=r"o\.mp4: the video cannot be encoded"):
        write_video(tmp_path / "o.mp4", zip(PICTURES, TIMES, strict=True), 25.0)
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_no_encoder_takes_are_named(tmp_path: Path) -> None:
    wide = Image.new("RGB", (video_overlay.LARGEST + 2, 2))
    with pytest.raises(OutputError, match="16386 x 2 are larger than the 16384 pixels of an MP4"):
        video_overlay.find_encoder((wide.height, wide.width))
    with pytest.raises(OutputError, match="cannot be encoded"):
        write_video(tmp_path / "o.mp4", [(wide, 0.0)], 25.0)
    assert not list(tmp_path.iterdir())
