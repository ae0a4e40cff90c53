"""SAM 3 (Carion et al. 2025) by its tracker, which remembers as SAM 2 does: cues and query are frames of one video.

Its detector finds concepts that are named in words, or shown by boxes on the very same picture, and has no way from one
picture to another; its tracker has, on the image encoder that both share. Of published weights, those of the detector's
other parts are left unread. Cue and query on one canvas, the cue's box as its exemplar, are a way with the detector
(Tsai et al. 2026, arXiv 2604.05433), which is not taken here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.engine.foundation.sam2 import Sam2Segmenter

HALF = np.full(3, 0.5, np.float32)
"""Mean and deviation of colours in [0, 1] that it was trained with, as its image processor has them."""


@dataclass(frozen=True, eq=False)
class Sam3Segmenter(Sam2Segmenter):
    """As `Sam2Segmenter`, with another encoder and larger logits. Build it with `from_pack`."""

    kind: ClassVar[str] = "sam3"
    title: ClassVar[str] = "SAM 3"
    session: ClassVar[str] = "Sam3TrackerVideoInferenceSession"
    colours: ClassVar[tuple[NDArray[np.float32], NDArray[np.float32]]] = (HALF, HALF)
