"""Files that are packed more than real ones are: refused where they come to much, whatever their kind and door."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
from inline_service import RAW, Service, inline_service
from numpy.typing import NDArray
from PIL import Image

from cuecast.io.volumes import open_volume
from cuecast.service.settings import Limits

FEW = Limits(unpacked_bytes=1_000_000, ratio=20)
SIDE = 1200
"""Of a picture of 1.44 MB in grey."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data", roots=(tmp_path / "root",), limits=FEW) as service:
        yield service


def said(reply: Any) -> str:
    """The message of a refusal for the packing."""
    assert reply.status_code == 413, reply.text
    assert reply.json()["error"]["code"] == "too_large"
    message = str(reply.json()["error"]["message"])
    assert "times as many" in message
    assert "20 times" in message
    assert "1000000 bytes" in message
    return message


# ---- volumes


def nifti(voxels: NDArray[Any], suffix: str) -> bytes:
    data = nibabel.Nifti1Image(voxels.T, np.eye(4)).to_bytes()
    return gzip.compress(data, 9) if suffix == ".gz" else bytes(data)


def nrrd(voxels: NDArray[Any], suffix: str) -> bytes:
    z, y, x = voxels.shape
    encoding = {".gz": "gzip", ".bz2": "bzip2", ".raw": "raw"}[suffix]
    head = (
        f"NRRD0004\ntype: uint16\ndimension: 3\nsizes: {x} {y} {z}\nendian: little\nencoding: {encoding}\n\n"
    )
    pack: Callable[[bytes], bytes] = {".gz": gzip.compress, ".bz2": bz2.compress, ".raw": bytes}[suffix]
    return head.encode() + pack(voxels.tobytes())


def stack(voxels: NDArray[Any], suffix: str) -> bytes:
    buffer = io.BytesIO()
    named = {} if suffix == ".raw" else {"compression": suffix[1:]}
    tifffile.imwrite(buffer, voxels, photometric="minisblack", **named)
    return buffer.getvalue()


def empty(slices: int = 12) -> NDArray[np.uint16]:
    """2.9 MB of nothing."""
    return np.zeros((slices, 300, 400), np.uint16)


def noisy() -> NDArray[np.uint16]:
    """As much, which packs well, and not as well: a part of it is noise."""
    voxels = empty()
    voxels[:, :100] = np.random.default_rng(0).integers(0, 4000, (12, 100, 400))
    return voxels


def send(service: Service, name: str, data: bytes) -> Any:
    made = service.client.post("/v1/projects", json={"name": "scan", "kind": "volume"})
    path = f"/v1/projects/{made.json()['id']}/source"
    return service.client.post(path, params={"name": name}, content=data, headers=RAW)


VOLUMES: list[tuple[Callable[[NDArray[Any], str], bytes], str, str]] = [
    (nifti, ".gz", "scan.nii.gz"),
    (nrrd, ".gz", "scan.nrrd"),
    (nrrd, ".bz2", "scan.nrrd"),
    (stack, ".deflate", "scan.tif"),
    (stack, ".lzw", "scan.tif"),
]


@pytest.mark.parametrize(("make", "suffix", "name"), VOLUMES)
def test_a_volume_that_is_nearly_nothing_is_refused(
    service: Service, tmp_path: Path, make: Any, suffix: str, name: str
) -> None:
    data = make(empty(), suffix)
    message = said(send(service, name, data))
    assert message.startswith(f"{name}: its {len(data)} bytes unpack to 288")
    assert "cut out a part" in message
    # The library itself, on somebody's own machine, reads it.
    (tmp_path / name).write_bytes(data)
    assert open_volume(tmp_path / name).size == (12, 300, 400)


@pytest.mark.parametrize(("make", "suffix", "name"), VOLUMES)
def test_real_ones_and_small_ones_are_taken(service: Service, make: Any, suffix: str, name: str) -> None:
    assert send(service, name, make(noisy(), suffix)).status_code == 201
    small = make(empty(4), suffix)
    assert empty(4).nbytes > FEW.ratio * len(small)
    assert send(service, name, small).status_code == 201


@pytest.mark.parametrize(
    ("make", "suffix", "name"),
    [(nifti, ".nii", "scan.nii"), (nrrd, ".raw", "scan.nrrd"), (stack, ".raw", "scan.tif")],
)
def test_what_is_not_packed_is_taken(service: Service, make: Any, suffix: str, name: str) -> None:
    assert send(service, name, make(empty(), suffix)).status_code == 201


def test_what_lies_before_the_voxels_counts(service: Service) -> None:
    header = nibabel.Nifti1Image(empty(1).T, np.eye(4)).header
    header["vox_offset"] = 5_000_000
    data = gzip.compress(header.binaryblock + bytes(5_000_000 - 348) + empty(1).tobytes())
    said(send(service, "scan.nii.gz", data))


def test_a_volume_below_a_root_is_held_to_the_same(service: Service, tmp_path: Path) -> None:
    place = tmp_path / "root" / "scan.nii.gz"
    place.parent.mkdir()
    place.write_bytes(nifti(empty(), ".gz"))
    made = service.client.post("/v1/projects", json={"name": "scan", "kind": "volume"}).json()["id"]
    reply = service.client.post(f"/v1/projects/{made}/folder", json={"path": str(place)})
    assert said(reply).startswith("scan.nii.gz: ")


def test_by_the_limits_of_the_service_as_it_is(tmp_path: Path) -> None:
    """2.6 MB that state 600 MB; a label map of 80 MB, packed as well as can be, is taken."""
    rest = np.random.default_rng(0).integers(0, 256, 2_600_000, np.uint8).tobytes()
    header = nibabel.Nifti1Header()
    header.set_data_shape((1000, 1000, 300))
    header.set_data_dtype(np.int16)
    header["vox_offset"] = 352
    with inline_service(tmp_path / "data") as service:
        reply = send(service, "scan.nii.gz", gzip.compress(header.binaryblock + bytes(4) + rest, 1))
        assert reply.status_code == 413
        assert "unpack to 600000352, 230 times as many" in reply.json()["error"]["message"]
        labels = nifti(np.zeros((40, 1000, 1000), np.uint16), ".gz")
        assert 900 * len(labels) < 80_000_000
        assert send(service, "labels.nii.gz", labels).status_code == 201


def test_the_limits_are_told(service: Service) -> None:
    limits = service.client.get("/v1/info").json()["limits"]
    assert (limits["unpacked_bytes"], limits["ratio"]) == (1_000_000, 20)


# ---- pictures


def plain(form: str, mode: str = "L", **named: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (SIDE, SIDE)).save(buffer, form, **named)
    return buffer.getvalue()


def photo(form: str, **named: Any) -> bytes:
    """A picture with noise in it."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[:300] = np.random.default_rng(0).integers(0, 256, (300, SIDE))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **named)
    return buffer.getvalue()


PICTURES = [
    ("PNG", {}),
    ("TIFF", {"compression": "tiff_deflate"}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("WEBP", {"lossless": True}),
    ("JPEG2000", {"irreversible": False}),
]


@pytest.mark.parametrize(("form", "named"), PICTURES)
def test_a_picture_that_is_nearly_nothing_is_refused(
    service: Service, form: str, named: dict[str, Any]
) -> None:
    images = f"{service.p}/images"
    reply = service.client.post(images, params={"name": "a"}, content=plain(form, **named), headers=RAW)
    assert said(reply).startswith("a: its ")
    reply = service.client.post(images, params={"name": "b"}, content=photo(form, **named), headers=RAW)
    assert reply.status_code == 201, reply.text


def test_all_bytes_of_a_pixel_count(service: Service) -> None:
    images = f"{service.p}/images"
    for mode, refused in (("1", False), ("RGB", True), ("I;16", True)):
        reply = service.client.post(images, params={"name": mode}, content=plain("PNG", mode), headers=RAW)
        assert reply.status_code == (413 if refused else 201), mode


def test_a_picture_of_a_folder_is_named(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.png").write_bytes(plain("PNG"))
    (folder / "b.png").write_bytes(photo("PNG"))
    added = service.post("folder", {"path": str(folder)}, 201)
    assert added["count"] == 1
    (failed,) = added["failed"]
    assert failed["name"] == "a.png"
    assert "20 times" in failed["error"]


def test_all_files_of_a_question_at_once(service: Service) -> None:
    good, bad = photo("PNG"), plain("PNG")
    for query, cue, mask in ((bad, good, good), (good, bad, good), (good, good, bad)):
        files = [("query", ("q.png", query)), ("cue", ("c.png", cue)), ("mask", ("m.png", mask))]
        said(service.client.post("/v1/segment", files=files))


@pytest.mark.parametrize("bad", ["images/a.png", "masks/a.png"])
def test_a_picture_in_a_cue_set(service: Service, bad: str) -> None:
    cue = {"image": "images/a.png", "mask": "masks/a.png"}
    index = json.dumps({"version": 1, "classes": [{"id": 1, "name": "cell"}], "cues": [cue]})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("cues.json", index)
        for name in ("images/a.png", "masks/a.png"):
            archive.writestr(name, plain("PNG") if name == bad else photo("PNG"))
    reply = service.client.post(f"{service.p}/cueset", content=buffer.getvalue(), headers=RAW)
    assert said(reply).startswith(("a.png: ", "masks/a.png: "))


def test_the_list_of_a_cue_set_is_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuecast.io.bundle.MAX_MARKER_BYTES", 1000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/cues.json", b"{}" + b" " * 1000)
    reply = service.client.post(f"{service.p}/cueset", content=buffer.getvalue(), headers=RAW)
    assert reply.status_code == 422
    assert "has 1002 bytes and 1000 are allowed" in reply.json()["error"]["message"]
