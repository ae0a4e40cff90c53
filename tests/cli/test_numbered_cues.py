"""Numbers of objects and objects beside a mask, through every command, with the exact pack."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pytest
import tifffile
from commands import one_line
from films import film, save_frames
from map_pictures import painted, truth
from PIL import Image

from cuecast.cli import run
from cuecast.cli.marks import SliceShown
from cuecast.cli.volume import slice_cues
from cuecast.cuesets.cueset import read_cueset, read_example
from cuecast.io.labels.masks import write_objects
from cuecast.io.volumes import open_volume
from cuecast.results.gather import read_result

RED, BLUE = (200, 30, 30), (30, 30, 200)
QUICK = ["--pack", "colours", "-q", "-o", "out"]
SQUARES = 9


def numbers(count: int = SQUARES, side: int = 8) -> np.ndarray:
    """Squares of 4 x 4 in rows of three, numbered from 1."""
    labels = np.zeros((-(-count // 3) * side, 3 * side), np.int32)
    for n in range(count):
        y, x = n // 3 * side + 2, n % 3 * side + 2
        labels[y : y + 4, x : x + 4] = n + 1
    return labels


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a.png with nine red squares, numbered in a_cp_masks.tif, a_labels.png and few.png (three)."""
    things = numbers()
    Image.fromarray(np.where(things[..., None] > 0, RED, BLUE).astype(np.uint8)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a_cp_masks.tif", things.astype(np.uint16))
    Image.fromarray(things.astype(np.uint8)).save(tmp_path / "a_labels.png")
    Image.fromarray(np.where(things > 3, 0, things).astype(np.uint8)).save(tmp_path / "few.png")
    Image.fromarray((things > 0).astype(np.uint8) * 255).save(tmp_path / "a_binary.png")
    write_objects(tmp_path / "ids.png", things)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("mask", ["a.png", "a.png=a_cp_masks.tif", "a.png=a_labels.png"])
def test_one_name_segments_what_is_numbered(mask: str) -> None:
    assert run(["segment", "a.png", "-c", mask, "--class", "cell", "-f", "none", *QUICK]) == 0
    assert (read_result(Path("out/masks/a.png")) == (numbers() > 0)).all()


def test_without_a_name_the_doubt_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "a.png", "-c", "a.png=a_labels.png", "-f", "none", *QUICK]) == 1
    said = one_line(capsys.readouterr().err)
    assert "the 9 values of its mask come in one piece each; these look like objects, not classes" in said
    assert "--class cell" in said
    assert run(["segment", "a.png", "-c", "a.png=few.png", "-f", "none", *QUICK]) == 0
    notes = capsys.readouterr().err.splitlines()
    assert [
        n for n in notes if n.startswith("cuecast: note: a.png: the 3 values") and "objects" in n
    ] == notes


@pytest.mark.parametrize("name", ["set", "set.zip"])
def test_a_cue_set_keeps_the_objects(name: str) -> None:
    """Through a change, its taking back and a .zip of it."""
    assert run(["cues", "new", name, "--class", "cell"]) == 0
    assert run(["cues", "add", name, "--cue", "a.png=a_cp_masks.tif"]) == 0
    (entry,) = read_cueset(name).entries
    assert (entry.mask, entry.objects) == ("masks/a.png", "objects/a.png")
    first = read_cueset(name).digest()
    binary = ["--cue", "a.png=a_binary.png"]
    assert run(["cues", "add", name, *binary]) == 0
    assert read_cueset(name).entries[0].objects is None
    assert run(["cues", "undo", name]) == 0
    assert read_cueset(name).digest() == first
    assert run(["cues", "zip", name, "-o", "mailed.zip"]) == 0
    for root in (name, "mailed.zip"):
        cueset = read_cueset(root)
        assert cueset.digest() == first
        marks = read_example(cueset, cueset.entries[0]).marks
        assert np.array_equal(marks.mask, numbers() > 0)
        assert np.array_equal(marks.objects, numbers())
    assert run(["cues", "check", name, "--files-only"]) == 0
    assert run(["cues", "add", name, *binary, "--cue-objects", "a.png=ids.png", "--replace"]) == 0
    assert read_cueset(name).entries[0].objects == "objects/a.png"
    assert read_cueset(name).digest() == first


def test_numbers_in_a_set_that_was_made_by_hand() -> None:
    for kind in ("images", "masks"):
        Path("hand", kind).mkdir(parents=True)
    Path("a.png").rename("hand/images/a.png")
    Path("a_labels.png").rename("hand/masks/a.png")
    classes = [{"id": 1, "name": "cell", "colour": "#e6194b"}]
    cues = [{"image": "images/a.png", "mask": "masks/a.png"}]
    Path("hand/cues.json").write_text(json.dumps({"version": 1, "classes": classes, "cues": cues}))
    cueset = read_cueset("hand")
    assert np.array_equal(read_example(cueset, cueset.entries[0]).marks.objects, numbers())
    assert run(["segment", "hand/images/a.png", "--cues", "hand", "-f", "none", *QUICK]) == 0
    assert (read_result(Path("out/masks/a.png")) == (numbers() > 0)).all()


def test_objects_beside_a_mask(capsys: pytest.CaptureFixture[str]) -> None:
    cue = ["segment", "a.png", "-c", "a.png=a_binary.png", "-f", "none", *QUICK]
    assert run([*cue, "--cue-objects", "a.png=ids.png"]) == 0
    assert (read_result(Path("out/masks/a.png")) == (numbers() > 0)).all()
    wrong = numbers()
    wrong[0, 0] = 3
    write_objects("wrong.png", wrong)
    for given, code, words in (
        ("a.png=wrong.png", 1, "1 pixels of objects lie outside the mask (ids 3)"),
        ("a.png=nowhere.png", 1, "there is no such mask file (from --cue-objects"),
        ("b.png=ids.png", 1, "there is no such image (from --cue-objects"),
        ("a.png", 2, "--cue-objects 'a.png': IMAGE=IDS is expected"),
    ):
        capsys.readouterr()
        assert run([*cue, "--cue-objects", given]) == code
        assert words in one_line(capsys.readouterr().err)
    capsys.readouterr()
    lone = ["segment", "a.png", "--box", "a.png=2,2,6,6", "--cue-objects", "a.png=ids.png", *QUICK]
    assert run(lone) == 2
    assert "there is none; give --cue with the same image" in one_line(capsys.readouterr().err)


def test_a_video_follows_each_value_and_one_named_class_whole(capsys: pytest.CaptureFixture[str]) -> None:
    save_frames(Path("frames"), film(3, lambda i: (2 * i, 20)))
    with Image.open(min(Path("frames").iterdir())) as frame:
        width, height = frame.size
    labels = np.zeros((height, width), np.uint8)
    labels[0:12, 20:32] = np.arange(1, 10).reshape(3, 3).repeat(4, 0).repeat(4, 1)
    Image.fromarray(labels).save("m0.png")
    track = ["track", "frames", "-c", "0=m0.png", "-f", "none", *QUICK]
    assert run([*track, "--json"]) == 0
    assert set(np.unique(read_result(min(Path("out/masks").iterdir())))) == set(range(10))
    write_objects("ids0.png", labels.astype(np.int32))
    named = [*track[:-1], "named", "--class", "car", "--cue-objects", "0=ids0.png"]
    assert run(named) == 0
    assert set(np.unique(read_result(min(Path("named/masks").iterdir())))) == {0, 1}
    assert "note" not in capsys.readouterr().err


def test_volumes_take_a_volume_of_numbers() -> None:
    thing = phantoms.truth()
    phantoms.nifti(Path("ct.nii.gz"), phantoms.values(), phantoms.affine((2.0, 1.0, 1.0)))
    number = np.zeros(thing.shape, np.int16)
    where = np.argwhere(thing)
    middle = where.mean(axis=0)
    for n, side in enumerate((where[:, 2] <= middle[2], where[:, 2] > middle[2]), start=41):
        number[tuple(where[side].T)] = n
    phantoms.nifti(Path("numbers.nii.gz"), number, phantoms.affine((2.0, 1.0, 1.0)))
    marks = ["volume", "ct.nii.gz", "-c", "z:2=numbers.nii.gz", *QUICK]
    assert run([*marks, "--class", "cell"]) == 0
    assert (thing == np.asarray(nibabel.load("out/masks/ct.nii.gz").dataobj).T).all()
    phantoms.nifti(Path("thing.nii.gz"), thing.astype(np.int16), phantoms.affine((2.0, 1.0, 1.0)))
    beside = ["-c", "z:2=thing.nii.gz", "--cue-objects", "z:2=numbers.nii.gz"]
    assert run(["volume", "ct.nii.gz", *beside, "--pack", "colours", "-q", "-o", "beside"]) == 0
    (cue,) = slice_cues(SliceShown(cue=[beside[1]], cue_objects=[beside[3]]), ())
    marks = cue.read(open_volume(Path("ct.nii.gz")), (0.0, 1.0)).marks
    assert np.array_equal(marks.objects, number[2])


def test_maps_take_a_window_of_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rasterio")
    from map_pictures import write_map

    write_map(Path("ortho.tif"), painted(truth()))
    part = truth()[:50, :60].astype(np.uint16)
    ys, xs = np.nonzero(part)
    part[ys, xs] = 7 + (xs > xs.mean())
    Image.fromarray(part).save("window.png")
    marks = ["map", "ortho.tif", "--cue-window", "0,0,60,50=window.png", "--tile", "256", *QUICK]
    assert run([*marks, "--class", "roof", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["areas"] == {"1": int(truth().sum())}


def test_each_polygon_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    left, right = "2,2;4,2;4,6;2,6", "4,2;6,2;6,6;4,6,cell"
    drawn = ["--polygon", f"a.png={left}", "--polygon", f"a.png={right}"]
    assert run(["cues", "new", "set", "--class", "cell"]) == 0
    assert run(["cues", "add", "set", *drawn]) == 0
    cueset = read_cueset("set")
    marks = read_example(cueset, cueset.entries[0]).marks
    assert np.unique(marks.objects[2:6, 2:4]).tolist() == [1]
    assert np.unique(marks.objects[2:6, 4:6]).tolist() == [2]
    assert (marks.mask > 0).sum() == 16
    polygons = ["segment", "a.png", *drawn, "--class", "cell", "-f", "none", *QUICK]
    assert run(polygons) == 0
    assert (read_result(Path("out/masks/a.png")) > 0).sum() == 16
    one = np.where(marks.mask > 0, 7, 0)
    write_objects("one.png", one)
    assert run([*polygons, "--cue-objects", "a.png=one.png", "--overwrite"]) == 0
    capsys.readouterr()
    assert run(["segment", "a.png", "--polygon", "a.png=1,1;2,2", *QUICK]) != 0
    assert "polygon" in one_line(capsys.readouterr().err)
