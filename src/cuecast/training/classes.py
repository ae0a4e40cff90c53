"""A plain classifier of each set's classes beside the tasks: it teaches the features what a class is, then is dropped.

A task of a few images says little about a class, and another task comes with the next step; a classifier keeps what it
has learned of all pictures of a set, costs hardly anything, and makes features that carry over to other classes (Chen
et al. 2019, 'A Closer Look at Few-shot Classification'; Tian et al. 2020, 'Rethinking Few-Shot Image Classification').
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cuecast.training.network import FINE_DIM, KEY_DIM, KEY_HEADS, Features, places
from cuecast.training.sets import PictureSet

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
    """Linear readouts of fine features and keys, a row for each class of each set, background as class 0."""

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
