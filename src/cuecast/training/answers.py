"""What the closed-form parts, and a plain classifier, say of the tasks of one group, and how wrong they are.

The tasks of a group share their images, so that what is compared for one is compared for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cuecast.training.network import (
    FILTER_DIM,
    FINE_DIM,
    KEY_DIM,
    KEY_HEADS,
    Features,
    Network,
    Ridge,
    places,
)
from cuecast.training.sets import PictureSet
from cuecast.training.tasks import IGNORE_LABEL, Task

MOST_PLACES = 2048
"""Places of all cues of a group that queries are compared with, at most."""
CLOSED_SCALE = 2.0
"""Logits a unit of ridge score. A larger one punishes the sure mistakes of hard tasks more than it teaches."""


@dataclass(frozen=True, eq=False)
class GroupAnswer:
    """`closed`: losses by name, one a task that has them; `decoder`: its inputs for each task with a forest."""

    closed: dict[str, list[Tensor]] = field(
        default_factory=lambda: {"ridge8": [], "ridge4": [], "ridge2": [], "likeness": []}
    )
    decoder: list[list[Tensor]] = field(default_factory=list)


def take(maps: Sequence[Sequence[Tensor]], images: Sequence[int]) -> Features:
    """The features of these images; `maps`: each feature map of the batch, image by image. Its gradient then touches
    these images alone, where that of an index fills the whole batch."""
    return Features(*(torch.stack([m[i] for i in images]) for m in maps))


def answer_group(network: Network, maps: Sequence[Sequence[Tensor]], tasks: Sequence[Task]) -> GroupAnswer:
    """Answer the tasks of a group from the feature maps of all images of the batch, image by image."""
    evidence = network.evidence
    cues, queries = (sorted({i for t in tasks for i in getattr(t, name)}) for name in ("cues", "queries"))
    shown, asked = (take(maps, ids) for ids in (cues, queries))
    positive, negative = (_weights_of(tasks, cues, which) for which in ("positive", "negative"))
    p8, n8 = (F.avg_pool2d(w.flatten(0, 1), 8).reshape(len(tasks), -1) for w in (positive, negative))
    kept, counts = thinned((p8 > 0).any(0))
    value, key = places(shown.value)[kept], places(shown.key)[kept]
    columns = [
        evidence.columns(value, p * counts, n * counts) for p, n in zip(p8[:, kept], n8[:, kept], strict=True)
    ]
    # Undecoded tasks need the shares of thing and rest alone, the first two columns.
    widths = [c.shape[1] if t.forest is not None else 2 for c, t in zip(columns, tasks, strict=True)]
    gathered = torch.cat([c[:, :w] for c, w in zip(columns, widths, strict=True)], 1)
    sums = [torch.split(alike @ gathered, widths, 1) for alike in evidence.alike(key, asked.key)]
    head4 = evidence.head(shown.fine, positive, negative, 4, evidence.ridge4)
    ridge4 = head4.read(asked.fine)
    answer = GroupAnswer()
    height, width = asked.key.shape[-2:]
    for t, task in enumerate(tasks):
        rows = [queries.index(q) for q in task.queries]
        found = [_at(head[t], len(queries), height, width)[rows] for head in sums]
        target, known = (task.labels == 1).float()[:, None], (task.labels != IGNORE_LABEL).float()[:, None]
        at4 = ridge4[rows, t][:, None]
        answer.closed["ridge4"].append(_closed_loss(at4 * CLOSED_SCALE, target, known, 4))
        answer.closed["likeness"].append(_closed_loss(_likeness(network, found), target, known, 8))
        if task.forest is not None:
            query, own = take(maps, task.queries), take(maps, task.cues)
            head2, at2 = evidence.pixel_head(own, task.positive, task.negative, query)
            head8 = evidence.head(own.semantic, task.positive[None], task.negative[None], 8, evidence.ridge8)
            score8 = head8.read(query.semantic)
            answer.closed["ridge8"].append(_closed_loss(score8 * CLOSED_SCALE, target, known, 8))
            answer.closed["ridge2"].append(_closed_loss(at2 * CLOSED_SCALE, target, known, 2))
            own4 = Ridge(*(part[t : t + 1] for part in head4))
            agreement = evidence.agreement((head8, own4, head2), len(task.cues)).expand(len(rows), -1)
            semantic = torch.cat([score8, head8.variance(query.semantic)], 1)
            at8 = _at(evidence.read_sums([places(f) for f in found], columns[t]), len(rows), height, width)
            place = task.place.expand(len(rows), -1, -1, -1)
            texture = query.pixel[:, FILTER_DIM:]
            answer.decoder.append(
                [query.context, query.fine, texture, at8, place, semantic, at4, at2, task.forest, agreement]
            )
    return answer


def thinned(thing: Tensor) -> tuple[Tensor, Tensor]:
    """Of places (J,), which are kept, and for how many of their kind each of these counts, as at run time.

    thing  (J,) bool: those of the things of any task, which are dropped last.
    """
    rank = torch.rand(len(thing), device=thing.device) + thing
    kept = rank.argsort(descending=True)[:MOST_PLACES]
    counts = torch.ones_like(rank)
    for kind in (thing, ~thing):
        counts[kind] = kind.sum() / kind[kept].sum().clamp(min=1)
    return kept, counts[kept]


def _weights_of(tasks: Sequence[Task], cues: Sequence[int], which: str) -> Tensor:
    """The tasks' weights, (T, K, 1, H, W) over all cue images of the group; 0 where a task has no cue."""
    out = []
    for task in tasks:
        given = getattr(task, which)
        every = given.new_zeros(len(cues), *given.shape[1:])
        every[[cues.index(c) for c in task.cues]] = given
        out.append(every)
    return torch.stack(out)


def _at(rows: Tensor, count: int, height: int, width: int) -> Tensor:
    """(count h w, C) -> (count, C, h, w)."""
    return rows.reshape(count, height, width, -1).permute(0, 3, 1, 2)


def _likeness(network: Network, found: Sequence[Tensor]) -> Tensor:
    """Weighted shares (B, 2.., h, w) a head -> logits (B, heads, h, w): how much more like the thing than the rest."""
    out = []
    for head in range(KEY_HEADS):
        like = network.evidence.likeness(found[head][:, :2], head)
        out.append((like[:, 0] - like[:, 1]) * network.evidence.temperature[head].exp())
    return torch.stack(out, 1)


def pooled(target: Tensor, known: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Shares of cells, (B, 1, H/stride, W/stride): of what is known the thing's, and what is known.

    target (B, 1, H, W) is 0 where nothing is known.
    """
    k = F.avg_pool2d(known, stride)
    return F.avg_pool2d(target, stride) / k.clamp(min=1e-6), k


def _closed_loss(logits: Tensor, target: Tensor, known: Tensor, stride: int) -> Tensor:
    """Class-balanced cross-entropy of a closed-form score, so that the features serve it by themselves."""
    t, k = (x.expand_as(logits) for x in pooled(target, known, stride))
    share = (t * k).sum((1, 2, 3), keepdim=True) / k.sum((1, 2, 3), keepdim=True).clamp(min=1)
    weight = k * (t * 0.5 / share.clamp(min=0.02) + (1 - t) * 0.5 / (1 - share).clamp(min=0.02))
    return F.binary_cross_entropy_with_logits(logits, t, weight=weight)


KEY_SCALE = 8.0
"""Keys have unit length a head; a classifier of them needs longer ones."""
RAREST = 0.02
"""Share of the places from which on classes count alike; rarer ones count less."""
UNKNOWN = -100


@dataclass(frozen=True, eq=False)
class Classified:
    """A group of N images of one set, from `first` on in a batch, and the class (N, S, S) uint8 of their pixels."""

    name: str
    first: int
    labels: Tensor


class Classifier(nn.Module):
    """A plain classifier of each set's classes beside the tasks: it teaches the features what a class is, then goes.

    A task of a few images says little about a class, and another task comes with the next step; a classifier keeps what
    it has learned of all pictures of a set, costs hardly anything, and makes features that carry over to other classes
    (Chen et al. 2019, 'A Closer Look at Few-shot Classification'; Tian et al. 2020, 'Rethinking Few-Shot Image
    Classification').

    Linear readouts of fine features and keys, a row for each class of each set, background as class 0."""

    def __init__(self, sets: Sequence[PictureSet]) -> None:
        super().__init__()
        self.rows: dict[str, slice] = {}
        count = 0
        most: dict[str, int] = {}
        for s in sets:  # two folders may hold the same classes, and photographs hold none
            if s.holding:
                most[s.name] = max(most.get(s.name, 0), *s.holding)
        for name, highest in most.items():
            self.rows[name] = slice(count, count + highest + 1)
            count = self.rows[name].stop
        count = max(count, 1)  # without any set there is nothing to learn, and torch warns of empty layers
        self.fine, self.key = nn.Linear(FINE_DIM, count), nn.Linear(KEY_HEADS * KEY_DIM, count)
        for readout in (self.fine, self.key):
            nn.init.zeros_(readout.weight)
            nn.init.zeros_(readout.bias)

    @property
    def numbers(self) -> dict[str, list[int]]:
        """First and last row, exclusive, of each set's classes: what a checkpoint's weights belong to."""
        return {name: [rows.start, rows.stop] for name, rows in self.rows.items()}

    def loss(self, features: Features, classified: Sequence[Classified]) -> Tensor:
        """Mean class-balanced cross-entropy within each set, 1 for a guess; features (B, ...) of the whole batch, which
        holds one group of a set at least."""
        losses = []
        for group in classified:
            rows = self.rows[group.name]
            taken = slice(group.first, group.first + len(group.labels))
            read = ((self.fine, features.fine[taken], 4), (self.key, features.key[taken] * KEY_SCALE, 8))
            for readout, maps, stride in read:
                logits = F.linear(places(maps), readout.weight[rows], readout.bias[rows])
                at = group.labels[:, stride // 2 :: stride, stride // 2 :: stride].flatten().long()
                losses.append(_balanced(logits, at.where(at < logits.shape[1], UNKNOWN)))
        return torch.stack(losses).mean()


def _balanced(logits: Tensor, target: Tensor) -> Tensor:
    """logits (J, C), target (J,) with UNKNOWN -> cross-entropy over that of a guess, every class counting alike."""
    known = target[target != UNKNOWN]
    if not len(known):
        return logits.sum() * 0
    share = torch.bincount(known, minlength=logits.shape[1]) / len(known)
    loss = F.cross_entropy(logits, target, weight=1 / share.clamp(min=RAREST), ignore_index=UNKNOWN)
    return loss / math.log(max(logits.shape[1], 2))
