"""A threshold that is given for a class is kept to through every door, and another one does the work again.

The segmenter is graded here: the score of class 1 is the red of a pixel, that of class 2 its green.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import one_line
from PIL import Image as PILImage

import cuecast
from cuecast.cli import run
from cuecast.core.errors import CueError
from cuecast.core.values import ClassInfo, Image
from cuecast.engine.colours import ColourKnowledge, ColourSegmenter
from cuecast.engine.segmenter import ScoreMaps

LEVELS = np.tile(np.repeat(np.arange(0, 255, 51, dtype=np.uint8), 8), (40, 1))
"""(40, 40): strips of 8 columns with the scores 0, 0.2, 0.4, 0.6, 0.8."""
PIXELS = np.stack([LEVELS, LEVELS[:, ::-1], 0 * LEVELS], 2)
RIGHT = (LEVELS > 180).astype(np.uint8)


@pytest.fixture(autouse=True)
def _graded(monkeypatch: pytest.MonkeyPatch) -> None:
    def score(_: Any, knowledge: ColourKnowledge, image: Image, own: Sequence[Any] = ()) -> ScoreMaps:  # noqa: ARG001
        planes = [image.pixels[..., cls - 1] for cls in knowledge.class_ids]
        return ScoreMaps((np.stack(planes) / 255).astype(np.float32))

    monkeypatch.setattr(ColourSegmenter, "score", score)


@pytest.fixture
def concept() -> cuecast.Concept:
    mask = RIGHT + 2 * RIGHT[:, ::-1]
    return cuecast.load("colours").learn([cuecast.Cue(PIXELS // 2, mask=mask)], ["a", "b"], "pixel")


def strips(mask: np.ndarray, cls: int = 1) -> int:
    """How many strips of 8 columns are wholly of a class; the others must be wholly without it."""
    columns = mask == cls
    assert (columns.all(0) == columns.any(0)).all()
    return int(columns[0].sum()) // 8


def test_pixels_are_marked_from_the_threshold_on(concept: cuecast.Concept) -> None:
    assert concept.segment(PIXELS).thresholds == (0.5, 0.5)
    low = concept.with_thresholds({"a": 0.1})
    found = low.segment(PIXELS)
    assert found.thresholds == (0.1, 0.5)
    # Where both reach theirs, the better one is marked: 'b' has 0.8 and 0.6 where 'a' has 0 and 0.2.
    assert (strips(found.mask, 1), strips(found.mask, 2)) == (3, 2)
    high = concept.with_thresholds(0.7).segment(PIXELS)
    assert (strips(high.mask, 1), strips(high.mask, 2)) == (1, 1)


def test_a_class_may_bring_its_threshold(concept: cuecast.Concept) -> None:
    classes = [ClassInfo(1, "a", threshold=0.7), ClassInfo(2, "b")]
    given = cuecast.load("colours").learn(concept.examples, classes, "pixel")
    assert given.thresholds == {1: 0.7}
    assert given.segment(PIXELS).thresholds == (0.7, 0.5)
    assert ClassInfo.of(classes[0].document) == classes[0]
    assert ClassInfo.of(classes[1].document) == classes[1]
    assert "threshold" not in classes[1].document


def test_thresholds_are_taken_back_and_are_no_part_of_what_was_shown(concept: cuecast.Concept) -> None:
    low = concept.with_thresholds({"a": 0.1, "b": 0.2})
    assert low.digest == concept.digest
    assert low.add([concept.examples[0]]).thresholds == {1: 0.1, 2: 0.2}
    assert low.with_thresholds({"a": None}).thresholds == {2: 0.2}
    assert concept.thresholds == {}


@pytest.mark.parametrize("wrong", [0, -0.1, 1.01, float("nan"), "high"])
def test_what_is_no_threshold_is_refused(concept: cuecast.Concept, wrong: Any) -> None:
    with pytest.raises(CueError, match=r"class 'a' has the threshold .*choose one above 0"):
        concept.with_thresholds({"a": wrong})


def test_a_class_that_is_not_there_is_named(concept: cuecast.Concept) -> None:
    with pytest.raises(CueError, match=r"class 'c', and the classes are a, b"):
        concept.with_thresholds({"c": 0.5})


def test_frames_and_slices_keep_to_it_too(concept: cuecast.Concept) -> None:
    frames = [PIXELS] * 3
    areas = []
    for threshold in (0.1, 0.5, 0.7):
        given = concept.with_thresholds(threshold)
        found = [f.prediction for f in cuecast.track(given, frames)]
        assert {p.thresholds for p in found} == {(threshold, threshold)}
        areas.append([int((p.mask == 1).sum()) for p in found])
    assert [a > b > c for a, b, c in zip(*areas, strict=True)] == [True] * 3


def write(folder: Path) -> None:
    """in/q.png and the cue c.png with m.png, as the doors read them."""
    (folder / "in").mkdir()
    PILImage.fromarray(PIXELS).save(folder / "in/q.png")
    PILImage.fromarray(PIXELS // 2).save(folder / "c.png")
    PILImage.fromarray(RIGHT).save(folder / "m.png")


def segment(*flags: str) -> int:
    cue = ["--cue", "c.png=m.png", "--class", "a"]
    return run(["segment", "in", *cue, "-o", "out", "-p", "colours", "-q", "-f", "none", "--json", *flags])


@pytest.mark.parametrize("flag", ["0.3", "a=0.3"])
def test_another_threshold_does_the_images_again(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    for flags, resumed, marked in (
        ((), 0, 2),
        (("--threshold", flag), 0, 3),
        (("--threshold", flag), 1, 3),
        ((), 0, 2),
    ):
        assert segment(*flags) == 0
        assert json.loads(capsys.readouterr().out)["resumed"] == resumed
        with PILImage.open("out/masks/q.png") as mask:
            assert strips(np.array(mask)) == marked
        entry = json.loads(Path("out/manifest.jsonl").read_text())
        assert entry.get("thresholds") == ({"1": 0.3} if flags else None)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["x"], r"--threshold 'x': \[CLASS=\]VALUE"),
        (["a=0.3", "a=0.4"], r"--threshold 'a=0.4': given twice"),
        (["0.3", "0.4"], r"--threshold '0.4': given twice"),
        (["a=0"], "a score above 0 and up to 1"),
        (["0.3", "a=0.4"], "without a class is for all of them"),
        (["b=0.4"], "class 'b', and the classes are a"),
    ],
)
def test_wrong_flags_are_told(
    flags: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    assert segment(*(part for flag in flags for part in ("--threshold", flag))) == 2
    assert re.search(says, one_line(capsys.readouterr().err))


def test_another_threshold_does_a_video_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    for i in range(3):
        PILImage.fromarray(PIXELS).save(tmp_path / f"in/{i}.png")
    (tmp_path / "in/q.png").unlink()
    monkeypatch.chdir(tmp_path)
    flags = ["--cue", "0=m.png", "-o", "out", "-p", "colours", "-q", "--json", "-f", "none"]
    for given in ({}, {"thing": 0.3}, {"thing": 0.7}):
        for resumed in (0, 3):
            thresholds = [f"--threshold={name}={value}" for name, value in given.items()]
            assert run(["track", "in", *flags, *thresholds]) == 0
            assert json.loads(capsys.readouterr().out)["resumed"] == resumed
        entries = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
        assert [e.get("thresholds", {}) for e in entries] == [
            dict(zip("1", given.values(), strict=False))
        ] * 3


def test_another_threshold_does_a_volume_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nibabel = pytest.importorskip("nibabel")
    monkeypatch.chdir(tmp_path)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    values = np.stack([LEVELS.T] * 4, 2)
    values[0, 0] = range(4)  # a slice that is equal to the marked one would take its marks
    nibabel.save(nibabel.Nifti1Image(values, affine), "v.nii.gz")
    PILImage.fromarray(RIGHT).save("m.png")
    flags = ["-o", "out", "-p", "colours", "-q", "--json", "--window", "0,255"]
    voxels = []
    for threshold in ("0.7", "0.3"):
        for finished in (False, True):
            assert run(["volume", "v.nii.gz", "--cue", "z:1=m.png", *flags, "--threshold", threshold]) == 0
            told = json.loads(capsys.readouterr().out)
            assert told["finished"] is finished
        voxels.append(told["voxels"]["thing"])
    assert voxels[0] < voxels[1]


def test_another_threshold_does_a_map_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rasterio")
    from map_pictures import read_band, write_map

    monkeypatch.chdir(tmp_path)
    write_map(tmp_path / "m.tif", np.tile(PIXELS, (4, 4, 1)))
    PILImage.fromarray(RIGHT).save("m.png")
    flags = ["-o", "out", "-p", "colours", "-q", "--json", "-f", "none"]
    for threshold, marked in (("0.7", 1), ("0.3", 3)):
        for resumed in (False, True):
            command = ["map", "m.tif", "--cue-window", "0,0,40,40=m.png", *flags, "--threshold", threshold]
            assert run(command) == 0
            assert bool(json.loads(capsys.readouterr().out)["resumed"]) is resumed
        band = read_band(Path("out/mask.tif"))
        assert strips(band[:40, 40:80]) == marked
        assert json.loads(Path("out/manifest.jsonl").read_text().splitlines()[0])["thresholds"] == {
            "1": float(threshold)
        }
