"""Label files as other programs write them, and ours in their own libraries where these are installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotated import CASES, CLASSES, annotations
from PIL import Image as PILImage

from cuecast.core.errors import MaskError
from cuecast.core.notes import notes_to
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo, Image
from cuecast.cues import Cue
from cuecast.io.labels import open_label_file, read_label_file
from cuecast.io.labels.datumaro import write_labels as write_datumaro
from cuecast.io.labels.imagej import write_labels as write_imagej
from cuecast.io.labels.label_studio_brush import decode_brush, encode_brush
from cuecast.io.labels.sheets import Sheet
from cuecast.io.labels.voc import colours
from cuecast.io.labels.voc import write_labels as write_voc

SIZE = (20, 30)


def image(name: str = "a.png", size: tuple[int, int] = SIZE) -> Image:
    return Image(np.zeros((*size, 3), np.uint8), name, Path(name))


def read(path: Path, text: str | bytes, classes=None, size: tuple[int, int] = SIZE):
    """The objects in a file that holds this, and what was noted."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    notes: list[str] = []
    with notes_to(notes.append):
        found = read_label_file(path, image(size=size), classes)
    return found.objects, notes


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><labels>
 <label><name>cell</name><color>#33ddff</color><attributes/></label>
 <label><name>scratch</name><color>nonsense</color></label></labels></job></meta>
<image id="0" name="set/a.png" width="30" height="20">
 <mask label="cell" source="manual" occluded="0" rle="1, 2, 1, 4" left="4" top="10" width="4" height="2" z_order="1"/>
 <box label="cell" xtl="0.0" ytl="0.0" xbr="4.0" ybr="3.0" z_order="0"/>
 <box label="scratch" xtl="20" ytl="5" xbr="24" ybr="9" rotation="90" z_order="0"/>
 <polygon label="scratch" points="10.0,0.0;14.0,0.0;14.0,4.0;10.0,4.0" group_id="3"/>
 <polygon label="scratch" points="16.0,0.0;18.0,0.0;18.0,4.0;16.0,4.0" group_id="3"/>
 <ellipse label="cell" cx="22" cy="15" rx="4" ry="2"/>
 <polyline label="cell" points="0,0;5,5"/><points label="cell" points="3,3"/><tag label="cell"/>
 <polygon label="cell" points="1,1;2"/>
 <cuboid label="scratch" xtl1="0" ytl1="15" xbl1="0" ybl1="18" xtr1="3" ytr1="15" xbr1="3" ybr1="18" xtl2="1" ytl2="14"
  xbl2="1" ybl2="17" xtr2="4" ytr2="14" xbr2="4" ybr2="17"/>
</image></annotations>"""


def test_cvat_with_all_kinds_of_shapes(tmp_path: Path) -> None:
    objects, notes = read(tmp_path / "annotations.xml", CVAT)
    assert [c.name for c in open_label_file(tmp_path / "annotations.xml").classes] == ["cell", "scratch"]
    by_area = [(o.cls, o.xyxy, o.area) for o in objects]
    assert by_area[0] == (1, (0, 0, 4, 3), 12)  # the box lies below
    assert (2, (20, 5, 24, 9), 16) in by_area
    assert (2, (10, 0, 18, 4), 24) in by_area  # one object of two polygons
    assert by_area[-1] == (1, (4, 10, 8, 12), 6)  # the mask: .##. over ####, and lies on top
    assert any(cls == 1 and box == (18, 13, 26, 17) for cls, box, _ in by_area)  # the ellipse
    assert any(cls == 2 and box == (0, 14, 4, 18) for cls, box, _ in by_area)  # the cuboid
    (passed,) = [n for n in notes if "passed over" in n]
    assert "a polyline, which has no area (polyline" in passed
    assert "a points, which" in passed or "points" in passed


STUDIO: list[dict[str, Any]] = [
    {
        "id": 7,
        "data": {"image": "/data/upload/3/0a1b2c3d-a.png"},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {
                "result": [
                    {
                        "id": "r1", "type": "rectanglelabels", "original_width": 30, "original_height": 20,
                        "image_rotation": 0,
                        "value": {"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0,
                                  "rectanglelabels": ["cell"]},
                    },
                    {
                        "id": "p1", "type": "polygon", "original_width": 30, "original_height": 20,
                        "value": {"points": [[50, 50], [100, 50], [100, 100], [50, 100]]},
                    },
                    {"id": "p1", "type": "labels", "value": {"points": [[0, 0]], "labels": ["kern"]}},
                    {
                        "id": "e1", "type": "ellipselabels", "original_width": 30, "original_height": 20,
                        "value": {"x": 50, "y": 25, "radiusX": 10, "radiusY": 20, "rotation": 0,
                                  "ellipselabels": ["cell"]},
                    },
                    {
                        "id": "k1", "type": "keypointlabels", "original_width": 30, "original_height": 20,
                        "value": {"x": 5, "y": 5, "width": 0.5, "keypointlabels": ["cell"]},
                    },
                    {
                        "id": "t1", "type": "rectanglelabels", "original_width": 30, "original_height": 20,
                        "image_rotation": 90,
                        "value": {"x": 0, "y": 0, "width": 10, "height": 10, "rectanglelabels": ["cell"]},
                    },
                    {"id": "c1", "type": "choices", "value": {"choices": ["good"]}},
                ]
            },
        ],
    }
]  # fmt: skip


def test_label_studio_with_all_kinds_of_regions(tmp_path: Path) -> None:
    objects, notes = read(tmp_path / "project.json", json.dumps(STUDIO))
    assert [(o.cls, o.xyxy) for o in objects] == [
        (1, (0, 0, 3, 2)),
        (2, (15, 10, 30, 20)),
        (1, (12, 1, 18, 9)),
    ]
    (passed,) = [n for n in notes if "passed over" in n]
    assert "a keypoint, which has no area (task 1, region 4)" in passed
    assert "drawn on the image while that was turned; turn the file itself (task 1, region 5)" in passed


def test_label_studio_boxes_turn_about_their_first_corner(tmp_path: Path) -> None:
    task = json.loads(json.dumps(STUDIO))
    value = {"x": 50, "y": 50, "width": 20, "height": 10, "rotation": 90, "rectanglelabels": ["cell"]}
    result = {
        "id": "1",
        "type": "rectanglelabels",
        "original_width": 30,
        "original_height": 20,
        "value": value,
    }
    task[0]["annotations"] = [{"result": [result]}]
    ((found,), _) = read(tmp_path / "p.json", json.dumps(task))
    # 6 x 2 pixels at (15, 10), turned clockwise by 90 degrees: 2 to the left, 6 down.
    assert found.xyxy == (13, 10, 15, 16)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/3/0a1b2c3d-a.png", "a.png"),
        ("/data/local-files/?d=set/a%20b.png", "set/a b.png"),
        ("s3://bucket/deep/a.png", "a.png"),
        ("https://example.org/x/a.png?token=1", "a.png"),
        ("set/a.png", "set/a.png"),
        ("C:\\set\\a.png", "a.png"),
    ],
)
def test_label_studio_names_of_images(address: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"data": {"image": address}, "annotations": []}]))
    assert open_label_file(tmp_path / "t.json").listed[0].name == name


def test_label_studio_predictions_are_read_where_nobody_has_annotated(tmp_path: Path) -> None:
    task = json.loads(json.dumps(STUDIO))
    task[0]["predictions"] = [task[0].pop("annotations")[1]]
    objects, notes = read(tmp_path / "t.json", json.dumps(task))
    assert len(objects) == 3
    assert any("nobody has annotated a.png, its prediction is read" in n for n in notes)


@pytest.mark.parametrize("sure", [None, 0.5])
def test_images_without_objects_are_written_as_the_others_are(sure: float | None, tmp_path: Path) -> None:
    """An answer 'absent' must not become what somebody has annotated."""
    from cuecast.io.labels.label_studio import write_labels

    one = ObjectMask(1, 0, 0, np.ones((1, 1), bool), confidence=sure)
    sheets = [
        Sheet(n, Annotations(f"{n}.png", (3, 3), found)) for n, found in (("a", ()), ("b", (one,)), ("c", ()))
    ]
    write_labels(tmp_path / "t.json", sheets, CLASSES, "rle")
    tasks = json.loads((tmp_path / "t.json").read_text())
    key = "annotations" if sure is None else "predictions"
    assert [(t["id"], len(t[key][0]["result"])) for t in tasks] == [(2, 1), (1, 0), (3, 0)]
    write_labels(tmp_path / "t.json", sheets[:1], CLASSES, "rle")
    assert json.loads((tmp_path / "t.json").read_text())[0]["annotations"] == [{"result": []}]
    write_labels(tmp_path / "t.json", [], CLASSES, "rle")
    assert json.loads((tmp_path / "t.json").read_text()) == []


def test_the_brush_of_label_studio_by_hand() -> None:
    """A picture of 1 x 2 whose second pixel is marked: 8 values, of which four are 0 and four 255."""
    bits = f"{8:032b}" + f"{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits += "1" + "00" + f"{3:03b}" + f"{0:08b}" + "1" + "00" + f"{3:03b}" + f"{255:08b}"
    bits += "0" * (-len(bits) % 8)
    stream = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert decode_brush(stream, (1, 2)).tolist() == [[False, True]]
    assert encode_brush(ObjectMask(1, 0, 1, np.ones((1, 1), bool)), (1, 2)) == stream
    # Values one by one: of a single pixel red 1, green 2, blue 3, alpha 200.
    bits = f"{4:032b}" + f"{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits += "0" + "00" + f"{3:03b}" + "".join(f"{v:08b}" for v in (1, 2, 3, 200))
    bits += "0" * (-len(bits) % 8)
    assert decode_brush([int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)], (1, 1)).all()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        ("text", "not a list of bytes"),
        ([300], "not a list of bytes"),
        ([], "not a list of bytes"),
        ([0, 0], "end early"),
        ([255, 255, 255, 255, 57, 35, 127, 255], "where the image has"),
        ([0, 0, 0, 8, 57, 35, 127, 255], "end early"),
        ([0, 0, 0, 8, 1, 35, 127, 255], "not 8"),
    ],
)
def test_a_brush_that_is_none_is_said(stream: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_brush(stream, (1, 2))


def test_the_brush_in_label_studios_own_library() -> None:
    brush = pytest.importorskip(
        "label_studio_sdk.converter.brush", reason="label-studio-sdk is not installed"
    )
    for objects in CASES.values():
        for one in objects:
            mask = np.zeros((12, 15), np.uint8)
            x1, y1, x2, y2 = one.xyxy
            mask[y1:y2, x1:x2] = one.mask * 255
            theirs = brush.decode_rle(encode_brush(one, (12, 15))).reshape(12, 15, 4)
            assert (theirs == mask[..., None]).all()
            assert (decode_brush(brush.mask2rle(mask), (12, 15)) == (mask > 0)).all()


VIA = {
    "a.png123": {
        "filename": "a.png",
        "size": 123,
        "file_attributes": {},
        "regions": [
            {"shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
             "region_attributes": {"type": "cell"}},
            {"shape_attributes": {"name": "circle", "cx": 15, "cy": 10, "r": 5},
             "region_attributes": {"type": {"cell": True}}},
            {"shape_attributes": {"name": "ellipse", "cx": 24, "cy": 10, "rx": 6, "ry": 2, "theta": 1.5707963},
             "region_attributes": {"type": "kern"}},
            {"shape_attributes": {"name": "polygon", "all_points_x": [0, 4, 4, 0], "all_points_y": [15, 15, 18, 18]},
             "region_attributes": {"type": "kern"}},
            {"shape_attributes": {"name": "polygon", "all_points_x": [0, 4], "all_points_y": [15, 15, 18, 18]},
             "region_attributes": {"type": "kern"}},
            {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {"type": "kern"}},
            {"shape_attributes": {"name": "spiral"}, "region_attributes": {"type": "kern"}},
        ],
    }
}  # fmt: skip


@pytest.mark.parametrize("form", ["annotations", "project", "version 1"])
def test_via_with_all_kinds_of_regions(form: str, tmp_path: Path) -> None:
    data: Any = json.loads(json.dumps(VIA))
    if form == "version 1":
        data["a.png123"]["regions"] = {str(i): r for i, r in enumerate(data["a.png123"]["regions"])}
    if form == "project":
        data = {"_via_settings": {}, "_via_img_metadata": data, "_via_attributes": {}}
    objects, notes = read(tmp_path / "via.json", json.dumps(data))
    assert [(o.cls, o.xyxy) for o in objects] == [
        (1, (1, 2, 4, 6)), (1, (10, 5, 20, 15)), (2, (22, 4, 26, 16)), (2, (0, 15, 4, 18)),
    ]  # fmt: skip
    (passed,) = [n for n in notes if "passed over" in n]
    for said in ("more x than y", "a point, which has no area", "the shape 'spiral', which is not known"):
        assert said in passed


def test_a_lone_field_of_via_names_the_class_whatever_it_is_called(tmp_path: Path) -> None:
    data = json.loads(json.dumps(VIA).replace('"type"', '"what is it"'))
    assert set(open_label_file(_written(tmp_path / "v.json", data)).names) == {"cell", "kern"}


def _written(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data))
    return path


QUPATH = [
    {"type": "Feature", "id": "1", "geometry": {"type": "Polygon", "coordinates":
        [[[0, 0], [6, 0], [6, 6], [0, 6], [0, 0]], [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]]},
     "properties": {"objectType": "annotation", "classification": {"name": "Tumor", "colorRGB": -3670016}}},
    {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates":
        [[[[10, 0], [12, 0], [12, 2], [10, 2], [10, 0]]], [[[20, 0], [22, 0], [22, 2], [20, 2], [20, 0]]]]},
     "properties": {"objectType": "detection", "classification": {"names": ["Tumor", "Positive"], "color": [1, 2, 3]}}},
    {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": {}},
    {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 10], [3, 10], [3, 13], [0, 10]]]},
     "properties": {"objectType": "annotation"}},
]  # fmt: skip


@pytest.mark.parametrize("form", ["list", "collection"])
@pytest.mark.parametrize("suffix", [".geojson", ".json"])
def test_qupath_with_holes_and_parts(form: str, suffix: str, tmp_path: Path) -> None:
    data: Any = QUPATH if form == "list" else {"type": "FeatureCollection", "features": QUPATH}
    objects, notes = read(tmp_path / f"a{suffix}", json.dumps(data))
    assert [(o.cls, o.xyxy, o.area) for o in objects] == [(1, (0, 0, 6, 6), 32), (2, (10, 0, 22, 2), 8)]
    infos = open_label_file(tmp_path / f"a{suffix}").classes
    assert [(c.name, c.colour) for c in infos] == [("Tumor", "#c80000"), ("Tumor: Positive", "#010203")]
    (passed,) = [n for n in notes if "passed over" in n]
    assert "a Point, which has no area (feature 3)" in passed
    assert "a shape without class, where others have one (feature 4)" in passed


def test_what_has_no_class_at_all_is_of_the_first(tmp_path: Path) -> None:
    objects, _ = read(tmp_path / "a.geojson", json.dumps(QUPATH[3:]), [ClassInfo(4, "cell")])
    assert [o.cls for o in objects] == [4]
    assert read(tmp_path / "b.geojson", json.dumps(QUPATH[3:]))[0][0].cls == 1


def test_a_label_file_is_a_cue(tmp_path: Path) -> None:
    PILImage.new("RGB", SIZE[::-1]).save(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(CVAT)
    with notes_to(lambda _: None):
        marks = Cue(tmp_path / "a.png", mask=tmp_path / "a.xml").read([ClassInfo(1, "scratch")]).marks
    assert marks.objects is not None
    assert sorted(np.unique(marks.objects).tolist()) == [0, 1, 2, 3]


def test_qupath_of_a_case(cases: Path) -> None:
    folder = cases / "map_qupath_classes"
    truth = [np.asarray(PILImage.open(folder / f"{n}.png")) > 0 for n in ("tumor", "stroma")]
    for name in ("qupath.geojson", "qupath_array.geojson"):
        file = open_label_file(folder / name)
        assert set(file.names) == {"Tumor", "Stroma"}
        found = read_label_file(
            folder / name, image(size=truth[0].shape), [ClassInfo(1, "Tumor"), ClassInfo(2, "Stroma")]
        )
        for cls, mask in enumerate(truth, start=1):
            both, either = (found.label_map() == cls) & mask, (found.label_map() == cls) | mask
            assert both.sum() / either.sum() > 0.95


def test_imagej_with_all_kinds_of_regions(tmp_path: Path) -> None:
    roi = pytest.importorskip("roifile")

    def region(kind: str, **fields: Any) -> Any:
        made = roi.ImagejRoi()
        made.roitype = roi.ROI_TYPE[kind]
        for key, value in fields.items():
            setattr(made, key, value)
        return made

    triangle = roi.ImagejRoi.frompoints([[0, 10], [4, 10], [4, 14], [0, 14]], name="0001-0034")
    regions = [
        region("RECT", left=0, top=0, right=4, bottom=3, name="box"),
        region("OVAL", left=10, top=0, right=20, bottom=10, name="oval", group=2),
        triangle,
        region("LINE", x1=0.0, y1=0.0, x2=5.0, y2=5.0, name="line"),
        region("RECT", left=20, top=10, right=24, bottom=12, name="second slice", position=2),
        region("RECT", left=25, top=10, right=28, bottom=12, name="first slice", position=1),
    ]
    for one in regions:
        one.group = one.group or 1
    roi.roiwrite(tmp_path / "RoiSet.zip", regions)
    notes: list[str] = []
    with notes_to(notes.append):
        found = read_label_file(tmp_path / "RoiSet.zip", image(), None)
    assert open_label_file(tmp_path / "RoiSet.zip").names == ("group 1", "group 2")
    assert [(o.cls, o.xyxy) for o in found.objects] == [
        (1, (0, 0, 4, 3)), (2, (10, 0, 20, 10)), (1, (0, 10, 4, 14)), (1, (25, 10, 28, 12)),
    ]  # fmt: skip
    (passed,) = [n for n in notes if "passed over" in n]
    assert "a line, which has no area (region 4 (line))" in passed
    assert "a region on another slice of a stack (region 5 (second slice))" in passed
    triangle.tofile(tmp_path / "one.roi")
    assert read_label_file(tmp_path / "one.roi", image(), None).objects[0].area == 16


def test_imagej_files_of_ours_in_their_library(tmp_path: Path) -> None:
    roi = pytest.importorskip("roifile")
    write_imagej(tmp_path, [Sheet("a", annotations(CASES["hole"]))], CLASSES, "rle")
    (region,) = roi.roiread(tmp_path / "a.zip")
    assert region.properties == {"class": CLASSES[1].name}
    assert region.group == 2
    assert [len(ring) for ring in region.coordinates(multi=True)][:1] == [5]


def test_a_zip_without_regions_is_no_label_file(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("cues.json", "{}")
    with pytest.raises(MaskError, match="no region is in it"):
        open_label_file(tmp_path / "set.zip")


def test_voc_without_masks_gives_boxes_and_polygons(tmp_path: Path) -> None:
    text = """<annotation><filename>a.png</filename><size><width>30</width><height>20</height></size>
    <object><name>cell</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object>
    <object><name>kern</name><polygon><x1>10</x1><y1>0</y1><x2>14</x2><y2>0</y2><x3>14</x3><y3>4</y3><x4>10</x4>
    <y4>4</y4></polygon><bndbox><xmin>1</xmin></bndbox></object>
    <object><name>kern</name><polygon><pt><x>20</x><y>0</y></pt><pt><x>24</x><y>0</y></pt><pt><x>24</x><y>4</y></pt>
    <pt><x>20</x><y>4</y></pt></polygon></object><object><name>cell</name></object></annotation>"""
    objects, notes = read(tmp_path / "a.xml", text)
    assert [(o.cls, o.xyxy) for o in objects] == [(1, (1, 2, 5, 6)), (2, (10, 0, 14, 4)), (2, (20, 0, 24, 4))]
    assert any("neither an outline nor a box (object 4)" in n for n in notes)


@pytest.mark.parametrize("labelmap", [True, False])
def test_voc_folders_with_borders(labelmap: bool, tmp_path: Path) -> None:
    classes, objects = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    classes[2:6, 2:6] = classes[2:6, 7:9] = 15
    classes[10:14, 2:6] = 7
    objects[2:6, 2:6], objects[2:6, 7:9], objects[10:14, 2:6] = 1, 2, 3
    classes[2:6, 6] = objects[2:6, 6] = 255
    for folder, values in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        (tmp_path / folder).mkdir()
        picture = PILImage.fromarray(values)
        palette = colours(256)
        palette[255] = (224, 224, 192)
        picture.putpalette(palette.ravel().tolist())
        picture.save(tmp_path / folder / "a.png")
    if labelmap:
        named = {n: colours(16)[n].tolist() for n in (7, 15)}
        lines = [f"{name}:{','.join(map(str, named[n]))}::\n" for n, name in ((15, "mensch"), (7, "auto"))]
        (tmp_path / "labelmap.txt").write_text("background:0,0,0::\n" + "".join(lines))
    (tmp_path / "Annotations").mkdir()
    text = "<annotation><filename>a.jpg</filename></annotation>"
    found, notes = read(tmp_path / "Annotations" / "a.xml", text)
    names = open_label_file(tmp_path / "Annotations" / "a.xml").names
    assert names == (("mensch", "auto") if labelmap else ("car", "person"))
    kinds = {(names[o.cls - 1], o.xyxy) for o in found}
    person, car = ("mensch", "auto") if labelmap else ("person", "car")
    assert kinds == {(person, (2, 2, 6, 6)), (person, (7, 2, 9, 6)), (car, (2, 10, 6, 14))}
    assert any("borders between objects are read as background" in n for n in notes)


def test_many_objects_of_voc_are_written_in_colours(tmp_path: Path) -> None:
    many = tuple(ObjectMask(1, i // 20 * 2, i % 20 * 2, np.ones((1, 1), bool)) for i in range(400))
    found = annotations(many)
    found = type(found)("a.png", (40, 40), many)
    write_voc(tmp_path, [Sheet("a", found)], CLASSES, "rle")
    back = read_label_file(tmp_path / "Annotations" / "a.xml", image(size=(40, 40)), CLASSES)
    assert [(o.top, o.left) for o in back.objects] == [(o.top, o.left) for o in many]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its own, of numpy
def test_ours_in_datumaro(tmp_path: Path) -> None:
    pytest.importorskip("datumaro", reason="datumaro is not installed")
    import datumaro as dm

    found = annotations(CASES["parts with holes"], "a.png")
    for shape in ("rle", "polygon"):
        place = tmp_path / shape / "annotations" / "default.json"
        write_datumaro(place, [Sheet("a", found)], CLASSES, shape)
        data = dm.Dataset.import_from(str(tmp_path / shape), "datumaro")
        (item,) = data
        labels = data.categories()[dm.AnnotationType.label]
        assert [label.name for label in labels.items] == [c.name for c in CLASSES]
        if shape == "rle":
            (one,) = item.annotations
            truth = found.label_map() > 0
            assert (np.asarray(one.image) == truth).all()
            assert labels[one.label].name == CLASSES[2].name
        data.export(str(tmp_path / "back" / shape), "datumaro")
        (theirs,) = (tmp_path / "back" / shape / "annotations").glob("*.json")
        back = read_label_file(theirs, image("a.png", found.size), CLASSES)
        assert (back.label_map() == found.label_map()).all()
        assert len(back.objects) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cvat_of_ours_in_datumaro(tmp_path: Path) -> None:
    pytest.importorskip("datumaro", reason="datumaro is not installed")
    import datumaro as dm

    from cuecast.io.labels.cvat import write_labels

    found = annotations(CASES["occluded, in three parts"], "a.png")
    (tmp_path / "images").mkdir()
    PILImage.new("RGB", found.size[::-1]).save(tmp_path / "images" / "a.png")
    write_labels(tmp_path / "annotations.xml", [Sheet("a", found)], CLASSES, "rle")
    (item,) = dm.Dataset.import_from(str(tmp_path / "annotations.xml"), "cvat")
    (one,) = item.annotations
    assert (np.asarray(one.image) == (found.label_map() > 0)).all()
