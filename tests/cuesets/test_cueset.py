"""Cue sets: made, added to, packed, read back; and what malformed or hostile ones are answered."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from cuesets_made import add_cue
from pictures import BLUE, RED, mask, picture
from PIL import Image as PILImage

from cuecast.core.errors import (
    CuecastError,
    CuecastWarning,
    CueError,
    CueSetError,
    ImageError,
    MaskError,
    OutputError,
)
from cuecast.core.values import IGNORE, Box, ClassInfo, Point, Polygon, Scribble
from cuecast.cues import Cue, CueEntry
from cuecast.cuesets import edit as cueset_edit
from cuecast.cuesets.cueset import check_cueset, overview, read_cueset, read_examples
from cuecast.cuesets.edit import add_cues, new_cueset, pack_cueset
from cuecast.cuesets.history import versions
from cuecast.io import bundle

CELL, RIM = ClassInfo(1, "cell", "#e6194b"), ClassInfo(2, "rim", "#3cb44b")
HALF = [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.fixture(params=["folder", "zip"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where an empty set of the classes cell and rim is: a folder or an archive."""
    path = tmp_path / ("set" if request.param == "folder" else "set.zip")
    new_cueset(path, [CELL, RIM])
    return path


def by_hand(root: Path, *cues: Any, classes: Any = ({"id": 1, "name": "cell"},), **changes: Any) -> Path:
    """A cue set as a person might write it: images/a.png and masks/a.png are there, cues.json says `cues`."""
    picture(root / "images" / "a.png", 4)
    mask(root / "masks" / "a.png", HALF)
    raw = {"version": 1, "classes": list(classes), "cues": list(cues), **changes}
    (root / "cues.json").write_text(json.dumps(raw), encoding="utf-8")
    return root


def contents(root: Path) -> dict[str, bytes]:
    if root.is_dir():
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    with zipfile.ZipFile(root) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


# --- there and back


def test_a_label_file_in_a_zip_is_named_as_in_the_set(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    shapes = [{"label": "cell", "points": [[0, 0], [1, 0], [1, 2]]}, {"label": "cell", "points": [[1, 1]]}]
    buffer = io.BytesIO()
    PILImage.new("RGB", (3, 2)).save(buffer, "PNG")
    cues = [{"image": "a.png", "mask": "a.json"}]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", buffer.getvalue())
        archive.writestr("a.json", json.dumps({"shapes": shapes}))
        archive.writestr(
            "cues.json", json.dumps({"version": 1, "classes": [{"id": 1, "name": "cell"}], "cues": cues})
        )
    with pytest.warns(CuecastWarning, match=r"set\.zip: a\.json: passed over, .*\(shape 2\)$"):
        read_examples(read_cueset(path))


def test_every_kind_of_cue_comes_back_as_it_was_added(root: Path, tmp_path: Path) -> None:
    image = picture(tmp_path / "in" / "a.png", 4)
    add_cue(root, image, mask=mask(tmp_path / "m.png", [1, 2, 255, 0, 0, 0, 0, 0]))
    sparse = {
        "boxes": (Box((1, 0, 5.5, 4), 2),),
        "points": (Point((2, 3), 1), Point((7, 0), 0)),
        "scribbles": (Scribble(((0, 0), (6.25, 3)), 2.5, 0),),
    }
    add_cue(root, image, **sparse)
    ring = Polygon(((0, 0), (4, 0), (4, 4), (0, 4)), 2)
    add_cue(root, image, polygons=(ring,))
    cueset = add_cue(root, picture(tmp_path / "in" / "b.png", 0), absent=True)

    assert cueset.classes == (CELL, RIM)
    assert cueset.entries == (
        CueEntry("images/a.png", "masks/a.png"),
        CueEntry("images/a.png", **sparse),
        CueEntry("images/a.png", polygons=(ring,)),
        CueEntry("images/b.png", absent=True),
    )
    masked, marked, outlined, absent = read_examples(cueset)
    assert masked.marks.mask is not None
    assert masked.marks.mask.tolist() == [[1, 2, IGNORE, 0, 0, 0, 0, 0]] * 4
    assert (marked.marks.boxes, marked.marks.points) == (sparse["boxes"], sparse["points"])
    assert outlined.marks.mask is not None
    assert outlined.marks.mask.tolist() == [[2, 2, 2, 2, 0, 0, 0, 0]] * 4
    assert absent.marks.absent
    assert masked.image.name == "images/a.png"
    assert masked.image.pixels[0, 0].tolist() == list(RED)
    assert check_cueset(root) == []


@pytest.mark.parametrize(
    "marks", [{"absent": True}, {"points": [(1, 2), (6, 2, 0)]}, {"boxes": [(0, 0, 4, 4)]}]
)
def test_what_a_set_says_already_is_not_added_again(root: Path, tmp_path: Path, marks: Any) -> None:
    first = add_cue(root, picture(tmp_path / "a.png", 4), **marks)
    again = add_cue(root, tmp_path / "a.png", **marks)
    assert again.entries == first.entries
    assert len(versions(again)) == 2


def test_images_are_copied_as_they_are_and_the_same_file_once(root: Path, tmp_path: Path) -> None:
    image = tmp_path / "photo.jpg"
    PILImage.new("RGB", (8, 4), RED).save(image, quality=50)
    add_cue(root, image, points=[Point((1, 1))])
    add_cue(root, str(image), points=[Point((2, 2))])
    files = contents(root)
    assert files["images/photo.jpg"] == image.read_bytes()
    assert [n for n in files if n.startswith("images/")] == ["images/photo.jpg"]


def test_other_images_of_the_same_name_get_a_number(root: Path, tmp_path: Path) -> None:
    for i in (1, 2, 3):
        add_cue(root, picture(tmp_path / str(i) / "a.png", i), mask=mask(tmp_path / "m.png", HALF))
    cueset = read_cueset(root)
    assert [e.image for e in cueset.entries] == ["images/a.png", "images/a-2.png", "images/a-3.png"]
    assert [e.mask for e in cueset.entries] == ["masks/a.png", "masks/a-2.png", "masks/a-3.png"]
    assert [int((e.image.pixels[0] == RED).all(axis=1).sum()) for e in read_examples(cueset)] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["bytes", "array", "pil"])
def test_images_without_a_file_are_stored(root: Path, tmp_path: Path, kind: str) -> None:
    path = picture(tmp_path / "a.png", 3)
    pixels = np.asarray(PILImage.open(path))
    source = {"bytes": path.read_bytes(), "array": pixels, "pil": PILImage.fromarray(pixels)}[kind]
    cueset = add_cue(root, source, mask=np.array([[1] * 3 + [0] * 5] * 4))
    assert (read_examples(cueset)[0].image.pixels == pixels).all()


def test_bytes_of_a_deep_tiff_are_stored_as_they_are(root: Path) -> None:
    stored = io.BytesIO()
    tifffile.imwrite(stored, np.linspace(0, 1, 96, dtype=np.float32).reshape(4, 8, 3), photometric="rgb")
    cueset = add_cue(root, stored.getvalue(), points=[Point((0, 0))])
    assert cueset.entries[0].image.endswith(".tif")
    assert read_examples(cueset)[0].image.pixels[-1, -1].tolist() == [250, 252, 255]


def test_each_picture_is_decoded_once(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To know whose place a new cue takes, its picture is compared with all that are there."""
    shown = [mask(tmp_path / "m.png", HALF), *(picture(tmp_path / f"{i}.png", i) for i in range(6))]
    cues = [Cue(path, mask=shown[0]) for path in shown[1:]]
    add_cues(root, cues[:3])
    read = []
    real = cueset_edit.read_image
    monkeypatch.setattr(cueset_edit, "read_image", lambda *a, **k: read.append(a) or real(*a, **k))
    assert len(add_cues(root, cues).entries) == 6
    assert len(read) <= 6 + 3 + 6  # the new ones, those there, and the new ones as they are stored


def test_a_page_of_a_tiff_is_remembered(root: Path, tmp_path: Path) -> None:
    pages = [PILImage.new("RGB", (8, 4), c) for c in (BLUE, RED)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    cueset = add_cue(root, tmp_path / "stack.tif", page=1, points=[Point((0, 0))])
    assert cueset.entries[0].page == 1
    assert read_examples(cueset)[0].image.pixels[0, 0].tolist() == list(RED)


def test_values_of_a_mask_are_resolved_when_it_is_added(root: Path, tmp_path: Path) -> None:
    cueset = add_cue(
        root,
        picture(tmp_path / "a.png", 4),
        mask=mask(tmp_path / "m.png", [7, 7, 9, 0, 0, 0, 0, 0]),
        value=[7],
    )
    marks = read_examples(cueset)[0].marks
    assert marks.mask is not None
    assert marks.mask[0].tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_a_new_class_comes_with_its_cue(root: Path, tmp_path: Path) -> None:
    image, labels = picture(tmp_path / "a.png", 4), mask(tmp_path / "m.png", [3] + [0] * 7)
    before = contents(root)
    with pytest.raises(
        CueError, match=r"a\.png: class 3 is marked and the cue set knows \[1, 2\]; name that class"
    ):
        add_cue(root, image, mask=labels)
    assert contents(root) == before
    assert add_cue(root, image, mask=labels, classes=[ClassInfo(3, "core")]).classes[2].name == "core"
    with pytest.raises(CueSetError, match=r"class 'core' .* is there twice; give each class its own name"):
        add_cue(root, image, mask=labels, classes=[ClassInfo(4, "core")])


def test_a_folder_and_its_zip_are_the_same_set(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "set", {"image": "images/a.png", "mask": "masks/a.png"})
    (folder / "notes.txt").write_text("not part of it")
    first = pack_cueset(folder, tmp_path / "one.zip")
    second = pack_cueset(first, tmp_path / "two.zip")
    assert first.read_bytes() == second.read_bytes()
    assert sorted(contents(first)) == ["cues.json", "images/a.png", "masks/a.png"]
    digest = read_cueset(folder).digest()
    assert digest == read_cueset(first).digest()
    add_cue(first, folder / "images" / "a.png", points=[Point((0, 0))])
    assert read_cueset(first).digest() != digest


def test_the_digest_changes_with_any_file(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "set", {"image": "images/a.png", "mask": "masks/a.png"})
    digest = read_cueset(folder).digest()
    mask(folder / "masks" / "a.png", [1] * 8)
    assert read_cueset(folder).digest() != digest


def test_a_zip_may_hold_the_folder_itself(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "set", {"image": "images/a.png", "mask": "masks/a.png"})
    archive = Path(shutil.make_archive(str(tmp_path / "mailed"), "zip", tmp_path, folder.name))
    assert len(read_examples(read_cueset(archive))) == 1
    assert check_cueset(archive) == []


def test_masks_of_other_kinds_are_read_in_place(tmp_path: Path) -> None:
    folder = by_hand(tmp_path / "set", {"image": "images/a.png", "mask": "masks/a.txt"})
    (folder / "masks" / "a.txt").write_text("0 0 0 0.5 0 0.5 1 0 1\n")
    for path in (folder, pack_cueset(folder, tmp_path / "set.zip")):
        marks = read_examples(read_cueset(path))[0].marks
        assert marks.mask is not None
        assert marks.mask.tolist() == [HALF] * 4


def test_names_of_all_kinds_are_kept(root: Path, tmp_path: Path) -> None:
    for name in ("with space", "ä中", "quote'"):
        add_cue(root, picture(tmp_path / f"{name}.png", 2), points=[Point((0, 0))])
    add_cue(root, picture(tmp_path / 'ask?"<x>.png', 3), points=[Point((0, 0), 2)])
    names = [e.image for e in read_cueset(root).entries]
    assert names == ["images/with space.png", "images/ä中.png", "images/quote'.png", "images/ask___x_.png"]
    assert check_cueset(root) == []


# --- refused before anything is written


def test_what_is_there_is_not_made_anew(root: Path) -> None:
    before = contents(root)
    with pytest.raises(CueSetError, match="there is something already; "):
        new_cueset(root)
    assert contents(root) == before


@pytest.mark.parametrize(
    ("classes", "reason"),
    [
        ([], "there is no class"),
        (["a", "a"], "class 'a' .* is there twice"),
        ([" "], "a class has no name"),
        ([ClassInfo(1, "a", "red")], "colour 'red', which is not of the form #rrggbb"),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(tmp_path: Path, classes: Any, reason: str) -> None:
    with pytest.raises(CueSetError, match=reason):
        new_cueset(tmp_path / "set", classes)
    assert not (tmp_path / "set").exists()


def bad_cues(tmp_path: Path) -> list[tuple[type[CuecastError], str, dict[str, Any]]]:
    image = picture(tmp_path / "a.png", 4)
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    other = picture(tmp_path / "wide.png", 0, (4, 9))
    return [
        (ImageError, "gone.png", {"image": tmp_path / "gone.png", "points": [Point((0, 0))]}),
        (ImageError, "broken.png", {"image": broken, "points": [Point((0, 0))]}),
        (MaskError, "must match", {"image": other, "mask": mask(tmp_path / "m.png", HALF)}),
        (CueError, "a.png: .*marks nothing", {"image": image}),
        (CueError, "a.png: .*marks nothing", {"image": image, "mask": mask(tmp_path / "e.png", [0] * 8)}),
        (CueError, "a.png: box .* reaches outside", {"image": image, "boxes": [Box((0, 0, 9, 4))]}),
        (CueError, "a.png: box .* is empty", {"image": image, "boxes": [Box((3, 0, 3, 4))]}),
        (CueError, "a.png: .*absent and mark", {"image": image, "points": [Point((0, 0))], "absent": True}),
        (CueError, "a.png: class 5", {"image": image, "points": [Point((0, 0), 5)]}),
    ]


def test_a_bad_cue_is_named_and_changes_nothing(root: Path, tmp_path: Path) -> None:
    before = contents(root)
    for error, message, fields in bad_cues(tmp_path / "bad"):
        with pytest.raises(error, match=message):
            add_cue(root, **fields)
    assert contents(root) == before


def test_a_contradiction_is_refused_with_its_remedy(root: Path, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png", 4)
    add_cue(root, image, points=[Point((0, 0))])
    with pytest.raises(
        CueSetError, match=r"images/a\.png is a cue already .*; put the new cue in its place with --replace"
    ):
        add_cue(root, image, absent=True)


# --- malformed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"cues\.json is not JSON .*; correct it"),
        ("[]", "holds no list 'cues'; see"),
        ('{"version": 1, "cues": {}}', "holds no list 'cues'"),
        ('{"version": 2, "cues": []}', "has version 2, not 1; update cuecast"),
        ('{"version": 1, "cues": []}', r"cues\.json: the classes cannot be read .*; write \"classes\""),
        ('{"version": 1, "classes": [{"id": 0, "name": "x"}], "cues": []}', "ids run from 1"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_malformed_index_is_named_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cues.json").write_text(text)
    with pytest.raises(CueSetError, match=message) as caught:
        read_cueset(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_no_cue_set_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(CueSetError, match="gone: there is no such cue set; make one with 'cuecast cues new"):
        read_cueset(tmp_path / "gone")
    with pytest.raises(CueSetError, match=r"no cues\.json in it; give a cue set"):
        read_cueset(tmp_path)
    (tmp_path / "set.zip").write_text("no archive")
    with pytest.raises(CueSetError, match=r"set\.zip: neither a folder nor a readable \.zip"):
        read_cueset(tmp_path / "set.zip")


MALFORMED = [
    ("x", "it names no image; see"),
    ({"image": "images/a.png"}, "it marks nothing; mark the thing"),
    (
        {"image": "images/gone.png", "absent": True},
        r"image images/gone\.png is not in the cue set; copy the file",
    ),
    ({"image": "images/a.png", "mask": "masks/gone.png"}, r"mask masks/gone\.png is not in the cue set"),
    ({"image": "/etc/passwd", "absent": True}, "names are relative .*; copy the file into the cue set"),
    ({"image": "C:/a.png", "absent": True}, "names are relative"),
    ({"image": "images/../../a.png", "absent": True}, "must not lead out"),
    ({"image": "images\\a.png", "absent": True}, "names use '/'"),
    ({"image": ["a"], "absent": True}, "a name must be a text"),
    (
        {"image": "images/a.png", "boxes": [{"xyxy": [1, 2, 3]}]},
        "its marks cannot be read .*should be 4 numbers",
    ),
    ({"image": "images/a.png", "boxes": [[1, 2, 3, 4]]}, "its marks cannot be read"),
    ({"image": "images/a.png", "points": [{"xy": [1, float("nan")]}]}, "should be 2 numbers"),
    ({"image": "images/a.png", "points": 5}, "its marks cannot be read"),
    ({"image": "images/a.png", "boxes": [{"xyxy": "1234"}]}, "'1234' should be 4 numbers"),
    ({"image": "images/a.png", "mask": "masks/a.png", "value": "12"}, "value '12' should be a whole number"),
    ({"image": "images/a.png", "mask": "masks/a.png", "value": []}, "or a list of them"),
    ({"image": "images/a.png", "mask": "masks/a.png", "value": [1.5]}, "or a list of them"),
    ({"image": "images/a.png", "absent": "false"}, "absent 'false' should be true or false"),
    ({"image": "images/a.png", "absent": True, "page": float("inf")}, "its marks cannot be read"),
]


@pytest.mark.parametrize(("cue", "message"), MALFORMED)
def test_a_malformed_cue_is_named_with_its_remedy(tmp_path: Path, cue: Any, message: str) -> None:
    root = by_hand(tmp_path / "set", {"image": "images/a.png", "mask": "masks/a.png"}, cue)
    with pytest.raises(CueSetError, match=message) as caught:
        read_cueset(root)
    assert "set: cue 2" in str(caught.value)
    findings = check_cueset(root)
    assert [f.level for f in findings][:1] == ["error"]
    assert findings[0].entry.startswith("cue 2")
    assert findings[0].reason
    assert findings[0].remedy


def test_several_mistakes_are_counted_and_all_listed_by_the_check(tmp_path: Path) -> None:
    root = by_hand(tmp_path, "x", {"image": "images/gone.png", "absent": True})
    with pytest.raises(CueSetError, match=r"cue 1: .*\(and 1 more: 'cuecast cues check"):
        read_cueset(root)
    assert [f.entry for f in check_cueset(root) if f.level == "error"][:2] == [
        "cue 1",
        "cue 2 (images/gone.png)",
    ]


# --- the check


def test_a_wrong_threshold_is_named_once_and_its_cues_are_not(tmp_path: Path) -> None:
    root = by_hand(tmp_path, {"image": "images/a.png", "points": [{"xy": [1, 1], "class": 1}]})
    index = json.loads((root / "cues.json").read_text())
    index["classes"][0]["threshold"] = 7
    (root / "cues.json").write_text(json.dumps(index))
    (found,) = [f for f in check_cueset(root) if f.level == "error"]
    assert (found.entry, found.remedy) == ("cues.json", "choose one above 0, such as 0.4")
    with pytest.raises(CueSetError, match="has the threshold 7"):
        read_cueset(root)


def test_the_check_names_what_cannot_be_read_and_why(tmp_path: Path) -> None:
    cues = [{"image": f"images/{n}.png", "mask": f"masks/{n}.png"} for n in ("a", "torn", "wide", "empty")]
    root = by_hand(tmp_path, *cues, {"image": "images/a.png", "boxes": [{"xyxy": [0, 0, 99, 4]}]})
    (root / "images" / "torn.png").write_bytes((root / "images" / "a.png").read_bytes()[:50])
    mask(root / "masks" / "torn.png", HALF)
    picture(root / "images" / "wide.png", 1, (4, 9))
    mask(root / "masks" / "wide.png", HALF)
    picture(root / "images" / "empty.png", 1)
    mask(root / "masks" / "empty.png", [0] * 8)
    findings = check_cueset(root)
    assert [(f.level, f.entry) for f in findings] == [
        ("error", f"images/{n}.png") for n in ("torn", "wide", "empty", "a")
    ]
    reasons = [f.reason for f in findings]
    assert "must match" in reasons[1]
    assert "marks nothing" in reasons[2]
    assert "reaches outside the image" in reasons[3]
    assert all(f.remedy for f in findings)
    assert not any(f.reason.startswith(f.entry) for f in findings), "the name stands before it"
    with pytest.raises(ImageError, match=r"torn\.png"):
        read_examples(read_cueset(root))


def test_the_check_finds_contradictions_in_other_files(tmp_path: Path) -> None:
    root = by_hand(
        tmp_path, {"image": "images/a.png", "mask": "masks/a.png"}, {"image": "images/b.bmp", "absent": True}
    )
    PILImage.open(root / "images" / "a.png").save(root / "images" / "b.bmp")
    (finding,) = check_cueset(root)
    assert str(finding) == (
        "images/b.bmp: it says 'absent', and images/a.png, the same picture, marks the thing; "
        "take one of the two out of cues.json"
    )


def test_the_check_warns_of_what_can_be_lived_with(tmp_path: Path) -> None:
    classes = [{"id": 1, "name": "cell"}, {"id": 2, "name": "rim"}]
    root = by_hand(tmp_path, {"image": "images/a.png", "mask": "masks/a.png"}, classes=classes)
    picture(root / "images" / "spare.png", 1)
    assert [(f.level, f.entry, f.reason) for f in check_cueset(root)] == [
        ("warning", "cues.json", "no cue shows class 'rim'"),
        ("warning", "images/spare.png", "cues.json does not name this file"),
    ]


def test_a_set_that_shows_nothing_cannot_be_learnt(root: Path, tmp_path: Path) -> None:
    add_cue(root, picture(tmp_path / "a.png", 0), absent=True)
    assert [(f.level, f.reason) for f in check_cueset(root)] == [("error", "no cue shows the thing")]


# --- archives that are not to be trusted


def archive(path: Path, files: dict[str, bytes], **attributes: Any) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            for key, value in attributes.items():
                setattr(info, key, value)
            out.writestr(info, data)
    return path


INDEX = b'{"version": 1, "classes": [{"id": 1, "name": "x"}], "cues": []}'


@pytest.mark.parametrize(
    "name", ["../evil.png", "/evil.png", "images/../../evil.png", "C:/evil.png", "a//b.png"]
)
def test_names_that_lead_out_of_an_archive_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, name: b"x"})
    with pytest.raises(CueSetError, match=r"set\.zip: refused, it holds the name .*; do not use this file"):
        read_cueset(path)
    assert [p.name for p in tmp_path.iterdir()] == ["set.zip"]


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    link = (stat.S_IFLNK | 0o777) << 16
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, "a": b"/etc/passwd"}, external_attr=link)
    with pytest.raises(CueSetError, match="is a link; pack the files themselves"):
        read_cueset(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, "images/a.png": bytes(50 << 20)})
    assert path.stat().st_size < 200_000
    with pytest.raises(CueSetError, match=r"images/a\.png unpacks to 52428800 bytes; do not use this file"):
        read_cueset(path)


def test_a_member_that_is_larger_than_it_states_is_not_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, "images/a.png": bytes(3 << 20)})
    data = bytearray(path.read_bytes())
    # the stated size in the central directory and in the member's own header
    for at in (data.rindex(b"PK\x01\x02") + 24, data.rindex(b"PK\x03\x04") + 22):
        assert struct.unpack_from("<I", data, at) == (3 << 20,)
        struct.pack_into("<I", data, at, 1000)
    path.write_bytes(data)
    with pytest.raises(CueSetError, match=r"images/a\.png cannot be read .*; get an intact copy"):
        read_cueset(path).bundle.read("images/a.png")


def test_too_many_and_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, **{f"images/{i}": b"x" * 40 for i in range(9)}})
    monkeypatch.setattr(bundle, "MAX_TOTAL_BYTES", 300)
    with pytest.raises(CueSetError, match="unpacks to more than"):
        read_cueset(path)
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 9)
    with pytest.raises(CueSetError, match="it holds 10 files and 9 are allowed; unpack it yourself"):
        read_cueset(path)


def test_the_same_name_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX, "a": b"x"})
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as out:
        out.writestr("a", b"y")
    with pytest.raises(CueSetError, match="two files of the same name; pack it again"):
        read_cueset(path)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.zip", {"cues.json": INDEX})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(CueSetError, match=r"cues\.json is encrypted; pack it without a password"):
        read_cueset(path)


def test_a_link_that_leads_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    root = by_hand(tmp_path / "set", {"image": "images/link.png", "absent": True})
    outside = picture(tmp_path / "outside.png", 1)
    try:
        (root / "images" / "link.png").symlink_to(outside)
    except OSError:
        pytest.skip("links cannot be made here")
    with pytest.raises(CueSetError, match=r"images/link\.png is not in the cue set"):
        read_cueset(root)


# --- atomic


def test_a_full_disk_leaves_the_set_as_it_was(root: Path, tmp_path: Path) -> None:
    add_cue(root, picture(tmp_path / "a.png", 3), points=[Point((0, 0))])
    before = contents(root)
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    PILImage.fromarray(noise).save(tmp_path / "noise.png")
    code = (
        "import resource, sys\n"
        "from cuecast.core.errors import OutputError\n"
        "from cuecast import Cue\n"
        "from cuecast.cuesets.edit import add_cues\n"
        "from cuecast.core.values import Point\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n    add_cues(sys.argv[1], [Cue(sys.argv[2], points=[Point((0, 0))])])\n"
        "except OutputError as error:\n    sys.exit(str(error))\n"
    )
    if sys.platform == "win32":
        pytest.skip("the system has no limits on file sizes")
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "noise.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no space is left" in done.stderr
    assert contents(root) == before


def test_a_place_one_may_not_write_to_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write everywhere")
    for name in ("set", "set.zip"):
        with pytest.raises((CueSetError, OutputError), match=f"closed/{name}.*; choose"):
            new_cueset(closed / name)


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    picture(tmp_path / "a.png", 3)
    code = (
        "import sys\nfrom cuecast import Cue\nfrom cuecast.cuesets.edit import add_cues\n"
        "from cuecast.core.values import Point\n"
        "for i in range(6):\n"
        "    add_cues(sys.argv[1], [Cue(sys.argv[2], points=[Point((i, int(sys.argv[3])))])])\n"
    )
    command = [sys.executable, "-c", code, str(root), str(tmp_path / "a.png")]
    for process in [subprocess.Popen([*command, row]) for row in ("0", "1")]:
        assert process.wait() == 0
    points = {e.points[0].xy for e in read_cueset(root).entries}
    assert points == {(x, y) for x in range(6) for y in range(2)}


# --- the picture


def test_the_overview_shows_each_cue_with_its_marks(root: Path, tmp_path: Path) -> None:
    add_cue(root, picture(tmp_path / "a.png", 0, (100, 200)), boxes=[Box((50, 25, 150, 75), 2)])
    add_cue(root, picture(tmp_path / "b.png", 0, (300, 100)), absent=True)
    sheet = overview(read_cueset(root), side=200)
    pixels = np.asarray(sheet)
    assert sheet.width > 2 * 200
    # a as it is, less the rim of a box of 100 x 50 pixels; b made smaller, to 67 x 200
    assert (pixels == RIM.rgb).all(axis=2).sum() == 2 * (100 + 50) - 4
    assert (pixels == BLUE).all(axis=2).sum() == 200 * 100 - 296 + 67 * 200


def test_the_overview_of_an_empty_set_is_a_picture(root: Path) -> None:
    assert overview(read_cueset(root)).size > (0, 0)


def test_deep_pictures_of_a_set_are_read_through_the_window_of_the_queries(tmp_path: Path) -> None:
    new_cueset(tmp_path / "set", ["dark"])
    deep = np.repeat(np.array([[1000, 1000, 3000, 3000]], np.uint16), 4, 0)
    PILImage.fromarray(deep).save(tmp_path / "deep.png")
    add_cue(tmp_path / "set", tmp_path / "deep.png", mask=mask(tmp_path / "m.png", [1, 1, 0, 0]))
    cueset = read_cueset(tmp_path / "set")
    (own,), (stated,) = read_examples(cueset), read_examples(cueset, (0, 4000))
    assert set(own.image.pixels.ravel().tolist()) == {0, 255}
    assert set(stated.image.pixels.ravel().tolist()) == {64, 191}
