"""The engine and its siblings: everything that turns cues into a concept and a concept into scores.

`Segmenter` is the seam: what lies above asks for nothing but what stands here, and for the class of none.
A new segmenter is one file and one line in `SEGMENTERS`; a test of what all promise runs over the table. `Encoder` is
the seam below it: where features come from.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Example, Image, Marks

SEGMENTERS = {
    "matching": "cuecast.engine.matching:MatchingSegmenter",
    "colour": "cuecast.engine.colours:ColourSegmenter",
    "seggpt": "cuecast.engine.foundation.seggpt:SegGptSegmenter",
    "dino": "cuecast.engine.foundation.dino:DinoSegmenter",
    "sam2": "cuecast.engine.foundation.sam2:Sam2Segmenter",
    "sam3": "cuecast.engine.foundation.sam3:Sam3Segmenter",
}
"""Value of `segmenter` in a pack's card.json -> where its class is; loaded on use."""
WEIGHTS_PREFIX = "weights/"
"""What stands before the names of files in the folder of weights that a card names."""


def segmenter_class(kind: str) -> Any:
    """The class of a value of `SEGMENTERS`, whose `from_pack` makes a segmenter."""
    module, _, name = SEGMENTERS[kind].partition(":")
    return getattr(importlib.import_module(module), name)


class PackFile(NamedTuple):
    """Where a file of a pack lies, in its own folder or its base's, and the SHA-256 that its card states."""

    path: Path
    sha256: str


@dataclass(frozen=True, eq=False)
class ScoreMaps:
    """What a segmenter says of one image.

    scores (K, H, W) float32 in [0, 1], on an absolute scale: where nothing resembles the cues all are near 0.
    verdict_features: for each class what speaks for or against its scores, by name; empty where there are none.
    depth (K, H, W) float32 in [0, 1]: how deep in its object each pixel lies, 0 at borders and between things that
    touch; None where the segmenter does not say.
    """

    scores: NDArray[np.float32]
    verdict_features: tuple[dict[str, float], ...] = ()
    depth: NDArray[np.float32] | None = None


class MapShape(NamedTuple):
    """Of a feature map: `stride`, pixels of the frame from one place to the next, and `width`, its channels."""

    stride: int
    width: int


class Encoder(Protocol):
    """Frame -> named feature maps. Instances are immutable and safe to share between threads."""

    @property
    def maps(self) -> Mapping[str, MapShape]:
        """The maps that it gives, by name."""
        ...

    @property
    def multiple(self) -> int:
        """What the sides of a frame must be multiples of."""
        ...

    def encode(self, frame: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """frame (h, w, 3) uint8 RGB -> name -> map (width, h / stride, w / stride) float32."""
        ...


class Segmenter(Protocol):
    """Cues -> knowledge -> score map. Instances are immutable and safe to share between threads."""

    @property
    def encoder(self) -> Encoder | None:
        """What its feature maps come from; None where it has none."""
        ...

    def zoom(self, knowledge: Any) -> float:
        """How many pixels of its own it sees an image's pixel by, for scale 'pixel': the least of its classes'."""
        ...

    def learn(
        self, examples: Sequence[Example], class_ids: Sequence[int], scale: str, before: Any = None
    ) -> Any:
        """What is kept of the cues, computed once. Never changed afterwards.

        `class_ids` are the K classes to tell apart, `scale` is 'frame' (things keep their share of the frame
        from image to image) or 'pixel' (things keep their size in pixels). `before` is what an earlier call gave for
        some of these cues: of classes in it, the working scale and what is slow to fit are kept as they are.
        """
        ...

    def score(self, knowledge: Any, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """How sure each pixel of the image is of each class, at the image's own size.

        `own` are marks on this very image: the scores agree with them, whether or not they were learned from.
        """
        ...

    def forget(self) -> None:
        """Drop what is kept of images seen before. Answers stay the same; their seconds are those of a first time."""
        ...
