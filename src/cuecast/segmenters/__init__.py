"""The engine and its siblings: everything that turns cues into a concept and a concept into scores.

`Segmenter` is the seam: what lies above knows nothing else of the engine.
A new segmenter is one file and one line in `SEGMENTERS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cuecast.types import Example, Image

SEGMENTERS = {
    "matching": "cuecast.segmenters.matching:MatchingSegmenter",
    "colour": "cuecast.segmenters.testing:ColourSegmenter",
}
"""Value of `segmenter` in a pack's card.json -> where its class is; loaded on use."""


class Segmenter(Protocol):
    """Cues -> knowledge -> score map. Instances are immutable and safe to share between threads."""

    def learn(self, examples: Sequence[Example], class_ids: Sequence[int], scale: str) -> Any:
        """What is kept of the cues, computed once. Never changed afterwards.

        `class_ids` are the K classes to tell apart, `scale` is 'frame' (things keep their share of the frame
        from image to image) or 'pixel' (things keep their size in pixels).
        """
        ...

    def score(self, knowledge: Any, image: Image) -> NDArray[np.float32]:
        """(K, H, W) float32 in [0, 1] at the image's own size: how sure each pixel is of each class.

        The scale is absolute: where nothing resembles the cues all scores are near 0.
        """
        ...
