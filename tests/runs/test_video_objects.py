"""Things of one class in a video, told apart: numbers that stay in all files, and the way back to components."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from commands import cuecast as command
from films import BLUE, RED, save_frames
from PIL import Image

import cuecast
from cuecast.predictor import Concept
from cuecast.results.gather import read_result
from cuecast.results.manifest import read_frames
from cuecast.runs.video import TrackOptions, TrackSummary, track_into

SIZE = (48, 96)
COUNT, MARKED = 9, 4
FILES = TrackOptions(formats=("ytvis", "csv"))


def places(frame: int) -> list[tuple[int, int]]:
    """Row and column of two discs that meet, touch on frame 4 and part; and of one that stays."""
    away = abs(frame - MARKED)
    return [(20, 24 - 2 * away), (20, 40 + 2 * away), (34, 80)]


def ids(frame: int) -> np.ndarray:
    found = np.zeros(SIZE, np.int32)
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    for number, (row, column) in enumerate(places(frame), start=1):
        found[(y - row) ** 2 + (x - column) ** 2 <= 81] = number
    return found


FILM = [np.array([BLUE, RED], np.uint8)[np.minimum(ids(i), 1)] for i in range(COUNT)]


@pytest.fixture(scope="module")
def concept() -> Concept:
    cue = cuecast.Cue(FILM[MARKED], mask=np.minimum(ids(MARKED), 1), objects=ids(MARKED))
    found = cuecast.load("colours").learn([cue], classes=["disc"], scale="pixel")
    assert found.splits
    return found


def run(concept: Concept, out: Path) -> TrackSummary:
    return track_into(concept, FILM, out, {MARKED: concept.examples[0]}, FILES)


def rows(out: Path) -> list[dict[str, str]]:
    with open(out / "objects.csv", newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_things_keep_their_numbers_in_all_files(concept: Concept, tmp_path: Path) -> None:
    summary = run(concept, tmp_path)
    assert summary.objects == {"disc": 3}
    assert summary.files["objects"] == tmp_path / "objects"
    first = read_result(tmp_path / "objects/000000.png")
    numbers = [int(first[place]) for place in places(0)]
    assert sorted(numbers) == [1, 2, 3]
    for i in range(COUNT):
        found, mask = (
            read_result(tmp_path / f"objects/{i:06d}.png"),
            read_result(tmp_path / f"masks/{i:06d}.png"),
        )
        assert ((found > 0) == (mask > 0)).all()
        assert [int(found[place]) for place in places(i)] == numbers
    entries = read_frames(tmp_path / "manifest.jsonl").values()
    assert all((e.objects, e.counts, e.split) == (3, {1: 3}, True) for e in entries)
    things = json.loads((tmp_path / "annotations.ytvis.json").read_text())["annotations"]
    assert [(t["id"], t["category_id"]) for t in things] == [(1, 1), (2, 1), (3, 1)]
    assert all(None not in t["areas"] for t in things)
    table = rows(tmp_path)
    assert len(table) == 3 * COUNT
    for row in table:
        middle = places(int(row["frame"]))[numbers.index(int(row["object"]))]
        assert float(row["centroid_x"]) == pytest.approx(middle[1] + 0.5, abs=1)
        assert (row["class"], row["pieces"]) == ("disc", "1")


def test_another_way_to_objects_leaves_the_masks(concept: Concept, tmp_path: Path) -> None:
    run(concept, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "masks").iterdir()}
    joined = run(concept.with_objects("connected"), tmp_path)
    assert (joined.resumed, joined.objects) == (COUNT, {})
    assert not list((tmp_path / "objects").iterdir())
    assert read_frames(tmp_path / "manifest.jsonl")[MARKED].objects == 2
    assert len(rows(tmp_path)) == COUNT
    assert run(concept, tmp_path).objects == {"disc": 3}
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "masks").iterdir()} == before


def test_the_command_line_counts_things(tmp_path: Path) -> None:
    save_frames(tmp_path / "film", FILM)
    Image.fromarray(np.minimum(ids(MARKED), 1).astype(np.uint8) * 255).save(tmp_path / "mask.png")
    Image.fromarray(ids(MARKED).astype(np.uint16)).save(tmp_path / "ids.png")
    done = command(
        "track", tmp_path / "film", "--cue", f"{MARKED}={tmp_path / 'mask.png'}", "--class", "disc",
        "--cue-objects", f"{MARKED}={tmp_path / 'ids.png'}", "--format", "csv", "--pack", "colours",
        "-o", tmp_path / "out", "-q", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert json.loads(done.out)["objects"] == {"disc": 3}
