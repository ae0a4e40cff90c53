"""What provenance.jsonld says of films, volumes, maps and folders that are watched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import films
import numpy as np
import pytest
from pictures import picture
from test_images_run import learn

import cuecast
from cuecast.core.shards import Shard
from cuecast.io.files import file_digest
from cuecast.predictor import load
from cuecast.propagation.volume_slices import SliceCue
from cuecast.results.provenance import NAME
from cuecast.runs.images import BatchOptions
from cuecast.runs.raster import MapOptions, segment_raster
from cuecast.runs.video import TrackOptions, track_into
from cuecast.runs.volume import VolumeOptions, run_volume
from cuecast.runs.watch import WatchRequest, watch


def nodes(out: Path) -> dict[str, dict[str, Any]]:
    """The things of a file by their names; each is named once."""
    graph = json.loads((out / NAME).read_text(encoding="utf-8"))["@graph"]
    found = {node["@id"]: node for node in graph}
    assert len(found) == len(graph)
    return found


def test_each_frame_is_a_part_of_its_film(tmp_path: Path) -> None:
    pictures = films.film(4, lambda i: (10, 2 * i))
    paths = films.save_frames(tmp_path / "film", pictures)
    concept = load("colours").learn([cuecast.Cue(pictures[0], mask=films.square((10, 0)))], ["red"])
    options, on = TrackOptions(formats=(), provenance=True), {0: concept.examples[0]}
    out = tmp_path / "film" / "results"
    summary = track_into(concept, tmp_path / "film", out, on, options)
    assert summary.files["provenance"] == out / NAME
    found = nodes(out)
    assert found["#source"]["hadMember"] == [f"#source-f{i}.png" for i in range(4)]
    assert [found[f"#source-f{i}.png"]["sha256"] for i in range(4)] == list(map(file_digest, paths))
    mask = found["masks/f2.png"]
    assert mask["sha256"] == file_digest(out / "masks" / "f2.png")
    assert found[mask["wasDerivedFrom"]] == {
        "@id": "#part-f2",
        "@type": "Entity",
        "name": str(tmp_path / "film"),
        "specializationOf": "#source",
        "frame": 2,
    }
    before = (out / NAME).read_bytes()
    assert track_into(concept, tmp_path / "film", out, on, replace(options, provenance=False)).resumed == 4
    assert (out / NAME).read_bytes() == before


def test_frames_that_are_no_files_have_a_source_without_bytes(tmp_path: Path) -> None:
    pictures = films.film(2, lambda i: (10, 2 * i))
    concept = load("colours").learn([cuecast.Cue(pictures[0], mask=films.square((10, 0)))], ["red"])
    options = TrackOptions(formats=(), provenance=True)
    track_into(concept, pictures, tmp_path / "out", {0: concept.examples[0]}, options)
    assert nodes(tmp_path / "out")["#source"] == {"@id": "#source", "@type": "Entity", "name": "frames"}


def test_each_slice_is_a_part_of_the_labels_of_its_volume(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    import phantoms

    path = phantoms.nifti(tmp_path / "ct.nii.gz", phantoms.values(), phantoms.affine((2.0, 1.0, 1.0)))
    cue = SliceCue("z", 2, mask=phantoms.truth()[2].astype(np.uint8))
    options = VolumeOptions(provenance=True, overlays=0)
    summary = run_volume(load("colours"), path, tmp_path / "out", [cue], ["block"], options)
    assert summary.files["provenance"] == tmp_path / "out" / NAME
    found = nodes(tmp_path / "out")
    assert found["#source"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found["masks/ct.nii.gz"]["sha256"] == file_digest(tmp_path / "out" / "masks" / "ct.nii.gz")
    verdicts = {n: node["verdict"] for n, node in found.items() if "verdict" in node}
    assert verdicts == {f"masks/ct.nii.gz#ct_z{i:04d}": "found" if 1 <= i < 5 else "absent" for i in range(6)}
    assert found["masks/ct.nii.gz#ct_z0002"]["specializationOf"] == "masks/ct.nii.gz"
    before = (tmp_path / "out" / NAME).read_bytes()
    assert run_volume(load("colours"), path, tmp_path / "out", [cue], ["block"], options).finished
    assert (tmp_path / "out" / NAME).read_bytes() == before


def test_a_map_leads_to_its_raster_whether_divided_or_not(tmp_path: Path) -> None:
    pytest.importorskip("rasterio")
    from map_pictures import THINGS, painted, truth, write_map

    mask = truth((60, 60), THINGS[:1])
    concept = load("colours").learn([cuecast.Cue(painted(mask), mask=mask)], ["roof"], scale="pixel")
    raster = write_map(tmp_path / "ortho.tif", painted(truth()))
    options = MapOptions(tile=256, overlap=32, formats=(), provenance=True)
    segment_raster(concept, raster, tmp_path / "whole", options)
    found = nodes(tmp_path / "whole")
    assert [n for n, node in found.items() if "verdict" in node] == ["mask.tif"]
    assert found["mask.tif"]["wasDerivedFrom"] == "#source"
    assert found["#source"] == {
        "@id": "#source",
        "@type": "Entity",
        "name": str(raster),
        "sha256": file_digest(raster),
    }
    for number in (1, 2):
        segment_raster(concept, raster, tmp_path / "parts", replace(options, shard=Shard(number, 2)))
    cuecast.gather(tmp_path / "parts")
    assert (tmp_path / "parts" / NAME).read_bytes() == (tmp_path / "whole" / NAME).read_bytes()


def test_a_folder_that_is_watched_has_it_in_the_end(tmp_path: Path) -> None:
    looks = iter([True, True, False])
    for i in range(2):
        picture(tmp_path / "in" / f"p{i}.png", i + 2)
    options = BatchOptions(formats=(), provenance=True)
    request = WatchRequest(learn(tmp_path / "cues"), tmp_path / "in", tmp_path / "out", options)
    watch(request, wait=lambda _: next(looks))
    found = nodes(tmp_path / "out")
    assert {n for n, node in found.items() if "verdict" in node} == {"masks/p0.png", "masks/p1.png"}
