"""Label files as masks of one image: which entry is the image's, which classes, and what cannot be used."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import CLASSES, annotations, obj, read_coco

from cuecast.core.errors import CuecastWarning, MaskError
from cuecast.core.notes import notes_to
from cuecast.core.values import ClassInfo, Image
from cuecast.cues import Cue
from cuecast.io.images import read_image
from cuecast.io.labels.coco import write_coco
from cuecast.io.labels.labelme import write_labelme
from cuecast.io.labels.masks import find_mask, read_labels, read_mask
from cuecast.io.labels.yolo import write_yolo, write_yolo_names

SHAPES = (obj(2, 0, 0, "##"), obj(7, 1, 2, "#"))


def image(height: int, width: int, path: Path) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8), path.name, path)


@pytest.mark.parametrize(
    ("listed", "name"),
    [
        ("a%20b.jpg", "a b.jpg"),
        ("a b.jpg", "a%20b.jpg"),
        ("images/a%20b%2Bc.JPG", "a b+c.jpg"),
        ("C:\\data\\A b.JPG", "a b.jpg"),
        ("a.jpg", "a.PNG"),
    ],
)
def test_an_image_of_a_coco_file_is_known_however_its_name_is_written(
    tmp_path: Path, listed: str, name: str
) -> None:
    path = write_coco(tmp_path / "instances.json", [annotations(SHAPES, listed)], CLASSES)
    photo = tmp_path / name
    assert read_mask(path, image=image(12, 15, photo)).any()
    photo.touch()
    if Path(listed).suffix.casefold() == photo.suffix.casefold():
        assert find_mask(photo) == path


def test_an_exact_name_wins_over_one_that_is_decoded(tmp_path: Path) -> None:
    others = [annotations((), "a b.jpg"), annotations((), "A%20B.JPG")]
    path = write_coco(tmp_path / "i.json", [*others, annotations(SHAPES, "a%20b.jpg")], CLASSES)
    assert read_mask(path, image=image(12, 15, tmp_path / "a%20b.jpg")).any()
    assert not read_mask(path, image=image(12, 15, tmp_path / "a b.jpg")).any()


def test_images_of_lvis_are_known_by_their_address(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "instances.json", [annotations(SHAPES, "7.jpg")], CLASSES)
    data = json.loads(path.read_text())
    data["images"][0] |= {"coco_url": "http://images.cocodataset.org/train2017/7.jpg"}
    del data["images"][0]["file_name"]
    path.write_text(json.dumps(data))
    assert read_mask(path, image=image(12, 15, tmp_path / "7.jpg")).any()
    (tmp_path / "7.jpg").touch()
    assert find_mask(tmp_path / "7.jpg") == path


def test_images_and_categories_that_cannot_be_used_do_not_spoil_the_others(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "i.json", [annotations(SHAPES, "a.jpg")], CLASSES)
    data = json.loads(path.read_text())
    data["images"][:0] = [{"file_name": "b.jpg"}, "c.jpg", {"id": 9, "height": -1, "width": 0}]
    data["categories"][:0] = [{"name": "nothing"}, {"id": -1, "name": "ignored"}, "x"]
    path.write_text(json.dumps(data))
    found = read_mask(path, image=image(12, 15, tmp_path / "a.jpg"))
    assert np.array_equal(found, annotations(SHAPES).label_map())


def test_a_size_that_is_not_stated_is_that_of_the_image(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "i.json", [annotations(SHAPES, "a.jpg")], CLASSES)
    data = json.loads(path.read_text())
    data["images"][0] |= {"height": None, "width": None}
    path.write_text(json.dumps(data))
    found = read_mask(path, image=image(12, 15, tmp_path / "a.jpg"))
    assert np.array_equal(found, annotations(SHAPES).label_map())


@pytest.mark.parametrize("kind", ["coco", "labelme"])
def test_swapped_sizes_are_said(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.json"
    if kind == "coco":
        write_coco(path, [annotations(SHAPES, "a.jpg")], CLASSES)
    else:
        write_labelme(path, annotations(SHAPES), CLASSES)
    with pytest.raises(
        MaskError, match=r"15 wide and 12 high, .* is 12 wide and 15 high \(turned by 90 degrees"
    ):
        read_mask(path, image=image(15, 12, tmp_path / "a.jpg"))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.logical_and(a, b).sum() / np.logical_or(a, b).sum())


@pytest.mark.parametrize(
    ("file", "cls", "noted"),
    [
        ("in_coco_stray_point/stray.json", "coin", "a polygon of less than three points \\(annotation 1\\)"),
        ("in_coco_stray_point/labelme_two_points.json", "coin", "three points \\(shape 4\\)"),
        ("in_coco_stray_point/plain.json", "coin", None),
        ("in_coco_box_of_other_class/empty.json", "coin", None),
        ("in_coco_box_of_other_class/missing.json", "coin", None),
        ("in_coco_box_of_other_class/missing.json", None, "read as a rectangle: .*\\(annotation 4\\)"),
        ("in_xanylabeling_shapes/plain.json", "coin", None),
        ("in_xanylabeling_shapes/rotation.json", "coin", None),
        ("in_xanylabeling_shapes/quadrilateral.json", "coin", None),
        ("in_xanylabeling_shapes/linestrip_point.json", "coin", "a linestrip, .*\\(shape 4\\); a point, .*5"),
    ],
)
def test_one_annotation_that_cannot_be_used_does_not_spoil_a_file(
    cases: Path, file: str, cls: str | None, noted: str | None
) -> None:
    path = cases / file
    photo = read_image(path.parent / "001.png")
    truth = read_mask(path.parent / "truth.png", image=photo) > 0
    classes = [ClassInfo(1, cls)] if cls else None
    with pytest.warns(CuecastWarning, match=noted) if noted else contextlib.nullcontext():
        found = read_mask(path, image=photo, classes=classes)
    assert iou(found == 1, truth) > 0.98


def test_a_quadrilateral_is_an_area_of_its_class(cases: Path) -> None:
    path = cases / "in_xanylabeling_shapes" / "quadrilateral_coin.json"
    found = read_mask(path, image=read_image(path.parent / "001.png"), classes=[ClassInfo(1, "coin")])
    assert found[8:11, 9:15].all()


JUNK = (None, 0, -1, float("nan"), 10**30, "x", [], {"a": 1}, [None], [[1, 2]])
SMALL: dict[str, Any] = {
    "coco": {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 12, "width": 15}],
        "categories": [{"id": 1, "name": "cell", "color": [1, 2, 3]}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9], [1, 1]]},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 1,
                "segmentation": {"size": [12, 15], "counts": [9, 9, 162]},
            },
            {"id": 3, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
        ],
    },
    "labelme": {
        "imageHeight": 12,
        "imageWidth": 15,
        "shapes": [
            {"label": "cell", "points": [[0, 0], [9, 0], [9, 9]], "group_id": 1, "shape_type": "polygon"},
            {"label": "cell", "points": [[0, 0], [9, 9]], "group_id": None, "shape_type": "rectangle"},
        ],
    },
}


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield (*at, key)
        yield from places(each, (*at, key))


@pytest.mark.parametrize("kind", SMALL)
def test_whatever_one_value_is_the_file_is_read_or_refused_in_words(tmp_path: Path, kind: str) -> None:
    path, photo = tmp_path / "a.json", image(12, 15, tmp_path / "a.jpg")
    outcomes = Counter[str]()
    for at, junk in itertools.product(places(SMALL[kind]), JUNK):
        data = copy.deepcopy(SMALL[kind])
        owner = functools.reduce(lambda value, key: value[key], at[:-1], data)
        owner[at[-1]] = junk
        path.write_text(json.dumps(data))
        try:
            with notes_to(lambda _: None):
                outcomes["read"] += bool(read_mask(path, image=photo, classes=[ClassInfo(1, "cell")]).any())
        except MaskError as error:
            outcomes["refused" if str(error).startswith(f"{path}: ") else "without a name"] += 1
    assert outcomes["read"] > outcomes["refused"] > outcomes["without a name"] == 0


def test_each_annotation_is_an_object(tmp_path: Path) -> None:
    """Two that touch stay two; a crowd is none; an object that another hides keeps its number to itself."""
    touching = (obj(1, 0, 0, "##", "##"), obj(1, 0, 2, "##", "##"), obj(2, 4, 0, "##..##"), obj(2, 8, 8, "#"))
    found = annotations(touching, "a.jpg")
    photo = image(12, 15, tmp_path / "a.jpg")
    coco = write_coco(tmp_path / "coco.json", [found], CLASSES)
    labelme = write_labelme(tmp_path / "a.json", found, CLASSES)
    yolo = write_yolo(tmp_path / "a.txt", found, CLASSES)
    write_yolo_names(tmp_path / "data.yaml", CLASSES)
    for path in (coco, labelme, yolo):
        mask, objects = read_labels(path, image=photo, classes=CLASSES)
        assert objects is not None
        assert objects[:5, :6].tolist() == [[1, 1, 2, 2, 0, 0]] * 2 + [[0] * 6] * 2 + [[3, 3, 0, 0, 3, 3]]
        assert objects[8, 8] == 4
        assert ((objects > 0) == (mask > 0)).all()
        _, one = read_labels(path, image=photo, value=2, classes=CLASSES)
        assert one is not None
        assert set(np.unique(one)) == {0, 3, 4}

    data = json.loads(coco.read_text())
    for annotation in data["annotations"][1:]:
        annotation["iscrowd"] = 1
    coco.write_text(json.dumps(data))
    mask, objects = read_labels(coco, image=photo)
    assert objects is not None
    assert (objects.max(), objects.sum(), (mask > 0).sum()) == (1, 4, 13)
    assert [o.crowd for o in read_coco(coco)[0][0].objects] == [False, True, True, True]


def test_what_lies_in_a_crowd_is_told_apart_there(tmp_path: Path) -> None:
    """Wherever the crowd stands in the file; a crowd alone says that nothing is told apart."""
    one, crowd = obj(1, 0, 1, "##", "##"), replace(obj(1, 0, 0, "####", "####"), crowd=True)
    photo = image(12, 15, tmp_path / "a.jpg")
    for objects in ((one, crowd), (crowd, one)):
        coco = write_coco(tmp_path / "coco.json", [annotations(objects, "a.jpg")], CLASSES)
        mask, ids = read_labels(coco, image=photo, classes=CLASSES)
        assert ids is not None
        assert (ids > 0)[:2, :5].tolist() == [[False, True, True, False, False]] * 2
        assert mask[:2, :5].tolist() == [[1, 1, 1, 1, 0]] * 2
    write_coco(coco, [annotations((crowd,), "a.jpg")], CLASSES)
    ids = read_labels(coco, image=photo, classes=CLASSES).objects
    assert ids is not None
    assert not ids.any()


def test_the_objects_of_a_label_file_are_in_the_cue(tmp_path: Path) -> None:
    path = write_coco(
        tmp_path / "i.json", [annotations((obj(1, 0, 0, "##"), obj(1, 0, 2, "##")), "a.png")], CLASSES
    )
    cue = Cue(image(12, 15, tmp_path / "a.png"), mask=path)
    objects = cue.read().marks.objects
    assert objects is not None
    assert objects[0, :5].tolist() == [1, 1, 2, 2, 0]
