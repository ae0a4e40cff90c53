"""One line in a table is all that a format needs beside its file."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cuecast.cli import run
from cuecast.core.errors import ImageError
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo, Image
from cuecast.io.formats import FORMATS, Format, format_of_content, suffixes_of
from cuecast.io.labels import Listed, is_label_file
from cuecast.io.labels.masks import find_mask, read_mask
from cuecast.io.volumes import Volume, open_volume
from cuecast.propagation.result import VolumePrediction
from cuecast.service.content import video_kind, volume_kind

ROOT = Path(__file__).parents[2]
GENERATOR = str(ROOT / "docs" / "generate_formats.py")


class Made(ModuleType):
    """The module of a made-up format: files hold a whole number, and nothing else."""

    def read_volume(self, path: Path, reading: object) -> Volume:
        del reading
        return Volume(np.full((2, 3, 4), int(path.read_text()), np.uint8), path.stem, "made", path=path)

    def write_labels(self, path: Path, labels: np.ndarray, volume: Volume, classes: object) -> Path:
        del volume, classes
        path.write_text(str(labels.max()))
        return path

    def open_labels(self, path: Path, data: object) -> Made:
        del data
        self.path, self.names = path, ("cell",)
        return self

    @property
    def listed(self) -> tuple[Listed, ...]:
        return (Listed(self.path.stem),)

    def size(self, image: Image) -> None:
        del image

    def annotations(self, image: Image, classes: object) -> Annotations:
        del classes
        thing = ObjectMask(int(self.path.read_text()), 0, 0, np.ones((1, 2), bool))
        return Annotations(image.name, image.size, (thing,))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Format:
    """A format of volumes and of labels, in one line each."""
    monkeypatch.setitem(sys.modules, "made_format", Made("made_format"))
    form = Format(
        "made", "Made up", (".made",), "made_format", writes=True, begins=lambda h: h.startswith(b"MADE")
    )
    for kind in ("volumes", "labels"):
        monkeypatch.setitem(FORMATS, kind, (*FORMATS[kind], form))
    return form


@pytest.mark.usefixtures("made")
def test_a_new_format_of_volumes_is_read_written_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.made").write_text("7")
    volume = open_volume(tmp_path / "a.made")
    assert int(volume.voxels.max()) == 7
    labels = np.full(volume.size, 3, np.uint8)
    result = VolumePrediction(volume, labels, (ClassInfo(3, "x"),), "z", (0, 1), (), 0.0)
    assert result.save(tmp_path / "out.made").read_text() == "3"
    assert volume_kind(b"MADE of nothing") is not None
    (tmp_path / "a.mha").write_text("")
    with pytest.raises(ImageError, match=r"known by its suffix \(.*\.made, or a folder"):
        open_volume(tmp_path / "a.mha")
    assert run(["volume", "a.made", "-o", "out", "--format", "nothing"]) == 2
    assert "dicom-seg, made" in " ".join(capsys.readouterr().err.split())


@pytest.mark.usefixtures("made")
def test_a_new_format_of_labels_is_found_and_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "a.made").write_text("2")
    assert find_mask(tmp_path / "a.png") == tmp_path / "a.made"
    assert is_label_file(tmp_path / "a.made")
    image = Image(np.zeros((2, 2, 3), np.uint8), "a.png")
    assert read_mask(tmp_path / "a.made", image=image).tolist() == [[2, 2], [0, 0]]


def test_a_new_format_is_in_the_documentation(made: Format) -> None:
    assert (
        f"| {made.title} (`{made.name}`) | .made | yes | yes |  |" in runpy.run_path(GENERATOR)["sections"]()
    )


def test_the_page_of_formats_is_up_to_date() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    assert runpy.run_path(GENERATOR)["page"]() == page, "run: python docs/generate_formats.py"


@pytest.mark.parametrize("form", [f for forms in FORMATS.values() for f in forms], ids=lambda f: f.name)
def test_every_format_has_the_functions_of_its_kind(form: Format) -> None:
    (kind,) = [kind for kind, forms in FORMATS.items() if form in forms]
    wanted = {
        "labels": ["open_labels"] * form.reads + ["write_labels"] * form.writes,
        "volumes": ["read_volume"] * form.reads + ["write_labels"] * form.writes,
        "rasters": ["accepts", "open_raster"],
        "videos": ["open_video"],
    }[kind]
    assert [name for name in wanted if not callable(getattr(form.load(), name, None))] == []


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x1a\x45\xdf\xa3" + b"\0" * 300, ".mkv"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 300, ".mp4"),
        (b"RIFF\0\0\0\0AVI " + b"\0" * 300, ".avi"),
        (b"G" + b"\0" * 187 + b"G" + b"\0" * 100, ".ts"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 300, None),
        (b"#EXTM3U\n/etc/passwd", None),
    ],
)
def test_videos_are_known_by_their_content(head: bytes, suffix: str | None) -> None:
    kind = video_kind(head)
    assert (kind.suffix if kind else None) == suffix


def test_what_is_known_by_content_is_known_by_suffix() -> None:
    form = format_of_content("volumes", b"NRRD0004\n")
    assert form is not None
    assert set(form.suffixes) <= set(suffixes_of("volumes"))
