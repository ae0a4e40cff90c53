"""A training step's material as a pure function of (seed, step): resuming needs no state of a data loader.

Changes of colour, sharpness and noise are the same for a whole group, and a little other for each image. They are
drawn with the rest, and applied where the network is, on a GPU as on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.utils.data import Dataset

from cuecast.core.tiling import Window
from cuecast.engine.location_prior import NOWHERE, STRIDE, read_place, shown_place
from cuecast.training.answers import Classified
from cuecast.training.forests import answer_of_forest, corrected_masks, filter_responses
from cuecast.training.marking import SPARSE, pick_kind, simulate_marks
from cuecast.training.sets import PictureSet
from cuecast.training.tasks import SOURCES, Group, Task, draw_group


@dataclass(frozen=True, eq=False)
class Changes:
    """What happens to the N images of a group, in the order of the fields.

    For all the same, as another camera, stain or modality would have it: inverted; colours mixed by `mix` (3, 3);
    brightness to the power `gamma`; blurred by shrinking to the share `sharpness`. For each image: contrast and shift
    (N, 1, 1, 1), white balance (N, 3, 1, 1), noise of a deviation.
    """

    inverted: bool
    mix: Tensor
    gamma: float
    sharpness: float
    contrast: Tensor
    shift: Tensor
    white: Tensor
    noise: float


def draw_changes(rng: np.random.Generator, count: int) -> Changes:
    """Changes of a group of `count` images."""

    def each(deviation: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.normal(0, deviation, (count, channels, 1, 1)).astype(np.float32))

    strength = rng.uniform(0, 1)
    return Changes(
        inverted=bool(rng.random() < 0.15),
        mix=torch.from_numpy(_draw_mix(rng).astype(np.float32)),
        gamma=float(np.exp(rng.normal(0, 0.35))) if rng.random() < 0.4 else 1.0,
        sharpness=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.12 else 1.0,
        contrast=torch.exp(each(0.25 * strength)),
        shift=each(0.08 * strength),
        white=torch.exp(each(0.08 * strength, 3)),
        noise=float(rng.uniform(0.005, 0.05)) if rng.random() < 0.25 else 0.0,
    )


def _draw_mix(rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(3) if rng.random() < 0.25 else np.arange(3)
    mix = np.eye(3)[order]
    if rng.random() < 0.15:
        return np.full((3, 3), 1 / 3)
    return (np.eye(3) + rng.normal(0, 0.15, (3, 3))) @ mix if rng.random() < 0.4 else mix


def apply_changes(images: Tensor, changes: Changes) -> Tensor:
    """images (N, 3, S, S) uint8 -> (N, 3, S, S) float32 in [0, 1]; noise is torch's, of the images' device."""
    x = images.float() / 255
    if changes.inverted:
        x = 1 - x
    x = torch.einsum("ij,njhw->nihw", changes.mix, x).clamp(0, 1) ** changes.gamma
    if changes.sharpness < 1:
        small = F.interpolate(x, scale_factor=changes.sharpness, mode="area")
        x = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    x = ((x - 0.5) * changes.contrast + 0.5 + changes.shift) * changes.white
    if changes.noise:
        x = x + changes.noise * torch.randn_like(x)
    return x.clamp(0, 1)


SHOTS = (1, 2, 3, 5, 8, 16)
SHOTS_CHANCE = (0.32, 0.17, 0.13, 0.23, 0.08, 0.07)
"""Numbers of cues of a task, where its group has as many pictures: the decoder must learn what several say."""
NOWHERE_CHANCE = 0.15
"""Share of the tasks whose thing has no place, as in tiles and videos."""


Part = TypeVar("Part", Task, Changes, Classified)


def _moved(parts: Sequence[Part], device: torch.device) -> list[Part]:
    """Parts of a batch with their tensors on a device."""
    out = []
    for part in parts:
        tensors: dict[str, Any] = {k: v.to(device) for k, v in vars(part).items() if isinstance(v, Tensor)}
        out.append(replace(part, **tensors))
    return out


@dataclass(frozen=True, eq=False)
class Batch:
    """images (B, 3, S, S) uint8; what happens to those of each group before the network sees them, and its tasks; the
    classes of those groups that are from a set."""

    images: Tensor
    changes: list[Changes]
    groups: list[list[Task]]
    classified: list[Classified]

    def to(self, device: torch.device) -> Batch:
        """The batch with its arrays on a device."""
        groups = [_moved(tasks, device) for tasks in self.groups]
        changes, classified = _moved(self.changes, device), _moved(self.classified, device)
        return Batch(self.images.to(device), changes, groups, classified)

    def augmented(self) -> Tensor:
        """What the network sees of the images: (B, 3, S, S) float32 in [0, 1]."""
        parts = self.images.chunk(len(self.changes))
        return torch.cat([apply_changes(p, c) for p, c in zip(parts, self.changes, strict=True)])


@dataclass(frozen=True)
class BatchShape:
    """How much a step holds: G groups of N images with up to T tasks each, at S x S pixels.

    Of a group's tasks the first `decoded` go through the decoder. `queries` is the most of a task; `sources` the
    chance of each kind of group.
    """

    groups: int = 8
    images: int = 3
    tasks: int = 6
    decoded: int = 1
    size: int = 128
    queries: int = 2
    sources: tuple[float, float, float] = SOURCES


class Steps(Dataset[Batch]):
    """The batches of these numbers, `accumulate` of them a step: batch n is of step n // accumulate, all of a step have
    one shape."""

    def __init__(
        self,
        sets: tuple[PictureSet, ...],
        shapes: tuple[BatchShape, ...],
        seed: int,
        numbers: range,
        accumulate: int = 1,
    ) -> None:
        self.sets, self.shapes, self.seed = sets, shapes, seed
        self.numbers, self.accumulate = numbers, accumulate

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Batch:
        number = self.numbers[index]
        shape = self.shapes[number // self.accumulate % len(self.shapes)]
        return draw_batch(self.sets, shape, self.seed, number)


def draw_batch(sets: tuple[PictureSet, ...], shape: BatchShape, seed: int, number: int) -> Batch:
    """The batch of a number; the same for the same arguments."""
    rng = np.random.default_rng((seed, number))
    groups = [
        draw_group(rng, sets, shape.images, shape.size, shape.tasks, shape.sources)
        for _ in range(shape.groups)
    ]
    images = torch.from_numpy(np.concatenate([g.images for g in groups])).permute(0, 3, 1, 2).contiguous()
    changes = [draw_changes(rng, shape.images) for _ in groups]
    filters = filter_responses(images / 255)
    answered = []
    for i, group in enumerate(groups):
        following = (i + 1) % len(groups)
        foreign = following * shape.images if _strangers(group, groups[following]) else None
        first = i * shape.images
        own = filters[first : first + shape.images].numpy()
        tasks = [
            _task(rng, labels, own, first, shape.queries, foreign, group.objects) for labels in group.tasks
        ]
        decoded = [answer_of_forest(rng, task, filters, group.paired) for task in tasks[: shape.decoded]]
        answered.append([*decoded, *tasks[shape.decoded :]])
    classified = [
        Classified(g.name, i * shape.images, torch.from_numpy(g.classes))
        for i, g in enumerate(groups)
        if g.classes is not None
    ]
    return Batch(images, changes, answered, classified)


def _strangers(group: Group, other: Group) -> bool:
    """Whether the other group's images can be taken not to hold the things of this one."""
    return group.kind != "regions" and other.kind != "regions" and group.scenario != other.scenario


def _task(
    rng: np.random.Generator,
    labels: NDArray[np.uint8],
    filters: NDArray[np.float32],
    offset: int,
    most: int,
    foreign: int | None,
    objects: NDArray[np.int32] | None = None,
) -> Task:
    """A task on a group's images with labels and ids of objects (N, S, S) and these filter responses; they begin at
    `offset`."""
    count = len(labels)
    showing = rng.permutation(np.flatnonzero((labels == 1).sum((1, 2)) >= 8))
    shots = min(int(rng.choice(SHOTS, p=SHOTS_CHANCE)), len(showing), count - 1)
    cues = [int(c) for c in showing[:shots]]
    queries = [int(q) for q in rng.permutation(count) if q not in cues][:most]
    kind = pick_kind(rng)
    seen = [labels[c] for c in cues]
    spare = [int(s) for s in showing if s not in cues and s not in queries]
    teacher = cues[-1] if shots > 1 else spare[0] if spare else None
    if kind == "corrected" and teacher is not None:
        seen = corrected_masks(rng, labels, filters, cues, teacher)
    marks = [simulate_marks(rng, mask, kind) for mask in seen]
    if kind in SPARSE:
        # Sparse marks must also teach the rest of their own picture.
        queries = [*queries[: most - 1], cues[0]]
    answers = [labels[q] for q in queries]
    places = [offset + q for q in queries]
    depths = [
        _depth(mask, objects[q] if objects is not None else None)
        for mask, q in zip(answers, queries, strict=True)
    ]
    # What covers most of its pictures may be 'all but that', which foreign pictures are full of.
    if foreign is not None and (labels == 1).mean() < 0.5 and rng.random() < 0.25:
        places[-1] = foreign + int(rng.integers(count))
        answers[-1] = np.zeros_like(answers[-1])
        depths[-1] = np.full_like(depths[-1], np.nan)
    positive, negative = (torch.from_numpy(np.stack([m[i] for m in marks]))[:, None] for i in (0, 1))
    placed = kind not in SPARSE and rng.random() >= NOWHERE_CHANCE
    size = labels.shape[1]
    place = read_place(
        shown_place(marks) if placed else NOWHERE,
        Window(0, size, 0, size),
        (size, size),
        (size // STRIDE, size // STRIDE),
    )
    truth = torch.from_numpy(np.stack(answers))
    return Task(
        [offset + c for c in cues],
        places,
        positive,
        negative,
        truth,
        torch.from_numpy(place),
        placed,
        kind in SPARSE,
        depth=torch.from_numpy(np.stack(depths)),
    )


def _depth(labels: NDArray[np.uint8], objects: NDArray[np.int32] | None) -> NDArray[np.float32]:
    """`object_depth` of the things of a task; NaN where nothing is known of objects."""
    thing = labels == 1
    if objects is None or not objects[thing].all():
        return np.full(labels.shape, np.nan, np.float32)
    return object_depth(np.where(thing, objects, 0))


def object_depth(ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """ids (H, W) from 1 -> (H, W) float32: the distance to the border of the pixel's own object over the largest
    distance in it, so 1 in its middle and near 0 where it ends or touches another; NaN off all objects.

    The picture's border is no border of a thing. As the distances of StarDist (Schmidt et al. 2018), in one number.
    """
    border = np.zeros(ids.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = ids[one] != ids[other]
        border[one] |= differs
        border[other] |= differs
    distance = np.ones(ids.shape) if not border.any() else ndimage.distance_transform_edt(~border) + 1
    present = np.arange(ids.max() + 1)
    deepest = np.maximum(ndimage.maximum(distance, ids, present), 1)
    return np.where(ids > 0, distance / deepest[ids], np.nan).astype(np.float32)
