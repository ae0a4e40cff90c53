"""What comes back for one query: mask, scores, verdict; and the ways to look at it and keep it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cuecast.core.drawing import overlay
from cuecast.core.objects import Annotations, ObjectMask, connected_objects
from cuecast.core.values import ClassInfo, Image, Verdict
from cuecast.io.labels.masks import write_grey, write_mask

if TYPE_CHECKING:
    from PIL import Image as PILImage


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one image.

    mask        (H, W) int32 label map: class ids, 0 = background.
    marked      the same as it was before the verdict 'absent' emptied it of a class.
    scores      (K, H, W) float32 in [0, 1], plane k belongs to classes[k]; absolute, never stretched.
    verdict     'found', 'doubtful' or 'absent'.
    confidence  in [0, 1]: the IoU that is expected of this mask; for 'absent', of the emptiness.
    seconds     how long the answer took.
    thresholds        for each class the score from which a pixel is marked.
    """

    image: Image
    mask: NDArray[np.int32]
    marked: NDArray[np.int32]
    scores: NDArray[np.float32]
    classes: tuple[ClassInfo, ...]
    verdict: Verdict
    confidence: float
    seconds: float
    thresholds: tuple[float, ...] = ()

    @property
    def uncertainty(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1]: 1 where the best score is 0.5, 0 where it is 0 or 1."""
        unsure: NDArray[np.float32] = 1 - np.abs(2 * self.scores.max(0) - 1)
        return unsure

    def objects(self) -> tuple[ObjectMask, ...]:
        """The connected components (8-neighbourhood) of every class, in reading order of their top-left pixel."""
        return connected_objects(self.mask)

    def annotations(self) -> Annotations:
        """The objects as every label format takes them."""
        return Annotations(self.image.name, self.image.size, self.objects())

    def save(self, path: str | Path) -> Path:
        """Write the mask as a palette PNG (pixel value = class id). Raises OutputError."""
        return write_mask(Path(path), self.mask, self.classes)

    def save_uncertainty(self, path: str | Path) -> Path:
        """Write the uncertainty as an 8-bit grey PNG (255 = wholly unsure). Raises OutputError."""
        return write_grey(Path(path), self.uncertainty)

    def overlay(self, opacity: float = 0.45) -> PILImage.Image:
        """The image with the mask drawn over it in the classes' colours, as a PIL image."""
        return overlay(self.image, self.mask, self.classes, opacity=opacity)
