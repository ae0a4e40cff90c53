"""YOLO-seg: written, read back, equal; and what bad files are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from annotated import CASES, CLASSES, annotations, assert_equal, obj, random_annotations
from hypothesis import given

from cuecast.core.errors import CuecastWarning, MaskError
from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.io.labels.yolo import read_yolo, read_yolo_names, write_yolo, write_yolo_names


@pytest.mark.parametrize("case", CASES)
def test_round_trip(tmp_path: Path, case: str) -> None:
    given = annotations(CASES[case])
    path = write_yolo(tmp_path / "a.txt", given, CLASSES)
    assert_equal(given, read_yolo(path, given.size, CLASSES, given.name))
    assert len(path.read_text().splitlines()) == len(given.objects)


@given(random_annotations())
def test_any_round_trip(tmp_path_factory: pytest.TempPathFactory, found: Annotations) -> None:
    path = write_yolo(tmp_path_factory.getbasetemp() / "random.txt", found, CLASSES)
    assert_equal(found, read_yolo(path, found.size, CLASSES, found.name))


def test_round_trip_in_a_large_image_of_awkward_size(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((60, 60)) < 0.5
    given = Annotations("a", (7001, 9973), (tight(ObjectMask(7, 6941, 9913, mask)), obj(1, 17, 13, "#")))
    assert_equal(given, read_yolo(write_yolo(tmp_path / "a.txt", given, CLASSES), given.size, CLASSES))


def test_what_is_written_is_yolo(tmp_path: Path) -> None:
    given = Annotations("a", (10, 20), (obj(7, 5, 10, "##"),))
    assert write_yolo(tmp_path / "a.txt", given, CLASSES).read_text() == "2 0.5 0.5 0.6 0.5 0.6 0.6 0.5 0.6\n"
    assert read_yolo(tmp_path / "a.txt", (10, 20)).objects[0].cls == 3
    (tmp_path / "a.txt").write_text("2.0 0.5 0.5 0.6 0.5 0.6 0.6 0.5 0.6\n")
    assert read_yolo(tmp_path / "a.txt", (10, 20)).objects[0].cls == 3


def test_names_survive(tmp_path: Path) -> None:
    path = write_yolo_names(tmp_path / "data.yaml", CLASSES)
    assert read_yolo_names(path) == tuple(c.name for c in CLASSES)


def test_data_yaml_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ultralytics' rule: the root is `path`, else the file's folder; a relative `path` is one of its data sets'.

    Pictures are looked for in `train` and `val` and all folders below, their labels beside them, or where the last
    'images' of their path says 'labels'.
    """
    path = write_yolo_names(tmp_path / "out" / "yolo" / "data.yaml", CLASSES)
    monkeypatch.chdir("/")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    root = Path(data.get("path") or path.parent)
    assert root.is_absolute()
    assert [(root / data[part]).is_dir() for part in ("train", "val")] == [True, True]
    assert data["names"] == {i: c.name for i, c in enumerate(CLASSES)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "nc: 2\nnames: ['red cell', \"b, c\"]\n"),
        ("data.yaml", "names:\n- red cell\n- b, c\n"),
        ("data.yaml", "names:\n  0: red cell\n  1: 'b, c'\n"),
        ("data.yaml", 'names: {0: red cell, 1: "b, c"}\n'),
        ("data.yaml", "# class names: below\nnames: # of both\n  1: 'b, c' # the second\n  0: red cell\n"),
        ("data.yaml", "names:\n- red cell\n- b, c\ntrain:\n- a\n- b\n"),
        ("data.yaml", "names:\n  '0': red cell\n  '1': b, c\n"),
        ("classes.txt", "red cell\nb, c\n"),
    ],
)
def test_foreign_names_are_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_yolo_names(tmp_path / name) == ("red cell", "b, c")


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [on, no, null, 010]\n")
    assert read_yolo_names(tmp_path / "data.yaml") == ("on", "no", "null", "010")


def test_an_object_of_no_listed_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"class 9, the classes are \[1, 2, 7\]"):
        write_yolo(tmp_path / "a.txt", annotations((obj(9, 0, 0, "#"),)), CLASSES)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0", "a class alone"),
        ("0 0.5 0.5", "a polygon of less than three points"),
        ("0 0.5 0.5 0 0.2", "a box that is empty"),
        ("x 0 0 1 0 1 1", "a value that is no number"),
        ("0.5 0 0 1 0 1 1", "a class index that is no whole number"),
        ("1e308 0 0 1 0 1 1", "a class index that is no whole number"),
        ("0 0 0 1 0 1 one", "a value that is no number"),
        ("0 0 0 1 0 1 nan", "not finite"),
        ("0 0 0 1 0 1 inf", "not finite"),
        ("0 0 0 100 0 100 100", "look like pixels"),
        ("3 0 0 1 0 1 1", "class index 3, which is not among the 3"),
        ("-1 0 0 1 0 1 1", "a class index that is no whole number from 0 on"),
    ],
)
def test_a_line_that_cannot_be_used_is_passed_over_and_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text(f"0 0 0 1 0 1 1\n{line}\n")
    with pytest.warns(CuecastWarning, match=rf"f\.txt: passed over, .*{words}.* \(line 2\)$"):
        found = read_yolo(path, (5, 6), CLASSES)
    path.write_text("0 0 0 1 0 1 1\n")
    assert_equal(read_yolo(path, (5, 6), CLASSES), found)
    path.write_text(f"{line}\n{line}\n")
    with pytest.raises(
        MaskError, match=rf"f\.txt: nothing .*{words}.* \(2 times, first line 1\); correct it"
    ):
        read_yolo(path, (5, 6), CLASSES)


@pytest.mark.parametrize("behind", ["0.9", "7", "0.9 7"])
def test_what_trackers_write_behind_an_outline_is_dropped(tmp_path: Path, behind: str) -> None:
    path = tmp_path / "f.txt"
    path.write_text(f"0 0 0 0.5 0 0.5 0.5 0 0.5 {behind}\n")
    (found,) = read_yolo(path, (4, 6)).objects
    assert (found.xyxy, found.area) == ((0, 0, 3, 2), 6)


def test_the_first_track_of_a_file_is_known_by_the_others(tmp_path: Path) -> None:
    """1 may be a share, too: the corner (0.9, 1) of the outline that stands alone."""
    path = tmp_path / "f.txt"
    first, second = "0 0 0 0.5 0 0.5 0.5 0 0.5 0.9 1\n", "0 0.5 0 1 0 1 0.5 0.5 0.5 0.9 2\n"
    path.write_text(first + second)
    assert [o.xyxy for o in read_yolo(path, (4, 6)).objects] == [(0, 0, 3, 2), (3, 0, 6, 2)]
    path.write_text(first)
    assert [o.xyxy[3] for o in read_yolo(path, (4, 6)).objects] == [4]


def test_triangles_that_reach_the_lower_border_stay_triangles(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text("0 0 0 1 0 1 1\n0 0.5 0.5 0.2 0.2 0.9 1.0\n")
    assert len(read_yolo(path, (8, 8)).objects) == 2  # boxes would be noted


@pytest.mark.parametrize(
    "behind", ["", " 0.9", " 7", " 0.9 7", " 0.9 1", " 0.5 0.5 2 0.25 0.75 1 0 0 0", " 0.5 0.5 2 1 1 1"]
)
def test_a_box_is_a_rectangle_below_the_outlines(tmp_path: Path, behind: str) -> None:
    (tmp_path / "f.txt").write_text(f"0 0 0 0.5 0 0.5 0.5 0 0.5\n1 0.5 0.5 1 1{behind}\n")
    with pytest.warns(CuecastWarning, match=r"f\.txt: read as a rectangle: .* \(line 2\); outline it"):
        found = read_yolo(tmp_path / "f.txt", (4, 6))
    assert found.label_map().tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[2] * 6] * 2


def test_what_is_wrong_with_other_classes_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("0 0 0 1 0 1 1\n1\n2 0.5 0.5 1 1\n")
    assert len(read_yolo(tmp_path / "f.txt", (5, 6), [CLASSES[0], None, None]).objects) == 1


def test_files_that_are_no_text_or_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(MaskError, match=r"f\.txt: is not UTF-8 text .*; save it"):
        read_yolo(tmp_path / "f.txt", (5, 6))
    with pytest.raises(MaskError, match=r"none\.txt: cannot be read .*; check"):
        read_yolo(tmp_path / "none.txt", (5, 6))
    broken = {
        "names:\n  0: a\n  2: c\n": "names no class 1",
        "names: [a\n": "its class names cannot be read .*",
    }
    for text, words in broken.items():
        (tmp_path / "data.yaml").write_text(text)
        with pytest.raises(MaskError, match=rf"data\.yaml: {words}; number them"):
            read_yolo_names(tmp_path / "data.yaml")
    (tmp_path / "data.yaml").write_text("names:\n")
    with pytest.raises(MaskError, match=r"data\.yaml: names no classes; list"):
        read_yolo_names(tmp_path / "data.yaml")
