"""Where a thing is expected on a slice, from its mask on the slice beside it. Pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.engine.refiner import resize
from cuecast.propagation.logits import logit_of
from cuecast.propagation.motion import SIDE, closeness
from cuecast.propagation.volume_slices import Slices

Floats = NDArray[np.float32]

INSIDE = 1.0
"""Logits that the place adds well inside the mask beside it."""
FAR = 3.5
"""Logits that it takes far outside. Less than the surest score has (3.9): a branch that comes back from slices away
is found where it is clear to see."""
NOTHING = 2.0
"""Logits taken everywhere beside a slice without the thing."""
OF_A_KIND = 1.0
"""Both where nothing is marked in the volume: all things of the kind are meant, and new ones may begin anywhere."""
LEAST_SPREAD = 2.0
"""The uncertainty of a border is at least so many pixels, and at least the distance of two slices (a slope of 45
degrees)."""


def place(mask: NDArray[np.bool_], slices: Slices, identity: bool) -> Floats:
    """Logits (h, w) float32 of the thing on a slice next to one with this mask (h, w) bool, both in voxels.

    identity  True: the very thing that is marked in the volume; False: whatever is of the kind.
    """
    if not mask.any():
        return np.full(mask.shape, -(NOTHING if identity else OF_A_KIND), np.float32)
    shown = slices.stretched(mask.astype(np.int32)) > 0
    spread = max(LEAST_SPREAD, slices.step / slices.pixel)
    factor = min(1.0, SIDE / max(shown.shape))
    view = (max(1, round(shown.shape[0] * factor)), max(1, round(shown.shape[1] * factor)))
    expected: Floats = np.clip(closeness(shown, spread, view), -(FAR if identity else OF_A_KIND), INSIDE)
    return resize(expected, mask.shape)


def posterior(scores: Floats, expected: Floats | None) -> Floats:
    """Scores (K, h, w) in [0, 1] with the logits (K, h, w) of the place added, as of an independent witness."""
    if expected is None:
        return scores
    joint: Floats = (1 / (1 + np.exp(-(logit_of(scores) + expected)))).astype(np.float32)
    return joint
