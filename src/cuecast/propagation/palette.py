"""The colours of an object against those around it, as a table that is looked up for each pixel. Pure functions.

Histograms of the object and of a ring round it, as in local colour models of video cutout (Bai, Wang, Simons and
Sapiro, 'Video SnapCut', SIGGRAPH 2009). The engine compares with the whole frame; what tells an object from its
surroundings may be a colour that is common elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, uniform_filter

from cuecast.engine.refiner import resize

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

BINS = 12
"""Steps of each channel."""
BLUR = 0.7
"""Standard deviation, in steps, by which a colour speaks for its neighbours."""
RING = 0.6
"""Width of the ring as a share of the object's diameter (square root of its area); at least `NARROWEST` pixels."""
NARROWEST = 6
UNKNOWN = 1e-5
"""Share of the pixels below which a colour counts as not seen: it says nothing."""
CLIP = 2.0
"""Logits that a colour says at most."""


def palette_of(seen: Floats, mask: Bools) -> Floats | None:
    """Logits (BINS, BINS, BINS) of being the object by colour, from a view (h, w, 3) and a mask (H, W).

    None where the mask is empty, or too small or too large for the view to show both the object and a ring.
    """
    share = resize(mask.astype(np.float32), seen.shape[:2])
    contour = max(NARROWEST, RING * float(np.sqrt(share.sum())))
    inside = share > 0.9
    around = (share < 0.1) & (distance_transform_edt(share < 0.5) <= contour)
    if not inside.any() or not around.any():
        return None
    codes = _codes(seen)
    ratio = np.log((_histogram(codes[inside]) + UNKNOWN) / (_histogram(codes[around]) + UNKNOWN))
    return np.clip(ratio, -CLIP, CLIP).astype(np.float32)


def colour_logits(palette: Floats, seen: Floats, size: tuple[int, int]) -> Floats:
    """Logits (H, W) of being the object by the colours of a view, a little smoothed."""
    logits: Floats = uniform_filter(palette.ravel()[_codes(seen)], 3)
    return resize(logits, size)


def _codes(seen: Floats) -> NDArray[np.intp]:
    """Place of each pixel's colour in a flat table, (h, w)."""
    step = np.minimum((seen * BINS).astype(np.intp), BINS - 1)
    codes: NDArray[np.intp] = (step[..., 0] * BINS + step[..., 1]) * BINS + step[..., 2]
    return codes


def _histogram(codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of the pixels at each colour, blurred."""
    counts = np.bincount(codes, minlength=BINS**3).reshape(BINS, BINS, BINS)
    blurred: NDArray[np.float64] = gaussian_filter(counts.astype(np.float64), BLUR)
    blurred /= blurred.sum()
    return blurred
