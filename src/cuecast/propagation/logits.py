"""Scores as logits, which independent witnesses add to. Pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np

CERTAIN = 0.02
"""Scores count as at least this far from 0 and 1, logits of 3.9: no single look decides alone."""


def logit_of(scores: Any) -> Any:
    """Of scores in [0, 1], an array or one number; float32 stays float32."""
    p = np.clip(scores, CERTAIN, 1 - CERTAIN)
    return np.log(p / (1 - p))
