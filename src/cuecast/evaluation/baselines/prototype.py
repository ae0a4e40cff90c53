"""Nearest prototype on our encoder's features: the plainest way to match, without our matcher and decoder.

The mean feature of the thing and of the rest over the cues; each place of the query takes the nearer one by cosine
(masked average pooling and cosine distance as in PANet, Wang et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import PackError
from cuecast.core.values import Example, Image
from cuecast.engine.matching import MatchingSegmenter
from cuecast.engine.scale import working_side
from cuecast.evaluation.baselines import CueKind
from cuecast.evaluation.baselines.pixels import Floats, enlarged, frame, must_show, shares
from cuecast.predictor import Predictor

EPSILON = 1e-6


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Unit vectors (C,) float32 of the thing and of the rest, and the working side they hold for, in pixels."""

    thing: Floats
    rest: Floats
    side: float


@dataclass(frozen=True, eq=False)
class Prototype:
    """See the module's docstring."""

    segmenter: MatchingSegmenter

    title: ClassVar[str] = "nearest prototype on our features"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Prototype:  # noqa: ARG003
        """It shares the pack's encoder, with its threads. Raises PackError where the pack has none."""
        if not isinstance(predictor.segmenter, MatchingSegmenter):
            raise PackError(
                f"pack {predictor.pack.name}: it has no encoder, which the baseline 'prototype' needs; "
                "take the pack general, or leave it out with --baselines"
            )
        return cls(predictor.segmenter)

    @property
    def settings(self) -> dict[str, Any]:
        """The map that is matched; the working side is the pack's choice from the cues."""
        return {"features": "fine (stride 4)"}

    def learn(self, examples: Sequence[Example]) -> Prototypes:
        """Mean features of the thing and of the rest, all cue pixels counting the same."""
        must_show(examples)
        side = working_side(examples, 1, self.segmenter.preprocessing)
        sums: list[Any] = [0.0, 0.0]
        for example in examples:
            features = self._features(example.image, side)
            for i, share in enumerate(shares(example, features.shape[1:])):
                sums[i] = sums[i] + np.tensordot(features, share, 2)
        thing, rest = (_unit(np.asarray(s, np.float32)) for s in sums)
        return Prototypes(thing, rest, side)

    def segment(self, knowledge: Prototypes, image: Image) -> NDArray[np.bool_]:
        """Where the thing's prototype is nearer, cosines brought to the image's size."""
        features = self._features(image, knowledge.side)
        nearer = np.tensordot(knowledge.thing - knowledge.rest, features, 1)
        return enlarged(nearer.astype(np.float32), image.size) > 0

    def _features(self, image: Image, side: float) -> Floats:
        """(C, h, w) float32 at a quarter of the working size, of unit length at each place."""
        pixels = frame(image, side, self.segmenter.viewer.multiple)
        rgb = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        return _unit(self.segmenter.viewer.encode(rgb).fine)


def _unit(vectors: Floats) -> Floats:
    """Vectors along the first axis, brought to length 1; zero stays zero."""
    unit: Floats = vectors / (np.sqrt((vectors**2).sum(0, keepdims=True)) + EPSILON)
    return unit
