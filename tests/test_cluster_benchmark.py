"""What benchmarks/cluster.py compares, where the answer is known; no cluster is needed for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from scripts import load_script

import cuecast
from cuecast.results.manifest import read_manifest, write_manifest
from cuecast.runs.images import BatchOptions, run


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return load_script("benchmarks/cluster.py")


def test_two_runs_differ_in_their_seconds_alone(bench: ModuleType, tmp_path: Path) -> None:
    bench.make(tmp_path, 3, 32)
    concept = cuecast.load("colours").learn([cuecast.Cue(tmp_path / "cue.png", mask=tmp_path / "mask.png")])
    pictures = sorted((tmp_path / "in").iterdir())
    for out in ("a", "b"):
        done = run(concept, pictures, tmp_path / out, BatchOptions(formats=()))
        assert done.counts["found"] == 3
    manifest = tmp_path / "b" / "manifest.jsonl"
    write_manifest(manifest, [replace(e, seconds=9.0) for e in read_manifest(manifest)])
    assert bench.contents(tmp_path / "a") == bench.contents(tmp_path / "b")
    write_manifest(manifest, [replace(e, objects=9) for e in read_manifest(manifest)])
    assert bench.contents(tmp_path / "a") != bench.contents(tmp_path / "b")
