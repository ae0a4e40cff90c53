"""Masks in colours: which colour means which class, in one mask and in several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.values import IGNORE, PALETTE, ClassInfo
from cuecast.io.labels.greys import opaque_part
from cuecast.io.pixels import Raster

MAX_COLOURS = 254
_SOFT_COLOURS, _SOFT_PIXELS = 12, 8
"""Colours from which on edges may be soft, and the pixels that most of them then have at most."""
_GREY_SPREAD = 32
"""By what the channels of a grey picture differ at most, in all but 1 of 100 pixels, after compression with loss."""
_ROUNDED, _LOST = 8, 64
"""By what a channel of a soft edge in one colour is off, after rounding, and after compression with loss."""
_IGNORE_COLOUR = 0xE0E0C0
_OWN_COLOURS = {int(colour[1:], 16): i for i, colour in enumerate(PALETTE, start=1)} | {
    _IGNORE_COLOUR: IGNORE
}
"""The colours of our masks, packed: what they mean after a program has dropped the palette."""
_EVERYBODYS = {0x800000, 0x808000, 0xA9A9A9}
"""Those of them that others use as well: alone they do not say that a mask is ours."""


def packed_colours(raster: Raster) -> NDArray[np.int64] | None:
    """Packed colours (H, W), transparent ones 0; None where the mask is grey."""
    s, opaque = raster.samples, opaque_part(raster)
    if s.ndim == 3 and opaque is not None:
        s = np.where(opaque[..., None], s, 0)  # what is hidden has no colour
    if s.ndim == 2 or bool((s[..., :1] == s).all()):
        return None
    if raster.lossy and np.percentile(np.ptp(s.astype(np.int16), axis=2), 99) <= _GREY_SPREAD:
        return None  # the channels of a grey picture differ by rounding after chroma subsampling
    if s.dtype != np.uint8:
        raise MaskError(
            f"{raster.label}: a colour mask must be 8-bit, this is {s.dtype}; save it as a label map"
        )
    r, g, b = (s[..., c].astype(np.int64) for c in range(3))
    codes = r << 16 | g << 8 | b
    counts = np.unique(codes, return_counts=True)[1]
    if not raster.lossy and (len(counts) <= _SOFT_COLOURS or np.median(counts) > _SOFT_PIXELS):
        return codes
    if (one := _one_colour(s, _LOST if raster.lossy else _ROUNDED)) is not None:
        return one
    if raster.lossy:
        raise MaskError(f"{raster.label}: a {raster.format} blurs the colours of a mask; save it as PNG")
    return codes


def _one_colour(s: NDArray[np.uint8], tolerance: int) -> NDArray[np.int64] | None:
    """The packed colour where (H, W, 3) is at least half of it, else 0; None where it is not one colour on black.

    `tolerance`: by what a channel may differ from the mixture of the two, in all but 1 of 100 pixels.
    """
    bright = s.max(axis=2)
    top = s[bright >= 0.9 * bright.max()]
    colour = np.median(top, axis=0)
    share = s.astype(np.float64) @ colour / max(float(colour @ colour), 1.0)
    off = np.abs(s - share[..., None] * colour).max(axis=2)
    flat = ((share < 0.2) | (share > 0.8)).mean()
    if np.percentile(off, 99) > tolerance or flat < 0.7:
        return None
    r, g, b = np.rint(colour).astype(int).tolist()
    return np.where(share >= 0.5, r << 16 | g << 8 | b, 0)


def ids_of_colours(colours: Iterable[int], known: Mapping[int, int] | None = None) -> dict[int, int]:
    """Packed colour but black -> label.

    By `known`, the colours of stated classes, where all are among these; else as `write_mask` gives colours where all
    are of these and of those classes; else counted in order.
    """
    ordered, known = sorted(colours), known or {}
    ours = {c: i for c, i in _OWN_COLOURS.items() if not known or i == IGNORE or i in known.values()}
    for ids in (known, {_IGNORE_COLOUR: IGNORE} | dict(known), ours):
        if set(ordered) <= ids.keys() and not (
            ids is ours and set(ordered) <= _EVERYBODYS | {_IGNORE_COLOUR}
        ):
            return {c: ids[c] for c in ordered}
    unknown = (
        {_IGNORE_COLOUR} if len(ordered) > 1 else set()
    )  # the border of things in PASCAL VOC, as in ours
    counted = (c for c in ordered if c not in unknown)
    return {c: i for i, c in enumerate(counted, start=1)} | dict.fromkeys(unknown & set(ordered), IGNORE)


def class_of_colour(
    codes: NDArray[np.int64], classes: Sequence[ClassInfo] | None, raster: Raster
) -> NDArray[np.int32]:
    """Class ids (H, W) of packed colours, by the rule in `read_mask`."""
    colours, where, counts = np.unique(codes, return_inverse=True, return_counts=True)
    present = [c for c in colours.tolist() if c]
    if len(present) > MAX_COLOURS:
        raise no_mask(raster, f"{len(present)} colours")
    known = {r << 16 | g << 8 | b: c.id for c in classes or () for r, g, b in [c.rgb]}
    flat = set(present) <= known.keys()
    if not flat and len(present) >= _SOFT_COLOURS and np.median(counts) <= _SOFT_PIXELS:
        raise MaskError(
            f"{raster.label}: its edges are soft, with {len(present)} colours, most of them on {_SOFT_PIXELS} pixels "
            "or less; draw it without anti-aliasing, or one thing in white on black"
        )
    ids = ids_of_colours(present, known)
    table = np.array([ids[c] if c else 0 for c in colours.tolist()], np.int32)
    return table[where].reshape(codes.shape)


def no_mask(raster: Raster, holds: str) -> MaskError:
    """What to say of a picture that was given for a mask; and of a cut-out, a picture with its mask in alpha."""
    opaque = opaque_part(raster)
    if opaque is None or opaque.all():
        return MaskError(
            f"{raster.label}: holds {holds}: a picture, not a mask; give one flat colour a class"
        )
    return MaskError(
        f"{raster.label}: holds {holds} before a transparent background: a cut-out picture, not a mask; save its alpha "
        "channel as the mask (rembg: -om), or one flat colour a class"
    )
