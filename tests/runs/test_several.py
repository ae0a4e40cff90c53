"""Several films or volumes in one folder, divided or not: each as it is done alone, and tables of all."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import films
import pytest

import cuecast
from cuecast.core.errors import OutputError
from cuecast.core.shards import Shard
from cuecast.core.values import Example
from cuecast.predictor import Concept, load
from cuecast.results.folder import Summary
from cuecast.results.manifest import read_manifest
from cuecast.runs.several import Many, segment_volumes, track_several
from cuecast.runs.video import TrackOptions, track_into
from cuecast.runs.volume import VolumeOptions, run_volume

OPTIONS = TrackOptions(formats=("csv", "ytvis"), provenance=True)
NAMES = ("=a", "b", "c", "d", "e")


@pytest.fixture
def concept() -> Concept:
    """The red square is the thing."""
    shown = films.film(1, lambda _: (10, 20))[0]
    return load("colours").learn([cuecast.Cue(shown, mask=films.square((10, 20)))], ["red"])


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Five folders of three frames; in the second there is no square, and of the fourth the last frame is broken."""
    paths = [tmp_path / "films" / name for name in NAMES]
    for i, path in enumerate(paths):
        frames = films.film(3, lambda k, i=i: None if i == 1 else (10, 5 * i + 2 * k))  # type: ignore[misc]
        files = films.save_frames(path, frames)
        if i == 3:
            files[-1].write_text("broken")
    return paths


def snapshot(out: Path) -> dict[str, bytes]:
    """Every file below a folder; manifests without their seconds."""
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    for path in out.rglob("manifest.jsonl"):
        lines = [replace(e, seconds=None).line() for e in read_manifest(path)]
        files[path.relative_to(out).as_posix()] = "\n".join(lines).encode()
    return files


def track(concept: Concept, clips: Sequence[Path], out: Path, shard: str | None = None) -> Summary:
    many = Many(shard=None if shard is None else Shard.read(shard))
    return track_several(concept, clips, out, OPTIONS, many=many)


def table(path: Path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def test_each_film_is_as_it_is_alone_and_the_tables_are_of_all(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    summary = track(concept, clips, out)
    assert summary.counts == {"found": 3, "doubtful": 0, "absent": 1, "failed": 1}
    assert [path for path, _ in summary.failures] == [str(clips[3])]
    assert "frame 2 is broken" in summary.failures[0][1]
    track_into(concept, clips[0], tmp_path / "alone", None, OPTIONS)
    assert {n: v for n, v in snapshot(out).items() if n.startswith("=a/")} == {
        f"=a/{n}": v for n, v in snapshot(tmp_path / "alone").items()
    }
    rows = table(out / "films.csv")
    assert rows[0] == ["name", "file", "verdict", "found", "doubtful", "absent", "objects", "error"]
    assert [row[0] for row in rows[1:]] == ["'=a", *NAMES[1:]]  # no formula
    assert [row[2:6] for row in rows[1:]] == [
        ["found", "3", "0", "0"],
        ["absent", "0", "0", "3"],
        ["found", "3", "0", "0"],
        ["found", "2", "0", "0"],
        ["found", "3", "0", "0"],
    ]
    objects = table(out / "objects.csv")
    assert objects[0] == ["name", *table(out / "b" / "objects.csv")[0]]
    parts = [row for name in NAMES for row in table(out / name / "objects.csv")[1:]]
    assert [row[1:] for row in objects[1:]] == parts
    assert [row[0] for row in objects[1:4]] == ["'=a"] * 3


def test_a_second_run_does_nothing_and_a_repaired_film_is_done(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    track(concept, clips, out)
    before = snapshot(out)
    again = track(concept, clips, out)
    assert (again.resumed, again.counts["failed"]) == (5, 1)
    assert snapshot(out) == before
    for path in (out / "d", clips[3]):
        shutil.rmtree(path)
    films.save_frames(clips[3], films.film(3, lambda k: (10, 15 + 2 * k)))
    assert track(concept, clips, out).counts == {"found": 4, "doubtful": 0, "absent": 1, "failed": 0}


def test_what_is_gathered_is_what_an_undivided_run_leaves(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    whole, out = track(concept, clips, tmp_path / "whole"), tmp_path / "out"
    for i in (3, 1, 2):
        track(concept, clips, out, f"{i}/3")
        track(concept, clips, out, f"{i}/3")  # once more, as after a stop
    assert not (out / "films.csv").exists()
    gathered = cuecast.gather(out)
    assert snapshot(out) == snapshot(tmp_path / "whole")
    assert (gathered.counts, gathered.failures) == (whole.counts, whole.failures)
    assert set(gathered.files) == set(whole.files) == {"manifest", "films", "csv"}
    assert sum(track(concept, clips, out, f"{i}/2").resumed for i in (1, 2)) == 5
    cuecast.gather(out)
    assert snapshot(out) == snapshot(tmp_path / "whole")


def test_a_result_that_is_gone_or_changed_is_named_with_its_shard(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for i in (1, 2):
        track(concept, clips, out, f"{i}/2")
    (out / "c" / "masks" / "f1.png").write_bytes(b"other")
    with pytest.raises(
        OutputError, match=r"results of c are gone, or were changed since shard (\d)/2"
    ) as error:
        cuecast.gather(out)
    number = str(error.value).partition("since shard ")[2][0]
    track(concept, clips, out, f"{number}/2")
    cuecast.gather(out)
    assert (out / "films.csv").is_file()


def test_shards_with_other_options_are_told_apart(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    track(concept, clips, tmp_path / "out", "1/2")
    with pytest.raises(OutputError, match=r"have other options \(rate\)"):
        track_several(
            concept, clips, tmp_path / "out", replace(OPTIONS, rate=5.0), many=Many(shard=Shard(2, 2))
        )
    with pytest.raises(OutputError, match=r"have other options \(window\)"):
        track_several(concept, clips, tmp_path / "out", OPTIONS, (0.0, 1.0), Many(shard=Shard(2, 2)))


def test_two_of_one_name_and_a_folder_of_another_concept_are_refused(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other" / "b"
    films.save_frames(other, films.film(1, lambda _: (10, 20)))
    with pytest.raises(OutputError, match=r"would both be written as b; name them apart with --name"):
        track(concept, [clips[1], other], tmp_path / "out")
    many = Many("{parent}_{stem}")
    found = track_several(concept, [clips[1], other], tmp_path / "out", OPTIONS, many=many)
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == ["films_b", "other_b"]
    assert found.counts["found"] == 1
    less = load("colours").learn([Example(concept.examples[0].image, concept.examples[0].marks)], ["blue"])
    with pytest.raises(OutputError, match="holds results of another concept"):
        track_several(less, [other], tmp_path / "out", OPTIONS)


def test_a_film_that_cannot_be_read_is_named_and_the_rest_is_done(
    concept: Concept, clips: list[Path], tmp_path: Path
) -> None:
    gone = tmp_path / "gone.mp4"
    found = track(concept, [gone, clips[0]], tmp_path / "out")
    assert found.failures[0][0] == str(gone)
    assert found.counts["found"] == 1
    assert table(tmp_path / "out" / "films.csv")[1][2:6] == ["", "", "", ""]


def test_volumes_in_shards(tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    import phantoms

    at = phantoms.affine((2.0, 1.0, 1.0))
    paths = [phantoms.nifti(tmp_path / f"ct{i}.nii.gz", phantoms.values() + i, at) for i in range(3)]
    (tmp_path / "ct3.nii.gz").write_text("broken")
    paths.append(tmp_path / "ct3.nii.gz")
    picture = (phantoms.values()[2] == phantoms.THING).astype("uint8")
    pixels = picture[..., None] * (170, 0, 0) + (30, 30, 30)
    shown = cuecast.Cue(pixels.astype("uint8"), mask=picture)
    concept = load("colours").learn([shown], ["block"], "pixel")
    options = VolumeOptions(overlays=0, provenance=True)
    whole = segment_volumes(concept, paths, tmp_path / "whole", options)
    assert whole.counts["failed"] == 1
    assert [row[0] for row in table(tmp_path / "whole" / "volumes.csv")[1:]] == [f"ct{i}" for i in range(4)]
    run_volume(concept, paths[0], tmp_path / "alone", (), None, options)
    for name, content in snapshot(tmp_path / "alone").items():
        assert snapshot(tmp_path / "whole")[f"ct0/{name}"] == content
    for i in (2, 1):
        many = Many(shard=Shard(i, 2))
        segment_volumes(concept, paths, tmp_path / "parts", options, many)
    cuecast.gather(tmp_path / "parts")
    assert snapshot(tmp_path / "parts") == snapshot(tmp_path / "whole")
    kept = json.loads((tmp_path / "parts" / "ct1" / "provenance.jsonld").read_text())["@graph"][0]
    assert kept["name"] == str(paths[1])
