"""The benchmark with the exact pack: every figure of `cuecast` is known beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import episode_folder
from PIL import Image

import cuecast
from cuecast.core.errors import EpisodeError
from cuecast.evaluation.bench import cpu_model, load_baselines, machine, run_bench
from cuecast.evaluation.bench_pictures import choose, write_pictures
from cuecast.evaluation.bench_result import BenchResult, Measured
from cuecast.evaluation.episodes import Episode, read_episodes

NAMES = ("cuecast", "filter-forest")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("episodes")
    episode_folder(root)
    return root


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("colours")


@pytest.fixture(scope="module")
def episodes(folder: Path) -> list[Episode]:
    return read_episodes(folder / "list.jsonl")


@pytest.fixture(scope="module")
def result(folder: Path, predictor: cuecast.Predictor, episodes: list[Episode]) -> BenchResult:
    return run_bench(predictor, NAMES, episodes, folder, list_name="list.jsonl")


def timeless(result: BenchResult) -> list[Measured]:
    return [replace(a, seconds=0.0, learn_seconds=0.0) for a in result.answers]


def test_answers_in_the_order_of_the_list_then_of_the_peers(result: BenchResult) -> None:
    assert [(a.id, a.baseline) for a in result.answers] == [(f"e{i}", n) for i in range(1, 5) for n in NAMES]
    ours = [a for a in result.answers if a.baseline == "cuecast"]
    assert [a.iou for a in ours] == [pytest.approx(2 / 3), 1.0, 1.0, 0.25]
    assert [a.dice for a in ours] == [pytest.approx(4 / 5), 1.0, 1.0, 0.4]
    assert [a.shots for a in ours] == [1, 1, 1, 2]


def test_means_within_a_set_before_the_mean_over_sets(result: BenchResult) -> None:
    scores = result.scores("cuecast")
    assert [(s.set, s.shots, s.episodes, s.iou) for s in scores] == [
        ("s1", 1, 2, pytest.approx(5 / 6)),
        ("s2", 1, 1, 1.0),
        ("s2", 2, 1, 0.25),
    ]
    assert [(s.shots, s.iou) for s in result.means("cuecast")] == [(1, pytest.approx(11 / 12)), (2, 0.25)]


def test_two_processes_give_the_same_figures(
    folder: Path, predictor: cuecast.Predictor, episodes: list[Episode], result: BenchResult
) -> None:
    seen: list[tuple[int, int]] = []
    other = run_bench(
        predictor, NAMES, episodes, folder, lambda step: seen.append((step.done, step.total)), workers=2
    )
    assert timeless(other) == timeless(result)
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_boxes_are_drawn_once_on_each_query_that_shows_something(
    folder: Path, predictor: cuecast.Predictor, episodes: list[Episode]
) -> None:
    again = replace(episodes[0], id="again", cues=(*episodes[0].cues, *episodes[0].cues))
    result = run_bench(predictor, ["cuecast-box"], [*episodes, again], folder)
    # e3 shows nothing, 'again' asks the query of e1.
    assert [(a.id, a.shots) for a in result.answers] == [("e1", 1), ("e2", 1), ("e4", 1)]


def test_an_episode_that_cannot_be_run_stops_it_by_name(tmp_path: Path, predictor: cuecast.Predictor) -> None:
    episodes = read_episodes(episode_folder(tmp_path))
    (tmp_path / "images/c.png").unlink()
    with pytest.raises(EpisodeError, match=r"episode e3: .*c\.png"):
        run_bench(predictor, ["cuecast"], episodes, tmp_path)


def test_cues_that_teach_nothing_are_named_with_the_peer(
    folder: Path, predictor: cuecast.Predictor, episodes: list[Episode]
) -> None:
    absent = replace(episodes[0], cues=(replace(episodes[0].cues[0], mask=None),))
    for name in NAMES:
        with pytest.raises(EpisodeError, match=f"episode e1, baseline {name}: "):
            run_bench(predictor, [name], [absent], folder)


def test_the_record_says_what_made_it(result: BenchResult, predictor: cuecast.Predictor) -> None:
    record = json.loads(json.dumps(result.as_dict()))
    assert record["kind"] == "bench"
    assert record["pack_digest"] == predictor.pack.digest
    assert record["episodes"]["list"] == "list.jsonl"
    assert record["episodes"]["count"] == 4
    assert record["machine"] == machine()
    assert [p["baseline"] for p in record["baselines"]] == list(NAMES)
    assert record["baselines"][1]["settings"]["side"] == 224
    assert [s["iou"] for s in record["baselines"][0]["means"]] == [0.9167, 0.25]
    assert record["published"][0]["method"] == "UniverSeg"


def test_the_table_keeps_published_figures_apart(result: BenchResult) -> None:
    lines = result.as_table().splitlines()
    assert lines[0] == "cues: masks"
    assert lines[2].split()[:4] == ["cuecast", "1", "0.917", "0.950"]
    rows = {line.split()[0]: line.split() for line in lines if line.startswith(("s1", "s2"))}
    assert rows["s1"][1] == "0.833"
    assert rows["s1"][3:] == ["-", "-"]
    measured, published = result.as_table().split("published, not measured here:")
    assert "UniverSeg" not in measured
    assert "Dice 0.91" in published


def test_the_best_and_the_worst_of_a_set_are_pictured(
    folder: Path, predictor: cuecast.Predictor, episodes: list[Episode], result: BenchResult, tmp_path: Path
) -> None:
    chosen = choose(result)
    assert {stem: a.id for stem, a in chosen.items()} == {"s1-good": "e2", "s1-bad": "e1", "s2-good": "e4"}
    baselines = load_baselines(NAMES, predictor)
    paths = write_pictures(result, baselines, episodes, folder, tmp_path / "new")
    assert [p.name for p in paths] == ["s1-good.png", "s1-bad.png", "s2-good.png"]
    with Image.open(paths[1]) as picture:
        pixels = np.asarray(picture)
        assert picture.width > 4 * 240  # cue, truth and two answers
    assert (pixels != 255).any()


def test_the_processor_is_named(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fine CPU 3\n")
    assert cpu_model(cpuinfo) == "Fine CPU 3"
    assert cpu_model(tmp_path / "none")
    assert machine()["libraries"]["numpy"] == np.__version__
