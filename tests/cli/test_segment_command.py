"""`cuecast segment` from end to end with the exact pack: what is red in the cue is found, nothing else."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import cuecast, one_line
from pictures import BLUE, RED, mask, picture
from PIL import Image

from cuecast.cli import output, run, segment
from cuecast.runs import images as batch

QUICK = ["--pack", "colours", "-q", "-f", "none"]
"""Flags of a run of which only masks and manifest matter."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: in/p0.png to in/p4.png with 0 to 4 red columns of 8; cue.png and cue_mask.png."""
    for columns in range(5):
        picture(tmp_path / f"in/p{columns}.png", columns)
    picture(tmp_path / "cue.png", 4)
    mask(tmp_path / "cue_mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    mask(tmp_path / "wide.png", [1] * 9)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labels(path: str) -> np.ndarray:
    with Image.open(path) as opened:
        return np.array(opened)


def red_columns(out: str) -> dict[str, int]:
    """Name -> number of columns that are marked in a folder of results."""
    return {
        p.stem: int((labels(str(p)) == 1).all(axis=0).sum()) for p in sorted(Path(out, "masks").iterdir())
    }


@pytest.mark.usefixtures("folder")
def test_masks_of_a_folder_from_one_cue() -> None:
    done = cuecast(
        "segment", "in", "--cue", "cue.png=cue_mask.png", "-o", "out", "--pack", "colours", cwd=Path.cwd()
    )
    assert done.code == 0, done.err
    assert red_columns("out") == {f"p{n}": n for n in range(5)}
    lines = done.out.splitlines()
    assert lines[0] == "5 images: 4 found, 0 doubtful, 1 absent"
    assert lines[1] == "4 objects"
    places = dict(line.split(maxsplit=1) for line in lines[2:])
    assert set(places) == {"manifest", "masks", "overlays", "coco", "csv", "report"}
    assert all(Path(place).exists() for place in places.values())
    assert done.err.splitlines()[-1].startswith("images: 5/5, ")


@pytest.mark.usefixtures("folder")
def test_objects_are_told_apart_left_out_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    picture(Path("wide.png"), 8, (4, 16))
    ids = np.zeros((4, 16), np.uint16)
    ids[:, :4], ids[:, 4:8] = 1, 2
    Image.fromarray(ids).save("ids.png")
    mask(Path("wide_mask.png"), [1] * 8 + [0] * 8)
    command = ["segment", "wide.png", "-c", "wide.png=wide_mask.png", *QUICK, "--class", "red"]
    command += ["--cue-objects", "wide.png=ids.png", "--json", "-f", "objects"]
    found = {}
    for mode in ("auto", "split", "connected"):
        assert run([*command, "-o", mode, "--objects", mode]) == 0
        told = json.loads(capsys.readouterr().out)
        found[mode] = told["objects"]
        assert told["images"] == [{"image": "wide.png", "verdict": "found", "objects": told["objects"]}]
        with Image.open(f"{mode}/objects/wide.png") as written:
            assert np.asarray(written).max() == told["objects"]["red"]
    assert found == {"auto": {"red": 2}, "split": {"red": 2}, "connected": {"red": 1}}
    assert run([*command, "-o", "auto", "--min-area", "17"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["resumed"]) == ({"red": 0}, 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "flags", [["--objects", "apart"], ["--min-area", "-1"], ["--min-confidence", "1.5"], ["-f", "instances"]]
)
def test_what_is_no_way_to_objects_is_refused(flags: list[str]) -> None:
    assert run(["segment", "in/p3.png", "-c", "cue.png", "-o", "out", *QUICK, *flags]) == 2
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder")
def test_coco_may_have_polygons() -> None:
    command = ["segment", "in/p3.png", "-c", "cue.png", "-o", "out", *QUICK, "-f", "coco"]
    for flags, kind in (([], dict), (["--coco-shape", "polygon"], list), (["--coco-shape", "rle"], dict)):
        assert run([*command, *flags]) == 0
        (found,) = json.loads(Path("out/annotations.coco.json").read_text())["annotations"]
        assert isinstance(found["segmentation"], kind)


@pytest.mark.usefixtures("folder")
def test_a_label_file_is_used_as_far_as_it_can_be(capsys: pytest.CaptureFixture[str]) -> None:
    red = {"label": "red", "points": [[0, 0], [4, 0], [4, 4], [0, 4]], "shape_type": "polygon"}
    stray = {"label": "red", "points": [[1, 1], [2, 2]], "shape_type": "polygon"}
    Path("cue.json").write_text(json.dumps({"shapes": [red, stray, stray]}))
    assert run(["segment", "in/p3.png", "-c", "cue.png=cue.json", "-o", "out", *QUICK]) == 0
    (line,) = [ln for ln in capsys.readouterr().err.splitlines() if "cue.json" in ln]
    assert line.startswith(
        "cuecast: note: cue.json: passed over, as it cannot be used: a polygon of less than three"
    )
    assert line.endswith("(2 times, first shape 2)")
    assert red_columns("out") == {"p3": 3}


@pytest.mark.usefixtures("folder")
def test_a_second_run_skips_what_is_finished(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["segment", "in", "-c", "cue.png", "-o", "out", *QUICK, "--json"]
    assert run(command) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["counts"] == {"found": 4, "doubtful": 0, "absent": 1, "failed": 0}
    assert (first["resumed"], first["failures"]) == (0, [])
    assert set(first["files"]) == {"manifest", "masks"}
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 5
    assert run([*command, "--overwrite"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 0
    Path("out/masks/p2.png").write_bytes(b"changed")
    assert run(command) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["edited"] == ["out/edited/p2.png"]
    assert "changed by hand since the last run was moved to out/edited: p2.png (to teach" in printed.err


@pytest.mark.usefixtures("folder")
def test_the_page_of_a_cue_is_that_of_its_mask_too() -> None:
    pages, thing = np.full((2, 4, 8, 3), BLUE, np.uint8), np.zeros((2, 4, 8), np.uint8)
    pages[1, :, :4], thing[1, :, :4] = RED, 255
    tifffile.imwrite("stack.tif", pages, photometric="rgb")
    tifffile.imwrite("masks.tif", thing, photometric="minisblack")
    cue = ["--cue", "stack.tif=masks.tif", "--cue-page", "1"]
    assert run(["segment", "in/p3.png", *cue, "-o", "out", *QUICK]) == 0
    assert red_columns("out") == {"p3": 3}


@pytest.mark.usefixtures("folder")
def test_one_bad_file_is_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/p9 é.png").write_text("not a picture")
    assert run(["segment", "in", "-c", "cue.png", "-o", "out", *QUICK]) == 3
    streams = capsys.readouterr()
    assert streams.out.splitlines()[0] == "6 images: 4 found, 0 doubtful, 1 absent, 1 failed"
    assert streams.err.startswith("cuecast: failed: in/p9 é.png: ")
    assert streams.err.count("\n") == 1
    assert len(red_columns("out")) == 5


@pytest.mark.usefixtures("folder")
def test_exit_code_1_where_every_input_failed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.png").write_bytes(b"")
    assert run(["segment", "bad.png", "-c", "cue.png", "-o", "out", *QUICK]) == 1
    assert "cuecast: failed: bad.png: " in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "inputs",
    [["in/p1.png", "in/p2.png"], ["in/p[12].png"], ["@list.txt"], ["in/p1.png", "@list.txt"]],
    ids=["files", "pattern", "list", "twice"],
)
def test_ways_to_name_inputs(inputs: list[str]) -> None:
    Path("list.txt").write_text("in/p1.png\nin/p2.png\n")
    assert run(["segment", *inputs, "-c", "cue.png", "-o", "out", *QUICK]) == 0
    assert red_columns("out") == {"p1": 1, "p2": 2}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("images", "out", "code"), [("in", "", 2), ("", "out", 1)])
def test_an_empty_name_is_not_this_folder(
    images: str, out: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["segment", images, "-c", "cue.png", "-o", out, *QUICK]) == code
    assert "'.'" in one_line(capsys.readouterr().err)
    assert not Path("masks").exists()
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder")
def test_paths_from_standard_input() -> None:
    done = cuecast("segment", "-", "-c", "cue.png", "-o", "out", *QUICK, cwd=Path.cwd(), stdin="in/p3.png\n")
    assert (done.code, done.err) == (0, "")
    assert red_columns("out") == {"p3": 3}


@pytest.mark.usefixtures("folder")
def test_subfolders_and_output_names() -> None:
    picture(Path("in/deep/p1.png"), 2)
    name = ["--name", "{parent}-{stem}-{index:02d}"]
    assert run(["segment", "in", "-r", "-c", "cue.png", "-o", "out", *name, *QUICK]) == 0
    assert sorted(red_columns("out").items()) == [
        ("deep-p1-01", 2),
        ("in-p0-02", 0),
        ("in-p1-03", 1),
        ("in-p2-04", 2),
        ("in-p3-05", 3),
        ("in-p4-06", 4),
    ]


@pytest.mark.usefixtures("folder")
def test_sparse_marks_and_named_classes(capsys: pytest.CaptureFixture[str]) -> None:
    marks = ["--box", "cue.png=0,0,4,4,rot", "--point", "cue.png=7,1,blau", "--absent", "green.png"]
    Image.new("RGB", (8, 4), (0, 255, 0)).save("green.png")
    command = [
        "segment",
        "in/p2.png",
        *marks,
        "--class",
        "rot",
        "--class",
        "blau",
        "-o",
        "out",
        *QUICK,
        "-f",
        "coco",
    ]
    assert run(command) == 0
    assert labels("out/masks/p2.png").tolist() == [[1, 1, 2, 2, 2, 2, 2, 2]] * 4
    coco = json.loads(Path("out/annotations.coco.json").read_text())
    assert [c["name"] for c in coco["categories"]] == ["rot", "blau"]
    assert capsys.readouterr().out.startswith("1 image: 1 found")


@pytest.mark.usefixtures("folder")
def test_scribbles_and_what_is_not_the_thing() -> None:
    marks = ["--scribble", "cue.png=0,0;1,1", "--scribble", "cue.png=6,0;7,1,0"]
    assert run(["segment", "in/p3.png", *marks, "-o", "out", *QUICK]) == 0
    assert red_columns("out") == {"p3": 3}


@pytest.mark.usefixtures("folder")
def test_one_value_of_a_label_map_is_the_thing() -> None:
    mask(Path("labels.png"), [7, 7, 7, 7, 3, 3, 3, 3])
    assert run(["segment", "in/p3.png", "-c", "cue.png=labels.png", "--value", "3", "-o", "out", *QUICK]) == 0
    assert labels("out/masks/p3.png").tolist() == [[0, 0, 0, 1, 1, 1, 1, 1]] * 4


@pytest.mark.usefixtures("folder")
def test_pages_of_a_stack() -> None:
    pages = [Image.open(f"in/p{n}.png").convert("RGB") for n in (1, 2, 3)]
    pages[0].save("stack.tif", save_all=True, append_images=pages[1:])
    mask(Path("third.png"), [1, 1, 1, 0, 0, 0, 0, 0])
    pages_flags = ["--cue-page", "2", "--page", "1"]
    assert run(["segment", "stack.tif", "-c", "stack.tif=third.png", *pages_flags, "-o", "out", *QUICK]) == 0
    assert red_columns("out") == {"stack": 2}


@pytest.mark.usefixtures("folder")
def test_a_cue_set_teaches_and_names_the_classes() -> None:
    assert run(["cues", "new", "set.zip", "--class", "red"]) == 0
    assert run(["cues", "add", "set.zip", "-c", "cue.png"]) == 0
    assert run(["segment", "in/p4.png", "--cues", "set.zip", "-o", "out", *QUICK, "-f", "coco"]) == 0
    assert red_columns("out") == {"p4": 4}
    coco = json.loads(Path("out/annotations.coco.json").read_text())
    assert [c["name"] for c in coco["categories"]] == ["red"]


@pytest.mark.usefixtures("folder")
def test_workers_change_no_byte() -> None:
    for workers in ("1", "3"):
        out = f"out{workers}"
        assert run(["segment", "in", "-c", "cue.png", "-o", out, "-j", workers, *QUICK, "-f", "coco"]) == 0
    for name in [*(f"masks/p{n}.png" for n in range(5)), "annotations.coco.json"]:
        assert Path("out1", name).read_bytes() == Path("out3", name).read_bytes()


@pytest.mark.usefixtures("folder")
def test_sizes_in_units() -> None:
    command = ["segment", "in/p2.png", "-c", "cue.png", "-o", "out", "-p", "colours", "-q", "-f", "csv"]
    assert run([*command, "--pixel-size", "0.5", "--unit", "um"]) == 0
    header, line = Path("out/objects.csv").read_text().splitlines()
    row = dict(zip(header.split(","), line.split(","), strict=True))
    assert float(row["area"]) == 8
    assert float(row["area_units"]) == 2
    assert row["unit"] == "um"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        ([], 2, "nothing shows the thing: give --cue IMAGE=MASK"),
        (["--cue", "in/p1.png=no.png"], 1, "no.png: there is no such mask file"),
        (["--cue", "no.png=cue_mask.png"], 1, "no.png: there is no such image"),
        (["--cue", "in/p1.png=wide.png"], 1, "they must match; resize the mask with nearest neighbour"),
        (["--box", "cue.png=1,2,3"], 2, "--box 'cue.png=1,2,3': IMAGE=x1,y1,x2,y2[,class] is expected"),
        (["--box", "cue.png=0,0,9,4"], 1, "reaches outside the image, which is 8 wide and 4 high"),
        (["--box", "cue.png=3,0,3,4"], 1, "is empty: give x1,y1,x2,y2 with x1 < x2"),
        (["--absent", "cue.png"], 1, "all cues say 'absent'"),
        (["--cue", "cue.png", "--absent", "cue.png"], 2, "drop one of the two"),
        (["--cue", "cue.png", "--window", "5"], 2, "--window '5': two numbers LOW,HIGH are expected"),
        (["--cue", "cue.png", "--window", "5,5"], 2, "--window '5,5': LOW must be below HIGH"),
        (["--cue", "cue.png", "--pixel-size", "2"], 2, "--pixel-size and --unit belong together"),
        (["--cue", "cue.png", "--pixel-size", "-2", "--unit", "m"], 2, "is a number above 0"),
        (["--cue", "cue.png", "--format", "gif"], 2, "--format 'gif' is unknown; choose from overlays, coco"),
        (["--box", "cue.png=0,0,4,4", "--value", "3"], 2, "--value: it chooses among the values of --cue"),
        (["--cue", "cue.png", "--scale", "metre"], 2, "invalid value for '--scale'"),
        (["--cue", "cue.png", "--name", "{date}"], 2, "name template '{date}' cannot be used"),
        (["--cue", "cue.png", "--pack", "none"], 1, "no pack 'none'"),
        (["--cues", "none.zip"], 1, "none.zip"),
    ],
)
def test_errors_are_one_line_and_write_nothing(
    flags: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = [] if "--pack" in flags else ["--pack", "colours"]
    before = sorted(Path.cwd().rglob("*"))
    assert run(["segment", "in", "-o", "out", *flags, *pack]) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert says in one_line(streams.err)
    assert sorted(Path.cwd().rglob("*")) == before


@pytest.mark.usefixtures("folder")
def test_inputs_that_match_nothing_or_clash(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "no*.png", "-c", "cue.png", "-o", "out", *QUICK]) == 1
    assert "no*.png: the pattern matches no image" in one_line(capsys.readouterr().err)
    picture(Path("other/p1.png"), 1)
    assert run(["segment", "in", "other/p1.png", "-c", "cue.png", "-o", "out", *QUICK]) == 1
    said = one_line(capsys.readouterr().err)
    assert "in/p1.png and other/p1.png" in said
    assert "--name" in said
    picture(Path("in/p1.bmp"), 2)
    names = ["--name", "{stem}_{suffix}"]
    assert run(["segment", "in/p1.png", "in/p1.bmp", "-c", "cue.png", "-o", "out", *names, *QUICK]) == 0
    assert red_columns("out") == {"p1_png": 1, "p1_bmp": 2}


@pytest.mark.usefixtures("folder")
def test_an_input_that_is_not_there_is_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "gone.png", "in/p1.png", "-c", "cue.png", "-o", "out", *QUICK]) == 3
    assert "failed: gone.png: cannot be read (No such file" in capsys.readouterr().err
    assert red_columns("out") == {"p1": 1}


@pytest.mark.usefixtures("folder")
def test_names_in_label_files_mean_the_same_class_in_all_of_them() -> None:
    def square(name: str, columns: tuple[int, int]) -> dict[str, object]:
        (x1, x2), bottom = columns, 4
        return {
            "label": name,
            "shape_type": "polygon",
            "points": [[x1, 0], [x2, 0], [x2, bottom], [x1, bottom]],
        }

    def label_file(path: str, *shapes: dict[str, object]) -> None:
        facts = {"imageWidth": 8, "imageHeight": 4, "imagePath": "cue.png", "imageData": None}
        Path(path).write_text(json.dumps({**facts, "shapes": shapes}), encoding="utf-8")

    label_file("both.json", square("blue", (4, 8)), square("red", (0, 4)))
    label_file("one.json", square("red", (0, 8)))
    picture(Path("red.png"), 8)
    cues = ["-c", "cue.png=both.json", "-c", "red.png=one.json"]
    assert run(["segment", "in/p3.png", *cues, "-o", "out", "--pack", "colours", "-q", "-f", "csv"]) == 0
    with open("out/objects.csv", encoding="utf-8") as file:
        areas = {row["class"]: int(row["area"]) for row in csv.DictReader(file)}
    assert areas == {"blue": 20, "red": 12}


@pytest.mark.usefixtures("folder")
def test_a_value_that_is_no_class_names_the_image_and_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    mask(Path("no_rest.png"), [2, 2, 2, 1, 2, 2, 2, 2])
    flags = ["-c", "cue.png=no_rest.png", "--class", "red", "-o", "out", *QUICK]
    assert run(["segment", "in/p3.png", *flags]) == 1
    said = one_line(capsys.readouterr().err)
    assert "cue" in said
    assert "--value 1;" in said  # the one that covers less
    assert run(["segment", "in/p3.png", *flags, "--value", "1"]) == 0


@pytest.mark.usefixtures("folder")
def test_a_value_that_does_not_occur_names_those_that_do(capsys: pytest.CaptureFixture[str]) -> None:
    mask(Path("no_rest.png"), [2, 2, 2, 1, 2, 2, 2, 2])
    flags = ["-c", "cue.png=no_rest.png", "-o", "out", *QUICK]
    assert run(["segment", "in/p3.png", *flags, "--value", "7", "--value", "9"]) == 1
    said = one_line(capsys.readouterr().err)
    assert (
        "no_rest.png: none of its pixels has the value 7, 9, of the picture it holds 1 (12%), 2 (88%);"
        in said
    )
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder")
def test_results_of_another_concept_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segment", "in/p3.png", "-c", "cue.png", "-o", "out", *QUICK]) == 0
    other = ["segment", "in/p3.png", "--point", "cue.png=7,0", "-o", "out", *QUICK]
    capsys.readouterr()
    assert run(other) == 1
    assert "--overwrite" in one_line(capsys.readouterr().err)
    assert red_columns("out") == {"p3": 3}
    assert run([*other, "--overwrite"]) == 0
    assert red_columns("out") == {"p3": 5}


@pytest.mark.usefixtures("folder")
def test_file_names_with_equals_signs_spaces_and_quotes() -> None:
    names = ["a=b.png", "my photo.png", 'it\'s "so".png', "Grüße 画像.png"]
    for name in names:
        Path(name).write_bytes(Path("cue.png").read_bytes())
        Path(f"mask of {name}").write_bytes(Path("cue_mask.png").read_bytes())
    cues = [part for name in names for part in ("--cue", f"{name}=mask of {name}")]
    done = cuecast("segment", *names, *cues, "-o", "out = 1", *QUICK, cwd=Path.cwd())
    assert (done.code, done.err) == (0, "")
    assert red_columns("out = 1") == {Path(name).stem: 4 for name in names}


def test_the_formats_offered_are_those_of_the_batch() -> None:
    assert segment.FORMATS == batch.FORMATS


@pytest.mark.usefixtures("folder")
def test_a_file_name_that_is_no_text_is_done_and_printed_as_it_is() -> None:
    name = b"in/a\xff.png"
    Path(os.fsdecode(name)).write_bytes(Path("cue.png").read_bytes())
    bad = b"in/b\xff.png"
    Path(os.fsdecode(bad)).write_bytes(b"")
    command = [sys.executable, "-m", "cuecast", "segment", name, bad, "-c", "cue.png", "-o", "out", *QUICK]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(b"cuecast: failed: " + bad + b": ")
    assert red_columns("out") == {os.fsdecode(b"a\xff"): 4}


@pytest.mark.usefixtures("folder")
def test_the_cues_are_checked_after_the_images(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "SHORT", 0.0)
    command = ["segment", "in", "-o", "out", "--pack", "colours", "--check"]
    for columns in (2, 3, 4):
        mask(Path(f"p{columns}_mask.png"), [1] * columns + [0] * (8 - columns))
        command += ["--cue", f"in/p{columns}.png=p{columns}_mask.png"]
    assert run(command) == 0
    streams = capsys.readouterr()
    said = [line.split(":")[0] for line in streams.err.splitlines()]
    assert list(dict.fromkeys(said)) == ["images", "answers", "tables and report"]
    assert ("check", "out/cue_check.json") in [tuple(line.split()) for line in streams.out.splitlines()[1:]]
    assert "No cue is suspected to hurt." in Path("out/report.html").read_text(encoding="utf-8")
    assert run([*command, "-q", "--json"]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    assert json.loads(streams.out)["files"]["check"] == "out/cue_check.json"


def test_every_picture_of_a_folder_is_done_and_other_files_are_counted(folder: Path, cases: Path) -> None:
    shutil.copytree(cases / "in_folder_heic_jfif/photos", folder / "photos")
    (folder / "photos/list.txt").write_text("x")
    photo = folder / "photos/IMG_1.jpg"
    done = cuecast(
        "segment", "photos", "--point", f"{photo}=2,2", "-o", "out", *QUICK, "--name", "{stem}_{suffix}"
    )
    assert done.code == 0, done.err
    assert len(list(Path("out/masks").iterdir())) == 7
    assert done.err == "cuecast: note: photos: passed over as no pictures by their suffix: 1 file (1 .txt)\n"


@pytest.mark.usefixtures("folder")
def test_pages_of_a_stack_behind_a_single_page_are_segmented(folder: Path) -> None:
    """As Fiji writes stacks above 4 GB."""
    columns = [0, 3, 4]
    stack = np.stack([np.tile(np.where(np.arange(8)[:, None] < n, RED, BLUE), (4, 1, 1)) for n in columns])
    tifffile.imwrite("stack.tif", stack.astype(np.uint8), imagej=True, truncate=True, photometric="rgb")
    mask(folder / "m.png", [1, 1, 1, 0, 0, 0, 0, 0])
    done = cuecast(
        "segment", "stack.tif", "--page", 2, "--cue", "stack.tif=m.png", "--cue-page", 1, "-o", "out", *QUICK
    )
    assert done.code == 0, done.err
    assert red_columns("out") == {"stack": 4}
