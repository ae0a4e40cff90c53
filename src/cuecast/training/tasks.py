"""Groups of images that share tasks: from picture sets, from regions of one picture, and drawn.

N images of S x S pixels. A task is a label per pixel of every image: 1 the thing, 0 not, IGNORE_LABEL unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.segmentation import felzenszwalb

from cuecast.geometry import NEIGHBOURS
from cuecast.training.sets import IGNORE_VALUE, PictureSet
from cuecast.training.synthetic import draw_episode

IGNORE_LABEL = 2
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
STRAIGHT = (False, 0)
"""Neither flipped nor turned."""
UPRIGHT = 0.75
"""Share of the groups of whole pictures that are all turned the same way, so that a thing keeps its place."""


@dataclass(frozen=True, eq=False)
class Group:
    """images (N, S, S, 3) uint8; tasks, each (N, S, S) uint8 labels; `kind` of the source and its `name`.

    classes (N, S, S) uint8 of the set's pixels, where the images are from a set; `paired`: some images are views of
    the same picture.
    """

    images: NDArray[np.uint8]
    tasks: tuple[NDArray[np.uint8], ...]
    kind: str
    name: str
    classes: NDArray[np.uint8] | None = None
    paired: bool = False


def draw_group(
    rng: np.random.Generator,
    sets: tuple[PictureSet, ...],
    count: int,
    size: int,
    tasks: int,
    sources: tuple[float, float, float] = SOURCES,
) -> Group:
    """One group: from a picture set, drawn, or from regions of a single picture."""
    kind = rng.choice(["set", "regions", "drawn"], p=sources)
    for _ in range(20):
        if kind == "set":
            group = _from_set(rng, _pick_set(rng, sets), count, size, tasks)
        elif kind == "regions":
            group = _from_regions(rng, _pick_set(rng, sets), count, size, tasks)
        else:
            group = _from_drawing(rng, count, size, tasks)
        if group is not None:
            return group
    raise RuntimeError(f"no {kind} group with a usable task in 20 draws")


def _pick_set(rng: np.random.Generator, sets: tuple[PictureSet, ...]) -> PictureSet:
    # Square root, so that 2,400 pets do not drown 53 QR codes; more classes are more tasks.
    weight = np.array([min(len(s.images), 600) ** 0.5 * (1 + min(len(s.holding), 20) / 10) for s in sets])
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
    views = [
        _view(
            rng,
            pictures.images[i],
            pictures.masks[i],
            size,
            zoom if turned else zoom * _nearer(rng),
            main,
            turned,
        )
        for i in chosen
    ]
    images, masks = np.stack([v[0] for v in views]), np.stack([v[1] for v in views])
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
    return _group(images, found, "set", pictures.name, masks, paired=len(set(chosen.tolist())) < count)


def _part(rng: np.random.Generator, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the things in (N, S, S) labels the rim alone, or the core: up to the same share of each piece's depth."""
    share, core = rng.uniform(0.25, 0.6), rng.random() < 0.5
    parts = []
    for thing in labels == 1:
        pieces, count = ndimage.label(thing, NEIGHBOURS)
        depth = ndimage.distance_transform_edt(thing) if not thing.all() else thing.astype(float)
        deepest = np.append(0, ndimage.maximum(depth, pieces, np.arange(1, count + 1)))[pieces]
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
    usable = np.flatnonzero((areas > 0.01) & (areas < 0.6))
    if not len(usable):
        return None
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


def _from_drawing(rng: np.random.Generator, count: int, size: int, tasks: int) -> Group | None:
    images, labels = draw_episode(rng, count, size)
    classes = np.unique(labels[labels > 0])
    if not len(classes):
        return None
    for i in range(count):
        if (share := _nearer(rng)) < 1:
            target = int(rng.choice(classes))
            images[i], labels[i] = _view(rng, images[i], labels[i], size, share, target, STRAIGHT)
    picked = rng.permutation(classes)[:tasks]
    return _group(images, [(labels == c).astype(np.uint8) for c in picked], "drawn", "drawn")


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
    labels: NDArray[np.integer],
    size: int,
    zoom: float,
    target: int,
    turned: tuple[bool, int] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.integer]]:
    """A square view of a picture and its labels, mostly one that shows `target`; flipped, sometimes turned.

    `turned`: the orientation of the whole group; None: its own.
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
        rows, columns = np.nonzero(labels == target)
        if len(rows):
            i = rng.integers(len(rows))
            top = int(np.clip(rows[i] - rng.integers(0, h), 0, H - h))
            left = int(np.clip(columns[i] - rng.integers(0, w), 0, W - w))
    box = (left, top, left + w, top + h)
    image = _resize(picture, (size, size), Image.Resampling.BILINEAR, box)
    mode = np.int32 if labels.dtype == np.int32 else np.uint8
    mask = _resize(labels.astype(mode), (size, size), Image.Resampling.NEAREST, box)
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
