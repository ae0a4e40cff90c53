"""Who teaches whom: some cues are learnt, and another one, whose mask is known, is asked.

A cue is complete where it has a mask or polygons; only complete cues are asked. Sparse and absent cues teach in every
trial. A cue never teaches its own picture, whatever file that came from. What is drawn is drawn with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cuecast.core.geometry import mark_labels
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, ClassInfo, Example
from cuecast.prediction import Prediction
from cuecast.predictor import Predictor

SEED = 0
ASKED = 8
"""Cues that are asked for a point of the curve, and for what one cue alone teaches."""


@dataclass(frozen=True)
class Trial:
    """The cues at `teachers` are learnt, the one at `query` is asked; positions in the list of examples."""

    teachers: tuple[int, ...]
    query: int


@dataclass(frozen=True, eq=False)
class Board:
    """The cues of one concept, and what they are tried with."""

    predictor: Predictor
    examples: tuple[Example, ...]
    classes: tuple[ClassInfo, ...]
    scale: str

    @cached_property
    def complete(self) -> tuple[int, ...]:
        """Positions of the complete cues."""
        return complete_cues(self.examples)

    def others(self, query: int) -> tuple[int, ...]:
        """Positions of all cues on other pictures than `query`'s."""
        own = self.examples[query].image.digest
        return tuple(i for i, e in enumerate(self.examples) if e.image.digest != own)

    def baselines(self, query: int) -> tuple[int, ...]:
        """The complete ones among the others."""
        complete = frozenset(self.complete)
        return tuple(i for i in self.others(query) if i in complete)

    def left_out(self, query: int) -> Trial:
        """All others teach."""
        return Trial(self.others(query), query)

    def taught_by(self, few: Iterable[int], query: int) -> Trial:
        """Only these complete cues teach, besides the sparse and absent ones."""
        chosen = {*few, *(i for i in self.others(query) if i not in self.complete)}
        return Trial(tuple(sorted(chosen)), query)

    def pairs(self) -> list[tuple[int, Trial]]:
        """(teacher, trial): each complete cue alone teaches at most ASKED others."""
        return [
            (t, self.taught_by([t], q))
            for t in self.complete
            for q in _some(self.baselines(t), seed=(SEED, t))
        ]

    def curve(self) -> dict[int, list[Trial]]:
        """Number of complete cues that teach -> trials; 1, 2, 4, ... and all others.

        The same queries at each number, and the cues of a smaller number are among those of a larger one, so that
        the points differ by the number of cues alone.
        """
        queries = _some(self.complete, seed=(SEED,))
        most = min(len(self.baselines(q)) for q in queries)
        points: dict[int, list[Trial]] = {n: [] for n in _doubling(most)}
        for q in queries:
            order = np.random.default_rng((SEED, q)).permutation(self.baselines(q)).tolist()
            for number, trials in points.items():
                trials.append(self.left_out(q) if number == most else self.taught_by(order[:number], q))
        return points


def complete_cues(examples: Sequence[Example]) -> tuple[int, ...]:
    """Positions of the cues that have a mask or polygons, one a picture."""
    first: dict[str, int] = {}
    for i, example in enumerate(examples):
        if example.marks.has_mask:
            first.setdefault(example.image.digest, i)
    return tuple(sorted(first.values()))


def answers(board: Board, trials: Iterable[Trial]) -> Iterator[tuple[Trial, Prediction | None]]:
    """The prediction of each trial; None where its teachers show no class. What the same cues teach is learnt once."""
    groups: dict[tuple[int, ...], list[Trial]] = {}
    for trial in dict.fromkeys(trials):
        groups.setdefault(trial.teachers, []).append(trial)
    for teachers, group in groups.items():
        shown = [board.examples[i] for i in teachers]
        known = any(e.marks.class_ids for e in shown)
        concept = board.predictor.learn(shown, board.classes, board.scale) if known else None
        for trial in group:
            yield trial, _there(concept.segment(board.examples[trial.query].image)) if concept else None


def _there(prediction: Prediction) -> Prediction:
    """With what the verdict 'absent' takes away: on a picture that was drawn on, it is known not to be so."""
    return replace(prediction, mask=prediction.marked)


def class_ious(prediction: Prediction | None, example: Example) -> dict[int, float]:
    """Class id -> IoU in [0, 1] of answer and marks, for the classes that were taught and that either of them holds."""
    if prediction is None:
        return {}
    labels = mark_labels(example.marks)
    ignore = labels == IGNORE
    found = {}
    for info in prediction.classes:
        answer, truth = prediction.mask == info.id, labels == info.id
        if (truth | (answer & ~ignore)).any():
            found[info.id] = iou(answer, truth, ignore)
    return found


def mean(values: Iterable[float]) -> float | None:
    """The mean; None of nothing."""
    listed = list(values)
    return float(np.mean(listed)) if listed else None


def drawn(example: Example, cls: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(what is marked as the class, what is ignored), both (H, W) bool."""
    labels = mark_labels(example.marks)
    return labels == cls, labels == IGNORE


def _some(positions: Sequence[int], seed: tuple[int, ...]) -> list[int]:
    """At most ASKED of the positions, in their order."""
    if len(positions) <= ASKED:
        return list(positions)
    return sorted(np.random.default_rng(seed).choice(positions, ASKED, replace=False).tolist())


def _doubling(most: int) -> list[int]:
    """1, 2, 4, ... below `most`, and `most`."""
    return [*(2**k for k in range(most.bit_length()) if 2**k < most), most]
