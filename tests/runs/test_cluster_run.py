"""A run on a Ray cluster: whatever is killed meanwhile, what is there in the end is what one process leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import one_line
from cuesets_made import add_cue
from pictures import BLUE, RED, mask, picture
from PIL import Image
from ray_nodes import Nodes, nodes
from test_images_run import learn, snapshot

import cuecast
from cuecast.cli import run as command
from cuecast.core.cluster import Cluster
from cuecast.core.errors import InputError, OutputError
from cuecast.core.shards import Shard
from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import new_cueset
from cuecast.results.manifest import index_manifest
from cuecast.runs.actions import SegmentRequest, segment
from cuecast.runs.images import FORMATS, BatchOptions, run

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


def test_a_cluster_does_no_shard_and_writes_into_no_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    concept, paths = learn(tmp_path / "cues"), [picture(tmp_path / "p.png", 3)]
    with pytest.raises(InputError, match="a shard is done by one machine"):
        run(concept, paths, tmp_path / "out", BatchOptions(shard=Shard(1, 2), cluster=Cluster()))
    with pytest.raises(OutputError, match="the machines of a cluster cannot share a store"):
        segment(SegmentRequest(concept, paths, Path("memory://b/out"), BatchOptions(cluster=Cluster())))
    assert not (tmp_path / "out").exists()
    cue, local = f"{tmp_path / 'cues/a.png'}={tmp_path / 'cues/m.png'}", str(tmp_path / "out")
    monkeypatch.setattr("cuecast.predictor.load", lambda *_, **__: pytest.fail("it has begun to work"))
    for out, flags, code, said in (
        (local, ["--cluster", "auto", "--shard", "1/2"], 2, "give one"),
        (local, ["--cluster", "ray://h:1"], 2, "HOST"),
        ("memory://b/out", ["--cluster", "auto"], 1, "cannot share a store"),
    ):
        assert command(["segment", str(paths[0]), "-c", cue, "-o", out, *flags]) == code
        assert said in one_line(capsys.readouterr().err)


# --- on a real cluster


@pytest.fixture(scope="module")
def two() -> Iterator[Nodes]:
    """Two nodes of one core each."""
    with nodes(2) as made:
        yield made


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A command over 300 pictures of which one is broken, from the folder where they lie; all have another pixel."""
    for number in range(300):
        pixels = np.full((4, 8, 3), BLUE, np.uint8)
        pixels[:, : number % 9] = RED
        pixels[0, 7] = (0, number % 256, number // 256)
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / f"in/p{number:03d}.png")
    (tmp_path / "in/p007.png").write_text("broken")
    picture(tmp_path / "cue.png", 4)
    mask(tmp_path / "m.png", [1] * 4 + [0] * 4)
    monkeypatch.chdir(tmp_path)

    def made(out: str, *more: str) -> list[str]:
        base = ["segment", "in", "-c", "cue.png=m.png", "--pack", "colours", "-q", "--provenance", "-o", out]
        return [*base, *more, *(flag for kind in FORMATS for flag in ("-f", kind))]

    return made


def wait_for(count: int, out: Path, process: subprocess.Popen[Any]) -> set[str]:
    """The names in a manifest, as soon as there are so many."""
    for _ in range(3000):
        found = index_manifest(out / "manifest.jsonl").keys()
        if len(found) >= count:
            return set(found)
        assert process.poll() is None, "it ended before"
        time.sleep(0.02)
    raise AssertionError("nothing came")


def when(out: Path, names: set[str]) -> dict[str, int]:
    """Name -> when its mask was written, of what did not fail."""
    places = {name: out / "masks" / f"{name}.png" for name in names}
    return {name: path.stat().st_mtime_ns for name, path in places.items() if path.is_file()}


def test_the_same_bytes_and_goes_on(job: Callable[..., list[str]], two: Nodes) -> None:
    where = ["--cluster", two.address, "--workers", "2"]
    assert command(job("whole")) == 3
    assert command(job("out", *where)) == 3
    assert snapshot(Path("out")) == snapshot(Path("whole"))
    assert (Path("out") / "provenance.jsonld").is_file()
    before = when(Path("out"), {f"p{n:03d}" for n in range(300)})
    Path("in/p011.png").write_bytes(Path("in/p012.png").read_bytes())
    assert command(job("out", *where)) == 3
    after = when(Path("out"), set(before))
    assert {name for name in before if after[name] != before[name]} == {"p011"}


def test_a_corrected_cue_set_is_told_apart(tmp_path: Path, two: Nodes) -> None:
    root = tmp_path / "set"
    new_cueset(root, ["red"])
    add_cue(root, picture(tmp_path / "shown.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    inputs = [picture(tmp_path / f"in/p{n}.png", n) for n in range(6)]

    def done(out: str, cluster: Cluster | None) -> int:
        read = read_cueset(root)
        known = cuecast.load("colours").learn(read_examples(read), list(read.classes))
        return run(
            known, inputs, tmp_path / out, BatchOptions(cluster=cluster), lineage=lineage(read)
        ).resumed

    for out, cluster in (("whole", None), ("out", Cluster(two.address, workers=1))):
        assert done(out, cluster) == 0
    add_cue(root, inputs[5], mask=mask(tmp_path / "m5.png", [1] * 5 + [0] * 3))
    assert done("whole", None) == done("out", Cluster(two.address, workers=1)) > 0
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_a_killed_driver_loses_nothing_that_it_had_noted(job: Callable[..., list[str]], two: Nodes) -> None:
    assert command(job("whole")) == 3
    flags = job("out", "--cluster", two.address, "--workers", "2")
    process = subprocess.Popen([sys.executable, "-m", "cuecast", *flags])
    noted = wait_for(20, Path("out"), process)
    process.kill()
    process.wait()
    before = when(Path("out"), noted)
    assert command(flags) == 3
    assert when(Path("out"), noted) == before
    assert snapshot(Path("out")) == snapshot(Path("whole"))


def test_a_killed_node_loses_nothing(job: Callable[..., list[str]], two: Nodes) -> None:
    """The last one: a node is gone afterwards."""
    assert command(job("whole")) == 3
    flags = job("out", "--cluster", two.address, "--workers", "2")
    process = subprocess.Popen([sys.executable, "-m", "cuecast", *flags])
    noted = wait_for(20, Path("out"), process)
    before = when(Path("out"), noted)
    two.kill(two.nodes[1])
    assert process.wait(timeout=400) == 3
    assert when(Path("out"), noted) == before
    assert snapshot(Path("out")) == snapshot(Path("whole"))
