"""How large the objects of a class are, as the bars of a histogram for the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import ClassInfo

WIDTH, HEIGHT = 340, 152
LEFT, RIGHT, TOP, BOTTOM = 34, 18, 16, 24
"""The picture and the margins round its axes, in CSS pixels."""
MOST = 24
"""Bars, at most."""
WIDE = 20.0
"""From this ratio of the largest to the smallest area on, the bars are equally wide in the logarithm."""


@dataclass(frozen=True)
class Sizes:
    """The areas of all objects of a class: `counts[i]` lie from `edges[i]` to `edges[i + 1]`.

    unit  the areas are in it, squared; None: in pixels.
    """

    cls: ClassInfo
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    median: float
    unit: str | None = None

    @classmethod
    def of(cls, info: ClassInfo, areas: NDArray[Any], unit: str | None = None) -> Sizes:
        """The bars for areas (N,), one at least, all above 0. As many as the square root of N, within bounds."""
        low, high = float(areas.min()), float(areas.max())
        bars = min(MOST, max(1, math.ceil(math.sqrt(len(areas)))))
        if high == low:
            return cls(info, (low, high), (len(areas),), low, unit)
        spread = np.geomspace if high >= WIDE * low else np.linspace
        edges = spread(low, high, bars + 1)
        edges[0], edges[-1] = low, high  # rounding would leave out the largest one
        counts, _ = np.histogram(areas, edges)
        return cls(info, tuple(edges.tolist()), tuple(counts.tolist()), float(np.median(areas)), unit)

    @property
    def total(self) -> int:
        """The number of objects."""
        return sum(self.counts)

    @property
    def measure(self) -> str:
        """The unit of the areas, to be read: 'pixels', 'um²'."""
        return f"{self.unit}²" if self.unit else "pixels"

    def plotted(self) -> dict[str, Any]:
        """What the template draws: bars, lines across with their numbers, areas below."""
        right, low = WIDTH - RIGHT, HEIGHT - BOTTOM
        step, most = (right - LEFT) / len(self.counts), max(self.counts)
        bars = [
            {
                "x": round(LEFT + i * step + 0.5, 1),
                "y": round(low - n / most * (low - TOP), 1),
                "width": round(max(step - 1, 1), 1),
                "height": round(n / most * (low - TOP), 1),
                "said": f"{n} of {_short(a)} to {_short(b)} {self.measure}",
            }
            for i, (n, a, b) in enumerate(zip(self.counts, self.edges, self.edges[1:], strict=False))
            if n
        ]
        lines = [(value, low - value / most * (low - TOP)) for value in dict.fromkeys((0, most))]
        count = len(self.counts)
        anchors = {0: "start", count // 2: "middle", count: "end"} if count > 1 else {0: "start"}
        ticks = [
            {"x": round(LEFT + i * step, 1), "area": _short(self.edges[i]), "anchor": anchor}
            for i, anchor in anchors.items()
        ]
        place = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": right, "low": low}
        return {**place, "bars": bars, "lines": lines, "ticks": ticks, "median": _short(self.median)}


def _short(area: float) -> str:
    """Three digits, and all of those before the point: '0.0123', '41.5', '12345'."""
    return f"{area:.0f}" if area >= 100 else f"{area:.3g}"
