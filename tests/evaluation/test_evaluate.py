"""Evaluation with the exact pack: every figure is known beforehand."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import episode, episode_folder

import cuecast
from cuecast.core.errors import EpisodeError
from cuecast.evaluation.episodes import read_episodes
from cuecast.evaluation.evaluate import EvaluationResult, Outcome, SetScore, evaluate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("episodes")
    episode_folder(root)
    return root


@pytest.fixture(scope="module")
def result(folder: Path) -> EvaluationResult:
    return evaluate(cuecast.load("colours"), read_episodes(folder / "list.jsonl"), folder)


def test_outcomes_in_the_order_of_the_list(result: EvaluationResult) -> None:
    assert [(o.id, o.iou, o.dice) for o in result.outcomes] == [
        ("e1", pytest.approx(2 / 3), pytest.approx(4 / 5)),
        ("e2", 1.0, 1.0),
        ("e3", 1.0, 1.0),
        ("e4", 1 / 4, 2 / 5),
    ]
    assert [o.verdict for o in result.outcomes] == ["found", "found", "absent", "found"]
    assert [o.truth_empty for o in result.outcomes] == [False, False, True, False]
    assert [o.shots for o in result.outcomes] == [1, 1, 1, 2]


def test_without_values_everything_marked_is_the_thing(folder: Path) -> None:
    shown = {"image": "images/a.png", "mask": "masks/d.png"}  # a 2 and three 1
    line = episode(id="any", cues=[shown], query={"image": "images/d.png", "mask": "masks/d.png"})
    (folder / "any.jsonl").write_text(json.dumps(line) + "\n")
    (outcome,) = evaluate(cuecast.load("colours"), read_episodes(folder / "any.jsonl"), folder).outcomes
    assert outcome.iou == 1


def test_means_within_a_set_before_the_mean_over_sets(result: EvaluationResult) -> None:
    assert [(s.set, s.shots, s.episodes, s.iou) for s in result.scores()] == [
        ("s1", 1, 2, pytest.approx(5 / 6)),
        ("s2", 1, 1, 1.0),
        ("s2", 2, 1, 0.25),
    ]
    # The plain mean over the three episodes with one cue would be 8/9.
    assert [(s.shots, s.iou, s.dice) for s in result.means()] == [
        (1, pytest.approx(11 / 12), pytest.approx(0.95)),
        (2, 0.25, 0.4),
    ]


def test_says_what_was_measured(result: EvaluationResult) -> None:
    assert result.pack == "colours"
    assert result.pack_digest == cuecast.load("colours").pack.digest
    assert result.commit is None or len(result.commit.split("+")[0]) == 12


def test_two_processes_give_the_same_figures(folder: Path, result: EvaluationResult) -> None:
    seen: list[tuple[int, int]] = []
    episodes = read_episodes(folder / "list.jsonl")
    other = evaluate(
        cuecast.load("colours"),
        episodes,
        folder,
        lambda step: seen.append((step.done, step.total)),
        workers=2,
    )
    timeless = [[replace(o, seconds=0.0, learn_seconds=0.0) for o in r.outcomes] for r in (result, other)]
    assert timeless[0] == timeless[1]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_table_has_a_line_a_set_and_the_mean_last(result: EvaluationResult) -> None:
    lines = result.as_table().splitlines()
    assert lines[0].split() == ["set", "IoU", "1", "IoU", "2", "Dice", "1", "Dice", "2", "s", "1", "s", "2"]
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["s1", "0.833", "-"],
        ["s2", "1.000", "0.250"],
        ["mean", "0.917", "0.250"],
    ]
    assert "pack colours" in lines[-1]


def test_csv_and_json_hold_the_same_figures(result: EvaluationResult) -> None:
    rows = list(csv.DictReader(io.StringIO(result.as_csv())))
    assert [(r["set"], r["shots"], r["iou"]) for r in rows] == [
        ("s1", "1", "0.833333"),
        ("s2", "1", "1.000000"),
        ("s2", "2", "0.250000"),
        ("mean", "1", "0.916667"),
        ("mean", "2", "0.250000"),
    ]
    record = json.loads(json.dumps(result.as_dict()))
    assert [s["iou"] for s in record["means"]] == [pytest.approx(11 / 12), 0.25]
    assert [e["id"] for e in record["episodes"]] == ["e1", "e2", "e3", "e4"]
    assert len(result.episodes_csv().splitlines()) == 1 + 4


@pytest.mark.parametrize("workers", [1, 2])
def test_an_episode_that_cannot_be_run_stops_it_by_name(tmp_path: Path, workers: int) -> None:
    episodes = read_episodes(episode_folder(tmp_path))
    (tmp_path / "images/c.png").unlink()
    with pytest.raises(EpisodeError, match=r"episode e3: .*c\.png"):
        evaluate(cuecast.load("colours"), episodes, tmp_path, workers=workers)


def test_centre_lines_are_measured_where_the_card_says_thin(tmp_path: Path) -> None:
    # e4: the answer is four columns of four pixels, the truth the first of them, s2 its set. The centre line of
    # the truth lies in the answer; the answer's lies in its middle, and not in the truth.
    episodes = read_episodes(episode_folder(tmp_path))
    (tmp_path / "s2").mkdir()
    (tmp_path / "s2/card.json").write_text('{"thin": true}', encoding="utf-8")
    result = evaluate(cuecast.load("colours"), episodes, tmp_path)
    assert [o.cldice for o in result.outcomes] == [None, None, 1.0, pytest.approx(0.0)]
    assert [(s.set, s.shots, s.cldice) for s in (*result.scores(), *result.means())] == [
        ("s1", 1, None),
        ("s2", 1, 1.0),
        ("s2", 2, 0.0),
        ("mean", 1, 1.0),
        ("mean", 2, 0.0),
    ]
    table = result.as_table()
    assert "clDice 1  clDice 2" in table.splitlines()[0]
    assert table.splitlines()[1].split()[5:7] == ["-", "-"]
    assert "clDice: Dice of the centre lines" in table
    rows = list(csv.DictReader(io.StringIO(result.as_csv())))
    assert [r["cldice"] for r in rows] == ["", "1.000000", "0.000000", "1.000000", "0.000000"]
    assert json.loads(json.dumps(result.as_dict()))["sets"][0]["cldice"] is None


def test_results_from_before_centre_lines_can_be_read() -> None:
    kept = Path(__file__).parents[2] / "benchmarks/results/general-1.json"
    record = json.loads(kept.read_text(encoding="utf-8"))
    outcomes = tuple(Outcome(**o) for o in record.pop("episodes"))
    record = {k: v for k, v in record.items() if k not in ("means", "sets")}
    result = EvaluationResult(outcomes=outcomes, **record)
    assert [s.cldice for s in result.means()] == [None, None]
    assert "clDice" not in result.as_table()
    assert SetScore("a", 1, 1, 0.5, 0.6, 0.1, 0.1).cldice is None
