"""From scores to a mask, a verdict and a confidence: one decision for images, frames, slices and maps. Pure functions.

    scores --thresholds--> one for each class: as given, or the pack's, which the area in the cues may move
           --mark--------> label map without specks
           --judge-------> verdict and confidence: by the pack's calibration, or by the scores alone

Scores stay on their absolute scale. Of a picture that is seen part by part, the `Sums` of the parts add up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS, mark_labels
from cuecast.core.values import IGNORE, Example, Marks, Verdict
from cuecast.engine.calibration import Taught, Thresholds

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Labels = NDArray[np.int32]
Scores = NDArray[np.float32]

CUTS = np.arange(8, 25) / 40
"""The thresholds that the area chooses from."""
SMALLEST_AREA = 1e-4
"""Shares of the image are compared from here on: smaller ones are the same."""
BINS = 4000
OF_SHOWN = 0.5
"""A component of this share of the smallest one shown is no speck."""
OF_FOUND = 0.3
"""Nor is one of this share of the largest one found: things far away are small together."""


@dataclass(frozen=True)
class AreaPrior:
    """How far a threshold may follow the area; a pack states it in its card ('area'), fitted on the training sets.

    spread   standard deviation of the logarithm of a thing's area from image to image, beside what the cues show;
    freedom  standard deviation of the logit of the threshold.
    """

    spread: float
    freedom: float


class Judgement(NamedTuple):
    """The verdict on a mask, its confidence in [0, 1], and the classes that are held to be absent."""

    verdict: Verdict
    confidence: float
    absent: tuple[int, ...]


@dataclass(frozen=True)
class Sums:
    """All that a verdict by the scores alone is computed from; those of the parts of a picture add up to its own.

    areas            marked pixels of each class.
    inside, outside  sums of the best score of each pixel, over the marked ones and over the others.
    highest          the best score of all.
    pixels           how many were looked at.
    """

    areas: tuple[int, ...]
    inside: float = 0.0
    outside: float = 0.0
    highest: float = 0.0
    pixels: int = 0

    @classmethod
    def of(cls, scores: NDArray[Any], mask: NDArray[Any], class_ids: Sequence[int], top: float = 1) -> Sums:
        """Of scores (K, ...) in [0, top], whose planes belong to `class_ids`, and of their label map (...)."""
        best, marked = scores.max(axis=0), mask > 0
        return cls(
            tuple(int((mask == c).sum()) for c in class_ids),
            float(best[marked].sum(dtype=np.float64)) / top,
            float(best[~marked].sum(dtype=np.float64)) / top,
            float(best.max(initial=0)) / top,
            best.size,
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            tuple(a + b for a, b in zip(self.areas, other.areas, strict=True)),
            self.inside + other.inside,
            self.outside + other.outside,
            max(self.highest, other.highest),
            self.pixels + other.pixels,
        )

    @property
    def expected_iou(self) -> float:
        """The IoU that the scores, read as probabilities, expect of the mask: expected intersection over expected
        union, sum(p in mask) / (area + sum(p outside)); 0 of an empty one."""
        return self.inside / max(sum(self.areas) + self.outside, 1)


def expected_iou(scores: Scores, marked: Bools) -> float:
    """`Sums.expected_iou` of the scores (H, W) of one class and its mask (H, W)."""
    return Sums.of(scores[None], marked, (1,)).expected_iou


@dataclass(frozen=True, eq=False)
class Decision:
    """How scores (K, H, W) become a label map and a verdict, for the K classes of one concept.

    class_ids    to which the planes belong.
    limits       the pack's.
    given        for each class the threshold that a person has given; None: none. Empty: none for any.
    taught       for each class by what marks; empty: by masks, and nothing is known of such answers.
    prior        how far areas move a threshold; None: not at all.
    shown_areas  for each class the shares (n,) of the image that it covers in the complete cues; empty: unknown.
    smallest     for each class the share of the image that its smallest component covers in them; 0: unknown, and
                 nothing is a speck.
    """

    class_ids: tuple[int, ...]
    limits: Thresholds = Thresholds()  # noqa: RUF009  frozen
    given: tuple[float | None, ...] = ()
    taught: tuple[Taught, ...] = ()
    prior: AreaPrior | None = None
    shown_areas: tuple[Floats, ...] = ()
    smallest: tuple[float, ...] = ()

    @property
    def usual(self) -> tuple[float, ...]:
        """The threshold of each class where no area moves it: the one given, else the pack's."""
        return self._given((self.limits.score,) * len(self.class_ids))

    @property
    def follows_area(self) -> bool:
        """Whether the thresholds of two images may differ."""
        return self.prior is not None and any(map(len, self.shown_areas))

    @property
    def plain(self) -> Decision:
        """For frames and slices, in which those beside them have a say: areas and sizes in the cues are left out."""
        return replace(self, shown_areas=(), smallest=())

    def thresholds(self, scores: Scores) -> tuple[float, ...]:
        """The threshold of each class for an image with these scores."""
        prior = self.prior
        if prior is None or not self.follows_area:
            return self.usual
        chosen = [
            choose_threshold(areas_at(plane), shown, self.limits.score, prior)
            for plane, shown in zip(scores, self.shown_areas, strict=True)
        ]
        return self._given(chosen)

    def _given(self, others: Sequence[float]) -> tuple[float, ...]:
        """The thresholds that were given, and those of `others` where none was."""
        given = self.given or (None,) * len(others)
        return tuple(other if g is None else g for g, other in zip(given, others, strict=True))

    def mark(
        self,
        scores: NDArray[Any],
        thresholds: Sequence[float] | None = None,
        own: Sequence[Marks] = (),
        top: float = 1,
    ) -> Labels:
        """The label map (H, W) of scores in [0, top]: the best class of those that reach their threshold, no specks.

        thresholds  of each class; None takes those that the scores ask for.
        own         marks on this very image: what they touch is no speck.
        """
        needed = self.thresholds(scores) if thresholds is None else thresholds
        mask = best_class(scores, self.class_ids, [top * threshold for threshold in needed])
        stated = [mark_labels(m) for m in own] if any(self.smallest) else []
        for cls, shown in zip(self.class_ids, self.smallest, strict=bool(self.smallest)):
            if shown:
                thing = mask == cls
                kept = np.any([s == cls for s in stated], axis=0) if stated else None
                mask[thing & ~drop_specks(thing, shown, kept)] = 0
        return mask

    def judge(
        self,
        scores: Scores,
        mask: Labels,
        features: Sequence[Mapping[str, float]] = (),
        stated: Collection[int] = (),
    ) -> Judgement:
        """The verdict on the label map (H, W) of an image.

        features  what the calibrations read of each class; where one of both is missing, the verdict is by the scores
                  alone, and a class is absent only where hardly anything is marked.
        stated    classes that marks on this very image say are there.

        The confidence is the IoU to be expected of the mask, over classes by their area; of an empty mask, the
        probability that nothing is there.
        """
        calibrations = [t.calibration for t in self.taught if t.calibration is not None]
        if not features or len(calibrations) < len(self.class_ids):
            return self.judge_sums(Sums.of(scores, mask, self.class_ids), stated)
        limits, parts = self.limits, []
        absent: dict[int, float] = {}
        for k, cls in enumerate(self.class_ids):
            marked = mask == cls
            area = int(marked.sum())
            share = area / mask.size
            own = cls in stated
            said = {"expected": expected_iou(scores[k], marked), "share": share, "own": float(own)}
            iou, there = calibrations[k].estimate({**features[k], **said}, own)
            iou = self.taught[k].bounded(iou, share, limits)
            enough = area > limits.min_fraction * mask.size
            if (area and cls in stated) or (enough and 1 - there < max(iou, calibrations[k].absent)):
                parts.append((area, iou))
            else:
                absent[cls] = 1 - there
        if not parts:
            return Judgement("absent", min(absent.values()), tuple(absent))
        areas, ious = np.array(parts).T
        clear = ious.min() >= limits.found
        return Judgement("found" if clear else "doubtful", float(areas @ ious / areas.sum()), tuple(absent))

    def judge_sums(self, sums: Sums, stated: Collection[int] = ()) -> Judgement:
        """The verdict by the scores alone."""
        known = any(n and c in stated for c, n in zip(self.class_ids, sums.areas, strict=True))
        if not known and sum(sums.areas) <= self.limits.min_fraction * sums.pixels:
            return Judgement("absent", float(1 - sums.highest), self.class_ids)
        confidence = sums.expected_iou
        worth = [
            t.trusted(confidence, area / sums.pixels, self.limits)
            for t, area in zip(self.taught, sums.areas, strict=bool(self.taught))
        ]
        confidence = min(worth, default=confidence)
        return Judgement("found" if confidence >= self.limits.found else "doubtful", confidence, ())


def best_class(scores: NDArray[Any], class_ids: Sequence[int], thresholds: float | Sequence[float]) -> Labels:
    """scores (K, H, W) -> label map (H, W) int32: the best of the classes that reach their threshold, else 0.

    `thresholds`, on the scale of the scores, is one for all classes, or one for each.
    """
    needed = np.broadcast_to(np.asarray(thresholds, np.float32), len(scores))[:, None, None]
    reached = scores >= needed
    best = np.where(reached, scores, np.float32(-np.inf)).argmax(axis=0)
    return np.where(reached.any(axis=0), np.asarray(class_ids, np.int32)[best], 0).astype(np.int32)


def shown_areas(examples: Sequence[Example], cls: int) -> Floats:
    """Shares (n,) of the image that class `cls` covers in each cue that marks it and knows most of its image."""
    return np.array(
        [(m == cls).sum() / (m != IGNORE).sum() for m in _complete_masks(examples, cls)], np.float64
    )


def smallest_component(examples: Sequence[Example], cls: int) -> float:
    """The share of the image that the smallest connected component of class `cls` covers, or the smallest object where
    those are told apart: the median over the cues that mark it and know most of their image; 0 where there is none."""
    shares = [_smallest_share(e.marks, cls) for e in examples if _complete_masks([e], cls)]
    return float(np.median(shares)) if shares else 0.0


def _smallest_share(marks: Marks, cls: int) -> float:
    """The least share of its image that a component, or a told object, of class `cls` covers in a complete mask."""
    assert marks.mask is not None
    thing = marks.mask == cls
    share = float(_components(thing)[1].min())
    if marks.objects is None or not (told := marks.objects[thing & (marks.objects > 0)]).size:
        return share
    # Things that touch are one component: a thing that lies alone elsewhere is no speck beside it.
    return min(share, float(np.unique(told, return_counts=True)[1].min() / thing.size))


def _complete_masks(examples: Sequence[Example], cls: int) -> list[Labels]:
    masks = [e.marks.mask for e in examples if e.marks.mask is not None]
    return [m for m in masks if (m == cls).any() and (m != IGNORE).sum() >= m.size / 2]


def areas_at(scores: Scores, thresholds: Floats = CUTS) -> Floats:
    """The share of scores (H, W) in [0, 1] that reach each threshold, to a 4000th."""
    counts = np.bincount((scores * BINS).astype(np.intp).ravel(), minlength=BINS + 1)
    reached = counts[::-1].cumsum()[::-1] / scores.size
    shares: Floats = reached[np.round(thresholds * BINS).astype(int)]
    return shares


def choose_threshold(areas: Floats, shown: Floats, usual: float, prior: AreaPrior) -> float:
    """The threshold among `CUTS`, from the areas (len(CUTS),) that each gives in the query and those (n,) in cues.

    Things that keep their share of the frame have a usual area. Scores of a thing seen once are unsure, and one
    threshold for all concepts marks too much of the one and nothing of the other; the area tells which. The most likely
    one is taken under two Gaussians, of the logarithm of the area and of the logit of the threshold. `usual` is the
    pack's, taken where no cue shows an area.
    """
    if not len(shown):
        return usual
    logs = np.log(np.maximum(shown, SMALLEST_AREA))
    variance = prior.spread**2 + (logs.var(ddof=1) if len(logs) > 1 else 0.0)
    off_area = (np.log(np.maximum(areas, SMALLEST_AREA)) - logs.mean()) ** 2 / variance
    off_usual = (np.log(CUTS / (1 - CUTS)) - np.log(usual / (1 - usual))) ** 2 / prior.freedom**2
    return float(CUTS[(off_area + off_usual).argmin()])


def drop_specks(thing: Bools, shown: float, kept: Bools | None = None) -> Bools:
    """The mask (H, W) without its specks; `shown` as `smallest_component` gives it.

    Where scores are unsure, some pixels far from the thing reach the threshold. A component that is much smaller than
    any that was shown is no thing, unless what was found is small altogether. `kept` (H, W): places that a person has
    marked; a component that holds one of them is no speck.
    """
    labels, shares = _components(thing)
    if len(shares) < 2:
        return thing
    stays = shares >= min(OF_SHOWN * shown, OF_FOUND * float(shares.max()))
    stays = np.concatenate([[False], stays])
    if kept is not None:
        stays[labels[kept & thing]] = True
    left: Bools = stays[labels]
    return left


def _components(mask: Bools) -> tuple[NDArray[np.intp], Floats]:
    """The components (8-neighbourhood) as a label map from 1 on, and the share of the image that each covers."""
    labels, _ = ndimage.label(mask, NEIGHBOURS)
    return labels, np.bincount(labels.ravel())[1:] / mask.size
