"""Episodes shared among processes: order, progress, and what happens when one dies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import cuecast
from cuecast.cluster.pool import Lost
from cuecast.core.cluster import Cluster
from cuecast.core.errors import EpisodeError
from cuecast.evaluation import processes
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.evaluation.processes import run_each
from cuecast.predictor import Predictor

EPISODES = [Episode(f"e{i}", "s", "red", (), EpisodeImage("a.png", None)) for i in range(5)]


def name(predictor: Predictor, episode: Episode, root: Path) -> str:
    """What these tests do with an episode."""
    return f"{root}/{predictor.pack.name}/{episode.id}"


def die(predictor: Predictor, episode: Episode, root: Path) -> None:  # noqa: ARG001
    """What a process does that runs out of memory."""
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_are_in_the_order_of_the_list(workers: int) -> None:
    seen: list[tuple[int, int]] = []
    results = run_each(
        cuecast.load("colours"),
        EPISODES,
        "r",
        name,
        lambda step: seen.append((step.done, step.total)),
        workers=workers,
    )
    assert results == [f"r/colours/e{i}" for i in range(5)]
    assert seen == [(i, 5) for i in range(1, 6)]


def test_a_process_that_dies_is_an_error_with_a_remedy() -> None:
    with pytest.raises(EpisodeError, match=r"ended early.*run with --workers 1"):
        run_each(cuecast.load("colours"), EPISODES, "r", die, workers=2)


def test_results_of_a_cluster_are_in_the_order_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    def backwards(function: Any, items: Any, cluster: Cluster) -> Any:
        assert cluster == Cluster("h:1", 2, 3)
        return ((index, function(items[index])) for index in reversed(range(len(items))))

    monkeypatch.setattr(processes, "on_cluster", backwards)
    found = run_each(cuecast.load("colours"), EPISODES, "r", name, cluster=Cluster("h:1", 2, 3))
    assert found == [f"r/colours/e{i}" for i in range(5)]


def test_what_ends_every_process_of_a_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "on_cluster", lambda *_: iter([(0, "r"), (3, Lost(4))]))
    with pytest.raises(
        EpisodeError, match=r"number 4 of the list ended each of 4 processes.*fewer --workers"
    ):
        run_each(cuecast.load("colours"), EPISODES, "r", name, cluster=Cluster())
