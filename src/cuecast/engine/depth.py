"""How deep in its object each pixel lies, learned from the pictures of the cues themselves.

    cue pictures --filters--> rows of figures --+--> trees (scikit-learn) --> depth of a query's pixels
    their objects --depth_of--> depth ----------+

Depth is 1 at the core of an object and 0 at its border, also where the next one begins; around things it is 0. Nothing
is asked of the segmenter: what is read are fixed filters of the picture, at a size at which things are `RADIUS` thick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy import ndimage

from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.objects import in_reading_order

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
Labels = NDArray[np.int32]

RADIUS = 5.0
"""Working pixels from the core of a usual object to its border."""
ZOOMS = (2.0, 1.5, 1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.09375, 0.0625)
"""Working pixels for each pixel of a picture: fractions of sixteen, so that a cut-out is seen as the whole is. Things
are enlarged where they are less than `THIN` pixels from core to border."""
THIN = 4.0
BLOCK = 32
"""Pictures are padded to multiples of it: each zoom makes whole pixels of it."""
MOST = 4_000_000
"""Pixels of a working picture, at most."""
STRIP = 400_000
"""Pixels that are filtered at once: a large picture must not fill the memory."""
SIGMAS = (0.7, 1.5, 3.0, 6.0)
"""Of the filters, in working pixels."""
HALO = 24
"""Rows above and below a strip that its filters look at."""
AROUND = 8
"""Working pixels around things, of which it is learned that nothing lies there."""
SAMPLES = 7000
"""Pixels that the trees are grown on, two of three inside things."""
TREES = 16


def working_zoom(radius: float, size: tuple[int, int]) -> float:
    """Working pixels for each pixel of an image of `size` (H, W), in which things have a `radius` (pixels)."""
    most = min(ZOOMS[0] if radius < THIN else 1.0, (MOST / (size[0] * size[1])) ** 0.5)
    allowed = [zoom for zoom in ZOOMS if zoom <= most] or [ZOOMS[-1]]
    wanted = RADIUS / max(radius, 0.5)
    return min(allowed, key=lambda zoom: abs(np.log(zoom / wanted)))


def padded(values: NDArray[Any], mode: str) -> NDArray[Any]:
    """An array (H, W, ...) with sides that are multiples of `BLOCK`; `mode` as `numpy.pad` has it."""
    sides = [(0, -n % BLOCK) for n in values.shape[:2]]
    pad: Any = np.pad
    whole: NDArray[Any] = pad(values, [*sides, *[(0, 0)] * (values.ndim - 2)], mode=mode)
    return whole


def working_size(size: tuple[int, int], zoom: float) -> tuple[int, int]:
    """(h, w) of a padded image of `size` (H, W) at a zoom."""
    return round(size[0] * zoom), round(size[1] * zoom)


def shrunk_labels(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A map (H, W) of labels or truths at another size (h, w): that of the pixel in the middle of each."""
    if labels.shape == size:
        return labels
    rows, columns = (
        ((np.arange(n) + 0.5) * N / n).astype(int) for n, N in zip(size, labels.shape, strict=True)
    )
    small: NDArray[Any] = labels[rows][:, columns]
    return small


def depth_of(ids: Labels) -> Floats:
    """(h, w) in [0, 1]: for each pixel of an id map its distance to its object's border, over the greatest there."""
    depth = np.zeros(ids.shape, np.float32)
    for number, where in enumerate(ndimage.find_objects(ids), start=1):
        if where is None:
            continue
        thing = ids[where] == number
        distance = ndimage.distance_transform_edt(np.pad(thing, 1))[1:-1, 1:-1]
        depth[where][thing] = (distance / distance.max())[thing]
    return depth


@dataclass(frozen=True, eq=False)
class Shown:
    """What a cue shows at its working size (h, w): its picture (H, W, 3) uint8, its ids, and the depth of its pixels;
    near: things, and what lies around them."""

    pixels: NDArray[np.uint8]
    ids: Labels
    depth: Floats
    near: Bools

    @classmethod
    def of(cls, pixels: NDArray[np.uint8], ids: Labels, zoom: float) -> Shown:
        """pixels (H, W, 3) and ids (H, W) as they are, brought to a zoom."""
        pixels, ids = padded(pixels, "edge"), padded(ids, "constant")
        small = in_reading_order(shrunk_labels(ids, working_size(ids.shape, zoom)))
        near = ndimage.binary_dilation(small > 0, NEIGHBOURS, iterations=AROUND)
        return cls(pixels, small, depth_of(small), near)

    def sides(self) -> NDArray[np.intp]:
        """(n + 1,): of each of its objects, by number, in which half of the picture it lies, 0 or 1; of one, 0."""
        count = int(self.ids.max(initial=0))
        if count < 2:
            return np.zeros(count + 1, np.intp)
        middles = np.array(ndimage.center_of_mass(self.ids > 0, self.ids, range(1, count + 1)))
        along = middles[:, np.ptp(middles, axis=0).argmax()]
        return np.concatenate([[0], along.argsort(kind="stable").argsort() >= count // 2]).astype(np.intp)

    def only(self, kept: Bools) -> Shown:
        """Some of its objects, by number (n + 1,); of the others' pixels nothing is said."""
        own = np.where(kept[self.ids], self.ids, 0)
        reach = ndimage.binary_dilation(own > 0, NEIGHBOURS, iterations=AROUND)
        near = reach & ((own > 0) | (self.ids == 0))
        return Shown(self.pixels, in_reading_order(own), np.where(own > 0, self.depth, 0), near)


@dataclass(frozen=True, eq=False)
class Trees:
    """Regression trees of scikit-learn, asked without its threads: a picture has few rows for each."""

    trees: tuple[Any, ...]

    def predict(self, rows: Floats) -> NDArray[np.float64]:
        """rows (J, F) -> the mean of what the trees say, (J,), or (J, T) where they were grown on T figures."""
        total: Any = sum(tree.predict(rows).reshape(len(rows), -1) for tree in self.trees)
        mean: NDArray[np.float64] = total / len(self.trees)
        return mean[:, 0] if mean.shape[1] == 1 else mean


def grow_trees(rows: Floats, said: NDArray[Any], count: int, **limits: Any) -> Trees:
    """Extremely randomised trees of what is `said` (J,) or (J, T) of rows (J, F); `limits` as scikit-learn has it."""
    from sklearn.ensemble import ExtraTreesRegressor

    grown = ExtraTreesRegressor(count, random_state=0, n_jobs=1, **limits).fit(rows, said)
    return Trees(tuple(tree.tree_ for tree in grown.estimators_))


@dataclass(frozen=True, eq=False)
class Rows:
    """Pixels that were read: figures (J, F), depth (J,), and the part of the cues (J,) that is left out with each."""

    figures: Floats
    depth: Floats
    fold: NDArray[np.intp]

    def model(self, without: int | None = None, trees: int = TREES) -> Trees:
        """Trees grown on all rows, or on those outside a fold."""
        kept = np.ones(len(self.fold), bool) if without is None else self.fold != without
        return grow_trees(
            self.figures[kept], self.depth[kept], trees, max_depth=14, min_samples_leaf=3, max_features=0.3
        )


def read_rows(shown: Sequence[Shown], folds: Sequence[int]) -> Rows:
    """Pixels of all that is shown on a fixed stride, about `SAMPLES`; folds: the part that each is of."""
    each = SAMPLES // len(shown)
    figures, depths, parts = [], [], []
    for cue, fold in zip(shown, folds, strict=True):
        inside, outside = np.flatnonzero(cue.depth > 0), np.flatnonzero((cue.depth <= 0) & cue.near)
        kept = np.sort(np.concatenate([_strided(inside, each * 2 // 3), _strided(outside, each // 3)]))
        wanted = np.zeros(cue.depth.size, bool)
        wanted[kept] = True
        figures.append(read_figures(cue.pixels, wanted.reshape(cue.depth.shape)))
        depths.append(cue.depth.ravel()[kept])
        parts.append(np.full(len(kept), fold))
    return Rows(np.concatenate(figures), np.concatenate(depths), np.concatenate(parts))


def predict_depth(model: Trees, pixels: NDArray[np.uint8], wanted: Bools) -> Floats:
    """(h, w) in [0, 1]: the depth of the `wanted` (h, w) pixels of a picture (H, W, 3) at that size, 0 elsewhere."""
    depth = np.zeros(wanted.shape, np.float32)
    if wanted.any():
        depth[wanted] = model.predict(read_figures(pixels, wanted))
    return depth


def read_figures(pixels: NDArray[np.uint8], wanted: Bools) -> Floats:
    """(J, F) float32: the filters' answers at the J `wanted` (h, w) pixels of a picture (H, W, 3), in reading order."""
    h, w = wanted.shape
    how = PILImage.Resampling.BILINEAR  # Pillow averages over the source where it shrinks.
    small = np.asarray(PILImage.fromarray(np.ascontiguousarray(pixels)).resize((w, h), how))
    parts = []
    for outer, inner, rows in _strips(wanted):
        read = [plane[inner][wanted[rows]] for plane in _filters(small[outer])]
        parts.append(np.stack(read, axis=1).astype(np.float32))
    return np.concatenate(parts)


def _strips(wanted: Bools) -> Iterator[tuple[slice, slice, slice]]:
    """For strips of rows that hold what is wanted: what is filtered, the strip in it, and the strip."""
    h, w = wanted.shape
    high = max(1, STRIP // w)
    for top in range(0, h, high):
        bottom = min(top + high, h)
        if top and not wanted[top:bottom].any():
            continue
        start = max(0, top - HALO)
        yield slice(start, min(h, bottom + HALO)), slice(top - start, bottom - start), slice(top, bottom)


def _filters(pixels: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """F planes (h, w) of a picture (h, w, 3): brightness, slopes, curvatures, colours, and what lies around."""
    rgb = pixels.astype(np.float32) / 255
    grey = rgb.mean(2)
    read: list[NDArray[Any]] = []
    for sigma in SIGMAS:
        smooth = ndimage.gaussian_filter(grey, sigma, truncate=3)
        down, across = np.gradient(smooth)
        (yy, _), (yx, xx) = np.gradient(down), np.gradient(across)
        mean, spread = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
        read += [smooth, np.hypot(down, across) * sigma]
        read += [m * sigma**2 for m in (mean + spread, mean - spread, yy, xx)]
    read += [ndimage.gaussian_filter(rgb[..., channel], SIGMAS[1], truncate=3) for channel in range(3)]
    near, reach = read[6], int(2 * RADIUS)
    padded = np.pad(near, reach, mode="edge")
    h, w = near.shape
    for far in (round(RADIUS), reach):
        for y, x in ((-far, 0), (far, 0), (0, -far), (0, far)):
            read.append(padded[reach + y : reach + y + h, reach + x : reach + x + w] - near)
    return read


def _strided(places: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the places, evenly."""
    return places if len(places) <= most else places[np.linspace(0, len(places) - 1, most).astype(np.intp)]
