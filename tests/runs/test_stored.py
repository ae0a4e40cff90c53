"""Pictures and results in a store: a real HTTP server that speaks S3."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pictures import mask, picture
from PIL import Image as PILImage

import cuecast
from cuecast.core.errors import InputError, OutputError
from cuecast.core.ordered import Step
from cuecast.io.files import make_folder
from cuecast.io.places import list_images
from cuecast.io.stores import Store, open_store
from cuecast.predictor import Concept
from cuecast.results.manifest import read_manifest
from cuecast.runs.actions import SegmentRequest, segment
from cuecast.runs.images import FORMATS, BatchOptions

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

BUCKET = "s3://bucket"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Five pictures in s3://bucket/in; gives the folder in which they lie here, too."""
    import s3fs

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"").close()
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("bucket")
    for i in range(5):
        path = picture(tmp_path / "in" / f"p{i}.png", i)
        open_store(f"{BUCKET}/in").put(path, path.name)
    yield tmp_path / "in"
    s3fs.S3FileSystem.clear_instance_cache()
    running.stop()


@pytest.fixture
def concept(tmp_path: Path) -> Concept:
    """What is red is the thing."""
    shown = cuecast.Cue(
        picture(tmp_path / "cues" / "a.png", 4), mask=mask(tmp_path / "cues" / "m.png", [1] * 4 + [0] * 4)
    )
    return cuecast.load("colours").learn([shown], classes=["red"])


def request(concept: Concept, images: list[Path], out: str) -> SegmentRequest:
    return SegmentRequest(
        concept, images, Path(out), BatchOptions(formats=FORMATS, workers=2, provenance=True)
    )


def fetched(folder: Path) -> dict[str, bytes]:
    """Every object of s3://bucket/out."""
    store = open_store(f"{BUCKET}/out")
    folder.mkdir()
    return {name: store.fetch(name, folder / "object").read_bytes() for name in store.names()}


def lines(manifest: bytes, folder: Path) -> list[str]:
    """The lines of a manifest without what may differ: how long it took, and where the pictures lie."""
    path = folder / "lines.jsonl"
    path.write_bytes(manifest)
    return [
        replace(e, seconds=None, state=None, image=Path(e.image).name).line() for e in read_manifest(path)
    ]


def test_a_stopped_run_goes_on_and_gives_the_bytes_of_a_local_one(
    s3: Path, concept: Concept, tmp_path: Path
) -> None:
    images = list_images([f"{BUCKET}/in"], stores=True)
    assert [p.name for p in images] == [f"p{i}.png" for i in range(5)]
    wanted = request(concept, images, f"{BUCKET}/out")

    def stop(step: Step) -> None:
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segment(wanted, stop)
    halfway = fetched(tmp_path / "halfway")
    assert {n for n in halfway if n.startswith("parts/")} == {f"parts/p{i}.jsonl" for i in range(3)}
    assert "manifest.jsonl" not in halfway

    summary = segment(wanted)
    assert summary.resumed == 3
    assert str(summary.files["masks"]) == "s3:/bucket/out/masks"
    segment(request(concept, list_images([s3]), str(tmp_path / "local")))
    local = {
        p.relative_to(tmp_path / "local").as_posix(): p.read_bytes()
        for p in (tmp_path / "local").rglob("*")
        if p.is_file()
    }
    stored = fetched(tmp_path / "stored")
    assert lines(stored.pop("manifest.jsonl"), tmp_path) == lines(local.pop("manifest.jsonl"), tmp_path)
    assert stored.keys() == local.keys()
    assert {name.partition("/")[0] for name in stored if stored[name] != local[name]} == {
        "annotations.via.json",  # states the size of the picture's file
        "provenance.jsonld",  # states where the pictures lie
    }
    told = json.loads(stored["provenance.jsonld"])["@graph"]
    assert f"{BUCKET}/in/p0.png" in [node.get("name") for node in told]


def test_a_missing_object_is_a_named_failure_and_the_rest_is_done(
    s3: Path, concept: Concept, tmp_path: Path
) -> None:
    images = list_images([f"{BUCKET}/in/p1.png", f"{BUCKET}/in/gone.png"], stores=True)
    summary = segment(request(concept, images, str(tmp_path / "out")))
    assert [image for image, _ in summary.failures] == [f"{BUCKET}/in/gone.png"]
    assert summary.failures[0][1].startswith(f"{BUCKET}/in/gone.png: there is no such object or bucket")
    assert summary.counts["found"] == 1
    assert s3.is_dir()


def test_a_killed_upload_is_no_result(s3: Path, concept: Concept, tmp_path: Path) -> None:
    import s3fs

    system = s3fs.S3FileSystem()
    system.call_s3("create_multipart_upload", Bucket="bucket", Key="out/masks/p0.png")
    images = list_images([f"{BUCKET}/in/p0.png"], stores=True)
    assert open_store(f"{BUCKET}/out").names() == []
    summary = segment(request(concept, images, f"{BUCKET}/out"))
    assert summary.resumed == 0
    found = np.array(PILImage.open(io.BytesIO(fetched(tmp_path / "all")["masks/p0.png"])))
    assert not found.any()
    assert s3.is_dir()


def test_without_its_bucket_a_store_is_an_error_that_names_it(s3: Path, concept: Concept) -> None:
    with pytest.raises(OutputError, match=r"s3://nowhere/out.*no such object or bucket; check the name"):
        segment(request(concept, list_images([s3]), "s3://nowhere/out"))


def test_unknown_schemes_and_commands_without_stores_say_so() -> None:
    with pytest.raises(InputError, match=r"ftp://a/b: ftp:// is not known; known are s3://"):
        list_images(["ftp://a/b"], stores=True)
    with pytest.raises(InputError, match="URLs are not read here; copy"):
        list_images(["s3://bucket/in"])
    with pytest.raises(OutputError, match="s3://bucket/out: only `cuecast segment` writes into a store"):
        make_folder(Path("s3://bucket/out"))


def test_a_finished_run_fetches_neither_pictures_nor_what_it_does_not_read(
    s3: Path, concept: Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = list_images([f"{BUCKET}/in"], stores=True)
    wanted = SegmentRequest(concept, images, Path(f"{BUCKET}/out"), BatchOptions(formats=("overlays", "csv")))
    segment(wanted)
    fetched: list[str] = []
    fetch, fetch_all = Store.fetch, Store.fetch_all

    def one(store: Store, name: str, target: Path) -> Path:
        fetched.append(name)
        return fetch(store, name, target)

    def many(store: Store, names: Sequence[str], folder: Path) -> list[Path]:
        fetched.extend(names)
        return fetch_all(store, names, folder)

    monkeypatch.setattr(Store, "fetch", one)
    monkeypatch.setattr(Store, "fetch_all", many)
    assert segment(wanted).resumed == 5
    assert sorted(fetched) == ["manifest.jsonl", *(f"masks/p{i}.png" for i in range(5))]

    fetched.clear()
    open_store(f"{BUCKET}/in").put(picture(s3 / "p1.png", 7), "p1.png")
    assert segment(replace(wanted, images=list_images([f"{BUCKET}/in"], stores=True))).resumed == 4
    assert "p1.png" in fetched
    assert "p2.png" not in fetched

    fetched.clear()
    assert segment(replace(wanted, options=BatchOptions(formats=("report",)))).resumed == 5
    assert {f"overlays/p{i}.jpg" for i in range(5)} < set(fetched)


def test_another_picture_of_one_name_in_a_store_is_refused(s3: Path, concept: Concept) -> None:
    store = open_store(f"{BUCKET}/other")
    store.put(picture(s3.parent / "other.png", 6), "p0.png")
    store.put(s3 / "p1.png", "p1.png")
    segment(request(concept, list_images([f"{BUCKET}/in"], stores=True), f"{BUCKET}/out"))
    with pytest.raises(OutputError, match=r"p0\.png would be written as p0\.png .*choose another folder"):
        segment(request(concept, [Path(f"{BUCKET}/other/p0.png")], f"{BUCKET}/out"))
    moved = request(concept, [Path(f"{BUCKET}/other/p1.png")], f"{BUCKET}/out")
    assert segment(moved).resumed == 1  # the same picture at another place
    open_store(f"{BUCKET}/in").remove("p0.png")
    assert segment(request(concept, [Path(f"{BUCKET}/other/p0.png")], f"{BUCKET}/out")).counts["found"] == 1


def test_labelme_files_in_a_store_name_a_picture_that_is_here_by_its_whole_path(
    s3: Path, concept: Concept, tmp_path: Path
) -> None:
    options = BatchOptions(formats=("labelme",))
    segment(SegmentRequest(concept, [s3 / "p1.png"], Path(f"{BUCKET}/out"), options))
    there = json.loads(fetched(tmp_path / "all")["labelme/p1.json"])
    assert there["imagePath"] == (s3 / "p1.png").as_posix()
    segment(SegmentRequest(concept, [Path(f"{BUCKET}/in/p1.png")], tmp_path / "here", options))
    here = json.loads((tmp_path / "here" / "labelme" / "p1.json").read_text())
    assert here["imagePath"] == f"{BUCKET}/in/p1.png"
