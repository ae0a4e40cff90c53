"""`cuecast volume` from end to end with the exact pack, by files that the real libraries wrote and read back."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import phantoms
import pytest
from commands import cuecast, one_line
from PIL import Image

from cuecast.cli import run, volume
from cuecast.core.errors import OutputError
from cuecast.io import volumes
from cuecast.results.manifest import read_manifest

QUICK = ["--pack", "colours", "-q"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: ct.nii.gz, and z2.png, y3.png, x5.png with the true mask of one slice each.

    Pixels of its z slices are square, so that nothing is stretched there and answers are exact.
    """
    phantoms.nifti(tmp_path / "ct.nii.gz", phantoms.values(), phantoms.affine((2.0, 1.0, 1.0)))
    for plane, index in (("z", 2), ("y", 3), ("x", 5)):
        mask = np.take(phantoms.truth(), index, axis="zyx".index(plane)).astype(np.uint8) * 255
        Image.fromarray(mask).save(tmp_path / f"{plane}{index}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labels(path: str | Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj).T


@pytest.mark.usefixtures("folder")
def test_labels_of_a_volume_from_one_slice() -> None:
    done = cuecast("volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", "--pack", "colours")
    assert done.code == 0, done.err
    assert (labels("out/masks/ct.nii.gz") == phantoms.truth()).all()
    lines = done.out.splitlines()
    assert lines[:2] == ["6 slices: 4 found, 0 doubtful, 2 absent", "thing: 60 voxels, 0.12 ml"]
    places = dict(line.split(maxsplit=1) for line in lines if line.split()[0] in ("mask", "csv", "manifest"))
    assert all(Path(place).is_file() for place in places.values())
    assert "slices: 6/6" in done.err


def test_what_is_written(folder: Path) -> None:
    assert run(["volume", "ct.nii.gz", "-c", "z:2=z2.png", "-o", "out", "--class", "liver", *QUICK]) == 0
    before, after = nibabel.load("ct.nii.gz"), nibabel.load("out/masks/ct.nii.gz")
    assert (before.affine == after.affine).all()
    assert after.get_data_dtype() == np.uint8
    rows = list(csv.DictReader((folder / "out/objects.csv").read_text().splitlines()))
    assert [(r["class"], r["voxels"], float(r["millilitres"])) for r in rows] == [
        ("liver", "60", pytest.approx(0.12))
    ]
    entries = list(read_manifest(folder / "out/manifest.jsonl"))
    assert [e.verdict for e in entries] == ["absent", *["found"] * 4, "absent"]
    assert [e.areas[1] for e in entries] == [0, 15, 15, 15, 15, 0]
    assert entries[3].name == "ct_z0003"
    assert entries[3].image == "ct.nii.gz#z:3"
    assert sorted(p.name for p in (folder / "out/overlays").iterdir()) == [
        "ct_z0001.png", "ct_z0003.png", "ct_z0004.png"
    ]  # fmt: skip


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("cue", ["y:3=y3.png", "x:5=x5.png"])
def test_cues_in_the_other_planes(cue: str) -> None:
    assert run(["volume", "ct.nii.gz", "--cue", cue, "-o", "out", *QUICK]) == 0
    found = labels("out/masks/ct.nii.gz") > 0
    # The slices are stretched to square pixels and back: borders along z may be off, the inside may not.
    assert found[2:4, 2:5, 3:8].all()
    assert not (found & ~phantoms.truth()).any()


@pytest.mark.usefixtures("folder")
def test_points_and_strokes() -> None:
    marks = ["--point", "z:2=5,3", "--scribble", "z:2=0,0;9,0,0", "--absent", "z:0"]
    assert run(["volume", "ct.nii.gz", *marks, "-o", "out", *QUICK]) == 0
    assert (labels("out/masks/ct.nii.gz") == phantoms.truth()).all()


def test_a_cue_set_from_other_pictures(folder: Path) -> None:
    # 200 is white and 30 is black in the window 30,200 of the volume.
    picture = np.zeros((8, 8), np.uint8)
    picture[:, :4] = 255
    Image.fromarray(picture).save("other.png")
    Image.fromarray(picture).save("other_mask.png")
    assert run(["cues", "new", "things", "--class", "liver"]) == 0
    assert run(["cues", "add", "things", "--cue", "other.png=other_mask.png"]) == 0
    assert run(["volume", "ct.nii.gz", "--cues", "things", "--window", "30,200", "-o", "out", *QUICK]) == 0
    assert (labels(folder / "out/masks/ct.nii.gz") == phantoms.truth()).all()


def test_a_second_run_does_nothing_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", "--json", *QUICK]
    assert run(command) == 0
    first = json.loads(capsys.readouterr().out)
    mask = folder / "out/masks/ct.nii.gz"
    stamp = mask.stat().st_mtime_ns
    assert run(command) == 0
    second = json.loads(capsys.readouterr().out)
    assert (first.pop("finished"), second.pop("finished")) == (False, True)
    assert (first.pop("resumed"), second.pop("resumed")) == (0, 6)
    del first["seconds"], second["seconds"]
    assert first == second
    assert mask.stat().st_mtime_ns == stamp
    mask.write_bytes(b"changed")
    assert run(command) == 0
    assert "was moved to out/edited: ct.nii.gz" in capsys.readouterr().err
    assert (labels(mask) == phantoms.truth()).all()
    assert (folder / "out/edited/ct.nii.gz").read_bytes() == b"changed"


def test_labels_in_another_format_take_the_place_of_the_former(folder: Path) -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]
    for kind, name in (("nifti", "ct.nii.gz"), ("nrrd", "ct.nrrd"), ("nifti", "ct.nii.gz")):
        assert run([*command, "--format", kind]) == 0
        assert [p.name for p in Path("out/masks").iterdir()] == [name]
    assert not (folder / "out/edited").exists()
    Path("out/masks/ct.nii.gz").write_bytes(b"changed")
    for kind, name in (("nrrd", "ct.nrrd"), ("nifti", "ct.nii.gz")):
        assert run([*command, "--format", kind]) == 0
        assert [p.name for p in Path("out/masks").iterdir()] == [name]
        assert [p.name for p in Path("out/edited").iterdir()] == ["ct.nii.gz"]
    assert (labels("out/masks/ct.nii.gz") == phantoms.truth()).all()
    assert (folder / "out/edited/ct.nii.gz").read_bytes() == b"changed"


def test_labels_of_a_run_that_was_stopped_are_not_taken_for_edited_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    for kind in ("nifti", "nrrd", "nifti"):  # the first time into a new folder
        with monkeypatch.context() as patch:
            patch.setattr("cuecast.runs.volume.write_bodies_csv", stop)
            assert run([*command, "--format", kind]) != 0
        assert run([*command, "--format", kind]) == 0
        assert len(list(Path("out/masks").iterdir())) == 1
    assert not (folder / "out/edited").exists()


@pytest.mark.usefixtures("folder")
def test_other_overlays_of_a_finished_volume_are_drawn_from_its_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "--json", *QUICK]
    drawn = {}
    for count in (2, 0, 3, 1):
        assert run([*command, "-o", "out", "--overlays", str(count)]) == 0
        after = json.loads(capsys.readouterr().out)
        assert run([*command, "-o", f"new{count}", "--overlays", str(count)]) == 0
        anew = json.loads(capsys.readouterr().out)
        assert after["doubtful"] == anew["doubtful"]
        drawn[count] = {p.name: p.read_bytes() for p in Path("out/overlays").iterdir()}
        assert drawn[count] == {p.name: p.read_bytes() for p in Path(f"new{count}").glob("overlays/*")}
        assert after["finished"] is (count != 2)
    assert [len(found) for found in drawn.values()] == [2, 0, 3, 1]


@pytest.mark.usefixtures("folder")
def test_a_table_that_is_gone_is_made_again() -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]
    assert run(command) == 0
    table = Path("out/objects.csv")
    rows = table.read_text()
    table.unlink()
    assert run(command) == 0
    assert table.read_text() == rows


def test_a_volume_that_lies_otherwise_in_space_is_another_one(folder: Path) -> None:
    command = ["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", "--pack", "colours", "-q"]
    assert run(command) == 0
    turned = phantoms.affine((2.0, 1.0, 1.0)) @ np.diag([-1.0, 1.0, 1.0, 1.0])
    phantoms.nifti(folder / "ct.nii.gz", phantoms.values(), turned)
    assert "holds results of another volume" in one_line(cuecast(*command).err)
    assert run([*command, "--overwrite"]) == 0
    assert (nibabel.load("out/masks/ct.nii.gz").affine == turned).all()


@pytest.mark.usefixtures("folder")
def test_results_of_other_cues_are_kept() -> None:
    assert run(["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]) == 0
    command = ["volume", "ct.nii.gz", "--cue", "y:3=y3.png", "-o", "out", "--pack", "colours", "-q"]
    done = cuecast(*command)
    assert done.code == 1
    assert "holds results of another concept (other cues" in one_line(done.err)
    assert run([*command, "--overwrite"]) == 0
    assert not list(Path("out/overlays").glob("ct_z*"))


@pytest.mark.usefixtures("folder")
def test_a_mask_of_unknown_origin_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out/masks").mkdir(parents=True)
    shutil.copy("ct.nii.gz", "out/masks/ct.nii.gz")
    assert run(["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]) == 1
    assert "no manifest says where it comes from" in capsys.readouterr().err


def test_a_dicom_series_and_its_segmentation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    phantoms.dicom(folder / "series", phantoms.values(), intercept=-1024)
    flags = ["--cue", "z:2=z2.png", *QUICK]
    assert run(["volume", "series", "-o", "nifti", *flags]) == 0
    assert (labels("nifti/masks/series.nii.gz") == phantoms.truth()).all()
    assert run(["volume", "series", "-o", "seg", "-f", "dicom-seg", *flags]) == 0
    shutil.copy("seg/masks/series.dcm", "series/answer.dcm")
    assert run(["volume", "series", "-o", "again", *flags]) == 0
    assert run(["volume", "series", "-o", "channel", "--channel", "0", *flags]) == 1
    assert "a DICOM series is chosen with --series" in one_line(capsys.readouterr().err)
    phantoms.dicom(folder / "series", phantoms.values(), series="1.2.3.5", description="lung")
    assert run(["volume", "series", "-o", "two", *flags]) == 1
    assert "--series" in capsys.readouterr().err
    assert not Path("two").exists()
    assert run(["volume", "series", "-o", "two", "--series", "lung", *flags]) == 0


def test_progress_says_how_many_classes_are_worked_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = np.zeros((8, 10), np.uint8)
    two[2:5, 3:8], two[0, :3] = 1, 2
    Image.fromarray(two).save(folder / "two.png")
    assert run(["volume", "ct.nii.gz", "-o", "out", "--cue", "z:2=two.png", "-p", "colours"]) == 0
    assert "slices (2 classes): 6/6" in capsys.readouterr().err
    assert run(["volume", "ct.nii.gz", "-o", "one", "--cue", "z:2=z2.png", "-p", "colours"]) == 0
    assert "slices: 6/6" in capsys.readouterr().err


def test_labels_that_cannot_be_written_are_named_and_the_rest_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    phantoms.dicom(folder / "series", phantoms.values())
    command = ["volume", "series", "-o", "seg", "-f", "dicom-seg", "--cue", "z:2=z2.png", *QUICK]
    with monkeypatch.context() as patch:

        def fail(path: Path, *_: object) -> None:
            raise OutputError(f"{path}: the library refuses")

        patch.setattr("cuecast.io.volumes.dicom_seg.write_labels", fail)
        assert run(command) == 3
    streams = capsys.readouterr()
    assert streams.err.splitlines() == ["cuecast: failed: seg/masks/series.dcm: the library refuses"]
    assert "mask " not in streams.out
    assert {p.name for p in Path("seg").iterdir()} >= {"objects.csv", "manifest.jsonl"}
    assert run(command) == 0
    assert "finished before" not in capsys.readouterr().out
    assert Path("seg/masks/series.dcm").is_file()


def test_a_segmentation_that_cannot_be_made_is_refused_before_the_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in phantoms.dicom(folder / "series", phantoms.values()):
        phantoms.changed(path, SOPInstanceUID="1.2.3.4.1")
    assert run(["volume", "series", "-o", "seg", "-f", "dicom-seg", "--cue", "z:2=z2.png", *QUICK]) == 1
    assert "5 of its slices have the SOPInstanceUID of another" in one_line(capsys.readouterr().err)
    assert not Path("seg").exists()


def test_an_empty_answer_as_a_segmentation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = np.zeros((8, 8), np.uint8)
    picture[:, :4] = 255
    Image.fromarray(picture).save("other.png")
    assert run(["cues", "new", "things", "--class", "liver"]) == 0
    assert run(["cues", "add", "things", "--cue", "other.png=other.png"]) == 0
    phantoms.dicom(folder / "series", np.full(phantoms.SIZE, phantoms.REST, np.int16))
    (folder / "out/overlays").mkdir(parents=True)
    (folder / "out/overlays/series_z0001.png").write_bytes(b"of a run that was killed")
    (folder / "out/overlays/others.png").write_bytes(b"mine")
    command = [
        "volume",
        "series",
        "--cues",
        "things",
        "--window",
        "30,200",
        "-f",
        "dicom-seg",
        "-o",
        "out",
        *QUICK,
    ]
    for again in ("", " (finished before)"):
        capsys.readouterr()
        assert run(command) == 0
        printed = capsys.readouterr()
        assert f"6 slices: 0 found, 0 doubtful, 6 absent{again}\n" in printed.out
        assert "a DICOM SEG cannot be empty" in printed.err
    assert sorted(p.relative_to("out").as_posix() for p in Path("out").rglob("*") if p.is_file()) == [
        "manifest.jsonl", "objects.csv", "overlays/others.png"
    ]  # fmt: skip


def test_a_slice_to_draw_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["volume", "ct.nii.gz", "--slice", "x:5", "--window", "0,200", "-o", "out", "-q"]) == 0
    assert capsys.readouterr().out == "out/slices/ct_x0005.png\n"
    with Image.open(folder / "out/slices/ct_x0005.png") as picture:
        assert (np.asarray(picture) == np.where(phantoms.truth()[:, :, 5], 255, 38)).all()
    assert run(["volume", "ct.nii.gz", "--slice", "x:10", "-o", "out", "-q"]) == 1
    assert "the last one is x:9" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_note_where_lengths_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    phantoms.nifti(Path("plain.nii"), phantoms.values(), None)
    assert run(["volume", "plain.nii", "--cue", "z:2=z2.png", "-o", "out", *QUICK]) == 0
    printed = capsys.readouterr()
    assert "cuecast: note: plain.nii: has no affine" in printed.err
    assert "thing: 60 voxels\n" in printed.out
    flags = ["--spacing", "2,1,1", "--overwrite", *QUICK]
    assert run(["volume", "plain.nii", "--cue", "z:2=z2.png", "-o", "out", *flags]) == 0
    assert "thing: 60 voxels, 0.12 ml\n" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_seen_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 100))
    assert run(["volume", "ct.nii.gz", "--cue", "z:2=z2.png", "-o", "out", *QUICK]) == 1
    assert "are needed there" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        ([], 2, "nothing shows the thing"),
        (["--cue", "z2.png"], 2, "PLANE:INDEX=MASK is expected"),
        (["--cue", "w:2=z2.png"], 2, "a slice is written PLANE:INDEX"),
        (["--cue", "z:2=none.png"], 1, "none.png: there is no such mask file"),
        (["--cue", "z:9=z2.png"], 1, "slices z:0 to z:5"),
        (["--cue", "x:5=z2.png"], 1, "they must match"),
        (["--cue", "z:2=z2.png", "--cue", "z:2=z2.png"], 2, "has a mask already"),
        (["--point", "z:2=5"], 2, "PLANE:INDEX=x,y[,class] is expected"),
        (["--box", "z:2=1,1,3,3,liver"], 2, "class 'liver' is unknown"),
        (["--cue", "z:2=z2.png", "--window", "5,1"], 2, "LOW must be below HIGH"),
        (["--cue", "z:2=z2.png", "--window", "skin"], 2, "brain, soft-tissue, liver, lung, bone"),
        (["--cue", "z:2=z2.png", "--spacing", "1,2"], 2, "three numbers"),
        (["--cue", "z:2=z2.png", "--spacing", "1,2,3"], 1, "leave --spacing out"),
        (["--cue", "z:2=z2.png", "-f", "mha"], 2, "choose from nifti, nrrd, tiff, dicom-seg"),
        (["--cue", "z:2=z2.png", "-f", "dicom-seg"], 1, "refers to the slices of a DICOM series"),
        (["--cue", "z:2=z2.png", "--channel", "1"], 1, "no channel 1"),
        (["--cue", "z:2=z2.png", "--series", "lung"], 1, "this is nifti; leave it out"),
        (["--point", "z:2=3,3", "--value", "3"], 2, "--value: it chooses among the values of --cue masks"),
    ],
)
def test_wrong_usage_is_one_line(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["volume", "ct.nii.gz", "-o", "out", *flags, *QUICK]) == code
    assert message in one_line(capsys.readouterr().err)
    assert not Path("out").exists()


def test_choices_are_those_of_the_library() -> None:
    assert set(volumes.WINDOWS) == set(volume.WINDOWS)
