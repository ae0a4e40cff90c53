"""What every format of labels promises: what is written is read back, pixel by pixel, and wrong files are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from annotated import CASES, CLASSES, annotations, assert_equal, obj, random_annotations
from hypothesis import given, settings

from cuecast.core.errors import MaskError
from cuecast.core.notes import notes_to
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo, Image
from cuecast.io.formats import FORMATS, Format
from cuecast.io.labels import Picked, is_label_file, open_label_file, read_label_file
from cuecast.io.labels.sheets import Shape, Sheet

WRITTEN = [form for form in FORMATS["labels"] if form.writes]
EXACT = [form for form in WRITTEN if form.name not in ("masks", "objects", "voc")]
"""Formats that keep objects as they are, overlaps too."""


def written(form: Format, folder: Path, found: Annotations, shape: Shape = "rle") -> Path:
    """The file of one image in a format."""
    place = folder / form.name if form.a_file_each else folder / f"{form.name}{form.suffixes[0]}"
    form.load().write_labels(place, [Sheet("a", found)], CLASSES, shape)
    if form.name == "voc":
        return place / "Annotations" / "a.xml"
    return place / f"a{form.suffixes[0]}" if form.a_file_each else place


def read_back(path: Path, form: Format, found: Annotations, classes=CLASSES) -> Annotations:
    """As the format, under the name that the image has."""
    file = open_label_file(path, form)
    (entry,) = file.listed
    back = file.annotations(Picked(0, found.name, found.size), classes)
    assert entry.size in (None, found.size)
    assert entry.name == found.name or form.a_file_each
    return Annotations(found.name, back.size, back.objects)


@pytest.mark.parametrize("shape", ["rle", "polygon"])
@pytest.mark.parametrize("form", EXACT, ids=lambda f: f.name)
@pytest.mark.parametrize("case", CASES)
def test_objects_come_back_as_they_were(form: Format, shape: Shape, case: str, tmp_path: Path) -> None:
    found = annotations(CASES[case])
    assert_equal(found, read_back(written(form, tmp_path, found, shape), form, found))


@pytest.mark.parametrize("form", EXACT, ids=lambda f: f.name)
@settings(max_examples=15)
@given(random_annotations())
def test_any_objects_come_back(
    form: Format, tmp_path_factory: pytest.TempPathFactory, found: Annotations
) -> None:
    for shape in ("rle", "polygon"):
        path = written(form, tmp_path_factory.getbasetemp() / f"any-{shape}", found, shape)
        assert_equal(found, read_back(path, form, found))


@pytest.mark.parametrize("form", WRITTEN, ids=lambda f: f.name)
def test_objects_side_by_side_come_back_in_every_format(form: Format, tmp_path: Path) -> None:
    """Apart from each other and of the first class alone: what the poorest of them can say."""
    found = annotations((obj(1, 0, 0, "##", "##"), obj(1, 5, 5, "###")))
    path = written(form, tmp_path, found)
    assert_equal(found, read_back(path, form, found))
    one = (ClassInfo(3, "cell"),)
    labels = read_back(path, form, found, one).label_map()
    assert labels[0, 0] == 3


@pytest.mark.parametrize("form", EXACT, ids=lambda f: f.name)
def test_the_names_of_classes_travel(form: Format, tmp_path: Path) -> None:
    found = annotations(tuple(obj(c.id, i, i, "#") for i, c in enumerate(CLASSES)))
    path = written(form, tmp_path, found)
    assert set(open_label_file(path, form).names) == {c.name for c in CLASSES}
    wanted = (ClassInfo(9, CLASSES[1].name),)
    back = read_label_file(path, Image(np.zeros((12, 15, 3), np.uint8), "x", Path(found.name)), wanted) \
        if is_label_file(path) else None  # fmt: skip
    assert back is None or [(o.cls, o.top) for o in back.objects] == [(9, 1)]


@pytest.mark.parametrize("name", ["coco", "datumaro", "label-studio", "qupath"])
def test_confidences_travel_where_they_can(name: str, tmp_path: Path) -> None:
    (form,) = [f for f in WRITTEN if f.name == name]
    assert "confidence" not in form.cannot
    sure = ObjectMask(1, 2, 2, np.ones((2, 2), bool), confidence=0.25)
    found = annotations((sure,))
    with notes_to(lambda _: None):
        assert [o.confidence for o in read_back(written(form, tmp_path, found), form, found).objects] == [
            0.25
        ]


@pytest.mark.parametrize("form", WRITTEN, ids=lambda f: f.name)
def test_equal_objects_give_equal_bytes(form: Format, tmp_path: Path) -> None:
    found = annotations(CASES["parts with holes"])
    one, other = (written(form, tmp_path / n, found).read_bytes() for n in "ab")
    assert one == other


@pytest.mark.parametrize("form", [f for f in WRITTEN if not f.a_file_each], ids=lambda f: f.name)
def test_each_of_many_images_is_found_by_its_name(form: Format, tmp_path: Path) -> None:
    place = tmp_path / f"all{form.suffixes[0]}"
    sheets = [Sheet(str(i), Annotations(f"d/{i}.png", (12, 15), (obj(1, i, 0, "#"),))) for i in range(3)]
    form.load().write_labels(place, iter(sheets), CLASSES, "rle")
    image = Image(np.zeros((12, 15, 3), np.uint8), "2.png", tmp_path / "d" / "2.png")
    (found,) = read_label_file(place, image, CLASSES).objects
    assert found.top == 2
    with pytest.raises(MaskError, match=r"does not list 7\.png"):
        read_label_file(place, Image(image.pixels, "7.png", tmp_path / "d" / "7.png"), CLASSES)


@pytest.mark.parametrize(
    "form", [f for f in WRITTEN if not f.a_file_each and f.name != "via"], ids=lambda f: f.name
)
def test_a_stated_size_is_compared(form: Format, tmp_path: Path) -> None:
    path = written(form, tmp_path, annotations(CASES["one pixel"], "a.png"))
    with pytest.raises(MaskError, match=r"15 wide and 12 high.*they must match"):
        read_label_file(path, Image(np.zeros((9, 9, 3), np.uint8), "a.png", Path("a.png")), CLASSES)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{}", "is neither COCO nor LabelMe nor Label Studio"),
        ("a.json", "7", "holds a int, expected a JSON object"),
        ("a.json", '[{"data": 3}]', "is not a list of Label Studio's tasks"),
        ("a.json", '{"_via_img_metadata": [{"regions": []}]}', "is not a VIA file"),
        ("a.json", '{"categories": {"label": {}}, "items": []}', "is not Datumaro JSON"),
        ("a.json", '{"categories": {}, "items": [3]}', "is not Datumaro JSON"),
        ("a.geojson", '{"features": 3}', "is not GeoJSON"),
        ("a.geojson", '{"features": [], "crs": {"type": "name"}}', "cuecast map"),
        ("a.xml", "<a/>", "is neither CVAT for images 1.1 nor Pascal VOC"),
        ("a.xml", "<annotations><track/></annotations>", "CVAT XML of a video"),
        ("a.xml", "<annotations><image/></annotations>", "no image has a name"),
        ("a.xml", "<annotations", "is not XML that can be read"),
        ("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "a document type is declared"),
        ("a.zip", "PK", "is no file of ImageJ regions"),
        ("a.roi", "Iout", "is no file of ImageJ regions"),
    ],
)  # fmt: skip
def test_what_is_no_label_file_is_said(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MaskError, match=said):
        open_label_file(tmp_path / name)


@pytest.mark.parametrize("suffix", [".json", ".xml", ".geojson", ".zip"])
def test_a_file_that_is_not_there_is_said(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="cannot be read"):
        open_label_file(tmp_path / f"none{suffix}")
