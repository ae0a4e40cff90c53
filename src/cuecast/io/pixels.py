"""Raster files as they are: samples in their own type, palette and alpha apart. For `images` and `masks`.

TIFF through tifffile (16-bit colour, float, planes) or Pillow, whichever reads its compression without loss; all
other `kinds` through Pillow and its plugins.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import TiffImagePlugin

from cuecast.core.errors import InputError, MissingExtraError, cause
from cuecast.core.geometry import upright
from cuecast.io.kinds import HEAD, is_lossy, picture_kind
from cuecast.io.tiff import BROKEN as TIFF_BROKEN
from cuecast.io.tiff import CODEC_REMEDY, TiffPage, lacks_codec, read_tiff_page

DEFAULT_MAX_PIXELS = 200_000_000

BROKEN = (*TIFF_BROKEN, SyntaxError, PILImage.DecompressionBombError)
"""What a damaged file makes any decoder raise; everything else would be a bug of ours."""


@dataclass(frozen=True, eq=False)
class Raster:
    """One page of a raster file, upright.

    samples  (H, W) or (H, W, 3) in the file's own type; palette indices where there is a palette.
    alpha    (H, W) in the type of the samples, or None.
    palette  (n, 4) uint8 RGBA, or None.
    label    what messages call it: the path as given, or 'image'.
    coarse   the decoder has cut 16-bit samples to their high byte.
    lossy    the compression changes samples; None where it may, and the file does not say so.
    inverted of the numbers in the file 0 is white (see `stored` of `read_raster`).
    highest  the number that is white in the file, where the decoder has stretched it to that of the samples' type.
    text     text chunks of a PNG.
    """

    samples: NDArray[Any]
    label: str
    path: Path | None = None
    format: str = "array"
    alpha: NDArray[Any] | None = None
    palette: NDArray[np.uint8] | None = None
    pixel_size: float | None = None
    unit: str | None = None
    coarse: bool = False
    lossy: bool | None = False
    inverted: bool = False
    highest: int | None = None
    text: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.samples.shape[0], self.samples.shape[1]


@dataclass(frozen=True)
class _Door:
    """What every reader below needs to know: how to name the source and which error to raise."""

    label: str
    error: type[InputError]
    max_pixels: int
    lone: bool = False
    stored: bool = False

    def page(self, wanted: int | None, pages: int) -> int:
        """The page to take of so many. Raises the error where it is not there."""
        if wanted is None or (self.lone and pages == 1):
            return 0
        if not 0 <= wanted < pages:
            raise self.error(
                f"there is no page {wanted}, the file has {pages}", self.label, "pages count from 0"
            )
        return wanted

    def check_size(self, width: int, height: int) -> None:
        if width * height > self.max_pixels:
            raise self.error(
                f"{width} x {height} pixels are more than the limit of {self.max_pixels}",
                self.label,
                f"if the file can be trusted, raise it: CUECAST_MAX_PIXELS={width * height} (or max_pixels=)",
            )
        if width < 1 or height < 1:
            raise self.error(f"the image has no pixels ({width} x {height})", self.label, "save it again")

    def broken(self, error: BaseException) -> InputError:
        reason = str(error).strip() or type(error).__name__
        return self.error(
            f"the image is damaged or cut short ({reason})", self.label, "copy or save it again"
        )


def read_raster(
    source: Any,
    *,
    error: type[InputError],
    page: int | None = None,
    max_pixels: int | None = None,
    label: str = "image",
    lone: bool = False,
    stored: bool = False,
) -> Raster:
    """Read path, bytes, open binary file, PIL image or array. Raises `error` with file, reason and remedy.

    page        of a multi-page TIFF or animated file, from 0; None is the first.
    max_pixels  limit on width x height, checked before decoding; None takes $CUECAST_MAX_PIXELS or 2e8.
    label       what messages call a source that has no path.
    lone        the only page of a file stands for any `page`.
    stored      TIFF: the numbers in the file, whatever grey or colour they are shown in. Else 0 is black.
    """
    limit = pixel_limit(error) if max_pixels is None else max_pixels
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fsdecode(source))
        door = _Door(str(path), error, limit, lone, stored)
        with _open(path, door) as stream:
            return replace(_read_stream(stream, door, page), path=path)
    door = _Door(label, error, limit, lone, stored)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _read_stream(io.BytesIO(bytes(source)), door, page)
    if isinstance(source, PILImage.Image):
        raster = _read_pil(source, door, page)
        if stored and getattr(source, "tag_v2", {}).get(262) == 0 and raster.samples.dtype.itemsize == 1:
            raster = replace(raster, samples=_inverted(raster.samples), inverted=True)
        return raster
    if hasattr(source, "read") and hasattr(source, "seek"):
        return _read_stream(source, door, page)
    if hasattr(source, "__array__") or isinstance(source, (list, tuple)):
        try:
            array = np.array(source)  # a copy: the caller may change theirs
        except ValueError as ragged:
            raise error(
                f"the rows of the array differ in length ({ragged})", label, "make them equal"
            ) from None
        return split_channels(array, label, error, alpha=True)
    raise error(
        f"cannot read a {type(source).__name__}", label, "give a path, bytes, a PIL image or an array"
    )


def pixel_limit(error: type[InputError]) -> int:
    """The limit on width x height: $CUECAST_MAX_PIXELS or 200 million. Raises `error` for nonsense."""
    stated = os.environ.get("CUECAST_MAX_PIXELS", "")
    if not stated:
        return DEFAULT_MAX_PIXELS
    try:
        return int(float(stated))
    except (ValueError, OverflowError):
        raise error(
            f"CUECAST_MAX_PIXELS={stated!r} is not a number",
            remedy="set it to a number of pixels or unset it",
        ) from None


def _open(path: Path, door: _Door) -> IO[bytes]:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise door.error("there is no such file", door.label, "check the spelling") from None
    except IsADirectoryError:
        raise door.error("this is a folder, not an image file", door.label, "name a file in it") from None
    except PermissionError:
        raise door.error(
            "no permission to read it", door.label, "change its permissions or copy it"
        ) from None
    except (OSError, ValueError) as error:
        raise door.error(f"cannot be opened ({cause(error)})", door.label, "check name and disk") from error


def _read_stream(stream: IO[bytes], door: _Door, page: int | None) -> Raster:
    try:
        stream.seek(0)
        head = stream.read(HEAD)
        stream.seek(0)
    except OSError as error:
        raise door.broken(error) from error
    if not head:
        raise door.error("the file is empty (0 bytes)", door.label, "copy or export it again")
    kind = picture_kind(head, door.label)
    if kind is None:
        raise door.error(
            "its content is not that of a known image format, whatever its name says",
            door.label,
            "convert it to PNG, JPEG, WebP, BMP or TIFF",
        )
    if kind.name == "TIFF":
        return _read_tiff(stream, door, page)
    try:
        # Not Image.open: it has a process-wide limit of its own, which we do not touch.
        opened = kind.opener()(stream)
    except MissingExtraError as missing:
        raise MissingExtraError(f"{missing}, or convert it to PNG or JPEG", door.label) from None
    except BROKEN as error:
        raise door.broken(error) from error
    raster = _read_pil(opened, door, page)
    return replace(raster, lossy=is_lossy(raster.format, stream)) if raster.lossy is None else raster


def _read_pil(image: PILImage.Image, door: _Door, page: int | None) -> Raster:
    """A PIL image, decoded, upright, with its palette and alpha taken apart."""
    door.check_size(*image.size)
    try:
        pages = int(getattr(image, "n_frames", 1))  # counted where it is asked for, by some plugins
        if chosen := door.page(page, pages):
            image.seek(chosen)
            door.check_size(*image.size)
        raw_mode = next((str(t[3]) for t in getattr(image, "tile", ()) if isinstance(t[3], str)), "")
        highest = _highest(image)
        image.load()
        name = image.format or "array"
        text = {str(k): v for k, v in image.info.items() if isinstance(v, str)} if name == "PNG" else {}
        palette = _palette(image) if image.mode == "P" else None
        orientation = 1 if name == "TIFF" else exif_orientation(image)  # Pillow turns TIFF itself
        samples, alpha = _samples(image)
    except BROKEN as error:
        raise door.broken(error) from error
    samples = upright(samples, orientation)
    alpha = None if alpha is None else upright(alpha, orientation)
    coarse = image.mode in ("L", "LA", "RGB", "RGBA") and "16" in raw_mode
    return Raster(
        samples, door.label, None, name, alpha, palette,
        coarse=coarse, lossy=is_lossy(name, None), highest=highest, text=text,
    )  # fmt: skip


def _highest(image: PILImage.Image) -> int | None:
    """The number for white in a grey file of 2 or 4 bits, or a PNM of any: Pillow makes 255, or 65535, of it."""
    for decoder, _, _, args in getattr(image, "tile", ()):
        raw, *more = args if isinstance(args, tuple) else (args,)
        if decoder in ("ppm", "ppm_plain"):
            return int(more[0]) if more and image.mode in ("L", "I") else None
        if isinstance(raw, str) and raw.startswith(("L;2", "L;4")):
            return {"2": 3, "4": 15}[raw[2]]
    return None


def _samples(image: PILImage.Image) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """(samples, alpha) of a loaded image; alpha is None where every pixel is opaque by construction."""
    mode = image.mode
    if mode in ("1", "L", "P", "RGB") and not (mode != "P" and "transparency" in image.info):
        return np.array(image), None
    if mode.startswith("I;16"):
        return np.array(image).astype(np.uint16), None
    if mode in ("I", "F"):
        return np.array(image), None
    if mode == "LA":
        both = np.array(image)
        return both[..., 0], both[..., 1]
    if mode in ("1", "L", "RGB", "RGBA", "PA", "La", "RGBa"):
        rgba = np.array(image.convert("RGBA"))
        return (rgba[..., 0] if mode in ("1", "L", "La") else rgba[..., :3]), rgba[..., 3]
    return np.array(image.convert("RGB")), None


def _palette(image: PILImage.Image) -> NDArray[np.uint8]:
    colours = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 3] = 255
    palette[: len(colours), :3] = colours[:256]
    transparency = image.info.get("transparency")
    if isinstance(transparency, bytes):
        palette[: len(transparency), 3] = np.frombuffer(transparency, np.uint8)[:256]
    elif isinstance(transparency, int):
        palette[transparency, 3] = 0
    return palette


def exif_orientation(image: PILImage.Image) -> int:
    """1 to 8, as its EXIF says; 1 where that says nothing."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except BROKEN:
        return 1  # damaged EXIF says nothing about the pixels


def split_channels(a: NDArray[Any], label: str, error: type[InputError], alpha: bool) -> Raster:
    """(H, W) or (H, W, C) -> Raster; the channel after the colours is alpha if `alpha`, else dropped."""
    if a.dtype.kind not in "buif":
        raise error(
            f"samples of type {a.dtype} are no image", label, "give uint8, uint16, int, float or bool"
        )
    if a.ndim == 3 and a.shape[2] == 1:
        a = a[..., 0]
    if a.ndim == 2 or (a.ndim == 3 and a.shape[2] == 3):
        raster = Raster(a, label)
    elif a.ndim == 3 and (a.shape[2] == 4 or (a.shape[2] == 2 and alpha)):
        colour = a[..., :3] if a.shape[2] == 4 else a[..., 0]
        raster = Raster(colour, label, alpha=a[..., -1] if alpha else None)
    else:
        raise error(
            f"shape {a.shape} is no image",
            label,
            "expected (H, W), (H, W, 3) or (H, W, 4), channels last: choose one plane or three channels",
        )
    if 0 in a.shape:
        raise error(f"the image has no pixels, its shape is {a.shape}", label)
    return raster


def _read_tiff(stream: IO[bytes], door: _Door, page: int | None) -> Raster:
    found = _tiff_page(stream, door, page)
    if found.samples is None:  # a compression or colour space that Pillow decodes
        stream.seek(0)
        try:
            opened = TiffImagePlugin.TiffImageFile(stream)
        except BROKEN:  # a kind of samples that it does not know
            found = _tiff_page(stream, door, page, pillow=False)
        else:
            raster = _read_pil(opened, door, page)
            raster = replace(raster, alpha=raster.alpha if found.alpha else None)
            # Pillow has turned bytes and bits so that 0 is black.
            return _of_page(raster, found, door.stored, turned=raster.samples.dtype.itemsize == 1)
    assert found.samples is not None
    raster = split_channels(found.samples, door.label, door.error, found.alpha)
    return _of_page(replace(raster, format="TIFF", palette=found.palette), found, door.stored, turned=False)


def _of_page(raster: Raster, page: TiffPage, stored: bool, turned: bool) -> Raster:
    """The raster with what its page says: as stored, or as shown. `turned`: 0 was made black where it is white."""
    if page.inverted and turned == stored:
        raster = replace(raster, samples=_inverted(raster.samples))
    return replace(
        raster,
        palette=None if stored else raster.palette,
        pixel_size=page.pixel_size,
        unit=page.unit,
        lossy=page.lossy,
        inverted=page.inverted,
    )


def _inverted(samples: NDArray[Any]) -> NDArray[Any]:
    """White for black; numbers that have no white are left as they are."""
    if samples.dtype == bool:
        return ~samples
    return np.iinfo(samples.dtype).max - samples if samples.dtype.kind == "u" else samples


def _tiff_page(stream: IO[bytes], door: _Door, page: int | None, *, pillow: bool = True) -> TiffPage:
    """The page. Raises the door's error where it is damaged, MissingExtraError where a library more would read it."""
    try:
        return read_tiff_page(stream, lambda n: door.page(page, n), door.check_size, pillow=pillow)
    except (*BROKEN, ImportError) as error:
        if lacks_codec(error):
            raise MissingExtraError(f"this compression {CODEC_REMEDY}", door.label) from error
        raise door.broken(error) from error
