"""A watched folder: pictures that arrive, half-written ones, failures that mend themselves, stops and starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pictures import mask, picture

import cuecast
from cuecast.core.errors import InputError, OutputError
from cuecast.core.notes import notes_to
from cuecast.predictor import Concept
from cuecast.results.manifest import read_manifest
from cuecast.runs import watch as watching
from cuecast.runs.actions import watch
from cuecast.runs.images import BatchOptions
from cuecast.runs.watch import Watched, WatchRequest

Act = Callable[[], object]


@pytest.fixture
def concept(tmp_path: Path) -> Concept:
    """What is red is the thing."""
    shown = cuecast.Cue(
        picture(tmp_path / "cue" / "a.png", 4), mask=mask(tmp_path / "cue" / "m.png", [1] * 4 + [0] * 4)
    )
    return cuecast.load("colours").learn([shown], classes=["red"])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path


def watched(
    concept: Concept, place: Path, acts: Sequence[Act | None], looks: int = 0, **others
) -> tuple[Watched, list[str]]:
    """What comes of a watch in which one thing happens between any two looks; and the images as they were done."""
    todo, told = [*acts, *[None] * looks], []

    def wait(_: float) -> bool:
        if not todo:
            return False
        if (act := todo.pop(0)) is not None:
            act()
        return True

    options = others.pop("options", BatchOptions(formats=("coco",)))
    request = WatchRequest(concept, place / "in", place / "out", options, **others)
    found = watch(
        request, lambda step: told.append(f"{Path(step.entry.image).name} {step.entry.verdict}"), wait
    )
    return found, told


def names(place: Path) -> list[str]:
    return [
        i["file_name"] for i in json.loads((place / "out" / "annotations.coco.json").read_text())["images"]
    ]


def test_pictures_are_done_as_they_arrive(concept: Concept, place: Path) -> None:
    picture(place / "in" / "first.png", 3)
    acts = [None, lambda: picture(place / "in" / "late.png", 5), None]
    found, told = watched(concept, place, acts, looks=2)
    assert told == ["first.png found", "late.png found"]
    assert found.counts == {"found": 2, "doubtful": 0, "absent": 0, "failed": 0}
    assert names(place) == ["first.png", "late.png"]
    assert sorted(p.name for p in (place / "out" / "masks").iterdir()) == ["first.png", "late.png"]


def test_a_file_that_grows_is_left_alone_until_it_has_stopped(concept: Concept, place: Path) -> None:
    whole = picture(place / "whole.png", 5).read_bytes()
    half, target = len(whole) // 2, place / "in" / "a.png"
    told_at: list[int] = []
    acts = [
        lambda: target.write_bytes(whole[:half]),
        lambda: target.write_bytes(whole[: half + 9]),
        lambda: target.write_bytes(whole),
        lambda: told_at.append(len(list((place / "out").glob("masks/*")))),
        lambda: told_at.append(len(list((place / "out").glob("masks/*")))),
    ]
    found, told = watched(concept, place, acts)
    assert told == ["a.png found"]
    assert told_at == [0, 1]
    assert found.failures == ()


def test_an_empty_file_is_no_picture_yet(concept: Concept, place: Path) -> None:
    (place / "in" / "a.png").touch()
    found, told = watched(concept, place, [], looks=4)
    assert (told, sum(found.counts.values())) == ([], 0)


def test_what_failed_is_named_and_done_when_it_changes(concept: Concept, place: Path) -> None:
    target = place / "in" / "a.png"
    target.write_bytes(b"no picture")
    found, _ = watched(concept, place, [], looks=2)
    ((path, error),) = found.failures
    assert (path, found.counts["failed"]) == (str(target), 1)
    assert "a.png" in error
    (entry,) = read_manifest(place / "out" / "manifest.jsonl")
    assert entry.error is not None
    found, told = watched(concept, place, [None, lambda: picture(target, 5)], looks=2)
    assert told == ["a.png None", "a.png found"]
    assert (found.failures, found.counts["found"], found.counts["failed"]) == ((), 1, 0)


def test_what_cannot_be_read_is_tried_again_without_a_change(
    concept: Concept, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another program holds the file, or its bytes come after its size."""
    monkeypatch.setattr(watching, "RETRIES", (2, 3))
    whole = picture(place / "whole.png", 5).read_bytes()
    target = place / "in" / "a.png"
    target.write_bytes(bytes(len(whole)))
    state = target.stat()

    def fill() -> None:
        target.write_bytes(whole)
        os.utime(target, ns=(state.st_atime_ns, state.st_mtime_ns))

    _, told = watched(concept, place, [None, None, fill], looks=6)
    assert told == ["a.png None", "a.png found"]
    target.write_bytes(bytes(len(whole)))
    tries: list[int] = []
    real = watching.images.run
    monkeypatch.setattr(watching.images, "run", lambda *a: (tries.append(len(a[1])), real(*a))[1])
    _, told = watched(concept, place, [], looks=20)
    assert told == ["a.png None"]
    assert sum(tries) == 3  # once, and twice again; then not until it changes


def test_a_second_watch_goes_on_where_the_first_was(concept: Concept, place: Path) -> None:
    picture(place / "in" / "a.png", 3)
    watched(concept, place, [], looks=2)
    before = (place / "out" / "masks" / "a.png").stat().st_mtime_ns
    picture(place / "in" / "b.png", 3)
    found, _ = watched(concept, place, [], looks=2)
    assert (found.resumed, found.counts["found"]) == (1, 2)
    assert (place / "out" / "masks" / "a.png").stat().st_mtime_ns == before
    assert names(place) == ["a.png", "b.png"]


def test_what_was_moved_away_keeps_its_results(concept: Concept, place: Path) -> None:
    target = picture(place / "in" / "a.png", 3)
    watched(concept, place, [None, target.unlink], looks=3)
    assert names(place) == ["a.png"]


def test_two_pictures_of_one_name_do_not_end_the_watch(concept: Concept, place: Path) -> None:
    for name in ("a.png", "a.bmp", "b.png"):
        picture(place / "in" / name, 3 if name != "a.bmp" else 5)
    found, told = watched(concept, place, [], looks=2)
    assert sorted(told) == ["a.bmp found", "b.png found"]
    ((path, error),) = found.failures
    assert Path(path).name == "a.png"
    assert "--name" in error
    assert found.counts["failed"] == 1


def test_the_files_for_all_images_are_written_when_it_is_quiet(concept: Concept, place: Path) -> None:
    picture(place / "in" / "a.png", 3)
    seen: list[list[str]] = []
    acts = [None] * 2 + [lambda: seen.append(names(place))] * (watching.QUIET + 1)
    watched(concept, place, acts)
    assert seen[0] == []
    assert seen[-1] == ["a.png"]


def test_ctrl_c_ends_it_with_all_files_written(concept: Concept, place: Path) -> None:
    picture(place / "in" / "a.png", 3)

    def stop() -> None:
        raise KeyboardInterrupt

    notes: list[str] = []
    with notes_to(notes.append):
        found, told = watched(concept, place, [None, stop])
    assert told == ["a.png found"]
    assert names(place) == ["a.png"]
    assert found.counts["found"] == 1
    assert notes == ["the watch was ended; the files for all images are being written"]


def test_a_folder_that_is_gone_for_a_while_is_waited_for(concept: Concept, place: Path) -> None:
    picture(place / "in" / "a.png", 3)
    notes: list[str] = []
    acts = [
        lambda: (place / "in").rename(place / "off"),
        None,
        lambda: (place / "off").rename(place / "in"),
        None,
    ]
    with notes_to(notes.append):
        _, told = watched(concept, place, acts, looks=2)
    assert told == ["a.png found"]
    (said,) = notes
    assert said.endswith("it is looked for again")


def test_what_cannot_be_watched_is_said_at_once(concept: Concept, place: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        watch(WatchRequest(concept, place / "none", place / "out"))
    with pytest.raises(OutputError, match="the folder of the inputs"):
        watch(WatchRequest(concept, place / "in", place / "in"))
    with pytest.raises(InputError, match="a watch has many"):
        watch(WatchRequest(concept, place / "in", place / "out", BatchOptions(name="{index}")))


def test_subfolders_are_watched_when_asked(concept: Concept, place: Path) -> None:
    picture(place / "in" / "deep" / "a.png", 3)
    assert watched(concept, place, [], looks=2)[1] == []
    assert watched(concept, place, [], looks=2, recursive=True)[1] == ["a.png found"]


def command(place: Path, *flags: str) -> list[str]:
    shown = f"{place / 'cue.png'}={place / 'mask.png'}"
    picture(place / "cue.png", 4)
    mask(place / "mask.png", [1] * 4 + [0] * 4)
    where = [str(place / "in"), "-o", str(place / "out")]
    return [
        sys.executable,
        "-m",
        "cuecast",
        "watch",
        *where,
        "--cue",
        shown,
        "-p",
        "colours",
        "--every",
        "0.1",
        *flags,
    ]


def test_the_command_until_nothing_comes(place: Path) -> None:
    picture(place / "in" / "a.png", 3)
    (place / "in" / "b.png").write_bytes(b"none")
    line = command(place, "--until-idle", "1", "--json")
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    first, second, last = done.stdout.splitlines()
    assert json.loads(first)["verdict"] == "found"
    assert json.loads(second)["verdict"] == "failed"
    assert json.loads(last)["counts"] == {"found": 1, "doubtful": 0, "absent": 0, "failed": 1}
    assert done.returncode == 3
    assert "cuecast: failed:" in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_well_at_a_signal(sign: signal.Signals, place: Path) -> None:
    picture(place / "in" / "a.png", 3)
    with subprocess.Popen(
        command(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        guard = threading.Timer(120, running.kill)
        guard.start()
        assert running.stdout is not None
        assert running.stdout.readline().startswith("a.png  found")
        running.send_signal(sign)
        out, err = running.communicate()
        guard.cancel()
    assert running.returncode == 0, err
    assert out == "1 picture: 1 found, 0 doubtful, 0 absent\n"
    assert names_of(place) == ["a.png"]


def names_of(place: Path) -> list[str]:
    return [Path(e.image).name for e in read_manifest(place / "out" / "manifest.jsonl")]
