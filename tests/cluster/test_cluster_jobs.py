"""Maps and measurements on a cluster: the same as in one process."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pictures import episode, mask, picture
from ray_nodes import Nodes

import cuecast
from cuecast.core.cluster import Cluster
from cuecast.core.errors import InputError
from cuecast.core.shards import Shard
from cuecast.evaluation.episodes import read_episodes
from cuecast.evaluation.evaluate import evaluate
from cuecast.predictor import load
from cuecast.results.manifest import read_manifest
from cuecast.runs.raster import MapOptions, segment_raster

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

TILES = MapOptions(tile=128, overlap=32)


def test_a_shard_of_a_map_is_for_one_machine(tmp_path: Path) -> None:
    concept = load("colours").learn([cuecast.Cue(picture(tmp_path / "p.png", 4), boxes=[(0, 0, 4, 4)])])
    options = replace(TILES, shard=Shard(1, 2), cluster=Cluster())
    with pytest.raises(InputError, match="a shard is done by one machine"):
        segment_raster(concept, tmp_path / "p.png", tmp_path / "out", options)


def test_a_map_of_a_cluster_is_that_of_one_process(tmp_path: Path, two: Nodes) -> None:
    for name in ("rasterio", "pyogrio", "shapely"):
        pytest.importorskip(name)
    from map_pictures import THINGS, painted, truth, write_map

    shown = truth((60, 60), THINGS[:1])
    concept = load("colours").learn([cuecast.Cue(painted(shown), mask=shown)], ["roof"], scale="pixel")
    ortho = write_map(tmp_path / "ortho.tif", painted(truth()))
    spread = replace(TILES, cluster=Cluster(two.address, workers=2))
    whole = segment_raster(concept, ortho, tmp_path / "whole", TILES)
    found = segment_raster(concept, ortho, tmp_path / "out", spread)
    assert (found.counts, found.objects, found.areas) == (whole.counts, whole.objects, whole.areas)
    assert found.counts["found"] > 10
    for out in ("whole", "out"):
        lines = [replace(e, seconds=None).line() for e in read_manifest(tmp_path / out / "manifest.jsonl")]
        (tmp_path / out / "manifest.jsonl").write_text("\n".join(lines))
    files = [
        {p.relative_to(tmp_path / out): p.read_bytes() for p in (tmp_path / out).rglob("*") if p.is_file()}
        for out in ("whole", "out")
    ]
    assert files[0] == files[1]


def test_a_list_of_episodes_has_the_same_outcomes_in_its_order(tmp_path: Path, two: Nodes) -> None:
    for name, columns in (("a", 3), ("b", 5)):
        picture(tmp_path / f"images/{name}.png", columns)
        mask(tmp_path / f"masks/{name}.png", [1] * columns + [0] * (8 - columns))
    lines = [json.dumps(episode(id=f"e{n}")) for n in range(12)]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    episodes = read_episodes(tmp_path / "list.jsonl")
    results = [
        evaluate(load("colours"), episodes, tmp_path, cluster=cluster)
        for cluster in (None, Cluster(two.address, workers=2))
    ]
    here, there = ([asdict(o) | {"seconds": 0, "learn_seconds": 0} for o in r.outcomes] for r in results)
    assert there == here
    assert [o["id"] for o in there] == [f"e{n}" for n in range(12)]
