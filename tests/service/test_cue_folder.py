"""The marks of a project as a cue set folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from inline_service import columns, png

from cuecast.core.errors import CueError, ImageError
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import check_cueset, read_cueset, read_examples
from cuecast.cuesets.history import versions
from cuecast.service.snapshot import MarkedImage, forget_history, read_marked, write_cueset

THING = (ClassInfo(1, "thing"),)


def marked(folder: Path, name: str, red: int, document: dict[str, Any], number: int = 0) -> MarkedImage:
    """An image of a project as it lies on disk, under a name of its own."""
    data = png(red, number)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{digest[:8]}.png"
    path.write_bytes(data)
    return MarkedImage(name, path, digest, (4, 8), document)


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_set_says_what_the_marks_say(tmp_path: Path) -> None:
    points = {"points": [{"xy": [0, 0], "class": 1}]}
    cues = [
        marked(tmp_path, "a.png", 3, columns(3)),
        marked(tmp_path, "b.png", 2, points),
        marked(tmp_path, "c.png", 0, {"absent": True}),
    ]
    cueset = write_cueset(tmp_path / "cues", THING, cues)
    assert [(e.image, e.mask, e.kinds) for e in cueset.entries] == [
        ("images/a.png", "masks/a.png", ("mask",)),
        ("images/b.png", None, ("points",)),
        ("images/c.png", None, ("absent",)),
    ]
    assert check_cueset(tmp_path / "cues") == []
    for example, cue in zip(read_examples(cueset), cues, strict=True):
        direct = read_marked(cue, THING)
        assert example.image.digest == direct.image.digest
        assert (example.marks.points, example.marks.absent) == (direct.marks.points, direct.marks.absent)
        assert (example.marks.mask is None) == (direct.marks.mask is None)
        assert direct.marks.mask is None or (example.marks.mask == direct.marks.mask).all()


def test_one_version_a_change_and_none_without(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    a, b = marked(tmp_path, "a.png", 3, columns(3)), marked(tmp_path, "b.png", 2, columns(2))
    write_cueset(folder, THING, [a])
    write_cueset(folder, THING, [a])
    assert len(versions(read_cueset(folder))) == 2  # empty, then a
    write_cueset(folder, THING, [a, b])
    log = versions(write_cueset(folder, THING, [b]))
    assert [v.what for v in log[1:]] == ["images/a.png: mask", "images/b.png: mask", "images/a.png: gone"]


def test_a_changed_mask_gets_a_name_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(3))])
    second = write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(2))])
    assert second.entries[0].mask == "masks/a-2.png"
    third = write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(3))])
    assert third.entries[0].mask == "masks/a.png"


def test_another_picture_of_a_used_name_gets_one_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(3))])
    again = write_cueset(folder, THING, [marked(tmp_path, "a.png", 4, columns(4))])
    assert [e.image for e in again.entries] == ["images/a-2.png"]
    assert read_examples(again)[0].image.digest != ""


def test_a_file_that_a_killed_change_left_is_not_taken_for_the_mask(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    write_cueset(folder, THING, [])
    (folder / "masks").mkdir(exist_ok=True)
    (folder / "masks" / "a.png").write_bytes(b"of a change that never was")
    cueset = write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(3))])
    assert cueset.entries[0].mask == "masks/a-2.png"
    assert read_examples(cueset)[0].marks.class_ids == (1,)


def test_a_folder_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    a = marked(tmp_path, "a.png", 3, columns(3))
    write_cueset(folder, THING, [a])
    (folder / "history.jsonl").write_text("torn", encoding="utf-8")
    cueset = write_cueset(folder, THING, [a])
    assert [e.image for e in cueset.entries] == ["images/a.png"]
    assert len(versions(cueset)) == 2


def test_without_its_history_the_set_is_what_may_be_mailed(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    write_cueset(folder, THING, [marked(tmp_path, "a.png", 3, columns(3))])
    forget_history(folder)
    assert names(folder) == ["cues.json", "images/a.png", "masks/a.png"]
    assert check_cueset(folder) == []


def test_the_image_stays_in_the_set_when_its_file_goes(tmp_path: Path) -> None:
    folder = tmp_path / "cues"
    a = marked(tmp_path, "a.png", 3, columns(3))
    write_cueset(folder, THING, [a])
    a.path.unlink()
    changed = MarkedImage(a.name, a.path, a.digest, a.size, columns(2))
    assert read_examples(write_cueset(folder, THING, [changed]))[0].image.size == (4, 8)


def test_a_file_that_is_gone_or_changed_is_named(tmp_path: Path) -> None:
    a = marked(tmp_path, "a.png", 3, columns(3))
    a.path.write_bytes(png(5))
    with pytest.raises(ImageError, match=r"a\.png: its file has changed"):
        write_cueset(tmp_path / "cues", THING, [a])
    a.path.unlink()
    with pytest.raises(ImageError, match=r"a\.png: its file cannot be read any more"):
        write_cueset(tmp_path / "cues", THING, [a])
    assert read_cueset(tmp_path / "cues").entries == ()


def test_marks_that_do_not_fit_name_their_image(tmp_path: Path) -> None:
    outside = marked(tmp_path, "a.png", 3, {"points": [{"xy": [80, 0], "class": 1}]})
    with pytest.raises(CueError, match=r"a\.png: point .* is outside"):
        write_cueset(tmp_path / "cues", THING, [outside])
    unknown = marked(tmp_path, "a.png", 3, {"points": [{"xy": [0, 0], "class": 4}]})
    with pytest.raises(CueError, match=r"a\.png: class 4"):
        read_marked(unknown, THING)
