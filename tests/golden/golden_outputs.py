"""The files that every command writes, by their bytes. Their pictures are flat colours, for the pack `colours`.

The commands are asked by their words, as a person does. What tells the time is masked.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from contextlib import chdir
from importlib.metadata import version
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import tifffile
from films import film, square
from map_pictures import painted, truth, write_map
from phantoms import affine, dicom, nifti, values
from phantoms import truth as block
from pictures import BLUE, GREEN, RED
from PIL import Image

from cuecast.cli import run

MAP_THINGS = ((10, 10, 40, 30), (60, 50, 110, 70), (64, 80, 96, 120), (120, 120, 126, 126))
LIBRARIES = (
    "av",
    "highdicom",
    "nibabel",
    "pillow",
    "pydicom",
    "pynrrd",
    "pyogrio",
    "rasterio",
    "roifile",
    "shapely",
    "tifffile",
)
MADE_BY: Mapping[str, tuple[str, ...]] = {
    ".png": ("machine", "pillow"),
    ".jpg": ("machine", "pillow"),
    ".html": ("machine", "pillow"),
    ".mp4": ("machine", "av"),
    ".geojson": ("rasterio", "pyogrio", "shapely"),
    ".gpkg": ("machine", "rasterio", "pyogrio", "shapely"),
    ".tif": ("machine", "rasterio", "tifffile"),
    ".gz": ("machine", "nibabel"),
    ".nrrd": ("machine", "pynrrd"),
    ".zip": ("roifile",),
    ".dcm": ("machine", "highdicom", "pydicom"),
    ".jsonl": ("machine", *LIBRARIES),
}
"""Whose version can change the bytes of files with this suffix; text is ours alone, but manifests hold hashes."""
SECONDS = (rb'"seconds": [0-9.e-]+', b'"seconds": 0')
MASK_HASH = (rb'"mask_hash": "[0-9a-f]+"', b'"mask_hash": ""')
TIMES: Mapping[str, tuple[tuple[bytes, bytes], ...]] = {
    "nrrd/manifest.jsonl": (SECONDS, MASK_HASH),
    "dicom-seg/manifest.jsonl": (SECONDS, MASK_HASH),
    "manifest.jsonl": (SECONDS,),
    ".nrrd": ((rb"# on [^\n]*", b"# on"),),
}
"""What is not the same in two runs, by the end of the file's path, and what stands for it; the first that fits."""


def make_inputs(work: Path) -> None:
    """Everything that the commands read, below the folder `work`."""
    for name, left in (("a", 12), ("b", 25), ("c", 70)):
        _save(work / "images" / f"{name}.bmp", _scene(left))
    _save(work / "images" / "d.bmp", np.full((48, 64, 3), BLUE, np.uint8))
    _save(work / "cues" / "a.png", _labels(12, 1, 2))
    _save(work / "cues" / "b.png", _labels(25, 1, 2))
    _save(work / "cues" / "high.png", _labels(12, 1, 300))
    for i, frame in enumerate(film(6, lambda i: (10, 4 + 3 * i))):
        _save(work / "film" / f"f{i}.bmp", frame)
    _save(work / "cues" / "frame.png", square((10, 4)).astype(np.uint8))
    scan = truth((128, 160), MAP_THINGS)
    write_map(work / "map.tif", painted(scan))
    _save(work / "cues" / "window.png", scan[:40, :50])
    nifti(work / "volume.nii.gz", values(), affine())
    tifffile.imwrite(work / "volume.tif", values())
    dicom(work / "series", values())
    _save(work / "cues" / "slice.png", block()[2].astype(np.uint8))
    for path in work.rglob("*"):  # a large file is known by its time, not by its bytes
        os.utime(path, (1_700_000_000, 1_700_000_000))


def _scene(left: int) -> np.ndarray:
    """(48, 64, 3): a red ring and a green square on blue, two more red pixels that touch at a corner."""
    labels = _labels(left, 1, 2)
    colours = np.array([BLUE, RED, GREEN], np.uint8)
    return colours[labels]


def _labels(left: int, ring: int, other: int) -> np.ndarray:
    """(48, 64): the ring's place begins at the column `left`; parts beyond the edge are cut off."""
    labels = np.zeros((48, 64), np.uint16 if max(ring, other) > 255 else np.uint8)
    labels[8:24, left : left + 16] = ring
    labels[12:18, left + 5 : left + 10] = 0
    labels[30:40, left - 8 : left + 2] = other
    labels[42, 3] = labels[43, 4] = ring
    return labels


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


COLOURS = ("--pack", "colours", "-q")
TWO = ("--class", "ring", "--class", "square")
RUNS: Mapping[str, tuple[str, ...]] = {
    "segment": (
        "segment", "images", "--cue", "images/a.bmp=cues/a.png", *TWO, "--pixel-size", "0.25", "--unit", "um",
        "-f", "overlays", "-f", "coco", "-f", "csv", "-f", "report", "-f", "yolo", "-f", "labelme",
        "-f", "cvat", "-f", "label-studio", "-f", "qupath", "-f", "imagej", "-f", "via", "-f", "datumaro", "-f", "voc",
        "-f", "uncertainty", "-f", "objects",
    ),
    "polygons": (
        "segment", "images", "--cue", "images/a.bmp=cues/a.png", *TWO, "-f", "coco", "--coco-shape", "polygon",
    ),
    "high-classes": ("segment", "images/b.bmp", "--cue", "images/a.bmp=cues/high.png", "-f", "csv"),
    "review": (
        "segment", "images", "--cue", "images/a.bmp=cues/a.png", "--cue", "images/b.bmp=cues/b.png", *TWO,
        "-f", "report", "--review", "--check",
    ),
    "track": ("track", "film", "--cue", "0=cues/frame.png"),
    "map": ("map", "map.tif", "--cue-window", "0,0,50,40=cues/window.png", "--tile", "64", "--overlap", "16"),
    "nifti": ("volume", "volume.nii.gz", "--cue", "z:2=cues/slice.png", "--overlays", "2"),
    "nrrd": ("volume", "volume.nii.gz", "--cue", "z:2=cues/slice.png", "-f", "nrrd", "--overlays", "0"),
    "tiff": ("volume", "volume.tif", "--cue", "z:2=cues/slice.png", "--spacing", "2,1,0.5", "--overlays", "0"),
    "dicom-seg": ("volume", "series", "--cue", "z:2=cues/slice.png", "-f", "dicom-seg", "--overlays", "0"),
}  # fmt: skip
"""Name of the folder of results -> the command that writes it, without -o."""


def run_command(name: str, work: Path) -> Path:
    """Run the command of this name in `work`, where the inputs are; the folder that it has written."""
    with chdir(work):
        assert run([*RUNS[name], *COLOURS, "-o", f"out/{name}"]) == 0, name
    return work / "out" / name


def digests(results: Path) -> dict[str, dict[str, str]]:
    """Path from the name of `results` on -> SHA-256 of the file's `bytes`, times masked, and of the `pixels` of PNG
    and DICOM; of videos of their `frames` alone."""
    found = {}
    for path in sorted(p for p in results.rglob("*") if p.is_file()):
        name = path.relative_to(results.parent).as_posix()
        content = path.read_bytes()
        for pattern, instead in next((masked for end, masked in TIMES.items() if name.endswith(end)), ()):
            content = re.sub(pattern, instead, content)
        pixels = _pixels(path)
        # Each DICOM file has numbers of its own and the time of its making; an encoder of videos may pack the same
        # frames in other bytes, by the time its threads take.
        found[name] = pixels if path.suffix in (".dcm", ".mp4") else {"bytes": _sha(content), **pixels}
    return found


def _pixels(path: Path) -> dict[str, str]:
    palette = b""
    if path.suffix == ".dcm":
        pixels = pydicom.dcmread(path).pixel_array
    elif path.suffix == ".png":
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
            palette = bytes(picture.getpalette() or ())
    elif path.suffix == ".mp4":
        with av.open(str(path)) as film:
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        # Not 'pixels': another encoder loses other details.
        return {"frames": _sha(np.stack(frames).tobytes())}
    else:
        return {}
    return {"pixels": _sha(f"{pixels.shape}{pixels.dtype}".encode() + pixels.tobytes() + palette)}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """The versions of the libraries that write files, and the kind of machine: zlib is not the same on all."""
    return {"machine": f"{platform.system()} {platform.machine()}", **{n: version(n) for n in LIBRARIES}}


def read_outputs(path: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The versions of the libraries and the digests that were kept."""
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return kept["libraries"], kept["files"]


def write_outputs(files: Mapping[str, Mapping[str, str]], path: Path) -> None:
    """Keep digests with the versions of the libraries."""
    kept = {"libraries": versions(), "files": files}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
