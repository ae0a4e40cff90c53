"""Video files made by PyAV, read back by number: kinds, times, turns, breaks."""

from __future__ import annotations

import re
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from films import film, save_film
from PIL import Image

from cuecast.core.errors import ImageError, MissingExtraError
from cuecast.io.video import file as video_file
from cuecast.io.video import open_frames
from cuecast.io.video.file import VideoFile, _ends_early, _film, as_shown, open_video

COUNT = 17
FILM = film(COUNT, lambda i: (4 + i, 3 * i))
KINDS = {
    ".mp4": ("libx264rgb", "rgb24"),
    ".mkv": ("ffv1", "bgr0"),
    ".avi": ("mpeg4", "yuv420p"),
    ".webm": ("libvpx-vp9", "yuv420p"),
    ".gif": ("gif", "rgb8"),
}
"""Suffix -> encoder and pixel form. The first two are without loss."""


@pytest.fixture(scope="module")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_film(tmp_path_factory.mktemp("film") / "a.mp4", FILM)


def nearest(pixels: np.ndarray) -> int:
    """The number of the frame of `FILM` that the pixels are most like."""
    return int(np.argmin([np.abs(pixels.astype(int) - p).mean() for p in FILM]))


@pytest.mark.parametrize("suffix", KINDS)
def test_every_kind_gives_its_frames_by_number_both_ways(suffix: str, tmp_path: Path) -> None:
    path = save_film(tmp_path / f"a{suffix}", FILM, *KINDS[suffix])
    frames = open_frames(path)
    assert (len(frames.seconds), frames.size, frames.broken) == (COUNT, (48, 64), None)
    for which in (range(COUNT), range(COUNT - 1, -1, -1), range(11, 14), range(13, 6, -1), range(3, 3)):
        read = list(frames.read(which))
        assert [f.index for f in read] == list(which)
        for f in read:
            assert nearest(f.image.pixels) == f.index
            assert suffix not in (".mp4", ".mkv") or (f.image.pixels == FILM[f.index]).all()


def test_a_backward_run_is_read_in_pieces(mp4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_file, "PIECE", 4 * 48 * 64 * 3)
    spans = []
    forward = VideoFile._forward

    def spy(self: VideoFile, start: int, stop: int) -> object:
        spans.append((start, stop))
        return forward(self, start, stop)

    monkeypatch.setattr(VideoFile, "_forward", spy)
    read = [f.index for f in open_video(mp4).read(range(15, 2, -1))]
    assert read == list(range(15, 2, -1))
    assert spans == [(12, 16), (8, 12), (4, 8), (3, 4)]


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 40, 200, 240, 1000, 1040]
    for suffix in (".mp4", ".mkv"):
        path = save_film(tmp_path / f"a{suffix}", FILM[:6], *KINDS[suffix], milliseconds=times)
        assert open_video(path).seconds == pytest.approx([t / 1000 for t in times], abs=1e-3)


def test_a_turned_video_is_read_upright(mp4: Path, tmp_path: Path) -> None:
    """A phone held upright stores lying frames and a matrix that turns them by 90 degrees clockwise."""
    data = mp4.read_bytes()
    one, zero, minus = b"\0\1\0\0", b"\0\0\0\0", b"\xff\xff\0\0"
    lying = one + zero * 3 + one
    at = data.index(lying, data.index(b"tkhd"))
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data[:at] + zero + one + zero + minus + zero + data[at + len(lying) :])
    frames = open_frames(turned)
    assert frames.size == (64, 48)
    frame = next(iter(frames.read(range(2, 3))))
    assert (frame.image.pixels == np.rot90(FILM[2], -1)).all()


F = np.arange(6, dtype=np.uint8).reshape(2, 3)
"""[[0, 1, 2], [3, 4, 5]]"""
SHOWN = {
    (1, 0, 0, 1): [[0, 1, 2], [3, 4, 5]],
    (-1, 0, 0, 1): [[2, 1, 0], [5, 4, 3]],  # hflip
    (1, 0, 0, -1): [[3, 4, 5], [0, 1, 2]],  # vflip
    (-1, 0, 0, -1): [[5, 4, 3], [2, 1, 0]],  # half a turn
    (0, 1, -1, 0): [[3, 0], [4, 1], [5, 2]],  # transpose=clock
    (0, -1, 1, 0): [[2, 5], [1, 4], [0, 3]],  # transpose=cclock
    (0, 1, 1, 0): [[0, 3], [1, 4], [2, 5]],  # transpose=cclock_flip
    (0, -1, -1, 0): [[5, 2], [4, 1], [3, 0]],  # transpose=clock_flip
}
"""Display matrix (a, b, c, d) in whole numbers -> what FFmpeg's player and converter show of `F`."""


@pytest.mark.parametrize("matrix", SHOWN)
def test_every_turn_and_reflection_is_as_ffmpeg_shows_it(matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = (65536 * value for value in matrix)
    assert as_shown(F, (a, b, c, d)).tolist() == SHOWN[matrix]


def test_a_mirrored_video_is_read_as_it_is_shown(cases: Path) -> None:
    for name in ("hflip", "rot180"):
        with Image.open(cases / f"video_mirrored/{name}_as_ffmpeg_shows_it.png") as shown:
            expected = np.asarray(shown.convert("RGB")).astype(int)
        frame = next(iter(open_frames(cases / f"video_mirrored/{name}.mp4").read(range(1))))
        assert np.abs(frame.image.pixels - expected).max() <= 3


@pytest.mark.parametrize("name", ["cover_first", "cover_last", "plain"])
def test_the_picture_of_a_cover_is_not_the_film(cases: Path, name: str) -> None:
    frames = open_frames(cases / f"video_cover_first/{name}.mp4")
    assert (len(frames.seconds), frames.size, frames.broken) == (12, (96, 128), None)
    assert [f.index for f in frames.read(range(11, -1, -1))] == list(range(11, -1, -1))


def test_of_several_films_the_one_that_ffmpeg_takes_is_read() -> None:
    from av.stream import Disposition

    def film_of(best: int, *streams: tuple[Any, int]) -> int | None:
        video = [
            SimpleNamespace(index=i, disposition=d, width=s, height=s) for i, (d, s) in enumerate(streams)
        ]
        found = _film(SimpleNamespace(streams=SimpleNamespace(video=video, best=lambda _: video[best])))
        return found and found.index

    plain, cover, default = Disposition(0), Disposition.attached_pic, Disposition.default
    assert film_of(1, (cover, 9), (default, 6)) == 1
    assert film_of(0, (default, 6), (plain, 9), (cover, 9)) == 0
    assert (
        film_of(0, (cover | default, 9), (plain, 3), (plain, 6)) == 2
    )  # a cover that calls itself the default
    assert film_of(0, (Disposition.timed_thumbnails, 9), (plain, 9), (default, 6)) == 2
    assert film_of(0, (cover, 9)) is None


def test_a_codec_that_nobody_knows_is_not_called_damage(tmp_path: Path, mp4: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(mp4.read_bytes().replace(b"avc1", b"zzz1"))
    with pytest.raises(ImageError, match=r"a\.mp4: its codec is none that the installed FFmpeg decodes"):
        open_frames(path)


def test_a_cover_alone_is_no_film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mp4: Path) -> None:
    monkeypatch.setattr(video_file, "_film", lambda _: None)
    with pytest.raises(ImageError, match="holds no video, only the picture of a cover"):
        open_frames(tmp_path / mp4)


def test_a_file_that_was_cut_off_keeps_what_is_there(tmp_path: Path) -> None:
    frames = film(60, lambda i: (4, i % 50))
    for suffix in (".mp4", ".mkv"):
        data = save_film(tmp_path / f"a{suffix}", frames, *KINDS[suffix]).read_bytes()
        threshold = tmp_path / f"cut{suffix}"
        threshold.write_bytes(data[: len(data) * 6 // 10])
        found = open_frames(threshold)
        count = len(found.seconds)
        assert 20 < count < 50
        assert found.broken is not None
        assert re.match(
            rf"frame {count} is broken|it ends early: the file states 2\.4 s, and nothing", found.broken
        )
        assert [f.index for f in found.read(range(count - 1, count - 4, -1))] == [
            count - 1,
            count - 2,
            count - 3,
        ]


def test_what_is_no_video_is_an_error(mp4: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing at all" * 20)
    with pytest.raises(ImageError, match=r"a\.mp4: cannot be read as a video"):
        open_frames(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(mp4.read_bytes()[:200])
    with pytest.raises(ImageError, match=r"b\.mp4"):
        open_frames(tmp_path / "b.mp4")
    with pytest.raises(ImageError, match="there is no such video"):
        open_frames(tmp_path / "c.mp4")


def test_frames_above_the_limit_are_refused(mp4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUECAST_MAX_PIXELS", "3000")
    with pytest.raises(ImageError, match="frames of 64 x 48 are above the limit of 3000 pixels"):
        open_frames(mp4)


def test_without_pyav_the_error_names_the_extra(mp4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'cuecast[video]'")):
        open_frames(mp4)


def test_a_last_frame_that_stays_long_is_no_break(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    first, *others = (Image.fromarray(p) for p in FILM[:4])
    first.save(path, save_all=True, append_images=others, duration=[100, 100, 100, 5000])
    found = open_video(path)
    assert (len(found.seconds), found.broken) == (4, None)
    assert _ends_early(Lasting(5.3), (0.0, 0.1, 0.2, 0.3), 5.0) is None
    assert "the file states 5.3 s" in str(_ends_early(Lasting(5.3), (0.0, 0.1, 0.2, 0.3), 0.0))


def test_a_film_that_starts_late_is_no_break(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = FILM[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for k in range(30):
            frame = av.VideoFrame.from_ndarray(FILM[k % len(FILM)], format="rgb24")
            frame.pts, frame.time_base = 30 + k, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = open_video(path)
    assert (len(found.seconds), found.seconds[0], found.broken) == (30, 0.0, None)


class Lasting:
    """What a stream says of its length."""

    time_base = Fraction(1, 10)
    metadata: ClassVar[dict[str, str]] = {}

    def __init__(self, seconds: float) -> None:
        self.duration = round(seconds * 10)


def test_damage_in_the_middle_ends_the_video_there(mp4: Path, tmp_path: Path) -> None:
    whole = mp4.read_bytes()
    at = len(whole) * 6 // 10
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(whole[:at] + bytes(range(60)) + whole[at + 60 :])
    video = open_video(damaged)
    assert 0 < len(video.seconds) < COUNT
    assert video.broken is not None
    assert "broken" in video.broken
