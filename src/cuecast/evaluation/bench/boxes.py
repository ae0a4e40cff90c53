"""Boxes as a person would draw them on a query whose true mask is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.core.objects import connected_objects
from cuecast.core.values import Box

SMALLEST_SHARE = 0.001
"""Pieces below this share of the picture get no box of their own, unless all are."""


def boxes_of(truth: NDArray[np.bool_]) -> tuple[Box, ...]:
    """A tight box round each connected piece of (H, W) bool, in reading order; none where it is empty.

    Pieces of less than 0.1 % of the picture are left out; where all are as small, the largest gets the only box.
    """
    components = connected_objects(truth.astype(np.int32))
    if not components:
        return ()
    seen = [p for p in components if p.area >= SMALLEST_SHARE * truth.size] or [
        max(components, key=lambda p: p.area)
    ]
    return tuple(
        Box((float(x1), float(y1), float(x2), float(y2))) for x1, y1, x2, y2 in (p.xyxy for p in seen)
    )
