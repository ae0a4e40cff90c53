"""A function over items on a cluster: every item comes back once, whatever ends meanwhile."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
from cluster_work import deadly, refusing, squared
from ray_nodes import Nodes

from cuecast.cluster.pool import Lost, Tries, _Needed, cpus_each, on_cluster
from cuecast.core.cluster import Cluster
from cuecast.core.errors import InputError, MissingExtraError, OutputError
from cuecast.core.version import __version__


def test_all_workers_fit_into_half_of_a_cluster() -> None:
    assert cpus_each(cores=2, workers=2, threads=1) == 0.5
    assert cpus_each(cores=8, workers=2, threads=4) == 2
    assert cpus_each(cores=8, workers=2, threads=1) == 0.5
    assert cpus_each(cores=2, workers=8, threads=1) == 0.125  # more than there are cores: they share them
    assert cpus_each(cores=2, workers=3, threads=1) * 3 <= 1


def test_a_worker_says_why_it_cannot_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    other = _Needed("0.0.1", str(tmp_path), None).refusal()
    assert f"it has cuecast {__version__}, and this is 0.0.1; install the same version" in str(other)
    unseen = _Needed(__version__, str(tmp_path), str(tmp_path / "out" / "mark")).refusal()
    assert f"does not see the folder of the results, {tmp_path / 'out'}" in str(unseen)
    lost = _Needed(__version__, str(tmp_path / "gone"), None).refusal()
    assert f"does not see {tmp_path / 'gone'}" in str(lost)
    assert Path.cwd() == tmp_path
    assert _Needed(__version__, str(tmp_path / "there"), str(tmp_path / "there")).refusal() is None
    assert Path.cwd() == tmp_path / "there"


def test_what_was_begun_and_has_not_ended_is_counted() -> None:
    tries = Tries()
    assert [tries.begin("a"), tries.begin("b"), tries.begin("a")] == [1, 1, 2]
    tries.end("a")
    assert [tries.begin("a"), tries.begin("b")] == [1, 2]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuecast\[cluster\]'"):
        list(on_cluster(str, [1], Cluster()))


# --- on a real cluster

with_ray = pytest.mark.filterwarnings("ignore")  # Ray's own


@with_ray
def test_each_item_comes_back_once_from_no_more_processes_than_asked_for(two: Nodes, tmp_path: Path) -> None:
    found = dict(on_cluster(squared, range(100), Cluster(two.address, workers=2), tmp_path))
    assert {index: pair[0] for index, pair in found.items()} == {n: n * n for n in range(100)}
    assert len({pair[1] for pair in found.values()} - {os.getpid()}) in (1, 2)
    assert list(tmp_path.iterdir()) == []


@with_ray
def test_what_ends_its_process_is_lost_alone(two: Nodes) -> None:
    found = dict(on_cluster(deadly, range(40), Cluster(two.address, workers=2)))
    assert found == {n: Lost() if n == 13 else n for n in range(40)}


@with_ray
def test_an_error_stops_the_work_and_is_the_same_here(two: Nodes) -> None:
    with pytest.raises(OutputError, match="out: no space is left; free some") as raised:
        list(on_cluster(refusing, range(40), Cluster(two.address, workers=2)))
    assert raised.value.remedy == "free some"


@with_ray
def test_a_worker_that_lacks_what_is_sent_says_so(
    two: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def work(item): return item")
    monkeypatch.syspath_prepend(tmp_path)
    work = importlib.import_module("only_here").work
    with pytest.raises(
        InputError, match=r"its workers cannot begin .*No module named 'only_here'.*; install"
    ):
        list(on_cluster(work, range(4), Cluster(two.address, workers=1)))


@with_ray
def test_no_cluster_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray is large and not installed: pip install 'cuecast[cluster]'")
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: (_ for _ in ()).throw(ConnectionError("nobody there")))
    with pytest.raises(InputError, match=r"--cluster h:1: there is no Ray cluster \(nobody there\)"):
        list(on_cluster(str, [1], Cluster("h:1")))
    with pytest.raises(InputError, match="this machine belongs to no Ray cluster"):
        list(on_cluster(str, [1], Cluster()))
