"""Labels from one format into another: everything that is read in everything that is written."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from cuecast.cli import run
from cuecast.core.errors import InputError, MaskError, OutputError
from cuecast.core.notes import notes_to
from cuecast.core.objects import Annotations, ObjectMask
from cuecast.core.values import ClassInfo
from cuecast.io.formats import FORMATS, Format
from cuecast.io.labels import Picked, open_label_file
from cuecast.io.labels.coco import write_coco
from cuecast.io.labels.folders import label_files
from cuecast.runs.actions import convert
from cuecast.runs.convert import Converted, ConvertRequest, target_format

CLASSES = (ClassInfo(1, "cell", "#112233"), ClassInfo(2, "kern", "#445566"))
NAMES = [form.name for form in FORMATS["labels"] if form.writes]
SIZE = (9, 12)


def block(cls: int, top: int, left: int, h: int = 2, w: int = 3, **others) -> ObjectMask:
    return ObjectMask(cls, top, left, np.ones((h, w), bool), **others)


FOUND = [
    Annotations("a.png", SIZE, (block(1, 0, 0), block(2, 4, 4), block(1, 6, 9))),
    Annotations("b.png", SIZE, (block(1, 3, 3),)),
    Annotations("c.png", SIZE, ()),
]


@pytest.fixture
def start(tmp_path: Path) -> Path:
    """photos/ and all.coco.json."""
    (tmp_path / "photos").mkdir()
    for found in FOUND:
        Image.new("RGB", SIZE[::-1]).save(tmp_path / "photos" / found.name)
    write_coco(tmp_path / "all.coco.json", FOUND, CLASSES)
    return tmp_path


def done(source: Path, target: Path, name: str | None = None, **others) -> Converted:
    photos = next(p / "photos" for p in (source, *source.parents) if (p / "photos").is_dir())
    return convert(ConvertRequest(source, target, target_format(target, name), images=[photos], **others))


def read(source: Path, form: Format) -> dict[str, np.ndarray]:
    """Stem of an image -> its label map with 1 for cell, 2 for kern."""
    found = {}
    for path in label_files(source, form):
        file = open_label_file(path, form)
        for place, entry in enumerate(file.listed):
            labels = file.annotations(Picked(place, entry.name, SIZE), CLASSES).label_map()
            found[Path(entry.name).stem] = labels
    return found


@pytest.mark.parametrize("name", NAMES)
def test_from_coco_into_every_format_and_back(name: str, start: Path) -> None:
    (form,) = [f for f in FORMATS["labels"] if f.name == name]
    target = start / ("there" if form.a_file_each else f"there{form.suffixes[0]}")
    with notes_to(lambda _: None):
        there = done(start / "all.coco.json", target, name)
    assert (there.images, there.failures) == (3, ())
    assert there.objects == {"cell": 3, "kern": 1}
    back = done(target, start / "back.coco.json", given=form)
    assert (back.images, back.failures) == (3, ())
    told = read(start / "back.coco.json", FORMATS["labels"][0])
    for found in FOUND:
        truth = found.label_map()
        same = truth if "classes" not in form.cannot else (truth > 0) * told["b"].max()
        assert (told[Path(found.name).stem] == same).all()
    if name not in ("objects",):
        assert [c["name"] for c in json.loads((start / "back.coco.json").read_text())["categories"]] == [
            "cell",
            "kern",
        ]


def test_colours_and_the_names_of_images_travel(start: Path) -> None:
    done(start / "all.coco.json", start / "x.cvat.xml")
    root = ElementTree.parse(start / "x.cvat.xml").getroot()
    assert [label.findtext("color") for label in root.iter("label")] == ["#112233", "#445566"]
    done(start / "x.cvat.xml", start / "labelme")
    data = json.loads((start / "labelme" / "a.json").read_text())
    assert (start / "labelme" / data["imagePath"]).resolve() == (start / "photos" / "a.png").resolve()
    done(start / "labelme", start / "back.json", "coco")
    assert [i["file_name"] for i in json.loads((start / "back.json").read_text())["images"]] == [
        "a.png",
        "b.png",
        "c.png",
    ]


def test_what_a_format_cannot_say_is_said_once_with_counts(start: Path) -> None:
    crowd, sure = block(1, 0, 0, crowd=True), block(1, 1, 1, confidence=0.5)
    many = [Annotations(f"{n}.png", SIZE, (crowd, sure, block(2, 5, 5))) for n in "abc"]
    write_coco(start / "all.json", many, CLASSES)
    said: list[str] = []
    with notes_to(said.append):
        assert done(start / "all.json", start / "yolo").unsaid == {"confidence": 3, "crowd": 3}
        told = done(start / "all.json", start / "masks").unsaid
        assert done(start / "all.json", start / "ids", "objects").unsaid["classes"] == 3
    # Of 2 x 3 blocks shifted by one pixel both ways, 2 pixels are shared; they are one piece of one class.
    assert told == {"confidence": 3, "crowd": 3, "overlap": 6}
    assert said[0] == (
        f"{start / 'yolo'}: YOLO-seg cannot say: the confidence of objects (3); that several things are one entry "
        "(crowds, 3: written as objects)"
    )
    assert len(said) == 3


def test_touching_objects_of_a_class_are_counted_where_masks_lose_them(start: Path) -> None:
    found = Annotations("a.png", SIZE, (block(1, 0, 0), block(1, 0, 3), block(2, 0, 6), block(1, 5, 5)))
    write_coco(start / "all.json", [found], CLASSES)
    with notes_to(lambda _: None):
        assert done(start / "all.json", start / "masks").unsaid == {"touching": 2}


def test_only_the_classes_that_are_asked_for(start: Path) -> None:
    assert done(start / "all.coco.json", start / "o.via.json", classes=["kern"]).objects == {"kern": 1}
    regions = [
        i["regions"] for i in json.loads((start / "o.via.json").read_text())["_via_img_metadata"].values()
    ]
    assert [[r["region_attributes"] for r in each] for each in regions] == [[{"class": "kern"}], [], []]


def test_masks_without_names_give_classes_by_number(start: Path) -> None:
    (start / "masks").mkdir()
    Image.fromarray(FOUND[0].label_map().astype(np.uint8)).save(start / "masks" / "a_mask.png")
    assert done(start / "masks", start / "o.coco.json").objects == {"class 1": 2, "class 2": 1}
    named = done(start / "masks", start / "p.coco.json", classes=["cell", "kern"])
    assert named.objects == {"cell": 2, "kern": 1}
    assert json.loads((start / "p.coco.json").read_text())["images"][0]["file_name"] == "a.png"


def test_pictures_are_found_beside_yolo_labels(tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / "images" / part).mkdir(parents=True)
        (tmp_path / "labels" / part).mkdir(parents=True)
        Image.new("RGB", (10, 20)).save(tmp_path / "images" / part / "1.jpg")
        (tmp_path / "labels" / part / "1.txt").write_text("0 0 0 1 0 1 0.5 0 0.5\n")
    (tmp_path / "data.yaml").write_text("names: [cell]\n")
    request = ConvertRequest(
        tmp_path / "labels", tmp_path / "o.json", target_format(tmp_path / "o.json", "coco")
    )
    assert convert(request).objects == {"cell": 2}
    data = json.loads((tmp_path / "o.json").read_text())
    assert [(i["file_name"], i["height"], i["width"]) for i in data["images"]] == [("1.jpg", 20, 10)] * 2
    assert [a["area"] for a in data["annotations"]] == [100, 100]


def test_without_a_size_the_pictures_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "z.txt").write_text("0 0 0 1 0 1 1\n")
    with pytest.raises(MaskError, match=r"states no size of z.*--images"):
        convert(
            ConvertRequest(
                tmp_path / "alone", tmp_path / "o.json", target_format(tmp_path / "o.json", "coco")
            )
        )
    assert not (tmp_path / "o.json").exists()


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_done(start: Path) -> None:
    done(start / "all.coco.json", start / "labelme")
    (start / "labelme" / "b.json").write_text("{")
    found = done(start / "labelme", start / "o.coco.json")
    assert found.images == 2
    ((where, why),) = found.failures
    assert where.endswith("b.json")
    assert "is not valid JSON" in why


def test_what_is_there_is_not_written_over(start: Path) -> None:
    (start / "o.coco.json").write_text("mine")
    with pytest.raises(OutputError, match="is there already"):
        done(start / "all.coco.json", start / "o.coco.json")
    assert (start / "o.coco.json").read_text() == "mine"
    assert done(start / "all.coco.json", start / "o.coco.json", overwrite=True).images == 3
    with pytest.raises(
        OutputError, match="is one file, and QuPath GeoJSON has one an image, of which there are 3"
    ):
        done(start / "all.coco.json", start / "o.geojson")
    with pytest.raises(OutputError, match="is one file, and LabelMe has one an image"):
        done(start / "all.coco.json", start / "o.coco.json", "labelme")


def test_one_image_can_go_into_one_file(start: Path) -> None:
    write_coco(start / "one.json", FOUND[1:2], CLASSES)
    done(start / "one.json", start / "mine.geojson")
    (feature,) = json.loads((start / "mine.geojson").read_text())["features"]
    assert feature["geometry"] == {
        "type": "Polygon",
        "coordinates": [[[3, 3], [6, 3], [6, 5], [3, 5], [3, 3]]],
    }
    assert feature["properties"]["classification"] == {"name": "cell", "color": [17, 34, 51]}


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.coco.json", "coco"), ("a.xml", "cvat"), ("a.geojson", "qupath"), ("yolo", "yolo"), ("a.zip", "imagej"),
     ("x.label-studio.json", "label-studio"), ("voc", "voc")],
)  # fmt: skip
def test_the_target_tells_the_format(name: str, form: str) -> None:
    assert target_format(Path("out") / name).name == form


@pytest.mark.parametrize("name", ["a.json", "out", "a.png", "a.pdf"])
def test_a_target_that_tells_no_format_is_asked_about(name: str) -> None:
    with pytest.raises(InputError, match=r"say which \(--format\); written are coco, labelme"):
        target_format(Path(name))


def test_the_command(start: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(start / "all.coco.json")
    assert run(["convert", source, str(start / "x.xml"), "-q"]) == 0
    said = capsys.readouterr().out
    assert said == f"3 images, 4 objects (3 cell, 1 kern): CVAT for images 1.1 in {start / 'x.xml'}\n"
    assert run(["convert", source, str(start / "x.json"), "-q"]) == 2
    assert "say which (--format)" in capsys.readouterr().err
    assert run(["convert", source, str(start / "q"), "-f", "svg"]) == 2
    assert "the format 'svg' is unknown" in capsys.readouterr().err
    assert run(["convert", str(start / "none"), str(start / "q.xml")]) == 1
    assert "there is no such file or folder of labels" in capsys.readouterr().err
    broken = json.loads((start / "all.coco.json").read_text())
    broken["images"][1]["height"] = "tall"
    (start / "broken.json").write_text(json.dumps(broken))
    assert run(["convert", str(start / "broken.json"), str(start / "q.xml"), "--json", "-q"]) == 1
    (start / "photos" / "c.png").write_bytes(b"no picture")
    assert (
        run(["convert", source, str(start / "r.xml"), "--images", str(start / "photos"), "--json", "-q"]) == 3
    )
    out, err = capsys.readouterr()
    assert json.loads(out)["images"] == 2
    assert "cuecast: failed:" in err
