"""GrabCut (Rother et al. 2004) of OpenCV: a box round each piece of the thing, on the query itself.

Outside the boxes is background, inside is unknown; two Gaussian mixtures of colours and a graph cut decide.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, MissingExtraError
from cuecast.core.values import Box, Example, Image
from cuecast.evaluation.baselines import CueKind
from cuecast.evaluation.baselines.pixels import usable_threads
from cuecast.predictor import Predictor

ROUNDS = 5
"""Rounds of fitting and cutting, as in OpenCV's own example."""


@dataclass(frozen=True, eq=False)
class GrabCut:
    """See the module's docstring. `cv2` is the module of that name."""

    cv2: Any
    threads: int

    title: ClassVar[str] = "GrabCut"
    cues: ClassVar[CueKind] = "box on the query"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> GrabCut:  # noqa: ARG003
        """It needs nothing of the pack. Raises MissingExtraError where OpenCV is missing."""
        try:
            return cls(importlib.import_module("cv2"), usable_threads(threads))
        except ImportError as error:
            raise MissingExtraError(
                f"the baseline 'grabcut' needs OpenCV, which cannot be loaded ({error}); "
                "run: pip install 'cuecast[bench]', or leave it out with --baselines"
            ) from error

    @property
    def settings(self) -> dict[str, Any]:
        """Rounds, and OpenCV's version."""
        return {"rounds": ROUNDS, "opencv": self.cv2.__version__}

    def learn(self, examples: Sequence[Example]) -> tuple[Box, ...]:
        """The boxes: nothing is learned before the query is seen."""
        boxes = tuple(box for example in examples for box in example.marks.boxes if box.cls > 0)
        if not boxes:
            raise CueError("no cue has a box: GrabCut takes boxes on the query alone")
        return boxes

    def segment(self, knowledge: tuple[Box, ...], image: Image) -> NDArray[np.bool_]:
        """The thing inside the boxes; all of it where they leave no background to compare with."""
        cv2 = self.cv2
        inside = np.zeros(image.size, bool)
        for box in knowledge:
            inside[box.pixels] = True
        if inside.all():
            return inside
        state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setNumThreads(self.threads)
        cv2.setRNGSeed(0)
        bgr = np.ascontiguousarray(image.pixels[..., ::-1])
        cv2.grabCut(bgr, state, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
        thing: NDArray[np.bool_] = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
        return thing
