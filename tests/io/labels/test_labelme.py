"""LabelMe: written, read back, equal; foreign shapes; and what bad files are told."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import CASES, CLASSES, annotations, assert_equal, obj, random_annotations
from hypothesis import given
from PIL import Image as PILImage

from cuecast.core.errors import CuecastWarning, MaskError
from cuecast.core.objects import Annotations
from cuecast.core.values import ClassInfo
from cuecast.io.labels.labelme import read_labelme, write_labelme


@pytest.mark.parametrize("case", CASES)
def test_round_trip(tmp_path: Path, case: str) -> None:
    given = annotations(CASES[case])
    back, classes = read_labelme(write_labelme(tmp_path / "a.json", given, CLASSES), CLASSES)
    assert_equal(given, back)
    assert classes == CLASSES


@given(random_annotations())
def test_any_round_trip(tmp_path_factory: pytest.TempPathFactory, found: Annotations) -> None:
    path = write_labelme(tmp_path_factory.getbasetemp() / "any.labelme.json", found, CLASSES)
    assert_equal(found, read_labelme(path, CLASSES)[0])


def test_what_is_written_is_labelme(tmp_path: Path) -> None:
    given = annotations((*CASES["occluded, in three parts"], *CASES["one pixel"]), "a.png")
    data = json.loads(write_labelme(tmp_path / "a.json", given, CLASSES, "../images/a.png").read_text())
    assert [s["group_id"] for s in data["shapes"]] == [1, 1, 1, None]
    assert data["shapes"][3] == {
        "label": "cell", "points": [[4, 3], [5, 3], [5, 4], [4, 4]], "group_id": None,
        "shape_type": "polygon", "flags": {},
    }  # fmt: skip
    assert (data["imagePath"], data["imageHeight"], data["imageWidth"], data["imageData"]) == (
        "../images/a.png",
        12,
        15,
        None,
    )
    assert read_labelme(tmp_path / "a.json")[0].name == "a.png"


def test_what_x_anylabeling_saves_of_ours_is_read_as_it_was(tmp_path: Path) -> None:
    """It takes these fields as given, and adds its own to the file and to each shape."""
    given = annotations((*CASES["occluded, in three parts"], *CASES["one pixel"]), "a.png")
    path = write_labelme(tmp_path / "a.json", given, CLASSES, "../images/a.png")
    data = json.loads(path.read_text())
    assert {"version", "imageData", "imagePath", "shapes", "flags"} <= data.keys()
    assert all({"label", "points", "group_id", "shape_type", "flags"} <= s.keys() for s in data["shapes"])
    added = {"score": None, "description": "", "difficult": False, "attributes": {}, "kie_linking": []}
    shapes = [{**s, **added, "points": [[float(v) for v in p] for p in s["points"]]} for s in data["shapes"]]
    path.write_text(
        json.dumps({**data, "version": "3.2.0", "shapes": shapes, "description": "", "checked": True})
    )
    assert_equal(given, read_labelme(path, CLASSES)[0])


def test_an_object_of_no_listed_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"class 9, the classes are \[1, 2, 7\]"):
        write_labelme(tmp_path / "a.json", annotations((obj(9, 0, 0, "#"),)), CLASSES)


def shape(
    label: str = "b", kind: str | None = None, points: Any = ((0, 0), (2, 0), (2, 2)), **more: Any
) -> dict[str, Any]:
    return {"label": label, "points": points, **({"shape_type": kind} if kind else {}), **more}


def read(tmp_path: Path, *shapes: Any, classes: Any = None, **changes: Any) -> tuple[Annotations, Any]:
    data = {
        "shapes": list(shapes),
        "imageHeight": 6,
        "imageWidth": 8,
        "imagePath": "..\\im\\a.jpg",
        **changes,
    }
    (tmp_path / "f.json").write_text(json.dumps(data))
    return read_labelme(tmp_path / "f.json", classes)


def test_labels_are_numbered_in_order_or_by_the_classes(tmp_path: Path) -> None:
    shapes = shape("b", "rectangle", [[1, 1], [3, 2]]), shape("a", "rectangle", [[5, 4], [4, 2]])
    with pytest.warns(CuecastWarning, match="read as a rectangle"):
        found, classes = read(tmp_path, *shapes)
    assert [(c.id, c.name) for c in classes] == [(1, "a"), (2, "b")]
    assert [(o.cls, o.xyxy) for o in found.objects] == [(2, (1, 1, 3, 2)), (1, (4, 2, 5, 4))]
    assert found.name == "a.jpg"
    with pytest.warns(CuecastWarning, match=r"read as a rectangle: .* \(shape 2\)"):
        found, _ = read(tmp_path, *shapes, classes=[ClassInfo(5, "a")])
    assert [o.cls for o in found.objects] == [5]


def test_a_circle_is_filled(tmp_path: Path) -> None:
    found, _ = read(tmp_path, shape(kind="circle", points=[[4, 3], [4, 5]]))
    y, x = np.mgrid[:6, :8] + 0.5
    assert np.array_equal(found.label_map() > 0, (x - 4) ** 2 + (y - 3) ** 2 <= 4)


def test_a_mask_shape_is_pasted_and_cut_at_the_image(tmp_path: Path) -> None:
    stream = io.BytesIO()
    PILImage.fromarray(np.array([[255, 0, 255], [255, 255, 255]], np.uint8)).save(stream, "PNG")
    mask = base64.b64encode(stream.getvalue()).decode()
    found, _ = read(tmp_path, shape(kind="mask", points=[[6, 2], [8, 3]], mask=mask))
    assert found.label_map()[2:4].tolist() == [[0] * 6 + [1, 0], [0] * 6 + [1, 1]]


@pytest.mark.parametrize(
    "kind", ["rotation", "oriented_rectangle", "quadrilateral", "cuboid", "polygon", None]
)
def test_shapes_by_all_their_corners(tmp_path: Path, kind: str | None) -> None:
    corners = [[1, 1], [6, 1], [6, 4], [1, 4]]
    found, _ = read(tmp_path, {**shape(points=corners), "shape_type": kind})
    assert [(o.xyxy, o.area) for o in found.objects] == [((1, 1, 6, 4), 15)]


def test_a_cuboid_is_all_that_its_faces_cover(tmp_path: Path) -> None:
    front, back = [[0, 2], [3, 2], [3, 5], [0, 5]], [[3, 0], [6, 0], [6, 3], [3, 3]]
    found, _ = read(tmp_path, shape(kind="cuboid", points=[*front, *back]))
    assert found.label_map()[:, :6].tolist() == [
        [0, 0, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_a_rectangle_is_a_box_below_the_outlines(tmp_path: Path) -> None:
    for corners in ([[0, 0], [8, 6]], [[0, 0], [8, 0], [8, 6], [0, 6]]):
        with pytest.warns(CuecastWarning, match=r"read as a rectangle: .* \(shape 2\); outline it"):
            found, _ = read(
                tmp_path,
                shape("b", points=[[0, 0], [4, 0], [4, 3], [0, 3]]),
                shape("a", "rectangle", corners),
            )
        assert found.label_map().tolist() == [[2] * 4 + [1] * 4] * 3 + [[1] * 8] * 3


def test_points_and_lines_are_passed_over_and_named(tmp_path: Path) -> None:
    without = (shape("p", "point", [[1, 1]]), shape("l", "linestrip", [[1, 1], [2, 2]]), shape("l", "line"))
    said = r"a point, which has no area \(shape 1\); a linestrip, which has no area \(shape 2\); a line"
    with pytest.warns(CuecastWarning, match=said):
        found, classes = read(tmp_path, *without, shape("b"))
    assert [c.name for c in classes] == ["b"]
    assert len(found.objects) == 1
    with pytest.raises(MaskError, match=f"nothing in it can be used as an outline: {said}"):
        read(tmp_path, *without)


def test_what_is_wrong_with_other_classes_does_not_matter(tmp_path: Path) -> None:
    others = (
        shape("a", points=[[1, 1], [2, 2]]),
        shape("a", "spline"),
        shape("a"),
        shape("a", "point", [[1, 1]]),
    )
    found, _ = read(tmp_path, shape("b"), *others, classes=[ClassInfo(1, "b")])
    assert len(found.objects) == 1


def test_groups_are_of_one_label(tmp_path: Path) -> None:
    one, two = [[0, 0], [1, 0], [1, 1], [0, 1]], [[3, 3], [4, 3], [4, 4], [3, 4]]
    shapes = [shape(label, points=p, group_id=3) for label in "ab" for p in (one, two)]
    found, _ = read(tmp_path, *shapes, shape("a", points=[[6, 0], [7, 0], [7, 1], [6, 1]]))
    assert [(o.cls, o.xyxy, o.area) for o in found.objects] == [
        (1, (0, 0, 4, 4), 2),
        (2, (0, 0, 4, 4), 2),
        (1, (6, 0, 7, 1), 1),
    ]
    with pytest.warns(CuecastWarning, match=r"three points \(shape 2\)"):
        found, _ = read(tmp_path, shapes[0], shape("a", points=[[1, 1]], group_id=3))
    assert [o.xyxy for o in found.objects] == [(0, 0, 1, 1)]


@pytest.mark.parametrize(
    ("shapes", "changes", "words"),
    [
        ([], {"shapes": None}, "is not a LabelMe file .*; export"),
        ([], {"imageHeight": None}, "no imageHeight and imageWidth; save"),
        ([], {"imageHeight": float("inf")}, "no imageHeight and imageWidth; save"),
        ([], {"imageHeight": 10**9}, "8 x 1000000000, outside the limits; .*MAX_PIXELS"),
    ],
)
def test_bad_files_are_named_with_reason_and_remedy(
    tmp_path: Path, shapes: Any, changes: Any, words: str
) -> None:
    with pytest.raises(MaskError, match=rf"f\.json: .*{words}"):
        read(tmp_path, *shapes, **changes)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (shape(points=[[0, 0]]), "a polygon of less than three points"),
        (shape(points=[[3, 3], [9, 9]]), "a polygon of less than three points"),
        (shape(points="no"), "points that are not"),
        (shape(points=[[0, 0], [1e300, 0], [0, -1e308]]), "points that are not"),
        (shape(points=[]), "points that are not"),
        (shape(points=[[0, 0], [1, float("nan")], [2, 2]]), "finite"),
        (shape(kind="rectangle", points=[[0, 0]]), "a rectangle of less than two points"),
        (shape(kind="rectangle", points=[[1, 1], [1, 5]]), "a box that is empty"),
        (shape(kind="circle", points=[[0, 0]]), "a circle of less than two points"),
        (shape(kind="cuboid", points=[[0, 0], [1, 0], [1, 1], [0, 1], [5, 5]]), "three points"),
        (shape(kind="spline"), "the shape type 'spline', which is not known"),
        (shape(kind="mask"), "'mask' is missing"),
        (shape(kind="mask", mask=None), "a mask that is not a picture in base64"),
        (shape(kind="mask", mask="!"), "the mask of a shape: the file is empty"),
        (shape(kind="mask", mask="AAAA"), "the mask of a shape: its content is not"),
        ({"points": []}, "a shape without label"),
        ("text", "a shape without label"),
    ],
)
def test_a_shape_that_cannot_be_used_is_passed_over_and_named(tmp_path: Path, bad: Any, words: str) -> None:
    with pytest.warns(CuecastWarning, match=rf"f\.json: passed over, .*({words}).* \(shape 2\)$"):
        found, _ = read(tmp_path, shape(), bad)
    assert len(found.objects) == 1
    with pytest.raises(MaskError, match=rf"f\.json: nothing in it .*({words}).* \(shape 1\); correct"):
        read(tmp_path, bad)
