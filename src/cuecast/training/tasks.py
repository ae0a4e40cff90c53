"""Groups of images that share tasks: from picture sets, from regions of one picture, and drawn.

N images of S x S pixels. A task is a label per pixel of every image: 1 the thing, 0 not, IGNORE_LABEL unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.segmentation import felzenszwalb
from torch import Tensor

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.values import IGNORE
from cuecast.training.sets import IGNORE_VALUE, PictureSet
from cuecast.training.synthetic import draw_episode

IGNORE_LABEL = 2
CLASSES = 256
"""More than any class: what ids of objects are multiplied by where they share a map with classes."""
SOURCES = (0.5, 0.2, 0.3)
"""Chances of a group from a set, from the regions of one picture, and drawn."""
FRAME, THICK, CLOSEST = 256, 6.0, 600
"""Side of the whole picture at run time, how thick things are wanted there, and the side it grows to for that in
pictures of the size of the training ones."""
PARTS = 0.08
"""Share of the tasks of a set that ask for the rim or the core of things alone."""
NEARER, NEAREST = 0.3, 0.4
"""Share of the images that show less of the scene than the others of their group, and the least share of its sides: the
same thing can be much larger in one picture than in the next."""
MANY_KINDS = 20
"""Classes of a set from which on more of them no longer make it more likely."""
STRAIGHT = (False, 0)
"""Neither flipped nor turned."""
UPRIGHT = 0.75
"""Share of the groups of whole pictures that are all turned the same way, so that a thing keeps its place."""


@dataclass(frozen=True, eq=False)
class Group:
    """images (N, S, S, 3) uint8; tasks, each (N, S, S) uint8 labels; `kind` of the source and its `name`.

    classes (N, S, S) uint8 of the set's pixels, where the images are from a set; `paired`: some images are views of
    the same picture; objects (N, S, S) int32: ids of the things, where they are known; `scenario` as of a set.
    """

    images: NDArray[np.uint8]
    tasks: tuple[NDArray[np.uint8], ...]
    kind: str
    name: str
    classes: NDArray[np.uint8] | None = None
    paired: bool = False
    objects: NDArray[np.int32] | None = None
    scenario: str = ""


def draw_group(
    rng: np.random.Generator,
    sets: tuple[PictureSet, ...],
    count: int,
    size: int,
    tasks: int,
    sources: tuple[float, float, float] = SOURCES,
    family: str | None = None,
) -> Group:
    """One group: from a picture set, drawn (`family`: None takes any), or from regions of a single picture."""
    kind = rng.choice(["set", "regions", "drawn"], p=sources)
    for _ in range(20):
        if kind == "set":
            group = _from_set(rng, pick_set(rng, [s for s in sets if s.holding]), count, size, tasks)
        elif kind == "regions":
            group = _from_regions(rng, pick_set(rng, sets), count, size, tasks)
        else:
            group = _from_drawing(rng, count, size, tasks, family)
        if group is not None:
            return group
    raise RuntimeError(f"no {kind} group with a usable task in 20 draws")


def label_maps(group: Group) -> NDArray[np.int32]:
    """(N, S, S): 1, 2, ... for those tasks of a group that do not overlap with one before, IGNORE where one of these is
    not known."""
    labels = np.zeros(group.images.shape[:3], np.int32)
    for number, task in enumerate(group.tasks, start=1):
        if not (labels[task == 1] > 0).any():
            labels[task == 1] = number
            labels[(task == IGNORE_LABEL) & (labels == 0)] = IGNORE
    return labels


def pick_set(rng: np.random.Generator, sets: Sequence[PictureSet]) -> PictureSet:
    """One of the sets."""
    # All sets alike, whatever their size, but for more classes, which are more tasks, and for a handful of pictures,
    # which would be learned by heart. Photographs stand for as many kinds as there are of them.
    kinds = np.array([min(len(s.holding), MANY_KINDS) if s.holding else MANY_KINDS for s in sets])
    weight = (1 + kinds / 5) * np.minimum([len(s.images) / 40 for s in sets], 1)
    return sets[rng.choice(len(sets), p=weight / weight.sum())]


def _from_set(
    rng: np.random.Generator, pictures: PictureSet, count: int, size: int, tasks: int
) -> Group | None:
    # A picture that is drawn twice would be asked about what it shows itself.
    enough = [c for c, members in pictures.holding.items() if len(members) >= count]
    main = int(rng.choice(enough or list(pictures.holding)))
    members = pictures.holding[main]
    chosen = rng.choice(members, count, replace=len(members) < count)
    if pictures.lacking[main] and rng.random() < 0.25:
        chosen[-1] = rng.choice(pictures.lacking[main])
    zoom = _pick_zoom(rng, pictures.thickness[main], size)
    turned = _orientation(rng) if zoom == 1 and rng.random() < UPRIGHT else None
    maps = [_joined(pictures, i) for i in chosen]
    views = [
        _view(
            rng,
            pictures.images[i],
            labels,
            size,
            zoom if turned else zoom * _nearer(rng),
            main,
            turned,
        )
        for i, labels in zip(chosen, maps, strict=True)
    ]
    images, joined = np.stack([v[0] for v in views]), np.stack([v[1] for v in views])
    objects = joined // CLASSES if pictures.objects else None
    masks = (joined % CLASSES).astype(np.uint8)
    found = []
    others = [c for c in np.unique(masks) if c not in (0, IGNORE_VALUE, main)]
    for value in [main, *rng.permutation(others)[: tasks - 1]]:
        values = [int(value)]
        if others and rng.random() < 0.15:
            values.append(int(rng.choice(others)))
        labels = np.isin(masks, values).astype(np.uint8)
        if rng.random() < PARTS:
            labels = _part(rng, labels)
        if rng.random() < 0.06:
            labels = 1 - labels
        labels[masks == IGNORE_VALUE] = IGNORE_LABEL
        found.append(labels)
    paired = len(set(chosen.tolist())) < count
    group = _group(images, found, "set", pictures.name, masks, paired)
    return replace(group, objects=objects, scenario=pictures.scenario) if group else None


def _joined(pictures: PictureSet, i: int) -> NDArray[np.int32]:
    """Classes of a picture and ids of its objects in one map, which a view cuts both from."""
    masks = pictures.masks[i].astype(np.int32)
    return masks + CLASSES * pictures.objects[i] if pictures.objects else masks


def _part(rng: np.random.Generator, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the things in (N, S, S) labels the rim alone, or the core: up to the same share of each component's depth."""
    share, core = rng.uniform(0.25, 0.6), rng.random() < 0.5
    parts = []
    for thing in labels == 1:
        components, count = ndimage.label(thing, NEIGHBOURS)
        depth = ndimage.distance_transform_edt(thing) if not thing.all() else thing.astype(float)
        deepest = np.append(0, ndimage.maximum(depth, components, np.arange(1, count + 1)))[components]
        inner = depth > share * deepest
        parts.append(thing & (inner if core else ~inner))
    return np.stack(parts).astype(np.uint8)


def _pick_zoom(rng: np.random.Generator, thickness: float, size: int) -> float:
    """Share of the picture's sides that a view shows; thin things are mostly seen as close as at run time."""
    if thickness * FRAME < THICK and rng.random() < 0.7:
        close = size / min(THICK / thickness, CLOSEST)
        return float(min(1.0, close * np.exp(rng.uniform(-0.35, 0.7))))
    return float(np.exp(rng.uniform(np.log(0.3), 0))) if rng.random() < 0.6 else 1.0


def _nearer(rng: np.random.Generator) -> float:
    """By how much the sides of one view of a group are smaller than those of the others."""
    return float(np.exp(rng.uniform(np.log(NEAREST), 0))) if rng.random() < NEARER else 1.0


def _from_regions(
    rng: np.random.Generator, pictures: PictureSet, count: int, size: int, tasks: int
) -> Group | None:
    picture = pictures.images[rng.integers(len(pictures.images))]
    small = _resize(picture, (160, 160), Image.Resampling.BOX)
    scale = float(np.exp(rng.uniform(np.log(30), np.log(500))))
    regions = felzenszwalb(small, scale=scale, sigma=0.8, min_size=int(rng.integers(20, 200))).astype(
        np.int32
    )
    large = _resize(picture, (320, 320), Image.Resampling.BILINEAR).astype(np.uint8)
    regions = np.kron(regions, np.ones((2, 2), np.int32))
    zoom = rng.uniform(0.5, 0.9)
    areas = np.bincount(regions.ravel()) / regions.size
    large_enough = np.flatnonzero((areas > 0.01) & (areas < 0.6))
    if not len(large_enough):
        return None
    usable = np.arange(1, len(large_enough) + 1)
    numbers = np.zeros(len(areas), np.int32)
    numbers[large_enough] = usable
    regions = numbers[regions]
    target = int(rng.choice(usable))
    views = [_view(rng, large, regions, size, zoom, target) for _ in range(count)]
    maps = np.stack([v[1] for v in views])
    found = []
    for value in [target, *rng.permutation(usable[usable != target])[: tasks - 1]]:
        values = [int(value)]
        if rng.random() < 0.3:
            values.append(int(rng.choice(usable)))
        found.append(np.isin(maps, values).astype(np.uint8))
    return _group(np.stack([v[0] for v in views]), found, "regions", pictures.name, paired=True)


def _from_drawing(
    rng: np.random.Generator, count: int, size: int, tasks: int, family: str | None
) -> Group | None:
    images, labels, objects = draw_episode(rng, count, size, family)
    joined = labels + CLASSES * (np.int32(0) if objects is None else objects)
    classes = np.unique(labels[labels > 0])
    if not len(classes):
        return None
    for i in range(count):
        if (share := _nearer(rng)) < 1:
            target = int(rng.choice(classes))
            images[i], joined[i] = _view(rng, images[i], joined[i], size, share, target, STRAIGHT)
    labels = (joined % CLASSES).astype(np.uint8)
    picked = rng.permutation(classes)[:tasks]
    group = _group(images, [(labels == c).astype(np.uint8) for c in picked], "drawn", "drawn")
    seen = joined // CLASSES if objects is not None else None
    return replace(group, objects=seen, scenario="drawn") if group else None


def _group(
    images: NDArray[np.uint8],
    found: list[NDArray[np.uint8]],
    kind: str,
    name: str,
    classes: NDArray[np.uint8] | None = None,
    paired: bool = False,
) -> Group | None:
    """The group with the tasks that show the thing and the rest in at least two images well enough for a cue."""
    least = max(8, 2e-4 * images.shape[1] ** 2)
    usable = [t for t in found if all(((t == v).sum((1, 2)) >= least).sum() >= 2 for v in (0, 1))]
    return Group(images, tuple(usable), kind, name, classes, paired) if usable else None


def _view(
    rng: np.random.Generator,
    picture: NDArray[np.uint8],
    labels: NDArray[np.int32],
    size: int,
    zoom: float,
    target: int,
    turned: tuple[bool, int] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """A square view of a picture and its labels, mostly one that shows `target`; flipped, sometimes turned.

    labels: classes, plus CLASSES times the ids of objects. `turned`: the orientation of the whole group; None: its own.
    """
    H, W = labels.shape
    share = min(1.0, zoom * np.exp(rng.uniform(-0.2, 0.2)))
    stretch = np.exp(rng.uniform(-0.1, 0.1))
    h, w = (max(16, min(n, int(n * share * s))) for n, s in ((H, stretch), (W, 1 / stretch)))
    if share < 1 and h < H and w < W and zoom < 0.8:
        # Zoomed views are square in the picture; whole frames keep their content and are squeezed.
        h = w = min(h, w)
    top, left = int(rng.integers(0, H - h + 1)), int(rng.integers(0, W - w + 1))
    if rng.random() < 0.85:
        rows, columns = np.nonzero(labels % CLASSES == target)
        if len(rows):
            i = rng.integers(len(rows))
            top = int(np.clip(rows[i] - rng.integers(0, h), 0, H - h))
            left = int(np.clip(columns[i] - rng.integers(0, w), 0, W - w))
    box = (left, top, left + w, top + h)
    image = _resize(picture, (size, size), Image.Resampling.BILINEAR, box)
    mask = _resize(labels.astype(np.int32), (size, size), Image.Resampling.NEAREST, box)
    flipped, turns = turned or _orientation(rng)
    if flipped:
        image, mask = image[:, ::-1], mask[:, ::-1]
    image, mask = np.rot90(image, turns), np.rot90(mask, turns)
    return np.ascontiguousarray(image), np.ascontiguousarray(mask)


def _orientation(rng: np.random.Generator) -> tuple[bool, int]:
    """Whether to flip, and how often to turn by 90 degrees."""
    return bool(rng.random() < 0.5), int(rng.integers(1, 4)) if rng.random() < 0.25 else 0


def _resize(
    array: NDArray[np.generic],
    size: tuple[int, int],
    how: Image.Resampling,
    box: tuple[int, int, int, int] | None = None,
) -> NDArray[np.generic]:
    return np.asarray(Image.fromarray(array).resize(size, how, box=box))


@dataclass(frozen=True, eq=False)
class Task:
    """Indices into a batch's images, and what is known of them.

    positive, negative (K, 1, S, S) float32 weights of the cues' marks; labels (Q, S, S) uint8 of the queries;
    place (2, S/8, S/8) as `cuecast.engine.location_prior.read_place` gives it; placed: whether places mean anything;
    sparse: whether the marks are points, strokes or boxes;
    forest (Q, 1, S/2, S/2) logits of a forest fitted on the cues; None: the closed-form heads alone answer the task.
    depth (Q, S, S) float32: how deep in its object a pixel of the thing lies, see `object_depth`; NaN where unknown.
    """

    cues: list[int]
    queries: list[int]
    positive: Tensor
    negative: Tensor
    labels: Tensor
    place: Tensor
    placed: bool = True
    sparse: bool = False
    forest: Tensor | None = None
    depth: Tensor | None = None
