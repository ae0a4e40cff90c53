"""The simulation of benchmarks/cluster_plan.py where its answer is known."""

from __future__ import annotations

from types import ModuleType

import pytest
from scripts import load_script


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    return load_script("benchmarks/cluster_plan.py")


def test_shares_add_up_and_follow_the_hash(plan: ModuleType) -> None:
    found = plan.shares(1000, 4, 2.0, 0.0, seed=1)
    assert sum(found) == 2000
    assert found == plan.shares(1000, 4, 2.0, 0.0, seed=2)  # without a spread nothing is left to chance
    uneven = plan.shares(20_000, 2, 2.0, 0.5, seed=1)
    assert sum(uneven) == pytest.approx(40_000, rel=0.02)


def test_machines_that_are_alike_and_never_fail_take_turns(plan: ModuleType) -> None:
    cluster = plan.Cluster(2, workers=4, start=10).perfect
    found = plan.simulate([400, 400, 400], 1.0, cluster, seed=0)
    assert found.wall == 2 * (10 + 100)
    assert found.cores == 3 * (10 + 100) * 4
    assert found.restarts == 0


def test_a_slow_machine_is_what_one_shard_a_machine_waits_for(plan: ModuleType) -> None:
    cluster = plan.Cluster(4, workers=1, start=0, slow=0.5, slower=3, failures=0)
    assert plan.simulate([100] * 4, 1.0, cluster, seed=0).wall == 300
    assert plan.simulate([10] * 40, 1.0, cluster, seed=0).wall < 200


def test_what_fails_goes_on_and_loses_little(plan: ModuleType) -> None:
    cluster = plan.Cluster(3, workers=2, start=10, slow=0, failures=0.5, back=60)
    found = plan.simulate([7200] * 6, 1.0, cluster, seed=3)
    assert found.restarts > 0
    calm = plan.simulate([7200] * 6, 1.0, cluster.perfect, seed=3)
    lost = found.cores - calm.cores
    assert 0 <= lost <= found.restarts * 2 * (10 + 2)
    assert found == plan.simulate([7200] * 6, 1.0, cluster, seed=3)


def test_seconds_are_those_that_were_measured(plan: ModuleType) -> None:
    assert 0.05 < plan.tile_seconds() < 10
    assert 0.05 < plan.picture_seconds() < 10
    text = plan.table(100, 1.0, plan.Cluster(2), seed=0)
    assert text.startswith("100 things of 1.00 s: 0 hours of one core; 2 machines")
    assert text.count("all machines alike") == 5
