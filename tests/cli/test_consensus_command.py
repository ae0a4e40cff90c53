"""`cuecast consensus`: agreement and one truth of labels of several people, from the command line on."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuecast.cli import run
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.labels.coco import write_coco
from cuecast.io.labels.masks import write_mask

SIZE = (6, 10)


def mask(*boxes: tuple[int, int, int, int, int]) -> np.ndarray:
    """Labels with (class, top, left, bottom, right) in each box."""
    out = np.zeros(SIZE, np.int32)
    for cls, top, left, bottom, right in boxes:
        out[top:bottom, left:right] = cls
    return out


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """anna/ and ben/ hold masks, cleo.coco.json has other numbers for the same classes; two pictures each."""
    monkeypatch.chdir(tmp_path)
    classes = [ClassInfo(1, "cell"), ClassInfo(2, "kern")]
    write_mask("anna/A.png", mask((1, 0, 0, 2, 4), (2, 4, 0, 6, 2)), classes)
    write_mask("ben/A.png", mask((1, 0, 0, 2, 6), (2, 4, 0, 6, 2)), classes)
    write_mask("anna/B.png", mask(), classes)
    write_mask("ben/C.png", mask(), classes)
    found = [
        Annotations("A.jpg", SIZE, (block(2, 0, 0, 2, 5), block(1, 4, 0, 2, 4))),
        Annotations("B.jpg", SIZE, ()),
    ]
    write_coco(Path("cleo.coco.json"), found, [ClassInfo(1, "kern"), ClassInfo(2, "cell")])
    return tmp_path


def block(cls: int, top: int, left: int, h: int, w: int) -> ObjectMask:
    return ObjectMask(cls, top, left, np.ones((h, w), bool))


PEOPLE = ["anna=anna", "ben=ben", "cleo=cleo.coco.json"]


@pytest.mark.usefixtures("start")
def test_agreement_truth_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["consensus", *PEOPLE, "-o", "out", "-q", "--json"]) == 3
    streams = capsys.readouterr()
    assert streams.err.splitlines() == [
        "cuecast: note: not all have marked B (anna, cleo)",
        "cuecast: failed: C: ben alone has marked it",
    ]
    said = json.loads(streams.out)
    # cell: 8, 12 and 10 pixels inside each other; kern: 4, 4 and 8. B: nobody has anything.
    a = {
        ("anna", "ben"): (8 / 12 + 1) / 2,
        ("anna", "cleo"): (0.8 + 0.5) / 2,
        ("ben", "cleo"): (10 / 12 + 0.5) / 2,
    }
    assert {(p["person"], p["other"]): p["agreement"] for p in said["pairs"]} == pytest.approx(
        a | {("anna", "cleo"): (a["anna", "cleo"] + 1) / 2}
    )
    images = {i["image"]: i for i in said["images"]}
    assert images["A"]["agreement"] == pytest.approx(sum(a.values()) / 3)
    assert images["A"]["disputed"] == 8 / 60
    assert (images["B"]["people"], images["B"]["agreement"]) == (["anna", "cleo"], 1)
    assert [(p["name"], p["images"]) for p in said["people"]] == [("anna", 2), ("ben", 1), ("cleo", 2)]
    assert (said["alone"], said["failures"]) == ({"C": "ben"}, [])
    with open("out/agreement.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["image"], r["class"], r["person"], r["other"]) for r in rows] == [
        ("A", cls, *pair) for pair in a for cls in ("cell", "kern")
    ]
    assert [rows[3][k] for k in ("iou", "area", "other_area", "both", "objects", "matched")] == [
        "0.5", "4", "8", "4", "1", "1",
    ]  # fmt: skip
    assert json.loads(Path("out/agreement.json").read_text()) == {k: v for k, v in said.items() if k != "out"}
    truth = np.array(Image.open("out/masks/A.png"))
    assert (truth == mask((1, 0, 0, 2, 5), (2, 4, 0, 6, 2))).all()
    assert sorted(p.name for p in Path("out/masks").iterdir()) == ["A.png", "B.png"]


@pytest.mark.usefixtures("start")
def test_what_is_not_decided_is_left_out_and_masks_alone_can_say_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    two = ["consensus", "anna=anna", "ben=ben", "-q", "-o", "out"]
    assert run([*two, "--way", "unanimous"]) == 3
    truth = np.array(Image.open("out/masks/A.png"))
    assert (truth == mask((255, 0, 4, 2, 6), (1, 0, 0, 2, 4), (2, 4, 0, 6, 2))).all()
    capsys.readouterr()
    assert run([*two, "-f", "coco"]) == 1
    assert (
        "out: is there already; choose another name, or --overwrite to write over it"
        in capsys.readouterr().err
    )
    assert run([*two, "-f", "coco", "--overwrite"]) == 3
    assert "COCO cannot say: what is left out (4 pixels: written as background)" in capsys.readouterr().err
    assert len(json.loads(Path("out/annotations.coco.json").read_text())["annotations"]) == 2
    # Masks into masks keep it.
    assert run(["convert", "out/masks", "again", "-f", "masks", "-q"]) == 0
    assert (np.array(Image.open("again/A.png")) == truth).all()


@pytest.mark.usefixtures("start")
def test_tables_to_be_read_and_one_class_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["consensus", *PEOPLE, "--class", "kern", "-q"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 images, 3 people, mean IoU 0.833"
    assert [line.split()[:4] for line in lines[1:5]] == [
        ["person", "images", "IoU", "class"],
        ["anna", "2", "0.833", "kern"],
        ["ben", "1", "0.750", "kern"],
        ["cleo", "2", "0.667", "kern"],
    ]
    assert lines[-1] == "least agreed on: A 0.667, B 1.000"
    assert not Path("out").exists()


@pytest.mark.usefixtures("start")
@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["anna=anna"], 2, "one person alone agrees with nobody"),
        (["anna=anna", "anna=ben"], 2, "anna is named twice: give all labels of a person in one folder"),
        (["anna", "ben=ben"], 2, "anna: give NAME=LABELS, such as anna=labels/anna"),
        (["anna=anna", "ben=none"], 1, "none: there is no such file or folder of labels"),
        (["anna=anna", "ben=ben", "-f", "svg"], 2, "the format 'svg' is unknown"),
        (
            ["anna=anna/B.png", "ben=ben"],
            1,
            "no picture was marked by two people; check that the pictures have the same",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["consensus", *args, "-o", "out", "-q"]) == code
    assert says in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("start")
def test_a_size_that_differs_is_named_and_the_rest_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    write_mask("ben/B.png", np.zeros((3, 3), np.int32), [ClassInfo(1, "cell")])
    assert run(["consensus", "anna=anna", "ben=ben", "-q"]) == 3
    streams = capsys.readouterr()
    assert "failed: B: labels of the shapes [(3, 3), (6, 10)] are not of one picture" in streams.err
    assert streams.out.startswith("1 image, 2 people")


def test_pictures_of_one_name_in_two_folders_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for who, width in (("anna", 4), ("ben", 2)):
        found = [
            Annotations("day1/x.png", SIZE, (block(1, 0, 0, 2, 2),)),
            Annotations("day2/x.png", SIZE, (block(1, 0, 0, 2, width),)),
        ]
        write_coco(Path(f"{who}.json"), found, [ClassInfo(1, "cell")])
    assert run(["consensus", "anna=anna.json", "ben=ben.json", "-o", "out", "-q"]) == 0
    rows = (tmp_path / "out/agreement.csv").read_text().splitlines()
    assert [row.split(",")[:5] for row in rows[1:]] == [
        ["day1/x.png", "cell", "anna", "ben", "1.0"],
        ["day2/x.png", "cell", "anna", "ben", "0.5"],
    ]
    assert sorted(p.name for p in (tmp_path / "out/masks").iterdir()) == ["day1_x.png", "day2_x.png"]
