"""A map whose tiles several processes do: the same files as one undivided run, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cuecast
from cuecast.core.errors import OutputError
from cuecast.core.ordered import Step
from cuecast.core.shards import Shard
from cuecast.mosaic.tiles import Tile, block_of
from cuecast.predictor import Concept, load
from cuecast.results.manifest import read_manifest
from cuecast.results.shards import Parts
from cuecast.runs.raster import MapOptions, MapSummary, segment_raster

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")
pytest.importorskip("shapely")

from map_pictures import THINGS, painted, truth, write_map  # noqa: E402

TILES = MapOptions(tile=128, overlap=32)
"""Steps of 96: 6 x 7 tiles on 600 x 700 pixels, in 2 x 2 blocks."""


@pytest.fixture(scope="module")
def concept() -> Concept:
    """Red is the thing."""
    mask = truth((60, 60), THINGS[:1])
    return load("colours").learn([cuecast.Cue(painted(mask), mask=mask)], ["roof"], scale="pixel")


@pytest.fixture(scope="module")
def ortho(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_map(tmp_path_factory.mktemp("ortho") / "ortho.tif", painted(truth()))


def shard(concept: Concept, raster: Path, out: Path, text: str, options: MapOptions = TILES) -> MapSummary:
    return segment_raster(concept, raster, out, replace(options, shard=Shard.read(text)))


def snapshot(out: Path) -> dict[str, bytes]:
    """Every file of a folder; the manifest without `seconds`."""
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    entries = [replace(e, seconds=None) for e in read_manifest(out / "manifest.jsonl")]
    return {**files, "manifest.jsonl": "\n".join(e.line() for e in entries).encode()}


def test_neighbouring_tiles_are_in_one_block() -> None:
    assert Tile(3, 7).block == Tile(0, 4).block == block_of("r0003_c0007") == "r0000_c0001"
    assert block_of("r0004_c0007") == "r0001_c0001"
    assert block_of("r12345_c0000") == "r3086_c0000"


def test_a_map_of_shards_is_the_map_of_one_run(concept: Concept, ortho: Path, tmp_path: Path) -> None:
    whole = segment_raster(concept, ortho, tmp_path / "whole", TILES)
    out = tmp_path / "out"
    done = [shard(concept, ortho, out, f"{i}/3") for i in (2, 3, 1)]
    assert sum(sum(d.counts.values()) for d in done) == 42
    assert sum(d.counts != dict.fromkeys(d.counts, 0) for d in done) > 1  # more than one had tiles
    assert {(d.verdict, d.objects) for d in done} == {(None, 0)}
    told: list[Step] = []
    gathered = cuecast.gather(out, told.append)
    assert isinstance(gathered, MapSummary)
    blocks = [(s.done, s.total) for s in told if s.what == "blocks put together"]
    assert blocks == [(n, len(blocks)) for n in range(1, len(blocks) + 1)] != []
    assert (gathered.counts, gathered.objects, gathered.verdict) == (
        whole.counts,
        whole.objects,
        whole.verdict,
    )
    assert snapshot(out) == snapshot(tmp_path / "whole")


def test_things_that_touch_are_told_apart_as_in_one_run(
    concept: Concept, ortho: Path, tmp_path: Path
) -> None:
    split = concept.with_objects("split")
    segment_raster(split, ortho, tmp_path / "whole", TILES)
    for text in ("1/2", "2/2"):
        shard(split, ortho, tmp_path / "out", text)
    cuecast.gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_a_tile_that_fails_and_a_stop_while_gathering(
    concept: Concept, ortho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "damaged.tif"
    data = bytearray(ortho.read_bytes())
    with rasterio.open(ortho) as found:
        at = int(found.get_tag_item("BLOCK_OFFSET_7_7", "TIFF", bidx=1))
    data[at + 2 : at + 12] = b"\xff" * 10
    path.write_bytes(data)
    whole, out = segment_raster(concept, path, tmp_path / "whole", TILES), tmp_path / "out"
    for text in ("1/2", "2/2"):
        shard(concept, path, out, text)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            cuecast.gather(out)
    gathered = cuecast.gather(out)
    assert len(gathered.failures) == 4
    assert gathered.failures == whole.failures
    assert snapshot(out) == snapshot(tmp_path / "whole")


def test_what_a_stop_at_the_very_end_of_gathering_has_removed_is_not_missed(
    concept: Concept, ortho: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment_raster(concept, ortho, tmp_path / "whole", TILES)
    for text in ("1/2", "2/2"):
        shard(concept, ortho, tmp_path / "out", text)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            cuecast.gather(tmp_path / "out")
    assert not (tmp_path / "out" / "tiles").exists()
    cuecast.gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_a_tile_that_is_gone_is_named_with_its_shard(concept: Concept, ortho: Path, tmp_path: Path) -> None:
    for text in ("1/2", "2/2"):
        shard(concept, ortho, tmp_path, text)
    number = 1 if Shard(1, 2).holds("r0000_c0000") else 2
    (tmp_path / "tiles" / "r0001_c0002.npz").unlink()
    with pytest.raises(OutputError, match=f"scores of tile r0001_c0002 are gone.*shard {number}/2"):
        cuecast.gather(tmp_path)
    again = shard(concept, ortho, tmp_path, f"{number}/2")
    assert sum(again.counts.values()) - again.resumed == 1
    cuecast.gather(tmp_path)


def test_shards_of_another_map_are_refused(concept: Concept, ortho: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shard(concept, ortho, out, "1/2")
    pixels = np.asarray(painted(truth())).copy()
    pixels[0, 0] = 0
    other = write_map(tmp_path / "other.tif", pixels)
    for raster, options, said in (
        (other, TILES, "are of another raster"),
        (ortho, replace(TILES, overlap=16), "are of another raster, or of this one read otherwise"),
        (ortho, replace(TILES, formats=("csv",)), r"have other options \(formats\)"),
    ):
        with pytest.raises(OutputError, match=said):
            shard(concept, raster, out, "2/2", options)
    with pytest.raises(OutputError, match="cuecast gather"):
        segment_raster(concept, ortho, out, TILES)
    segment_raster(concept, ortho, tmp_path / "whole", TILES)
    with pytest.raises(OutputError, match="results of a run that was not divided"):
        shard(concept, ortho, tmp_path / "whole", "1/2")
