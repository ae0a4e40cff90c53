"""What comes back for one query: mask, scores, verdict; and the ways to look at it and keep it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cuecast.core.drawing import overlay
from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.objects import (
    Annotations,
    ObjectMask,
    ToldApart,
    check_least,
    connected_instances,
    objects_of,
)
from cuecast.core.values import ClassInfo, Image, Verdict
from cuecast.engine.objects import object_confidences
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
    thresholds  for each class the score from which a pixel is marked.
    told_apart  the objects, where things that touch were told apart; None: connected components.
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
    told_apart: ToldApart | None = field(default=None, repr=False)

    @property
    def uncertainty(self) -> NDArray[np.float32]:
        """(H, W) float32 in [0, 1]: 1 where the best score is 0.5, 0 where it is 0 or 1."""
        unsure: NDArray[np.float32] = 1 - np.abs(2 * self.scores.max(0) - 1)
        return unsure

    @cached_property
    def instances(self) -> NDArray[np.int32]:
        """(H, W) int32: the id of the object that each marked pixel is of, 0 elsewhere.

        Ids count from 1 in reading order of each object's first pixel. An object is of one class; those that touch
        are told apart where the cues show that things do, else an object is a connected component.
        """
        ids = connected_instances(self.mask) if self.told_apart is None else self.told_apart.ids
        ids.flags.writeable = False
        return ids

    def objects(self) -> tuple[ObjectMask, ...]:
        """The objects, each with its own mask, in the order of their ids: number i is id i of `instances`."""
        expected = None if self.told_apart is None else self.told_apart.expected
        class_ids = [c.id for c in self.classes]
        sure = object_confidences(self.instances, self.mask, self.scores, class_ids, expected)
        return objects_of(self.instances, self.mask, sure)

    def counts(self) -> dict[int, int]:
        """Class id -> number of objects; classes without any are left out. Quicker than to make the objects."""
        from scipy import ndimage

        if self.told_apart is None:
            found = {c.id: int(ndimage.label(self.mask == c.id, NEIGHBOURS)[1]) for c in self.classes}
            return {cls: n for cls, n in found.items() if n}
        of = np.zeros(len(self.told_apart.expected) + 1, np.int32)
        of[self.told_apart.ids.ravel()] = self.mask.ravel()
        return dict(sorted(Counter(of[1:].tolist()).items()))

    def keeping(self, min_area: int = 0, min_confidence: float = 0.0) -> Prediction:
        """The same without the objects that have fewer pixels, or less confidence: they become background.

        Verdict and confidence stay those of the whole answer. Raises OutputError where an area is below 0, or a
        confidence outside 0 to 1.
        """
        check_least(min_area, min_confidence)
        if min_area <= 1 and min_confidence <= 0:
            return self
        keep = [o.area >= min_area and (o.confidence or 0.0) >= min_confidence for o in self.objects()]
        if all(keep):
            return self
        kept = np.array([True, *keep])[self.instances]
        apart = None if self.told_apart is None else self.told_apart.keeping(keep)
        return replace(self, mask=np.where(kept, self.mask, 0), told_apart=apart)

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
        """The image with the mask drawn over it in the classes' colours, as a PIL image; things that were told apart
        have an outline each."""
        ids = None if self.told_apart is None else self.told_apart.ids
        return overlay(self.image, self.mask, self.classes, opacity=opacity, objects=ids)
