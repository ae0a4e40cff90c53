"""COCO: written, read back, equal; foreign files; and what bad ones are told."""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import CASES, CLASSES, annotations, assert_equal, obj, random_annotations, read_coco
from hypothesis import given
from hypothesis import strategies as st

from cuecast.core.errors import CuecastWarning, MaskError, OutputError
from cuecast.core.objects import Annotations
from cuecast.core.values import ClassInfo, Image
from cuecast.io.labels.coco import Shape, open_coco, write_coco

SHAPES: tuple[Shape, ...] = ("rle", "polygon")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_round_trip(tmp_path: Path, case: str, shape: Shape) -> None:
    given = annotations(CASES[case])
    path = write_coco(tmp_path / "a.json", [given], CLASSES, shape)
    (back,), classes = read_coco(path)
    assert_equal(given, back)
    assert classes == CLASSES
    assert len(json.loads(path.read_text())["annotations"]) == len(given.objects)


@pytest.mark.parametrize("shape", SHAPES)
@given(many=st.lists(random_annotations(), max_size=3))
def test_any_round_trip(
    tmp_path_factory: pytest.TempPathFactory, many: list[Annotations], shape: Shape
) -> None:
    path = write_coco(tmp_path_factory.getbasetemp() / "any.json", many, CLASSES, shape)
    back, _ = read_coco(path)
    assert len(back) == len(many)
    for one, other in zip(many, back, strict=True):
        assert_equal(one, other)


def test_what_is_written_is_coco(tmp_path: Path) -> None:
    path = write_coco(
        tmp_path / "a.json",
        [annotations(()), annotations(CASES["occluded, in three parts"], "b.png")],
        CLASSES,
    )
    data = json.loads(path.read_text())
    assert data["images"] == [
        {"id": 1, "file_name": "ein 'bild' ünï.png", "height": 12, "width": 15},
        {"id": 2, "file_name": "b.png", "height": 12, "width": 15},
    ]
    assert data["categories"][1] == {
        "id": 2,
        "name": CLASSES[1].name,
        "supercategory": "",
        "color": [0x12, 0x34, 0x56],
    }
    (one,) = data["annotations"]
    assert (one["id"], one["image_id"], one["category_id"], one["iscrowd"]) == (1, 2, 1, 0)
    assert (one["bbox"], one["area"]) == ([0, 1, 7, 4], 11)
    assert one["segmentation"]["size"] == [12, 15]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("case", CASES)
def test_pycocotools_reads_the_same_pixels(tmp_path: Path, case: str, shape: Shape) -> None:
    """Holes and parts, too: what the bridges enclose is nothing."""
    coco = pytest.importorskip("pycocotools.coco")
    found = annotations(CASES[case])
    read_by_it = coco.COCO(str(write_coco(tmp_path / "a.json", [found], CLASSES, shape)))
    for entry, one in zip(read_by_it.dataset["annotations"], found.objects, strict=True):
        alone = Annotations("a", found.size, (one,)).label_map() > 0
        assert np.array_equal(read_by_it.annToMask(entry), alone)


def test_nothing_at_all_is_a_valid_file(tmp_path: Path) -> None:
    assert read_coco(write_coco(tmp_path / "a.json", [], ())) == ((), ())


def test_images_are_let_go_as_soon_as_they_are_written(tmp_path: Path) -> None:
    alive: weakref.WeakSet[Annotations] = weakref.WeakSet()

    def many() -> Iterator[Annotations]:
        for i in range(100):
            assert len(alive) <= 1
            one = annotations(CASES["hole"], f"{i}.png")
            alive.add(one)
            yield one
            del one

    assert len(read_coco(write_coco(tmp_path / "a.json", many(), CLASSES))[0]) == 100


def test_a_failure_in_the_middle_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "a.json", [annotations(())], CLASSES)
    before = path.read_bytes()

    def broken() -> Iterator[Annotations]:
        yield annotations(CASES["hole"])
        raise MaskError("mask gone")

    with pytest.raises(MaskError, match="mask gone"):
        write_coco(path, broken(), CLASSES)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, no_space: Callable[[int], None]) -> None:
    path = write_coco(tmp_path / "a.json", [], CLASSES)
    before = path.read_bytes()
    no_space(20_000)
    with pytest.raises(OutputError, match=r"a\.json: cannot be written: no space .*; free"):
        write_coco(path, [annotations(CASES["hole"])] * 1000, CLASSES)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"a\.json: cannot be written: .*choose another folder"):
        write_coco(tmp_path / "file" / "a.json", [], ())


def test_an_object_of_no_listed_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"class 9, the classes are \[1, 2, 7\]"):
        write_coco(tmp_path / "a.json", [annotations((obj(9, 0, 0, "#"),))], CLASSES)


def foreign(segmentation: Any, **changes: Any) -> dict[str, Any]:
    data = {
        "images": [{"id": "x", "file_name": "sub/a.jpg", "height": 5, "width": 6}],
        "categories": [{"id": 0, "name": "dog"}, {"id": 17, "name": "cat"}],
        "annotations": [
            {"id": 44, "image_id": "x", "category_id": 17, "iscrowd": 1, "segmentation": segmentation}
        ],
    }
    return {**data, **changes}


def read(tmp_path: Path, data: Any) -> tuple[Any, Any]:
    (tmp_path / "f.json").write_text(json.dumps(data))
    return read_coco(tmp_path / "f.json")


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [5, 6], "counts": "632NO012004"},
        {"size": [5, 6], "counts": [6, 3, 2, 1, 1, 1, 2, 3, 2, 3, 6]},
    ],
)
def test_foreign_run_lengths_and_a_category_0(tmp_path: Path, segmentation: Any) -> None:
    (found,), classes = read(tmp_path, foreign(segmentation))
    assert [(c.id, c.name) for c in classes] == [(1, "dog"), (18, "cat")]
    assert (found.name, found.size) == ("sub/a.jpg", (5, 6))
    assert found.label_map()[1:4, 1:5].tolist() == [[18, 18, 18, 18], [18, 0, 18, 18], [18, 18, 18, 18]]


def test_foreign_polygons_are_a_union_and_cut_at_the_image(tmp_path: Path) -> None:
    (found,), _ = read(tmp_path, foreign([[-1.0, 0, 2.2, 0, 2.2, 1, -1, 1], [1, 0, 9, 0, 9, 1, 1, 1]]))
    assert found.label_map().astype(bool).sum(axis=1).tolist() == [6, 0, 0, 0, 0]
    (found,), _ = read(tmp_path, foreign([[10, 10, 12, 10, 12, 12]]))
    assert found.objects == ()
    (found,), _ = read(tmp_path, foreign([1, 0, 4, 0, 4, 2, 1, 2]))
    assert [o.xyxy for o in found.objects] == [(1, 0, 4, 2)]


def test_ids_of_images_may_be_text_in_one_place_and_numbers_in_another(tmp_path: Path) -> None:
    data = foreign(
        [[1, 0, 4, 0, 4, 2, 1, 2]], images=[{"id": 7, "file_name": "a.jpg", "height": 5, "width": 6}]
    )
    for written in ("7", 7.0, 7):
        data["annotations"][0]["image_id"] = written
        (found,), _ = read(tmp_path, data)
        assert len(found.objects) == 1


HUGE = {"id": "x", "file_name": "a", "height": 10**6, "width": 10**6}


NO_BOX = {"id": 1, "image_id": "x", "category_id": 17, "bbox": ["a", 0, 1, 1]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "holds a list, expected a JSON object; export"),
        ({"images": []}, "is not a COCO file .'categories' is missing.; export"),
        (foreign([], images=[{"id": 1}]), "'file_name' is missing"),
        (foreign([], images=3), "is not a COCO file .'images' is no list"),
        (foreign([], annotations=None), "'annotations' is no list"),
        (foreign([], annotations=[NO_BOX]), "a box whose values are not numbers"),
        (foreign([]), r"nothing in it can be used .*: neither an outline nor a box \(annotation 44\); correct"),
        (foreign([[0, 0, 1, 0, 1, 1]], annotations=[3]), r"an entry that is no object \(number 1 of"),
        (foreign([], annotations=[{"id": 1, "image_id": 9}]), r"not among the file's \(annotation 1\)"),
        (foreign([], categories=[{"id": -5, "name": "x"}]), "is not a COCO file .*ids run from 1"),
        (foreign([], images=[{**HUGE, "height": float("inf")}]), "states no height and width; add"),
        (foreign([], images=[HUGE]), "1000000 x 1000000, outside .*MAX_PIXELS"),
    ],
)  # fmt: skip
def test_bad_files_are_named_with_reason_and_remedy(tmp_path: Path, data: Any, words: str) -> None:
    with pytest.raises(MaskError, match=rf"f\.json: .*{words}"):
        read(tmp_path, data)


ONE = {"id": 1, "image_id": "x", "category_id": 17, "segmentation": [[0, 0, 3, 0, 3, 2, 0, 2]]}
"""An annotation that can be used."""


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([[1, 2, 3, 4]], "a polygon of less than three points"),
        ([[75, 60]], "a polygon of less than three points"),
        ([[1, 2, 3, 4, 5]], "a polygon with an odd number of coordinates"),
        ([[1, 2, 3, 4, 5, None]], "not finite|not numbers"),
        ([["a", 2, 3, 4, 5, 6]], "not numbers"),
        ([[1, 2, 3, 4, 5, float("inf")]], "not finite"),
        ("polygon", "neither polygons nor run lengths"),
        ({"counts": [30]}, "'size' is missing"),
        ({"size": [5, 6]}, "'counts' is missing"),
        ({"size": [5, 6], "counts": None}, "neither a list nor a text"),
        ({"size": [9, 9], "counts": [81]}, r"for the size \[9, 9\], where the image has \[5, 6\]"),
        ({"size": [6, 5], "counts": [30]}, r"for the size \[6, 5\].*turned"),
        ({"size": [5, 6], "counts": [31]}, "add up to 31"),
        ({"size": [5, 6], "counts": "~~~"}, "does not occur"),
        ({"size": [5, 6], "counts": [10**30]}, "add up to 1000000000000000000000000000000,"),
        ({"size": [5, 6], "counts": [29.5, 0.5]}, "not whole numbers"),
        ({"size": [5, 6], "counts": ["30"]}, "not whole numbers"),
        ({"size": None, "counts": [30]}, "state no size"),
        ([[0, 0, 1e300, 0, -1e308, 9]], "far outside any image"),
    ],
)  # fmt: skip
def test_an_annotation_that_cannot_be_used_is_passed_over_and_named(
    tmp_path: Path, segmentation: Any, words: str
) -> None:
    data = foreign(segmentation)
    with pytest.raises(MaskError, match=rf"f\.json: nothing in it .*({words}).*annotation 44.*; correct"):
        read(tmp_path, data)
    data["annotations"].append(ONE)
    with pytest.warns(CuecastWarning, match=rf"f\.json: passed over, .*({words}).*\(annotation 44\)$"):
        (found,), _ = read(tmp_path, data)
    assert [o.xyxy for o in found.objects] == [(0, 0, 3, 2)]


@pytest.mark.parametrize(
    "change",
    [{"category_id": 3}, {"category_id": None}, {"category_id": "x"}, {"image_id": 7}, {"image_id": None}],
)
def test_an_annotation_of_no_class_or_image_is_passed_over(tmp_path: Path, change: dict[str, Any]) -> None:
    data = foreign([[1, 0, 4, 0, 4, 2, 1, 2]])
    data["annotations"] += [ONE]
    data["annotations"][0] |= change
    with pytest.warns(CuecastWarning, match=r"passed over.*that is not among the file's \(annotation 44\)"):
        (found,), _ = read(tmp_path, data)
    assert len(found.objects) == 1


def test_a_stray_point_leaves_the_other_polygons_of_its_annotation(tmp_path: Path) -> None:
    for contours in ([[75, 60], ONE["segmentation"][0]], [ONE["segmentation"][0], [75, 60], []]):  # type: ignore[index]
        with pytest.warns(CuecastWarning, match=r"a polygon of less than three points \("):
            (found,), _ = read(tmp_path, foreign(contours))
        assert [o.xyxy for o in found.objects] == [(0, 0, 3, 2)]


def test_points_in_pairs_are_a_polygon(tmp_path: Path) -> None:
    pairs = [[0, 0], [3, 0], [3, 2], [0, 2]]
    for segmentation in (pairs, [pairs]):
        (found,), _ = read(tmp_path, foreign(segmentation))
        assert [o.xyxy for o in found.objects] == [(0, 0, 3, 2)]


@pytest.mark.parametrize(
    "nothing", [{}, {"segmentation": None}, {"segmentation": []}, {"segmentation": [[]]}]
)
def test_a_box_is_a_rectangle_below_the_outlines(tmp_path: Path, nothing: dict[str, Any]) -> None:
    box = {"id": 2, "image_id": "x", "category_id": 0, "bbox": [1, 1, 3, 2], **nothing}
    with pytest.warns(CuecastWarning, match=r"read as a rectangle: .*\(annotation 2\); outline it"):
        (found,), _ = read(tmp_path, foreign([], annotations=[ONE, box]))
    assert found.label_map()[:4, :5].tolist() == [
        [18, 18, 18, 0, 0], [18, 18, 18, 1, 0], [0, 1, 1, 1, 0], [0] * 5
    ]  # fmt: skip


def test_the_same_reason_is_named_once_with_its_count(tmp_path: Path) -> None:
    bad = [{**ONE, "id": i, "segmentation": [[1, 2]]} for i in (7, 8, 9)]
    with pytest.warns(CuecastWarning) as notes:
        read(tmp_path, foreign([], annotations=[*bad, ONE]))
    assert len(notes) == 1
    assert str(notes[0].message).endswith("three points (3 times, first annotation 7)")


def test_images_without_a_file_name_have_that_of_their_address(tmp_path: Path) -> None:
    images = [
        {
            "id": 1,
            "coco_url": "http://images.cocodataset.org/val2017/000000397133.jpg",
            "height": 5,
            "width": 6,
        },
        {"id": 2, "height": 5, "width": 6},
        {"id": 3, "file_name": "C:\\data\\a b.jpg", "height": 5, "width": 6},
    ]
    found, _ = read(tmp_path, foreign([], images=images, annotations=[]))
    assert [one.name for one in found] == ["000000397133.jpg", "", "C:/data/a b.jpg"]


def test_a_category_colour_of_another_kind_is_left_out(tmp_path: Path) -> None:
    _, classes = read(
        tmp_path, foreign([[0, 0, 1, 0, 1, 1]], categories=[{"id": 17, "name": "x", "color": "red"}])
    )
    assert classes[0].colour.startswith("#")
    assert np.all(np.array(classes[0].rgb) >= 0)


@pytest.mark.parametrize(
    ("colour", "kept"),
    [
        ([0, 255, 7], "#00ff07"), ([256, 0, 0], None), ([-1, 0, 0], None), ([0.5, 0, 0], None), ([1, 2], None),
        ([1, 2, 3, 4], None), ("red", None),
    ],
)  # fmt: skip
def test_colours_are_three_bytes(tmp_path: Path, colour: Any, kept: str | None) -> None:
    """Any other is that of the palette."""
    plain = {"id": 17, "name": "x"}
    _, (palette,) = read(tmp_path, foreign([], categories=[plain], annotations=[]))
    _, (found,) = read(tmp_path, foreign([], categories=[{**plain, "color": colour}], annotations=[]))
    assert found.colour == (palette.colour if kept is None else kept)


@pytest.mark.parametrize(
    ("crowd", "read_as"), [(1, True), ("1", True), (0, False), (2, False), (None, False)]
)
def test_crowds(tmp_path: Path, crowd: Any, read_as: bool) -> None:
    (found,), _ = read(tmp_path, foreign([], annotations=[{**ONE, "iscrowd": crowd}]))
    assert found.objects[0].crowd == read_as


@pytest.mark.parametrize("bbox", [[1, 1, 3], [1, 1, 3, 2, 5], "1132", None])
def test_a_box_is_four_numbers(tmp_path: Path, bbox: Any) -> None:
    box = {"id": 2, "image_id": "x", "category_id": 17, "bbox": bbox}
    with pytest.warns(CuecastWarning, match=r"neither an outline nor a box \(annotation 2\)"):
        read(tmp_path, foreign([], annotations=[ONE, box]))


def test_an_id_that_is_no_whole_number_is_another(tmp_path: Path) -> None:
    images = [{"id": 7.5, "file_name": "a.jpg", "height": 5, "width": 6}]
    (found,), _ = read(tmp_path, foreign([], images=images, annotations=[{**ONE, "image_id": 7.5}]))
    assert len(found.objects) == 1
    with pytest.raises(MaskError, match="not among the file's"):
        read(tmp_path, foreign([], images=images, annotations=[{**ONE, "image_id": 7}]))


@pytest.mark.parametrize("strange", [3, None, {"name": "no id"}, {"id": None, "name": "x"}])
def test_strange_categories_and_images_are_passed_over_where_there_are_others(
    tmp_path: Path, strange: Any
) -> None:
    data = foreign([], annotations=[ONE])
    data["categories"].insert(0, strange)
    data["images"].insert(0, strange)
    (found,), classes = read(tmp_path, data)
    assert [c.id for c in classes] == [1, 18]
    assert len(found.objects) == 1
    with pytest.raises(MaskError, match="is not a COCO file"):
        read(tmp_path, foreign([], categories=[strange]))
    with pytest.raises(MaskError, match="is not a COCO file"):
        read(tmp_path, foreign([], images=[strange]))


def test_an_image_is_found_by_as_much_of_its_folders_as_is_needed(tmp_path: Path) -> None:
    """Two of one name: that in the folder of the same name; where none is, neither."""
    images = [{"id": i, "file_name": name} for i, name in enumerate(["a/x.png", "b/x.png", "y.png"])]
    path = tmp_path / "f.json"
    path.write_text(json.dumps(foreign([], images=images, annotations=[])))
    coco = open_coco(path)

    def found(name: str | None) -> str:
        image = Image(np.zeros((5, 6, 3), np.uint8), "i", name and tmp_path / name)
        return coco.annotations(image, None).name

    assert [found("b/x.png"), found("c/y.jpg")] == ["b/x.png", "y.png"]
    with pytest.raises(MaskError, match=r"lists 2 images called x\.png"):
        found("c/x.png")
    with pytest.raises(
        MaskError, match=r"does not list z\.png.*it has 'a/x\.png', 'b/x\.png', 'y\.png': rename"
    ):
        found("z.png")
    empty = open_coco(path, foreign([], images=[], annotations=[]))
    with pytest.raises(MaskError, match="it has no image: rename"):
        empty.annotations(Image(np.zeros((5, 6, 3), np.uint8), "z.png", tmp_path / "z.png"), None)
    with pytest.raises(MaskError, match="lists 3 images"):
        found(None)
    one = open_coco(path, foreign([], images=images[:1], annotations=[]))
    assert one.annotations(Image(np.zeros((5, 6, 3), np.uint8)), None).name == "a/x.png"


def test_classes_are_those_asked_for_by_name(tmp_path: Path) -> None:
    """A cat is class 5 where it is asked for; the dog is left out."""
    data = foreign([], annotations=[ONE, {**ONE, "id": 2, "category_id": 0}])
    coco = open_coco(tmp_path / "f.json", data)
    image = Image(np.zeros((5, 6, 3), np.uint8), "a.jpg", tmp_path / "a.jpg")
    assert [o.cls for o in coco.annotations(image, [ClassInfo(5, "cat"), ClassInfo(6, "cow")]).objects] == [5]
    assert [o.cls for o in coco.annotations(image, None).objects] == [18, 1]


def test_a_confidence_is_written_to_six_digits(tmp_path: Path) -> None:
    sure = replace(obj(1, 0, 0, "#"), confidence=0.12345678)
    path = write_coco(tmp_path / "a.json", [annotations((sure, obj(1, 2, 2, "#")))], CLASSES)
    first, second = json.loads(path.read_text())["annotations"]
    assert first["score"] == 0.123457
    assert "score" not in second
    ((read,), _) = read_coco(path)
    assert [o.confidence for o in read.objects] == [0.123457, None]


@pytest.mark.parametrize("score", [7, -0.1, "0.5", True, None, float("nan"), [0.5]])
def test_a_score_that_is_no_confidence_is_passed_over(tmp_path: Path, score: object) -> None:
    data = foreign([], annotations=[{**ONE, "score": score}])
    image = Image(np.zeros((5, 6, 3), np.uint8), "a.jpg", tmp_path / "a.jpg")
    (found,) = open_coco(tmp_path / "f.json", data).annotations(image, None).objects
    assert found.confidence is None
