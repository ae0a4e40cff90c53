"""Images at the door: anything that holds a picture -> `Image`, by stated rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError
from cuecast.core.values import Image
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.pixels import Raster, read_raster

__all__ = ["IMAGE_SUFFIXES", "read_image"]

PERCENTILES = (0.5, 99.5)
"""The window of deep images that state none."""
ROWS = 256
"""That are brought to 8 bits at a time."""


def read_image(
    source: Any,
    *,
    page: int | None = None,
    window: tuple[float, float] | None = None,
    max_pixels: int | None = None,
) -> Image:
    """Path, bytes, open binary file, PIL image, array or `Image` (returned as it is) -> upright `Image`.

    8-bit samples are kept; bool and 1-bit become 0 and 255; grey becomes three equal channels; a palette is
    looked up; EXIF orientation is applied. Deeper integers and floats become uint8: `window` = (low, high) is
    mapped to 0..255 if given, else floats that all lie in [0, 1] are multiplied by 255, else the image's own
    0.5 and 99.5 percentiles (over all channels together) are the window. Alpha: the picture as it looks on a
    white page. A fourth channel of a TIFF that is not declared as alpha (near infrared) is dropped.

    page        of a multi-page TIFF or animated file, from 0; None is the first.
    max_pixels  limit on width x height; None takes $CUECAST_MAX_PIXELS, or 200 million.

    The pixel size is read from OME and ImageJ TIFFs and TIFFs with a resolution in centimetres; print
    resolutions ('72 dpi') are not believed. 16-bit colour PNG is decoded to its high byte.

    Raises ImageError: unreadable, truncated, too large, no such page, NaN or infinite pixels.
    """
    if isinstance(source, Image):
        return source
    raster = read_raster(source, error=ImageError, page=page, max_pixels=max_pixels)
    if window is not None and not window[0] < window[1]:
        raise ImageError(f"window {window} is empty", raster.label, "give (low, high) with low < high")
    if window is not None and raster.coarse:
        raise ImageError(
            "a 16-bit colour PNG is decoded to 8 bits only", raster.label, "save it as TIFF to set a window"
        )
    pixels = _pixels(raster, window)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    name = raster.path.name if raster.path is not None else "image"
    return Image(np.ascontiguousarray(pixels), name, raster.path, raster.pixel_size, raster.unit)


def _pixels(raster: Raster, window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3) uint8, alpha composited."""
    samples, alpha = raster.samples, raster.alpha
    if raster.palette is not None:
        rgba = raster.palette[np.minimum(samples, len(raster.palette) - 1)]
        samples, alpha = rgba[..., :3], rgba[..., 3]
    if samples.dtype == bool:
        colour = samples.astype(np.uint8) * np.uint8(255)
    elif samples.dtype == np.uint8:
        colour = samples
    else:
        colour = _to_uint8(samples, window, raster.label)
    return colour if alpha is None else _on_white(colour, alpha)


def _to_uint8(samples: NDArray[Any], window: tuple[float, float] | None, label: str) -> NDArray[np.uint8]:
    """Deep integers or floats (any shape) -> uint8 by the rule in `read_image`."""
    floats = samples.dtype.kind == "f"
    if floats and not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).sum())
        raise ImageError(
            f"{bad} samples are NaN or infinite", label, "replace them (numpy.nan_to_num) before use"
        )
    if window is not None:
        low, high = window
    elif floats and samples.min() >= 0 and samples.max() <= 1:
        low, high = 0.0, 1.0
    else:
        low, high = (float(v) for v in np.percentile(samples, PERCENTILES))
    if high <= low:  # more than 99 % of the samples are equal: show what differs, or black where nothing does
        low, high = float(samples.min()), float(samples.max())
    span = high - low or 1.0
    exact = np.float64 if samples.dtype.itemsize > 2 else np.float32
    shown = np.empty(samples.shape, np.uint8)
    for start in range(0, len(samples), ROWS):  # floats of a whole image would take four times its own memory
        part: NDArray[Any] = samples[start : start + ROWS].astype(exact)
        shown[start : start + ROWS] = np.rint(np.clip((part - low) * (255 / span), 0, 255))
    return shown


def _on_white(colour: NDArray[np.uint8], alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """Composite (H, W) or (H, W, 3) on white; alpha (H, W): integers over their range, floats in [0, 1]."""
    full = 1.0 if alpha.dtype.kind in "fb" else float(np.iinfo(alpha.dtype).max)
    a = np.clip(alpha.astype(np.float32) / full, 0, 1)
    if bool((a == 1).all()):
        return colour
    a = a if colour.ndim == 2 else a[..., None]
    mixed: NDArray[np.float32] = np.rint(colour * a + 255 * (1 - a))
    return mixed.astype(np.uint8)
