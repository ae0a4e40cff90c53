"""Which pictures are nearly the same: by where they grow brighter, and by how far their thumbnails agree.

The same picture saved again, scaled, or a little brighter is found; a neighbouring frame of a film mostly is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

ALIKE, CORRELATED = 6, 0.95
"""Bits of 128 in which the hashes of nearly the same picture differ, at most, and how far their thumbnails agree."""
ROWS = 1024
"""Pictures that are compared with all others at once; it bounds the memory."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is kept of a picture to compare it with others.

    bits       (128,) bool, see `picture_hash`.
    thumbnail  (1024,) float32 of unit length: its 32 x 32 grey thumbnail about its mean; of a flat one zeros.
    """

    bits: NDArray[np.bool_]
    thumbnail: NDArray[np.float32]


def look_at(pixels: NDArray[np.uint8]) -> Look:
    """What there is to compare of an image (H, W, 3) uint8."""
    grey = PILImage.fromarray(pixels).convert("L").resize((32, 32), PILImage.Resampling.BOX)
    centred = np.asarray(grey, np.float64).ravel()
    centred -= centred.mean()
    length = float(np.linalg.norm(centred))
    return Look(picture_hash(pixels), (centred / length if length else centred).astype(np.float32))


def picture_hash(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(128,) bool of an image (H, W, 3): whether it grows brighter to the right, and downwards, from place to place of
    an 8 x 8 grid (the difference hash of Krawetz 2013, in both directions). A flat one's is all False."""
    grey = PILImage.fromarray(pixels).convert("L")
    across = np.asarray(grey.resize((9, 8), PILImage.Resampling.BOX), np.int16)
    down = np.asarray(grey.resize((8, 9), PILImage.Resampling.BOX), np.int16)
    return np.concatenate([(np.diff(across, axis=1) > 0).ravel(), (np.diff(down, axis=0) > 0).ravel()])


def alike(looks: Sequence[Look]) -> Iterator[tuple[int, int]]:
    """The pairs (i, j), i < j and ascending, of pictures that are nearly the same. Flat pictures are like none."""
    if not looks:
        return
    # The product of two rows of signs is 128 less twice the bits in which they differ.
    signs = np.stack([look.bits for look in looks]).astype(np.float32) * 2 - 1
    small = np.stack([look.thumbnail for look in looks])
    for start in range(0, len(looks), ROWS):
        near = signs[start : start + ROWS] @ signs.T >= 128 - 2 * ALIKE
        for i, others in enumerate(near, start=start):
            later = np.flatnonzero(others[i + 1 :]) + i + 1
            for j in later[small[later] @ small[i] >= CORRELATED].tolist():
                yield i, j
