"""The verdict on a raster that is seen block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Verdict
from cuecast.engine.verdict import Taught, Thresholds
from cuecast.mosaic.assemble import LabelRule
from cuecast.mosaic.tiles import TOP, UNSEEN


@dataclass(eq=False)
class Tally:
    """Sums over what was looked at; `verdict` then says what `cuecast.engine.verdict.judge` says of an image.

    Two things differ: a raster is 'absent' where no pixel is marked, as a share of so many pixels says nothing of a
    thing that is small against them; and it is 'doubtful' where there was nothing but nodata to look at.
    """

    thresholds: Thresholds
    taught: Sequence[Taught] = ()
    areas: Counter[int] = field(default_factory=Counter)
    _inside: int = 0
    _outside: int = 0
    _highest: int = 0
    _seen: int = 0

    def add(self, levels: NDArray[np.uint8], labels: NDArray[Any], rule: LabelRule) -> None:
        """The next block: levels (K, h, w) as `Blender` gives them, and the labels (h, w) made of them."""
        seen = levels[0] != UNSEEN
        best = levels.max(axis=0)[seen].astype(np.int64)
        found = labels[seen]
        self._seen += len(found)
        marked = found > 0
        for info in rule.classes:
            self.areas[info.id] += int((found == info.id).sum())
        self._inside += int(best[marked].sum())
        self._outside += int(best[~marked].sum())
        self._highest = max(self._highest, int(best.max(initial=0)))

    def verdict(self) -> tuple[Verdict, float]:
        """(verdict, confidence in [0, 1]): expected intersection over expected union of the mask."""
        if not self._seen:
            return "doubtful", 0.0
        area = sum(self.areas.values())
        if not area:
            return "absent", 1 - self._highest / TOP
        confidence = self._inside / TOP / (area + self._outside / TOP)
        share = area / self._seen
        confidence = min(
            (t.trusted(confidence, share, self.thresholds) for t in self.taught), default=confidence
        )
        return ("found" if confidence >= self.thresholds.found else "doubtful"), confidence
