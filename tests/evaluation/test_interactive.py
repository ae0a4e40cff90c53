"""Simulated corrections with the exact pack: every answer after every click is known beforehand.

The pack tells things apart by colour alone. Where red is marked as the thing and as not the thing, only the clicked
pixels are left.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED, episode_folder

import cuecast
from cuecast.core.errors import EpisodeError
from cuecast.core.values import IGNORE, Example, Marks, Point
from cuecast.evaluation.episodes import read_episodes
from cuecast.evaluation.interactive import ClickResult, correct, evaluate_clicks, run_clicks
from cuecast.io.images import read_image
from cuecast.predictor import Concept


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("episodes")
    episode_folder(root)
    return root


@pytest.fixture(scope="module")
def result(folder: Path) -> ClickResult:
    return evaluate_clicks(cuecast.load("colours"), read_episodes(folder / "list.jsonl"), folder, clicks=3)


def flag(*columns: tuple[int, int, int]) -> np.ndarray:
    """A picture (4, W, 3) uint8 of columns in these colours."""
    return np.tile(np.array(columns, np.uint8), (4, 1, 1))


def corrected(columns: list[tuple[int, int, int]], labels: list[int], clicks: int) -> tuple[list[float], int]:
    """(Dice after each click, the number of seconds) on a flag whose truth is `labels`, from nothing."""
    predictor = cuecast.load("colours")
    query = read_image(flag(*columns))

    def teach(points: tuple[Point, ...]) -> Concept:
        return predictor.learn([Example(query, Marks(query.size, points=points))])

    truth = np.tile(np.array(labels, np.int32), (4, 1))
    dices, seconds = correct(teach, query, truth, np.zeros(query.size, bool), clicks)
    return dices, len(seconds)


def test_one_click_a_colour_and_then_nothing_is_left_to_do() -> None:
    # The first click falls on red (12 of 20 pixels: 24/32), the second on green.
    columns = [RED] * 3 + [GREEN] * 2 + [BLUE] * 3
    assert corrected(columns, [1] * 5 + [0] * 3, clicks=10) == ([0.0, 0.75, 1.0], 2)
    assert corrected(columns, [1] * 5 + [0] * 3, clicks=1) == ([0.0, 0.75], 1)


def test_too_much_is_taken_back_by_a_click_of_class_0() -> None:
    # Red takes all six columns; three are wrong. After that only the clicked pixel is left, of 12.
    assert corrected([RED] * 6, [1] * 3 + [0] * 3, clicks=2) == ([0.0, 2 / 3, pytest.approx(2 / 13)], 2)


def test_ignored_pixels_are_not_corrected() -> None:
    assert corrected([RED] * 6, [1] * 3 + [IGNORE] * 3, clicks=5) == ([0.0, 1.0], 1)


def test_every_query_alone_and_after_its_cues(result: ClickResult) -> None:
    assert [(o.id, o.shots, o.dices) for o in result.outcomes] == [
        ("e1", 0, pytest.approx((0, 4 / 5, 2 / 9, 2 / 5))),
        ("e1", 1, pytest.approx((4 / 5, 0, 2 / 9, 2 / 5))),
        ("e2", 0, (0, 1)),
        ("e2", 1, (1,)),
        ("e4", 0, pytest.approx((0, 2 / 5, 2 / 5, 2 / 3))),
        # Picture d is cue a over again, so that all its 16 red pixels stay but those taken back one by one.
        ("e4", 2, pytest.approx((2 / 5, 8 / 19, 8 / 18, 8 / 17))),
    ]
    assert [len(o.seconds) for o in result.outcomes] == [3, 3, 1, 0, 3, 3]
    assert result.skipped == ("e3",)


def test_scores_by_number_of_cues_and_set(result: ClickResult) -> None:
    figures = [
        (s.set, s.mode, s.shots, s.episodes, s.noc_85, s.missed_85, s.dice_0, s.dice_1, s.dice_3)
        for s in result.scores()
    ]
    assert figures == [
        ("s1", "alone", 0, 2, 2.0, 0.5, None, 0.9, pytest.approx(0.7)),
        ("s2", "alone", 0, 1, 3.0, 1.0, None, 0.4, pytest.approx(2 / 3)),
        ("s1", "cued", 1, 2, 1.5, 0.5, 0.9, 0.5, pytest.approx(0.7)),
        ("s2", "cued", 2, 1, 3.0, 1.0, 0.4, 8 / 19, 8 / 17),
    ]
    assert all(s.dice_5 is None for s in result.scores())


def test_the_mean_is_over_sets(result: ClickResult) -> None:
    assert [(s.set, s.shots, s.episodes, s.noc_85, s.missed_90, s.dice_1) for s in result.means()] == [
        ("mean", 0, 3, 2.5, 0.75, 0.65),
        ("mean", 1, 2, 1.5, 0.5, 0.5),
        ("mean", 2, 1, 3.0, 1.0, 8 / 19),
    ]


def test_seconds_are_those_of_the_clicks_made(result: ClickResult) -> None:
    made = [replace(o, seconds=s) for o, s in zip(result.outcomes, TIMES, strict=True)]
    scores = replace(result, outcomes=tuple(made)).scores()
    assert [(s.seconds_median, s.seconds_mean) for s in scores[:3]] == [(2.5, 4.0), (1.0, 1.0), (2.0, 2.0)]
    unneeded = replace(result, outcomes=(made[3],))
    assert [s.seconds_mean for s in (*unneeded.scores(), *unneeded.means())] == [None, None]
    assert unneeded.as_table().splitlines()[1].split()[-1] == "-"


TIMES = ((1.0, 2.0, 3.0), (1.0, 2.0, 3.0), (10.0,), (), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0))


def test_a_query_of_several_episodes_is_corrected_alone_once(folder: Path) -> None:
    e1 = read_episodes(folder / "list.jsonl")[0]
    twice = [e1, replace(e1, id="e1b", cues=e1.cues * 2)]
    outcomes = evaluate_clicks(cuecast.load("colours"), twice, folder, clicks=1).outcomes
    assert [(o.id, o.shots) for o in outcomes] == [("e1", 0), ("e1", 1), ("e1b", 2)]


def test_two_processes_give_the_same_figures(folder: Path, result: ClickResult) -> None:
    seen: list[tuple[int, int]] = []
    other = evaluate_clicks(
        cuecast.load("colours"),
        read_episodes(folder / "list.jsonl"),
        folder,
        lambda step: seen.append((step.done, step.total)),
        clicks=3,
        workers=2,
    )
    timeless = [[replace(o, seconds=()) for o in r.outcomes] for r in (result, other)]
    assert timeless[0] == timeless[1]
    assert seen[-1] == (8, 8)


def test_the_table_has_a_block_a_number_of_cues(result: ClickResult) -> None:
    lines = result.as_table().splitlines()
    assert lines[0].split()[:5] == ["set", "cues", "NoC@85", "missed", "NoC@90"]
    assert [line.split()[:8] for line in lines[1:8]] == [
        ["s1", "0", "2.00", "0.50", "2.00", "0.50", "-", "0.900"],
        ["s2", "0", "3.00", "1.00", "3.00", "1.00", "-", "0.400"],
        ["mean", "0", "2.50", "0.75", "2.50", "0.75", "-", "0.650"],
        [],
        ["s1", "1", "1.50", "0.50", "1.50", "0.50", "0.900", "0.500"],
        ["mean", "1", "1.50", "0.50", "1.50", "0.50", "0.900", "0.500"],
        [],
    ]
    assert "1 episode skipped: its query does not show the thing." in lines
    assert lines[-1].startswith("pack colours")


def test_csv_and_json_hold_the_same_figures(result: ClickResult) -> None:
    rows = list(csv.DictReader(io.StringIO(result.as_csv())))
    assert [(r["set"], r["mode"], r["shots"], r["noc_85"], r["dice_0"]) for r in rows] == [
        ("s1", "alone", "0", "2.000000", ""),
        ("s2", "alone", "0", "3.000000", ""),
        ("s1", "cued", "1", "1.500000", "0.900000"),
        ("s2", "cued", "2", "3.000000", "0.400000"),
        ("mean", "alone", "0", "2.500000", ""),
        ("mean", "cued", "1", "1.500000", "0.900000"),
        ("mean", "cued", "2", "3.000000", "0.400000"),
    ]
    record = json.loads(json.dumps(result.as_dict()))
    assert record["clicks"] == 3
    assert record["skipped"] == ["e3"]
    assert [s["dice_1"] for s in record["means"]] == [0.65, 0.5, 8 / 19]
    assert record["episodes"][2]["dices"] == [0.0, 1.0]
    episodes = list(csv.DictReader(io.StringIO(result.episodes_csv())))
    assert [(r["id"], r["shots"], r["noc_90"], r["missed_90"]) for r in episodes[:4]] == [
        ("e1", "0", "3.000000", "1.000000"),
        ("e1", "1", "3.000000", "1.000000"),
        ("e2", "0", "1.000000", "0.000000"),
        ("e2", "1", "0.000000", "0.000000"),
    ]


def test_nothing_to_click_on_is_said(folder: Path) -> None:
    e3 = read_episodes(folder / "list.jsonl")[2]
    predictor = cuecast.load("colours")
    assert run_clicks(predictor, e3, folder) is None
    with pytest.raises(EpisodeError, match=r"no query of the 1 episodes shows the thing.*has a mask"):
        evaluate_clicks(predictor, [e3], folder)
    with pytest.raises(EpisodeError, match="0 clicks: at least one"):
        evaluate_clicks(predictor, [e3], folder, clicks=0)


def test_an_episode_that_cannot_be_run_stops_it_by_name(tmp_path: Path) -> None:
    episodes = read_episodes(episode_folder(tmp_path))
    (tmp_path / "images/d.png").unlink()
    with pytest.raises(EpisodeError, match=r"episode e4: .*d\.png"):
        evaluate_clicks(cuecast.load("colours"), episodes, tmp_path, clicks=1)
