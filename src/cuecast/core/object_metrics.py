"""How well the objects of an answer are those of the truth, one by one: both as id maps (H, W) of one shape.

Two objects are compared by their IoU, and matched one to one from an IoU of 0.5 on. Above 0.5 an object fits no other
one, so that nothing is left to choose; at exactly 0.5 one object may fit two halves of another, and has one of them.
Only the pixels outside `ignore` count. Where answer and truth both hold no object all measures are 1, and 0 where one
of them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError

THRESHOLDS = tuple(n / 100 for n in range(50, 100, 5))
"""The IoUs over which `ap` is a mean: 0.5, 0.55, ... 0.95."""
Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ObjectMatches:
    """How many objects an answer and the truth have, and the IoU of each matched pair, all from 0.5 on, falling."""

    found: int
    true: int
    ious: tuple[float, ...]

    def matched(self, threshold: float = 0.5) -> int:
        """The number of pairs (true positives) at an IoU of `threshold`, 0.5 at least, and above."""
        return sum(iou >= threshold for iou in self.ious)

    @property
    def precision(self) -> float:
        """The share of the answer's objects that are matched, in [0, 1]."""
        return self._share(self.matched(), self.found)

    @property
    def recall(self) -> float:
        """The share of the true objects that are matched, in [0, 1]."""
        return self._share(self.matched(), self.true)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), in [0, 1]."""
        return self._share(2 * self.matched(), self.found + self.true)

    @property
    def ap(self) -> float:
        """TP / (TP + FP + FN), in [0, 1], its mean over `THRESHOLDS`.

        Stringer et al., 'Cellpose: a generalist algorithm for cellular segmentation', Nature Methods 18, 2021.
        """
        return sum(map(self.accuracy, THRESHOLDS)) / len(THRESHOLDS)

    def accuracy(self, threshold: float) -> float:
        """TP / (TP + FP + FN) in [0, 1] at one IoU."""
        matched = self.matched(threshold)
        return self._share(matched, self.found + self.true - matched)

    @property
    def pq(self) -> float:
        """Panoptic quality in [0, 1]: the sum of the IoUs above 0.5 over TP + FP / 2 + FN / 2.

        Kirillov et al., 'Panoptic segmentation', CVPR 2019.
        """
        return self._share(2 * sum(iou for iou in self.ious if iou > 0.5), self.found + self.true)

    @property
    def count_error(self) -> float:
        """How far the number of objects is from the true one, as a share of it; of one where there is none."""
        return abs(self.found - self.true) / max(self.true, 1)

    def _share(self, part: float, whole: int) -> float:
        return part / whole if whole else float(not self.found and not self.true)


def match_objects(answer: Ids, truth: Ids, ignore: NDArray[np.bool_] | None = None) -> ObjectMatches:
    """Match the objects of two id maps (H, W), 0 for none; an object may have several parts.

    What `ignore` (H, W) bool covers is cut away before. An object of the answer that matches nothing, and of which more
    than half is ignored, does not count (Kirillov et al.). Raises MaskError where shapes differ.
    """
    if answer.shape != truth.shape or (ignore is not None and ignore.shape != truth.shape):
        shapes = [answer.shape, truth.shape, *([] if ignore is None else [ignore.shape])]
        raise MaskError(
            f"ids of different shapes cannot be compared: {shapes}",
            remedy="resize with nearest neighbour first",
        )
    answer, truth = answer.astype(np.int64), truth.astype(np.int64)
    whole = _areas(answer)
    if ignore is not None:
        answer, truth = np.where(ignore, 0, answer), np.where(ignore, 0, truth)
    areas, true_areas = _areas(answer), _areas(truth)
    base = int(truth.max(initial=0)) + 1
    scored = [
        (both / (areas[a] + true_areas[t] - both), a, t)
        for (a, t), both in ((divmod(pair, base), n) for pair, n in _areas(answer * base + truth).items())
        if a and t
    ]
    ious: list[float] = []
    taken: set[int] = set()
    taken_true: set[int] = set()
    for iou, a, t in sorted(scored, reverse=True):
        if iou >= 0.5 and a not in taken and t not in taken_true:
            ious.append(iou)
            taken.add(a)
            taken_true.add(t)
    counted = [a for a in areas if a and (a in taken or 2 * areas[a] >= whole[a])]
    return ObjectMatches(len(counted), len(true_areas.keys() - {0}), tuple(ious))


def _areas(ids: Ids) -> dict[int, int]:
    """Id -> number of its pixels, 0 among them."""
    values, counts = np.unique(ids, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
