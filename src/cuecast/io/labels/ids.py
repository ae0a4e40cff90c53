"""Id maps: one number, or one colour, an object -> (H, W) int32 ids on its image's grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.notes import give_note
from cuecast.core.values import MAX_CLASS_ID
from cuecast.io.labels import Pictured, is_label_file
from cuecast.io.labels.masks import check_size, read_stored
from cuecast.io.labels.numbered import look_at
from cuecast.io.labels.values import MAX_COLOURS, grey_codes, opaque_part
from cuecast.io.pixels import Raster

_PIECES = 3
"""Pieces of a single id from which on it may be a mask that was given for ids."""
_DOTS = 2
"""Pixels that most of many colours have at most in a picture."""
_EVERYWHERE, _STRAY = 0.9, 0.1
"""Share of a picture from which on ids number all that it shows; share of an object that may lie beyond a mask then."""
_BORDER = 224 + (224 << 8) + (192 << 16)
"""The pale yellow that PASCAL VOC draws between objects."""


def read_objects(source: Any, *, image: Pictured, page: int | None = None) -> NDArray[np.int32]:
    """File, PIL image or array of ids -> (H, W) int32 ids of objects from 1, 0 = none.

    Numbers of any size, whole ones in float, too; where one is above 65534 they are counted anew, in their order. In
    colour each colour is one object, its id R + 256 G + 65536 B, as COCO codes panoptic segments; black is none. The
    same id in two places is one object. 255 in 8 bits and 65535 in 16 bits are none where ids are not counted up to
    them, as in a mask; so is what is transparent.

    Raises MaskError: unreadable, no ids, or of another size than the image.
    """
    if is_label_file(source):
        raise MaskError("ids of objects are an image or array with one number an object", source, "give that")
    raster = read_stored(source, page, f"objects of {image.name}")
    check_size(raster, image, "map of ids")
    if raster.lossy:
        raise MaskError(
            f"a {raster.format} whose compression is lossy changes numbers and colours, and an id is one",
            raster.label,
            "save it as PNG or TIFF",
        )
    ids = _of_colours(raster) if _coloured(raster.samples) else _of_numbers(raster)
    if look_at(ids).scattered:
        raise _picture(raster, f"{len(np.unique(ids))} values in scattered pixels")
    _note_single(ids, raster)
    return ids


def of_the_mask(ids: NDArray[np.int32], mask: NDArray[np.int32], name: str) -> NDArray[np.int32]:
    """The ids (H, W) of what a mask (H, W) marks, where they number all that a picture shows, as panoptic maps do.

    That is so where next to nothing is 0, and each of several ids lies inside the mask or outside of it. All others
    stay as they are: ids that do not fit a mask are a mistake.
    """
    numbered, inside = ids > 0, mask != 0
    if numbered.mean() < _EVERYWHERE or inside.mean() > 1 - _STRAY or not (numbered & ~inside).any():
        return ids
    numbers, order = np.unique(ids[numbered], return_inverse=True)
    shares = np.bincount(order, inside[numbered]) / np.bincount(order)
    if len(numbers) < 2 or ((shares > _STRAY) & (shares < 1 - _STRAY)).any() or shares.max() < 0.5:
        return ids
    give_note(f"{name}: the ids number all of the picture; those outside the mask are left out")
    return np.where(inside, ids, 0).astype(np.int32)


def _coloured(samples: NDArray[Any]) -> bool:
    return samples.ndim == 3 and not (samples == samples[..., :1]).all()


def _of_colours(raster: Raster) -> NDArray[np.int32]:
    """The ids of colours; black, and the pale yellow of borders beside others, are none."""
    s, opaque = raster.samples, opaque_part(raster)
    if s.dtype.kind not in "ui" or s.min() < 0 or s.max() > 65535:
        raise MaskError(
            f"ids in colours are three whole numbers of 8 or 16 bits, this is {s.dtype} up to {s.max():g}",
            raster.label,
            "save it so",
        )
    bits = 8 if s.max() < 256 else 16
    red, green, blue = (s[..., channel].astype(np.int64) for channel in range(3))
    codes = red + (green << bits) + (blue << 2 * bits)
    if opaque is not None:
        codes[~opaque] = 0
    colours, where, counts = np.unique(codes, return_inverse=True, return_counts=True)
    drawn = colours > 0
    if drawn.sum() > 1 and bits == 8:
        drawn &= colours != _BORDER
    if drawn.sum() > MAX_COLOURS and np.median(counts[drawn]) <= _DOTS:
        raise _picture(raster, f"{drawn.sum()} colours")
    numbers = colours if colours[drawn].max(initial=0) <= MAX_CLASS_ID else np.cumsum(drawn)
    return np.where(drawn, numbers, 0).astype(np.int32)[where].reshape(codes.shape)


def _of_numbers(raster: Raster) -> NDArray[np.int32]:
    samples = raster.samples
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise MaskError("holds NaN or infinite values", raster.label, "ids are whole numbers, 0 for none")
        if len(fractions := samples[samples != np.rint(samples)]):
            raise MaskError(
                f"holds fractions such as {fractions[0]:g}, and ids are whole numbers",
                raster.label,
                "number the things 1, 2, 3, ..., 0 for none",
            )
    codes, ignored, _ = grey_codes(raster, soft=False, numbers=True)
    return np.where(ignored, 0, codes).astype(np.int32)


def _picture(raster: Raster, holds: str) -> MaskError:
    return MaskError(
        f"holds {holds}: a picture, not ids of objects", raster.label, "give each object one number or colour"
    )


def _note_single(ids: NDArray[np.int32], raster: Raster) -> None:
    """Say so where one id is all there is and has many pieces, as a mask has that was given for ids."""
    from scipy.ndimage import label

    marked = ids > 0
    if not marked.any() or (ids[marked] != ids[marked][0]).any():
        return
    pieces = label(marked, structure=NEIGHBOURS)[1]
    if pieces >= _PIECES:
        give_note(
            f"{raster.label}: its {pieces} separate pieces have one id, so they are taken for one object; number the "
            "things 1, 2, 3, ..., or leave the ids out where each piece is an object"
        )
