"""cuecast itself, as anyone calls it: `Predictor.learn`, then `Concept.segment`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Example, Image
from cuecast.evaluation.baselines import CueKind
from cuecast.predictor import Concept, Predictor


@dataclass(frozen=True, eq=False)
class Ours:
    """A pack, with the working scale that it chooses itself."""

    predictor: Predictor

    title: ClassVar[str] = "cuecast"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Ours:  # noqa: ARG003
        """The predictor as it was loaded, with its own threads."""
        return cls(predictor)

    @property
    def settings(self) -> dict[str, Any]:
        """The pack and its fingerprint."""
        return {"pack": self.predictor.pack.name, "pack_digest": self.predictor.pack.digest}

    def learn(self, examples: Sequence[Example]) -> Concept:
        """The concept of the cues, as if none of their images had been seen before: lists show them again and again."""
        self.predictor.segmenter.forget()
        return self.predictor.learn(examples)

    def segment(self, knowledge: Concept, image: Image) -> NDArray[np.bool_]:
        """The mask of any class; empty where the verdict is 'absent'."""
        return knowledge.segment(image).mask > 0


@dataclass(frozen=True, eq=False)
class OursFromBoxes(Ours):
    """The same, shown boxes on the query."""

    title: ClassVar[str] = "cuecast, from boxes"
    cues: ClassVar[CueKind] = "box on the query"
