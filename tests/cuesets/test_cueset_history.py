"""Versions of a cue set: logged, taken back, and never lost, wherever a change is cut off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cuesets_made import add_cue
from pictures import mask, picture

from cuecast.core.errors import CueSetError
from cuecast.core.values import Point
from cuecast.cues import Cue
from cuecast.cuesets.cueset import check_cueset, read_cueset, read_examples
from cuecast.cuesets.edit import add_cues, new_cueset, pack_cueset, undo
from cuecast.cuesets.history import Version, versions

ONE, TWO, THREE = [1] + [0] * 7, [1, 1] + [0] * 6, [1, 1, 1] + [0] * 5


@pytest.fixture(params=["folder", "zip"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where an empty set is: a folder or an archive."""
    path = tmp_path / ("set" if request.param == "folder" else "set.zip")
    new_cueset(path)
    return path


def contents(root: Path) -> dict[str, bytes]:
    if root.is_dir():
        return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    with zipfile.ZipFile(root) as archive:
        return {i.filename: archive.read(i) for i in archive.infolist()}


def log(root: Path) -> tuple[Version, ...]:
    return versions(read_cueset(root))


def marked(root: Path) -> list[int]:
    """The number of marked columns of each cue with a mask, 0 for the others."""
    marks = [e.marks.mask for e in read_examples(read_cueset(root))]
    return [0 if m is None else int((m[0] == 1).sum()) for m in marks]


def add_mask(root: Path, folder: Path, columns: list[int], name: str = "a.png", red: int = 4) -> None:
    add_cue(root, picture(folder / name, red), mask=mask(folder / "m.png", columns))


# --- the log


def test_each_change_is_a_version_with_time_words_and_digest(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_cues(
        root,
        [
            Cue(picture(tmp_path / "b.png", 2), points=[Point((0, 0))]),
            Cue(picture(tmp_path / "c.png", 0), absent=True),
        ],
    )
    first, second, third = log(root)
    assert [v.version for v in (first, second, third)] == [1, 2, 3]
    assert [v.change for v in (first, second, third)] == ["new", "add", "add"]
    assert first.what == "empty, with class thing"
    assert second.what == "images/a.png: mask"
    assert third.what == "images/b.png: points; images/c.png: absent"
    assert third.digest == read_cueset(root).digest()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", v.time or "") for v in log(root))
    assert third.files["images/b.png"] == hashlib.sha256((tmp_path / "b.png").read_bytes()).hexdigest()


def test_the_digest_and_the_mailed_set_know_nothing_of_history(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_mask(root, tmp_path, TWO)
    mailed = pack_cueset(root, tmp_path / "mail.zip")
    assert sorted(contents(mailed)) == ["cues.json", "images/a.png", "masks/a-2.png"]
    assert read_cueset(mailed).digest() == read_cueset(root).digest()
    (found,) = log(mailed)
    assert (found.version, found.time, found.change) == (1, None, "found")
    assert found.what == "1 cue, as they were found"


def test_a_change_that_changes_nothing_is_none(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    before = contents(root)
    add_mask(root, tmp_path, ONE)
    assert contents(root) == before


def test_a_log_that_cannot_be_read_is_named_and_may_be_deleted(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    add_mask(root, tmp_path, ONE)
    (root / "history.jsonl").write_text("{}\n")
    with pytest.raises(
        CueSetError, match=r"history\.jsonl cannot be read .*; put an intact copy there, or del"
    ):
        log(root)
    assert marked(root) == [1]
    (root / "history.jsonl").unlink()
    assert [v.change for v in log(root)] == ["found"]


# --- replacing


def test_a_mask_takes_the_place_of_the_mask_of_the_same_picture(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_cue(root, picture(tmp_path / "b.png", 2), points=[Point((0, 0))])
    add_cue(root, tmp_path / "a.png", points=[Point((7, 0), 0)])
    add_mask(root, tmp_path / "elsewhere", THREE, "another name.png")  # the same pixels
    assert marked(root) == [3, 0, 0]
    assert [e.kinds for e in read_cueset(root).entries] == [("mask",), ("points",), ("points",)]
    assert log(root)[-1].what == "images/another name.png: mask in place of mask"
    assert check_cueset(root) == []


def test_all_that_is_said_of_a_picture_can_be_replaced(root: Path, tmp_path: Path) -> None:
    image = picture(tmp_path / "a.png", 4)
    add_cue(root, image, absent=True)
    add_cue(root, picture(tmp_path / "b.png", 2), points=[Point((0, 0))])
    cueset = add_cue(root, image, points=[Point((1, 1))], replace=True)
    assert [(e.image, e.kinds) for e in cueset.entries] == [
        ("images/a.png", ("points",)),
        ("images/b.png", ("points",)),
    ]
    assert log(root)[-1].what == "images/a.png: points in place of absent"


# --- taking back


def test_taking_back_goes_one_change_back_each_time_and_forgets_nothing(root: Path, tmp_path: Path) -> None:
    for columns in (ONE, TWO, THREE):
        add_mask(root, tmp_path, columns)
    digests = [v.digest for v in log(root)]
    assert marked(undo(root).root) == [2]
    assert marked(undo(root).root) == [1]
    assert [(v.version, v.restores) for v in log(root)[4:]] == [(5, 3), (6, 2)]
    assert [v.digest for v in log(root)] == [*digests, digests[2], digests[1]]
    add_mask(root, tmp_path, THREE, "b.png", 5)
    undo(root)
    assert marked(root) == [1]
    undo(root)
    assert marked(root) == []
    with pytest.raises(
        CueSetError, match=r"nothing to take back: version 9 is as the set began; 'cuecast cues"
    ):
        undo(root)


def test_any_version_can_be_gone_to_so_that_taking_back_can_be_taken_back(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_mask(root, tmp_path, TWO)
    undo(root)
    cueset = undo(root, to=3)
    assert marked(root) == [2]
    assert versions(cueset)[-1].what == "back to version 3 (images/a.png: mask in place of mask)"
    before = contents(root)
    undo(root, to=3)
    assert contents(root) == before
    with pytest.raises(CueSetError, match="there is no version 9; 'cuecast cues log' lists 1 to 5"):
        undo(root, to=9)


def test_no_bytes_are_kept_twice(root: Path, tmp_path: Path) -> None:
    for columns in (ONE, TWO, THREE):
        add_mask(root, tmp_path, columns)
    undo(root)
    undo(root, to=4)
    undo(root)
    files = {n: d for n, d in contents(root).items() if n.endswith(".png")}
    assert len(set(files.values())) == len(files) == 4  # one image, three masks
    assert sorted(n for n in files if not n.startswith("history/")) == ["images/a.png", "masks/a-2.png"]
    assert check_cueset(root) == []


def test_a_set_without_history_gets_one_with_its_first_change(tmp_path: Path) -> None:
    new_cueset(tmp_path / "first")
    add_mask(tmp_path / "first", tmp_path, ONE)
    root = pack_cueset(tmp_path / "first", tmp_path / "mailed.zip")
    add_mask(root, tmp_path, TWO)
    assert [(v.version, v.change) for v in log(root)] == [(1, "found"), (2, "add")]
    assert all(v.time for v in log(root))
    undo(root)
    assert marked(root) == [1]


def test_a_change_by_hand_is_a_version_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    add_mask(root, tmp_path, ONE)
    raw = json.loads((root / "cues.json").read_text())
    raw["cues"].append({"image": "images/a.png", "points": [{"xy": [7, 1], "class": 0}]})
    (root / "cues.json").write_text(json.dumps(raw))
    assert [v.change for v in log(root)] == ["new", "add", "found"]
    assert log(root)[-1].what == "2 cues, changed without cuecast, or a change that was cut off"
    undo(root)
    assert len(read_cueset(root).entries) == 1
    undo(root, to=3)
    assert len(read_cueset(root).entries) == 2


def test_bytes_that_were_overwritten_by_hand_are_said_to_be_lost(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    add_mask(root, tmp_path, ONE)
    mask(root / "masks" / "a.png", TWO)
    with pytest.raises(
        CueSetError, match=r"version 2 needs masks/a\.png, and its bytes are kept nowhere .*--to"
    ):
        undo(root)
    assert marked(undo(root, to=1).root) == []
    assert marked(undo(root, to=3).root) == [2]


def test_a_file_in_the_way_is_named_and_not_written_over(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    add_mask(root, tmp_path, ONE)
    undo(root)
    mask(root / "masks" / "a.png", TWO)
    with pytest.raises(
        CueSetError, match=r"version 2 needs masks/a\.png as it was then, .*; move that file away"
    ):
        undo(root, to=2)
    add_mask(root, tmp_path, ONE)
    assert marked(root) == [1]
    assert (root / "masks" / "a.png").read_bytes() == mask(tmp_path / "two.png", TWO).read_bytes()


# --- cut off


class Killed(BaseException):
    """What a process that is killed does not live to see."""


@contextmanager
def killed_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """From the `step`-th rename or deletion on, nothing is done any more; yields whether that came."""
    done = 0
    replace, unlink = os.replace, Path.unlink

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def do(*args: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done > step:
                raise Killed
            return act(*args, **named)

        return do

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(replace))
        patch.setattr(Path, "unlink", counted(unlink))
        yield lambda: done > step


def filled(root: Path, folder: Path) -> None:
    """A set with one cue and its past: masks of one and two columns, the present one."""
    new_cueset(root)
    add_mask(root, folder, ONE)
    add_mask(root, folder, TWO)
    add_mask(root, folder, ONE)


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "add": lambda root, folder: add_mask(root, folder, THREE, "b.png", 5),
    "replace": lambda root, folder: add_mask(root, folder, THREE),
    "undo": lambda root, _: undo(root),
    "to": lambda root, _: undo(root, to=1),
}
AFTER = {"add": [1, 3], "replace": [3], "undo": [2], "to": []}


@pytest.mark.parametrize("name", ["set", "set.zip"])
@pytest.mark.parametrize("change", list(CHANGES))
def test_a_kill_between_any_two_writes_leaves_the_old_or_the_new_version_and_loses_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: str
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # slow, and of no matter to a process that dies
    old, new = [1], AFTER[change]
    states = []
    for step in range(40):
        folder = tmp_path / str(step)
        root = folder / name
        root.parent.mkdir()
        filled(root, folder)
        with killed_at(step, monkeypatch) as came:
            try:
                CHANGES[change](root, folder)
            except Killed:
                assert came()
        state = marked(root)
        states.append(state)
        assert state in (old, new)
        assert not [f for f in check_cueset(root) if f.level == "error" and f.entry != "cues.json"]
        # whatever was cut off, the next changes work, and each version there ever was can be gone to
        add_mask(root, folder, THREE, "c.png", 6)
        assert marked(root) == [*state, 3]
        numbers = {v.digest: v.version for v in log(root)}
        reached = [marked(undo(root, to=number).root) for number in numbers.values()]
        assert all(state in reached for state in ([], [1], [2], old, [*state, 3]))
        assert not list(folder.glob("set/**/.cuecast-*"))
        if not came():
            break
    assert not came()
    assert states[0] == old
    assert states[-1] == new
    assert states == sorted(states, key=lambda s: s == new)  # once new, never old again


@pytest.mark.parametrize("name", ["set", "set.zip"])
def test_a_set_whose_making_was_cut_off_is_there_or_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for step in range(20):
        root = tmp_path / str(step) / name
        with killed_at(step, monkeypatch) as came:
            try:
                new_cueset(root)
            except Killed:
                assert came()
        if not (root / "cues.json").is_file() and not root.is_file():
            new_cueset(root)
        add_mask(root, tmp_path, ONE)
        assert [marked(undo(root, to=v.version).root) for v in log(root)] == [[], [1]]
        if not came():
            break
    assert not came()


@pytest.mark.skipif(os.name == "nt", reason="the system has no SIGKILL")
def test_a_process_that_is_killed_again_and_again_loses_nothing_that_it_said_was_done(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root)
    picture(tmp_path / "a.png", 4)
    code = (
        "import sys\nimport numpy as np\nfrom cuecast import Cue\nfrom cuecast.cuesets.edit import add_cues\n"
        "for i in range(int(sys.argv[3]), 99):\n"
        "    mask = np.zeros((4, 8), np.uint8)\n    mask.flat[: i + 1] = 1\n"
        "    add_cues(sys.argv[1], [Cue(sys.argv[2], mask=mask)])\n    print(i, flush=True)\n"
    )
    done = -1
    for pause in (0.02, 0.05, 0.08):
        command = [sys.executable, "-c", code, str(root), str(tmp_path / "a.png"), str(done + 1)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [process.stdout.readline()]
            time.sleep(pause)
            process.kill()
            said += process.stdout.readlines()
        done = max(int(line) for line in said if line.endswith("\n"))
        (example,) = read_examples(read_cueset(root))
        assert example.marks.mask is not None
        assert example.marks.mask.sum() in (done + 1, done + 2)
    undo(root, to=1)
    areas = set()
    for version in log(root)[1:-1]:
        (example,) = read_examples(undo(root, to=version.version))
        assert example.marks.mask is not None
        areas.add(int(example.marks.mask.sum()))
    assert areas >= set(range(1, done + 2))
