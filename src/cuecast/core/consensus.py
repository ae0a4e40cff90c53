"""What several people have marked on one picture: how far they agree, and one truth made of it.

Labels are maps (H, W) int32 of one shape: class ids, 0 for background, and `IGNORE` where a person says nothing. A
picture is held as its `Votes`: the few ways in which its pixels were voted on, and how many pixels have each. All that
is decided is decided once a way, so that it costs the same for a small picture and a large one.

One truth is made in one of three `WAYS`; what it does not decide is `IGNORE`:

    majority   the label that most have given; where two were given equally often, nothing.
    unanimous  the label that all have given; all on which they differ is left out.
    staple     by how reliable each person is, which is found out from the same pictures (`Staple`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import MaskError
from cuecast.core.object_metrics import ObjectMatches, match_objects
from cuecast.core.objects import connected_instances, in_reading_order
from cuecast.core.values import IGNORE

Labels = NDArray[np.int32]
Floats = NDArray[np.float64]
Way = Literal["majority", "unanimous", "staple"]
WAYS: tuple[Way, ...] = get_args(Way)

SURE = 0.9
"""Probability of a label by STAPLE below which a pixel is left out."""
START = 0.99999
"""How reliable everybody is thought to be at first, as in Warfield's own program."""
ROUNDS, STILL = 1000, 1e-7
"""STAPLE ends after so many rounds, or where no figure changes by more than this."""


@dataclass(frozen=True)
class Overlap:
    """The pixels of one class that one person has marked, another has, and `both` have; of those on which both say
    something."""

    one: int
    other: int
    both: int

    @property
    def iou(self) -> float:
        """Intersection over union in [0, 1]."""
        return self.both / (self.one + self.other - self.both)

    @property
    def dice(self) -> float:
        """Twice the intersection over the sum of areas, in [0, 1]."""
        return 2 * self.both / (self.one + self.other)


def mean_iou(found: Mapping[int, Overlap]) -> float:
    """How far two people agree on a picture, in [0, 1]: mean IoU of the classes; 1 where neither has marked one."""
    return float(np.mean([o.iou for o in found.values()])) if found else 1.0


@dataclass(frozen=True, eq=False)
class Marked:
    """What one person has marked on a picture: labels, and the `ids` (H, W) int32 of objects from 1, 0 for none."""

    labels: Labels
    ids: Labels


def matches(one: Marked, other: Marked, cls: int | None = None) -> ObjectMatches:
    """The objects of one person that are those of another: of a class, or of all. Raises MaskError."""
    ignore = (one.labels == IGNORE) | (other.labels == IGNORE)
    a, b = (m.ids if cls is None else np.where(m.labels == cls, m.ids, 0) for m in (one, other))
    return match_objects(a, b, ignore)


def told_apart(truth: Labels, people: Sequence[Marked]) -> NDArray[np.int32]:
    """(H, W) int32: which pixels of a truth are one object, from 1 in reading order.

    As that person tells them apart whose objects match the others' best (F1). What that person has not marked joins the
    nearest of their objects in its connected piece; a piece without any is one object.
    """
    from scipy import ndimage

    fits = [sum(matches(p, o).f1 for o in people if o is not p) for p in people]
    best = people[int(np.argmax(fits))]
    ids = np.where((truth > 0) & (best.labels == truth), best.ids, 0).astype(np.int32)
    pieces = connected_instances(truth)
    top = int(ids.max(initial=0))
    for number, where in enumerate(ndimage.find_objects(pieces), start=1):
        piece, inside = pieces[where] == number, ids[where]
        known, missing = piece & (inside > 0), piece & (inside == 0)
        if known.any() and missing.any():
            nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
            inside[missing] = inside[tuple(nearest)][missing]
        elif missing.any():
            top += 1
            inside[missing] = top
    return in_reading_order(ids)


@dataclass(frozen=True, eq=False)
class Votes:
    """What N people say of the pixels of a picture.

    said   (P, N) int32: the P different ways in which a pixel was voted on, in a fixed order; IGNORE: says nothing.
    count  (P,) int64: how many pixels were.
    which  (H, W) int64: in which way each pixel was.
    """

    said: Labels
    count: NDArray[np.int64]
    which: NDArray[np.int64]

    @classmethod
    def of(cls, marked: Sequence[Labels | None]) -> Votes:
        """Of the labels of each person; None: has not marked the picture. Raises MaskError where shapes differ."""
        given = [m for m in marked if m is not None]
        shape = _check_shapes(given)
        # Most of a picture is background to all: the rest is looked at.
        touched = np.flatnonzero(np.logical_or.reduce([m.ravel() != 0 for m in given]))
        part, said = np.zeros(len(touched), np.int64), np.zeros((min(1, len(touched)), 0), np.int32)
        for labels in marked:
            values = np.full(len(touched), IGNORE) if labels is None else labels.ravel()[touched]
            top = int(values.max(initial=0)) + 2  # from IGNORE on
            codes = part * top + (values - IGNORE)
            present = np.flatnonzero(np.bincount(codes, minlength=1))
            places = np.zeros(int(present.max(initial=0)) + 1, np.int64)
            places[present] = np.arange(len(present))
            part = places[codes]
            said = np.column_stack([said[present // top], (present % top + IGNORE).astype(np.int32)])
        which = np.full(int(np.prod(shape)), len(said))
        which[touched] = part
        if len(touched) < which.size:
            said = np.vstack([said, [IGNORE if m is None else 0 for m in marked]]).astype(np.int32)
        return cls(said, np.bincount(which, minlength=len(said)), which.reshape(shape))

    def drawn(self, decide: Callable[[Labels], Labels]) -> Labels:
        """(H, W) int32: the truth, of what is decided of each way (P, N) -> (P,)."""
        return decide(self.said)[self.which]

    def overlaps(self, one: int, other: int) -> dict[int, Overlap]:
        """Class id -> how far two people agree on it, for the classes that one of them has marked at least.

        Pixels that one of them leaves out do not count.
        """
        a, b = self.said[:, one], self.said[:, other]
        n = np.where((a != IGNORE) & (b != IGNORE), self.count, 0)
        classes = np.unique(np.concatenate([a[n > 0], b[n > 0]]))
        found = {}
        for cls in classes[classes > 0].tolist():
            areas = (n[a == cls].sum(), n[b == cls].sum(), n[(a == cls) & (b == cls)].sum())
            found[cls] = Overlap(*map(int, areas))
        return found

    @property
    def agreement(self) -> float | None:
        """How far all agree: the mean of `mean_iou` over all pairs of those who say something; None of one alone."""
        people = np.flatnonzero((self.said != IGNORE).any(0)).tolist()
        pairs = [mean_iou(self.overlaps(a, b)) for a, b in combinations(people, 2)]
        return float(np.mean(pairs)) if pairs else None

    @property
    def disputed(self) -> float:
        """Share in [0, 1] of the pixels on which those differ who say something."""
        return float(self.count[unanimous(self.said, silent=0) == IGNORE].sum() / self.count.sum())


def majority(said: Labels) -> Labels:
    """(P, N) votes -> (P,) the label that most have given; IGNORE where two were equally often, or none at all."""
    labels = np.unique(said[said != IGNORE])
    if not labels.size:
        return np.full(len(said), IGNORE, np.int32)
    votes = (said[:, :, None] == labels).sum(1)
    most = votes.max(1, keepdims=True)
    clear = ((votes == most).sum(1) == 1) & (most[:, 0] > 0)
    return np.where(clear, labels[votes.argmax(1)], IGNORE).astype(np.int32)


def unanimous(said: Labels, silent: int = IGNORE) -> Labels:
    """(P, N) votes -> (P,) the label that all have given who say something; IGNORE where they differ.

    silent  is put where nobody says anything.
    """
    lowest = np.where(said == IGNORE, np.iinfo(np.int32).max, said).min(1, initial=np.iinfo(np.int32).max)
    highest = said.max(1, initial=IGNORE)
    agreed = np.where(lowest == highest, highest, IGNORE)
    return np.where(highest == IGNORE, silent, agreed).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Staple:
    """How reliable each person is, and what is likely to be true by that (Warfield, Zou and Wells, 'Simultaneous truth
    and performance level estimation (STAPLE)', IEEE Transactions on Medical Imaging 23, 2004).

    One estimate for all pictures together, of all classes at once. What a person says nothing of counts neither for nor
    against them.

    labels     (K,) int32: background and the classes.
    prior      (K,): how often each is given.
    reliable   (N, K, K): the probability that a person gives label k (rows) where l (columns) is true.
    specific   (N, K): the probability that a person does not give a label where it is not true.
    """

    labels: Labels
    prior: Floats
    reliable: Floats
    specific: Floats

    @classmethod
    def fit(cls, pictures: Iterable[Votes]) -> Staple:
        """From the votes on all pictures, by the same people in the same order. Raises MaskError without any vote."""
        total: dict[tuple[int, ...], int] = {}
        for votes in pictures:
            for row, n in zip(votes.said.tolist(), votes.count.tolist(), strict=True):
                total[tuple(row)] = total.get(tuple(row), 0) + n
        said, count = np.array(list(total), np.int32), np.array(list(total.values()), np.float64)
        if not said.size or (said == IGNORE).all():
            raise MaskError("nobody says anything of these pictures", remedy="mark some first")
        labels = np.unique(said[said != IGNORE])
        given = (said[:, :, None] == labels).astype(np.float64)  # (P, N, K)
        prior = np.einsum("p,pnk->k", count, given)
        prior /= prior.sum()
        K, N = len(labels), said.shape[1]
        reliable = np.full((N, K, K), (1 - START) / max(K - 1, 1))
        reliable[:, np.arange(K), np.arange(K)] = START
        for _ in range(ROUNDS):
            likely = _likely(given, prior, reliable)
            former, reliable = reliable, _shares(given, count[:, None] * likely, reliable)
            if np.abs(reliable - former).max() < STILL:
                break
        not_true = count[:, None] * (1 - _likely(given, prior, reliable))
        spoken = np.einsum("pn,pl->nl", given.sum(2), not_true)
        wrongly = np.einsum("pnl,pl->nl", given, not_true)
        specific = 1 - np.divide(wrongly, spoken, out=np.zeros_like(wrongly), where=spoken > 0)
        return cls(labels, prior, reliable, specific)

    def sensitivity(self, person: int) -> dict[int, float]:
        """Label -> the probability in [0, 1] that a person gives it where it is true."""
        return dict(zip(self.labels.tolist(), np.diagonal(self.reliable[person]).tolist(), strict=True))

    def specificity(self, person: int) -> dict[int, float]:
        """Label -> the probability in [0, 1] that a person does not give it where it is not true."""
        return dict(zip(self.labels.tolist(), self.specific[person].tolist(), strict=True))

    def probabilities(self, said: Labels) -> Floats:
        """(P, N) votes -> (P, K): how likely each of `labels` is true."""
        return _likely((said[:, :, None] == self.labels).astype(np.float64), self.prior, self.reliable)

    def __call__(self, said: Labels) -> Labels:
        """(P, N) votes -> (P,) the likeliest label; IGNORE where it is less likely than `SURE`, or nobody says
        anything."""
        likely = self.probabilities(said)
        sure = (likely.max(1) >= SURE) & (said != IGNORE).any(1)
        return np.where(sure, self.labels[likely.argmax(1)], IGNORE).astype(np.int32)


def _likely(given: Floats, prior: Floats, reliable: Floats) -> Floats:
    """(P, K): how likely each label is true, by votes (P, N, K)."""
    with np.errstate(divide="ignore"):
        logs = np.log(prior) + np.einsum("pnk,nkl->pl", given, np.maximum(np.log(reliable), -1e6))
    weights: Floats = np.exp(logs - logs.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    return weights


def _shares(given: Floats, weights: Floats, former: Floats) -> Floats:
    """(N, K, K): how often each person gives each label where another is true; as before where that is never so."""
    found = np.einsum("pnk,pl->nkl", given, weights)
    total = np.broadcast_to(found.sum(1, keepdims=True), found.shape)
    shares: Floats = np.divide(found, total, out=former.copy(), where=total > 0)
    return shares


DECISIONS: Mapping[str, Callable[[Labels], Labels]] = {"majority": majority, "unanimous": unanimous}
"""Way -> what decides by a pixel's votes alone."""


def deciding(way: Way, pictures: Iterable[Votes]) -> Callable[[Labels], Labels]:
    """What `Votes.drawn` takes. `pictures` are looked at by STAPLE alone. Raises MaskError."""
    return DECISIONS.get(way) or Staple.fit(pictures)


def _check_shapes(marked: Sequence[Labels]) -> tuple[int, ...]:
    """The shape of all. Raises MaskError where there is none, or several."""
    shapes = {m.shape for m in marked}
    if len(shapes) != 1:
        raise MaskError(
            f"labels of the shapes {sorted(shapes)} are not of one picture"
            if shapes
            else "nobody has marked this picture",
            remedy="bring labels that were drawn on the same picture",
        )
    return shapes.pop()
