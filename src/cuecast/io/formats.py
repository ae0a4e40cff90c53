"""The formats of all files but pictures (those are in `kinds`), in one table a kind: labels, volumes, rasters, videos.

A new one is a file with its functions and one line here. The readers, the commands, the service and docs/formats.md
read these tables; they import nothing that is heavy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cuecast.core.errors import MissingExtraError
from cuecast.io.kinds import picture_kind

Kind = Literal["labels", "volumes", "rasters", "videos"]


def _starts(*magics: bytes, at: int = 0) -> Callable[[bytes], bool]:
    return lambda head: head[at:].startswith(magics)


def _nothing(head: bytes) -> bool:  # noqa: ARG001
    return False


def _object(*keys: str) -> Callable[[Any], bool]:
    """Whether JSON is an object with these keys."""
    return lambda data: isinstance(data, dict) and set(keys) <= data.keys()


def _objects(*keys: str) -> Callable[[Any], bool]:
    """Whether JSON is a list, or an object, of objects of which the first has these keys."""

    def holds(data: Any) -> bool:
        each = data if isinstance(data, list) else data.values() if isinstance(data, dict) else ()
        return _object(*keys)(next(iter(each), None))

    return holds


def _root(tag: str) -> Callable[[Any], bool]:
    """Whether XML has this root."""
    return lambda data: getattr(data, "tag", None) == tag


def _any(*ways: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda data: any(way(data) for way in ways)


@dataclass(frozen=True)
class Format:
    """A format, and the module that reads or writes it.

    name      in options, manifests and messages.
    title     what people call it.
    suffixes  in lower case; a file of ours gets the first.
    module    with the functions that its kind has, loaded on use.
    needs     (library, extra of cuecast that brings it); None where it comes with cuecast.
    reads, writes  whether it is read, and whether labels are written in it.
    begins    whether a file that begins with so many bytes (256 or more, unpacked) is of it.
    holds     whether what a JSON or XML file holds (its root) is of it; None: that does not tell.
    media     its type on the wire.
    a_file_each  labels: a file an image, in a folder; else one file for all.
    place     labels: name of that folder, or file, in a folder of results; None: results are not written in it.
    parts     labels: (folder below `place`, suffix) of each file of an image, where it is not one right in it.
    cannot    labels: what it cannot say of objects, words of `cuecast.io.labels.unsaid.SAYINGS`.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    module: str
    needs: tuple[str, str] | None = None
    reads: bool = True
    writes: bool = False
    begins: Callable[[bytes], bool] = _nothing
    holds: Callable[[Any], bool] | None = None
    media: str = "application/octet-stream"
    a_file_each: bool = False
    place: str | None = None
    parts: tuple[tuple[str, str], ...] = ()
    cannot: tuple[str, ...] = ()

    def load(self) -> Any:
        """The module."""
        return importlib.import_module(self.module)

    def check_library(self, purpose: str) -> None:
        """Raise MissingExtraError where the library is not there. `purpose`: 'writing nifti'."""
        if self.needs:
            library(*self.needs, purpose)


def library(name: str, extra: str, purpose: str) -> Any:
    """The optional library `name`, imported. Raises MissingExtraError with the extra of cuecast that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {name.split('.')[0]}, which is not installed: pip install 'cuecast[{extra}]'"
        ) from error


_LABELS, _VOLUME, _FILM = "cuecast.io.labels", "cuecast.io.volumes", "cuecast.io.video.file"
_PYAV = ("av", "video")

FORMATS: dict[Kind, tuple[Format, ...]] = {
    # open_labels(path, data) -> LabelFile; write_labels(place, sheets, classes, shape), see cuecast.io.labels.sheets;
    # where a folder of them is more than its files, label_files(folder) -> paths or None
    "labels": (
        Format(
            "coco", "COCO", (".json",), f"{_LABELS}.coco", writes=True, holds=_object("images", "annotations"),
            place="annotations.coco.json", cannot=("left_out",),
        ),
        Format(
            "labelme", "LabelMe", (".json",), f"{_LABELS}.labelme", writes=True, holds=_object("shapes"),
            a_file_each=True, place="labelme", cannot=("confidence", "crowd", "left_out"),
        ),
        Format(
            "yolo", "YOLO-seg", (".txt",), f"{_LABELS}.yolo", writes=True, a_file_each=True, place="yolo",
            cannot=("confidence", "crowd", "left_out"),
        ),
        Format(
            "cvat", "CVAT for images 1.1", (".xml",), f"{_LABELS}.cvat", writes=True, holds=_root("annotations"),
            place="annotations.cvat.xml", cannot=("confidence", "crowd", "left_out"),
        ),
        Format(
            "label-studio", "Label Studio", (".json",), f"{_LABELS}.label_studio", writes=True,
            holds=_any(_objects("data"), _object("data", "annotations")), place="annotations.label-studio.json",
            cannot=("crowd", "left_out"),
        ),
        Format(
            "qupath", "QuPath GeoJSON", (".geojson", ".json"), f"{_LABELS}.qupath", writes=True,
            holds=_any(_object("features"), _objects("geometry"), _object("geometry"), lambda data: data == []),
            a_file_each=True, place="qupath", cannot=("crowd", "left_out"),
        ),
        Format(
            "imagej", "ImageJ regions (ROI)", (".zip", ".roi"), f"{_LABELS}.imagej", ("roifile", "imagej"), writes=True,
            a_file_each=True, place="imagej", cannot=("confidence", "crowd", "left_out"),
        ),
        Format(
            "via", "VIA", (".json",), f"{_LABELS}.via", writes=True,
            holds=_any(_object("_via_img_metadata"), _objects("filename", "regions")),
            place="annotations.via.json", cannot=("confidence", "crowd", "left_out"),
        ),
        Format(
            "datumaro", "Datumaro", (".json",), f"{_LABELS}.datumaro", writes=True,
            holds=_object("categories", "items"), place="annotations.datumaro.json", cannot=("left_out",),
        ),
        Format(
            "voc", "Pascal VOC", (".xml",), f"{_LABELS}.voc", writes=True, holds=_root("annotation"), a_file_each=True,
            place="voc", parts=(("SegmentationClass", ".png"), ("SegmentationObject", ".png"), ("Annotations", ".xml")),
            cannot=("confidence", "crowd", "overlap", "left_out"),
        ),
        Format(
            "masks", "masks, a number a class", (".png", ".tif", ".tiff", ".bmp", ".gif"), f"{_LABELS}.label_maps",
            writes=True, a_file_each=True, cannot=("confidence", "crowd", "overlap", "touching"),
        ),
        Format(
            "objects", "maps of ids, a number an object", (".png", ".tif", ".tiff"), f"{_LABELS}.id_maps", writes=True,
            a_file_each=True, cannot=("confidence", "crowd", "overlap", "classes", "left_out"),
        ),
    ),
    # read_volume(path, reading) -> Volume; write_labels(path, labels, volume, classes) and, where not all can be
    # written, check_labels(volume, classes); where a header says it, stated_size(path) -> (voxels, unpacked bytes)
    "volumes": (
        Format(
            "nifti", "NIfTI", (".nii.gz", ".nii"), f"{_VOLUME}.nifti", ("nibabel", "volumes"), writes=True,
            begins=lambda head: head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] == b"n+2\0",
        ),
        Format(
            "nrrd", "NRRD", (".nrrd", ".nhdr"), f"{_VOLUME}.nrrd", ("nrrd", "volumes"), writes=True,
            begins=_starts(b"NRRD"),
        ),
        Format(
            "tiff", "multi-page TIFF", (".tif", ".tiff"), f"{_VOLUME}.tiff", ("tifffile", "volumes"), writes=True,
            begins=_starts(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), media="image/tiff",
        ),
        Format(
            "dicom", "DICOM series (a folder)", (".dcm", ".dicom", ".ima"), f"{_VOLUME}.dicom", ("pydicom", "volumes"),
            begins=_starts(b"DICM", at=128), media="application/dicom",
        ),
        Format(
            "dicom-seg", "DICOM SEG", (".dcm",), f"{_VOLUME}.dicom_seg", ("highdicom", "dicom-seg"), reads=False,
            writes=True,
        ),
    ),
    # accepts(path) -> bool; open_raster(path, bands, level) -> context of a BlockRaster. The first that accepts reads.
    "rasters": (
        Format(
            "slide", "whole slides and microscope TIFF (OME, SVS, NDPI, SCN, QPTIFF, BIF)",
            (".tif", ".tiff", ".svs", ".ndpi", ".scn", ".qptiff", ".bif"), "cuecast.io.rasters.pyramid",
        ),
        Format(
            "gdal", "GeoTIFF, JPEG 2000, VRT and what else GDAL reads", (".tif", ".tiff", ".jp2", ".vrt"),
            "cuecast.io.rasters.geotiff", ("rasterio", "maps"), writes=True,
        ),
    ),
    # open_video(path) -> Frames
    "videos": (
        Format(
            "mp4", "MP4, QuickTime", (".mp4", ".m4v", ".mov"), _FILM, _PYAV, writes=True, media="video/mp4",
            # The same container holds HEIC and AVIF pictures.
            begins=lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") and picture_kind(head) is None,
        ),
        Format(
            "matroska", "Matroska, WebM", (".mkv", ".webm"), _FILM, _PYAV, begins=_starts(b"\x1a\x45\xdf\xa3"),
            media="video/x-matroska",
        ),
        Format(
            "avi", "AVI", (".avi",), _FILM, _PYAV, media="video/x-msvideo",
            begins=lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ",
        ),
        Format("gif", "animated GIF", (".gif",), _FILM, _PYAV, begins=_starts(b"GIF8"), media="image/gif"),
        Format(
            "mpeg", "MPEG", (".mpg", ".mpeg"), _FILM, _PYAV, begins=_starts(b"\0\0\x01\xba", b"\0\0\x01\xb3"),
            media="video/mpeg",
        ),
        Format(
            "mpeg-ts", "MPEG transport stream", (".ts", ".mts"), _FILM, _PYAV, media="video/mp2t",
            begins=lambda head: head[:1] == b"G" and head[188:189] == b"G",
        ),
        Format(
            "wmv", "Windows Media", (".wmv",), _FILM, _PYAV, begins=_starts(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
            media="video/x-ms-wmv",
        ),
        Format("ogg", "Ogg", (".ogv",), _FILM, _PYAV, begins=_starts(b"OggS"), media="video/ogg"),
        Format("flv", "Flash video", (".flv",), _FILM, _PYAV, begins=_starts(b"FLV\x01"), media="video/x-flv"),
    ),
}  # fmt: skip
"""Kind -> its formats; of several that know a file, the first reads it."""


def format_named(kind: Kind, name: str) -> Format | None:
    """The format of that name; None where there is none."""
    return next((form for form in FORMATS[kind] if form.name == name), None)


def format_of_suffix(kind: Kind, name: str) -> Format | None:
    """The first format that is read and that a file's name speaks of; None where it speaks of none."""
    return next((f for f in FORMATS[kind] if f.reads and name.lower().endswith(f.suffixes)), None)


def format_of_content(kind: Kind, head: bytes) -> Format | None:
    """The format of a file that begins with these bytes; None where it is none that is known."""
    return next((form for form in FORMATS[kind] if form.begins(head)), None)


def suffixes_of(kind: Kind) -> tuple[str, ...]:
    """The suffixes of what is read, in the order of the table, each once."""
    return tuple(dict.fromkeys(s for form in FORMATS[kind] if form.reads for s in form.suffixes))


def result_formats() -> dict[str, Format]:
    """Name -> format of labels in which results are written."""
    return {form.name: form for form in FORMATS["labels"] if form.writes and form.place is not None}


def outputs_of(kind: Kind) -> dict[str, str]:
    """Name -> suffix of the formats that are written."""
    return {form.name: form.suffixes[0] for form in FORMATS[kind] if form.writes}
