"""Is a refined pack better than its base? Both are asked the same, of pictures that neither was trained on."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.engine.decision import Decision
from cuecast.engine.segmenter import ScoreMaps
from cuecast.predictor import Predictor
from cuecast.training.calibrate import ABSENT
from cuecast.training.refine_data import Data, Shown, only_classes

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHOTS = (1, 3, 5, 10)
CLASSES, ROWS, QUERIES, LACKING = 6, 2, 10, 6
"""Of a comparison at most: classes, rows of cues of a class, pictures that show it, for each row those that lack it."""
LACKING_SHOTS = (1, 5)
"""Cues with which pictures without the thing are asked, or the nearest number that there is."""
GRID = 64
"""Masks are compared with those of other pictures at this size."""
TRIALS = 1000
LEAST_GAIN = 0.01
"""Mean IoU that a refined pack must gain at least: less is not worth another pack."""
DOUBT = 0.05
"""Chance of being no gain at all, by a bootstrap over groups, from which on there is none; and of masks that fit their
own pictures no better than those of others."""
MOST_FALSE = 0.05
"""Share of pictures without the thing on which more may be found than by the base, at most."""
LOWER = 0.2
"""By how much the limit of absence of a refined pack may lie below its base's."""
FEWEST_MASKS = 4
"""Pictures of a class from which on exchanging their masks says something."""


@dataclass(frozen=True, eq=False)
class Question:
    """A class taught by the same cues to each pack, and the pictures that are asked: with it, and without it."""

    cls: ClassInfo
    row: int
    cues: tuple[Shown, ...]
    with_it: tuple[Shown, ...]
    without: tuple[Shown, ...]

    @property
    def key(self) -> str:
        """Its name in a record."""
        return f"{self.cls.id}/{self.row}/{len(self.cues)}"


@dataclass(frozen=True, eq=False)
class Answered:
    """`ious`: picture -> IoU of what was marked, of those with the thing.

    absence  picture, with the thing or without it -> the largest limit (`Calibration.absent`) at which it is called
             absent: 1 where nothing is marked, 0 where it never is.
    grids    picture -> (answer, truth), (GRID, GRID) bool each.
    """

    shots: int
    cls: int
    ious: Mapping[str, float]
    absence: Mapping[str, float]
    grids: Mapping[str, tuple[Bools, Bools]]

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it; see `from_dict`."""
        packed = {k: [np.packbits(g).tobytes().hex() for g in pair] for k, pair in self.grids.items()}
        return {
            "shots": self.shots,
            "class": self.cls,
            "ious": dict(self.ious),
            "absence": dict(self.absence),
            "grids": packed,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Answered:
        """From what `as_dict` gave."""

        def grid(text: str) -> Bools:
            return (
                np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8)).astype(bool).reshape(GRID, GRID)
            )

        grids = {k: (grid(a), grid(b)) for k, (a, b) in stored["grids"].items()}
        return cls(stored["shots"], stored["class"], stored["ious"], stored["absence"], grids)


def questions(data: Data, shots: Sequence[int] = SHOTS) -> list[Question]:
    """What both packs are asked. Cues are nested, so that more of them are some and others beside."""
    asked = []
    for info in _most_shown(data):
        rng = np.random.default_rng(zlib.crc32(f"{data.digest}/{info.id}".encode()))
        teaching = [p for p in data.teaching if p.shows(info.id)]
        with_it = [p for p in data.judging if p.shows(info.id)]
        without = [p for p in data.judging if p.lacks(info.id)]
        with_it, without = ([pool[i] for i in rng.permutation(len(pool))] for pool in (with_it, without))
        for row in range(ROWS):
            cues = [teaching[i] for i in rng.permutation(len(teaching))]
            usable = [n for n in shots if n <= len(cues)]
            showing = tuple(with_it[:QUERIES][row::ROWS])
            # Of few pictures one would decide: where there are not enough for all rows, each row asks the same again.
            first = row * LACKING if len(without) >= ROWS * LACKING else 0
            lacking = tuple(without[first : first + LACKING])
            told = (
                {min(usable, key=lambda u: abs(u - wanted)) for wanted in LACKING_SHOTS} if usable else set()
            )
            asked += [
                Question(info, row, tuple(cues[:n]), showing, lacking if n in told else ()) for n in usable
            ]
    return [q for q in asked if q.with_it]


def _most_shown(data: Data) -> list[ClassInfo]:
    """The classes that are asked for: of each source in turn the one that most of the judging pictures show."""
    counts = {c.id: Counter(p.place for p in data.judging if p.shows(c.id)) for c in data.classes}
    ranked: list[tuple[int, int, ClassInfo]] = []
    for place in sorted({p.place for p in data.judging}):
        own = sorted((c for c in data.classes if counts[c.id][place]), key=lambda c: -counts[c.id][place])
        ranked += [(rank, -counts[c.id][place], c) for rank, c in enumerate(own)]
    order = sorted(ranked, key=lambda r: r[:2])
    return list({c.id: c for _, _, c in order}.values())[:CLASSES]


def answer(predictor: Predictor, question: Question) -> Answered:
    """What a pack says to a question."""
    cls = question.cls.id
    concept = predictor.learn([only_classes(c, [cls]) for c in question.cues], [question.cls])
    ious, absence, grids = {}, {}, {}
    for picture in (*question.with_it, *question.without):
        said = concept.score(picture.example.image)
        marked = concept.decision.mark(said.scores)
        absence[picture.key] = _absence(concept.decision, said, marked)
        if picture.shows(cls):
            truth = picture.example.marks.mask
            assert truth is not None
            ious[picture.key] = iou(marked == cls, truth == cls, truth == IGNORE)
            grids[picture.key] = (_grid(marked == cls), _grid(truth == cls))
    return Answered(len(question.cues), cls, ious, absence, grids)


def _absence(decision: Decision, said: ScoreMaps, marked: NDArray[np.int32]) -> float:
    if not marked.any():
        return 1.0
    always = [
        replace(t, calibration=replace(t.calibration, absent=0.0)) if t.calibration else t
        for t in decision.taught
    ]
    judged = replace(decision, taught=tuple(always)).judge(said.scores, marked, said.verdict_features)
    return judged.confidence if judged.verdict == "absent" else 0.0


def lost(answers: Sequence[Answered], limit: float) -> float:
    """The share of the IoU on pictures with the thing that goes where absence is called from this limit on."""
    worth = [(value, a.absence[name] >= limit) for a in answers for name, value in a.ious.items()]
    return sum(v for v, gone in worth if gone) / max(sum(v for v, _ in worth), 1e-9)


def fit_absent(base: Sequence[Answered], refined: Sequence[Answered], limit: float) -> float:
    """The limit from which a refined pack is to call absence: the lowest at which it loses no more than its base.

    limit  the base's. A decoder that is surer of what it finds calls absence less often at the same one. Few pictures
           that judge lose nothing at any limit: it is at most `LOWER` below the base's.
    """
    allowed = lost(base, limit)
    return next((at for at in (*ABSENT, 1.0) if at >= limit - LOWER and lost(refined, at) <= allowed), 1.0)


def _grid(mask: Bools) -> Bools:
    small = PILImage.fromarray(mask.astype(np.uint8) * 255).resize((GRID, GRID), PILImage.Resampling.BOX)
    return np.asarray(small) >= 128


@dataclass(frozen=True)
class Comparison:
    """The base and the refined pack on the pictures that judge.

    by_shots   number of cues -> (base, refined): mean IoU, over classes alike.
    by_class   class id -> (base, refined), over all numbers of cues.
    quiet      (base, refined): share of the pictures without the thing on which nothing is found, each counted once;
               None: there are none.
    gain       mean IoU gained, over classes alike.
    doubt      chance that it is none: share of bootstrap samples of the groups without a gain.
    fit        chance that masks were exchanged among pictures: share of exchanges that fit the refined answers as well;
               None where there are too few pictures to tell.
    pictures   how many were asked.
    """

    by_shots: Mapping[int, tuple[float, float]]
    by_class: Mapping[int, tuple[float, float]]
    quiet: tuple[float, float] | None
    gain: float
    doubt: float
    fit: float | None
    pictures: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the refined pack is not better; empty where it is."""
        found = []
        if self.fit is not None and self.fit > DOUBT:
            found.append(
                "its answers fit the masks of other pictures as well as those of their own: are the masks of the right "
                "pictures?"
            )
        if self.gain < LEAST_GAIN:
            found.append(f"it gains {self.gain:+.3f} IoU, and {LEAST_GAIN} is the least that is worth a pack")
        elif self.doubt > DOUBT:
            found.append(f"its gain of {self.gain:+.3f} IoU may be chance ({self.doubt:.0%})")
        if self.quiet and self.quiet[1] < self.quiet[0] - MOST_FALSE:
            found.append(
                f"on pictures without the thing it finds something in {1 - self.quiet[1]:.0%}, the base in "
                f"{1 - self.quiet[0]:.0%}"
            )
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        named = ("base", "refined")
        return {
            "by_shots": {
                str(n): dict(zip(named, _rounded(v), strict=True)) for n, v in self.by_shots.items()
            },
            "by_class": {
                str(c): dict(zip(named, _rounded(v), strict=True)) for c, v in self.by_class.items()
            },
            "quiet_without": self.quiet and dict(zip(named, _rounded(self.quiet), strict=True)),
            "gain": round(self.gain, 4),
            "chance_of_none": round(self.doubt, 4),
            "exchanged_masks_fit": self.fit if self.fit is None else round(self.fit, 4),
            "pictures": self.pictures,
        }


def compare(
    base: Sequence[Answered],
    refined: Sequence[Answered],
    groups: Mapping[str, str],
    limits: tuple[float, float] = (0.5, 0.5),
) -> Comparison:
    """Compare answers to the same questions; `groups`: picture -> group; `limits` from which both call absence."""
    rows = [
        (a.shots, a.cls, name, a.ious[name], b.ious[name])
        for a, b in zip(base, refined, strict=True)
        for name in a.ious
    ]
    by_shots = {n: _means([r for r in rows if r[0] == n]) for n in sorted({r[0] for r in rows})}
    by_class = {c: _means([r for r in rows if r[1] == c]) for c in sorted({r[1] for r in rows})}
    said: dict[tuple[int, str], list[tuple[bool, bool]]] = defaultdict(list)
    for a, b in zip(base, refined, strict=True):
        for name in a.absence.keys() - a.ious.keys():
            said[a.cls, name].append((a.absence[name] >= limits[0], b.absence[name] >= limits[1]))
    shares = np.array([np.mean(pairs, axis=0) for pairs in said.values()])
    quiet = (float(shares[:, 0].mean()), float(shares[:, 1].mean())) if said else None
    before, after = _means(rows)
    return Comparison(
        by_shots,
        by_class,
        quiet,
        after - before,
        _doubt(rows, groups),
        exchanged(refined),
        len({r[2] for r in rows}),
    )


def mean_iou(answers: Iterable[Answered]) -> float:
    """Over classes alike."""
    rows = [(a.shots, a.cls, name, value, value) for a in answers for name, value in a.ious.items()]
    return _means(rows)[0]


def _means(rows: Sequence[tuple[int, int, str, float, float]]) -> tuple[float, float]:
    classes: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for _, cls, _, before, after in rows:
        classes[cls].append((before, after))
    means = np.array([np.mean(pairs, axis=0) for pairs in classes.values()])
    before, after = means.mean(0).tolist()
    return before, after


def _doubt(rows: Sequence[tuple[int, int, str, float, float]], groups: Mapping[str, str]) -> float:
    """The share of bootstrap samples, of whole groups, that show no gain (Efron and Tibshirani 1993)."""
    sums: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _, cls, name, before, after in rows:
        sums[groups[name], cls].append(after - before)
    names, classes = (sorted(set(part)) for part in zip(*sums, strict=True))
    gains = np.zeros((len(names), len(classes)))
    counts = np.zeros_like(gains)
    for (group, cls), found in sums.items():
        at = names.index(group), classes.index(cls)
        gains[at], counts[at] = sum(found), len(found)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(names), size=(TRIALS, len(names)))
    total, count = gains[drawn].sum(1), counts[drawn].sum(1)
    mean = (total / np.maximum(count, 1)).sum(1) / np.maximum((count > 0).sum(1), 1)
    return float((mean <= 0).mean())


def exchanged(answers: Sequence[Answered]) -> float | None:
    """The share of exchanges of masks among pictures of a class that fit the answers at least as well as the true ones.

    A permutation test (Fisher 1935): where masks belong to other pictures, the true pairs are as good as any.
    """
    best = {a.cls: a for a in sorted(answers, key=lambda a: a.shots)}
    every: dict[int, dict[str, tuple[Bools, Bools]]] = defaultdict(dict)
    for a in answers:
        if a.shots == best[a.cls].shots:
            every[a.cls] |= a.grids
    tables = [_fits(list(grids.values())) for grids in every.values() if len(grids) >= FEWEST_MASKS]
    if not tables:
        return None
    rng = np.random.default_rng(0)
    true = sum(float(np.trace(t)) for t in tables)
    reached = 0
    for _ in range(TRIALS):
        reached += sum(float(t[np.arange(len(t)), rng.permutation(len(t))].sum()) for t in tables) >= true
    return (reached + 1) / (TRIALS + 1)


def _fits(grids: Sequence[tuple[Bools, Bools]]) -> Floats:
    """(n, n): IoU of each answer with each truth."""
    answers, truths = (np.stack([g[i].ravel() for g in grids]).astype(np.float64) for i in (0, 1))
    both = answers @ truths.T
    either = answers.sum(1)[:, None] + truths.sum(1)[None] - both
    return np.where(either > 0, both / np.maximum(either, 1), 0.0)


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)
