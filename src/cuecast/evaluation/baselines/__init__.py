"""The methods that `cuecast bench` measures beside each other: ours, and what people would use otherwise.

Each learns from cues and answers with a mask. A new one is one file and one line in `BASELINES`. They are measured on
one of two kinds of cues, and only compared within a kind:

    masks             masks on other pictures than the query
    box on the query  a box round each piece of the thing, drawn on the query itself
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Example, Image
from cuecast.predictor import Predictor

CueKind = Literal["masks", "box on the query"]

BASELINES = {
    "cuecast": "cuecast.evaluation.baselines.ours:Ours",
    "filter-forest": "cuecast.evaluation.baselines.filter_forest:FilterForest",
    "prototype": "cuecast.evaluation.baselines.prototype:Prototype",
    "cuecast-box": "cuecast.evaluation.baselines.ours:OursFromBoxes",
    "grabcut": "cuecast.evaluation.baselines.grabcut:GrabCut",
}
"""Name of a baseline -> where its class is; loaded on use. Those that take the same cues stand together."""


class Baseline(Protocol):
    """Cues -> knowledge -> mask. Instances are immutable; the same input gives the same mask."""

    title: ClassVar[str]
    """What it is, in a few words, for tables."""
    cues: ClassVar[CueKind]
    """The cues it is measured on."""

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Baseline:
        """Build it beside the pack in use. `threads` bounds its CPU threads (None: all cores).

        Raises PackError where it needs what the pack lacks, MissingExtraError where a library is missing.
        """
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """What it was run with, as JSON takes it."""
        ...

    def learn(self, examples: Sequence[Example]) -> Any:
        """What is kept of the cues, computed once. Raises CueError where none shows the thing."""
        ...

    def segment(self, knowledge: Any, image: Image) -> NDArray[np.bool_]:
        """(H, W) bool at the image's own size: the thing."""
        ...


def load_baseline(name: str, predictor: Predictor, threads: int | None = None) -> Baseline:
    """The baseline of that name in `BASELINES`; see `Baseline.from_predictor` for what is raised."""
    module, cls = BASELINES[name].split(":")
    baseline: Baseline = getattr(importlib.import_module(module), cls).from_predictor(predictor, threads)
    return baseline
