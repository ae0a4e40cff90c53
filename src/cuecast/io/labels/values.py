"""What the values and colours of a mask's raster were meant to be by the program that wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.values import IGNORE, MAX_CLASS_ID, PALETTE, ClassInfo
from cuecast.io.pixels import Raster

OWN_CHUNK = "cuecast-labels"
"""PNG text chunk of the masks we write: their values are labels, nothing is to be guessed."""

_SOFT_VALUES, _SOFT_SHARE = 4, 0.75
"""Values between 0 and 255 from which on edges may be soft, and the share of them that then lies between others."""
_RINGS = 3
"""Values near black and as many near white that compression with loss leaves, and no numbering of classes has."""


def grey_codes(
    raster: Raster, soft: bool, numbers: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_], bool]:
    """(values (H, W), where they are to be ignored, whether every value above 0 is the one thing).

    `soft`: whether edges may be. `numbers`: whether the values may be numbers of objects, of which there are many.
    """
    own = OWN_CHUNK in raster.text
    samples = raster.samples if raster.samples.ndim == 2 else raster.samples[..., 0]
    if raster.palette is not None and not own:
        samples = _greys(raster.palette, samples, raster.format)
    codes = _integers(samples, raster.label)
    nowhere = np.zeros(codes.shape, bool)
    if (opaque := opaque_part(raster)) is not None:
        if not opaque.all() and not codes[opaque].any():
            return opaque * np.int64(255), nowhere, True
        codes[~opaque] = 0
    bytes_ = codes >> 8 if codes.max() > 255 else codes
    plain = soft and not own and samples.dtype != bool
    if raster.lossy or (plain and (_is_soft(bytes_) or _contours(codes, likely=raster.lossy is None))):
        _check_two(bytes_, raster)
        return (bytes_ >= (bytes_.max() + 1) // 2) * np.int64(255), nowhere, True
    if raster.highest is not None:
        codes = _as_stored(codes, raster.highest, 255 if samples.dtype == np.uint8 else 65535)
    if codes.min() < IGNORE:
        raise MaskError(
            f"holds the negative label {codes.min()}", raster.label, "labels are 0 or more, -1 is 'ignore'"
        )
    if numbers and codes.max() > MAX_CLASS_ID + 1:
        found, order = np.unique(np.maximum(codes, 0), return_inverse=True)
        codes = np.where(codes == IGNORE, IGNORE, order.reshape(codes.shape) + (found[0] > 0))
    if codes.max() > 65535:
        raise MaskError(
            f"holds the label {codes.max()}", raster.label, "the highest possible is 65534, renumber them"
        )
    high = set(np.unique(codes).tolist()) - {0, IGNORE}
    binary = samples.dtype == bool or (high in ({255}, {65535}) and not own)
    limit = {"uint8": 255, "uint16": 65535}.get(samples.dtype.name, IGNORE)
    if numbers and limit - 1 in high:  # things are counted up to it
        limit = IGNORE
    ignored = codes == IGNORE if binary else (codes == IGNORE) | (codes == limit)
    return codes, ignored, binary


def opaque_part(raster: Raster) -> NDArray[np.bool_] | None:
    """Where a mask counts (H, W): alpha of at least half of its highest value; None where it has no alpha."""
    if raster.alpha is None:
        return None
    highest = raster.alpha.max()
    return np.asarray((raster.alpha >= highest / 2) & (highest > 0))


def by_colour(raster: Raster) -> Raster:
    """The colours in place of the indices where a palette's background is not its first entry.

    That is so where it makes another index transparent, or where black occurs and is another index; and where edges are
    soft by transparency.
    """
    if raster.palette is None or OWN_CHUNK in raster.text:
        return raster
    used = np.unique(raster.samples)
    colours, alpha = raster.palette[:, :3], raster.palette[:, 3]
    backgrounds = (alpha == 0, colours.max(axis=1) == 0)
    soft = len(np.unique(alpha[used])) > _SOFT_VALUES
    if not soft and not any(back[used].any() and not back[0] for back in backgrounds):
        return raster
    rgba = raster.palette[raster.samples]
    return replace(raster, samples=rgba[..., :3], alpha=rgba[..., 3], palette=None)


def _check_two(codes: NDArray[np.int64], raster: Raster) -> None:
    """Raise MaskError where a file that was compressed with loss is no mask in black and white."""
    if 0 < codes.max() < 128:
        raise MaskError(
            f"a {raster.format} whose compression is lossy cannot hold classes by number, and nothing in "
            f"it is white (its highest value is {codes.max()})",
            raster.label,
            "save it as PNG",
        )
    if (middle := _middle(codes)) > 0.3:
        raise MaskError(
            f"{middle:.0%} of it is neither black nor white: a picture, not a mask",
            raster.label,
            "draw the thing in white on black",
        )


def _contours(codes: NDArray[np.int64], likely: bool) -> bool:
    """Whether black and white are both blurred, as compression with loss leaves them.

    `likely`: the file may have been compressed so; else it was before it was saved like this, and has to look so.
    """
    between = np.unique(codes[(codes > 0) & (codes < 255)])
    ends = min((between <= 32).sum(), (between >= 223).sum())
    if codes.max() > 255 or len(between) < _SOFT_VALUES or ends < (1 if likely else _RINGS):
        return False
    # Things that are numbered have every value alike, and a picture has many in the middle.
    return bool((codes >= 223).sum() >= 0.6 * (codes > 32).sum() and _middle(codes) <= 0.1)


def _middle(codes: NDArray[np.int64]) -> float:
    """Share of the pixels that are neither near black nor near white."""
    return float(((codes > 48) & (codes < 207)).mean())


def _is_soft(codes: NDArray[np.int64]) -> bool:
    """Whether values below the highest are but soft edges of one thing: nearly all lie between their neighbours.

    Where the highest is not white, as brushes that are not opaque leave it, nearly all of the thing has it.
    """
    top = codes.max()
    between = (codes > 0) & (codes < top)
    if not 128 <= top <= 255 or len(np.unique(codes[between])) < _SOFT_VALUES:
        return False
    if top < 255 and (codes >= 0.9 * top).sum() < 0.6 * (codes > 0.25 * top).sum():
        return False
    from scipy.ndimage import maximum_filter, minimum_filter

    lowest, highest = minimum_filter(codes, 3), maximum_filter(codes, 3)
    return float(((lowest < codes) & (codes < highest))[between].mean()) >= _SOFT_SHARE


def _greys(palette: NDArray[np.uint8], indices: NDArray[Any], name: str) -> NDArray[Any]:
    """The greys of a palette in place of its numbers, where some program has saved a grey mask with one.

    That is so where just black and white occur or soft edges between them; and in a GIF, which has no other grey, where
    none of them would be 'ignore'.
    """
    used = palette[np.unique(indices)][:, :3]
    if not (used == used[:, :1]).all():
        return indices
    greys = palette[indices.astype(np.intp)][..., 0]
    two = bool(np.isin(used, (0, 255)).all())
    return (
        greys if two or (name == "GIF" and used.max() < 255) or _is_soft(greys.astype(np.int64)) else indices
    )


def _as_stored(codes: NDArray[np.int64], highest: int, white: int) -> NDArray[np.int64]:
    """The numbers of a file, whose `highest` the decoder has made `white`. What is black and white alone stays so."""
    if highest == white or np.isin(codes, (0, white)).all():
        return codes
    stored: NDArray[np.int64] = np.rint(codes * (highest / white)).astype(np.int64)
    return stored


def _integers(samples: NDArray[Any], label: str) -> NDArray[np.int64]:
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise MaskError(
                "holds NaN or infinite values", label, "a mask holds whole numbers, 0 for background"
            )
        if len(fractions := samples[samples != np.rint(samples)]):
            raise MaskError(
                f"holds fractions such as {fractions[0]:g}", label, "threshold it first (scores > 0.5)"
            )
    return samples.astype(np.int64)


MAX_COLOURS = 254
_SOFT_COLOURS, _SOFT_PIXELS = 12, 8
"""Colours from which on edges may be soft, and the pixels that most of them then have at most."""
_GREY_SPREAD = 32
"""By what the channels of a grey picture differ at most, in all but 1 of 100 pixels, after compression with loss."""
_ROUNDED, _LOST = 8, 64
"""By what a channel of a soft edge in one colour is off, after rounding, and after compression with loss."""
_BLACK = 48
"""What black is at most after compression with loss."""
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
            f"a colour mask must be 8-bit, this is {s.dtype}", raster.label, "save it as a label map"
        )
    r, g, b = (s[..., c].astype(np.int64) for c in range(3))
    codes = r << 16 | g << 8 | b
    counts = np.unique(codes, return_counts=True)[1]
    if not raster.lossy and (len(counts) <= _SOFT_COLOURS or np.median(counts) > _SOFT_PIXELS):
        return codes
    if (one := _one_colour(s, _LOST if raster.lossy else _ROUNDED)) is not None:
        return one
    if raster.lossy:
        raise MaskError(f"a {raster.format} blurs the colours of a mask", raster.label, "save it as PNG")
    return codes


def _one_colour(s: NDArray[np.uint8], tolerance: int) -> NDArray[np.int64] | None:
    """The packed colour where (H, W, 3) is at least half of it, else 0; None where it is not one colour on black.

    `tolerance`: by what a channel may differ from the mixture of the two, in all but 1 of 100 pixels.
    """
    bright = s.max(axis=2)
    if (bright <= _BLACK).mean() < 0.01:
        return None  # on no black: a picture in one tone, such as a stained slide
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
            f"its edges are soft, with {len(present)} colours, most of them on {_SOFT_PIXELS} pixels or less",
            raster.label,
            "draw it without anti-aliasing, or one thing in white on black",
        )
    ids = ids_of_colours(present, known)
    table = np.array([ids[c] if c else 0 for c in colours.tolist()], np.int32)
    return table[where].reshape(codes.shape)


def no_mask(raster: Raster, holds: str) -> MaskError:
    """What to say of a picture that was given for a mask; and of a cut-out, a picture with its mask in alpha."""
    opaque = opaque_part(raster)
    if opaque is None or opaque.all():
        return MaskError(
            f"holds {holds}: a picture, not a mask", raster.label, "give one flat colour a class"
        )
    return MaskError(
        f"holds {holds} before a transparent background: a cut-out picture, not a mask",
        raster.label,
        "save its alpha channel as the mask (rembg: -om), or one flat colour a class",
    )
