"""Marks on the query itself move its scores: each click counts, at once, and reaches what looks like its place.

A Gaussian process is fitted to what the logits lack at the marked places (Rasmussen and Williams 2006, ch. 2). Its
kernel says how far a mark reaches: near places that look alike, and, weaker, alike places anywhere in the image.
Nothing is learned again here, so that it costs milliseconds; whether what it gives joins the cues is the segmenter's
business (docs/decisions/0038-clicks-teach.md).

Where marks are all that is known (`guess`), the frame's border speaks for the rest: things touch it less than their
surroundings do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import IGNORE, Marks, Point
from cuecast.engine.refiner import resize

Array = NDArray[np.float32]

REACH = 0.12
"""Standard deviation of the kernel over the image, as a share of the square root of its area."""
LIKENESS = 1.3
"""Standard deviation of the kernel over standardised features (root of the mean squared difference)."""
ANYWHERE = 0.3
"""Share of the kernel that looks at features alone."""
TARGET = 2.5
"""Logit that a marked place is brought to at least: a probability of 0.92."""
NOISE = 0.1
MOST_CLICKS, MOST_OF_STROKES = 256, 128
"""Places that are fitted, at most, of clicks and along strokes, for the class and against it; thinned on a fixed
stride."""
UNMARKED = -1.0
"""Logit of a place that nothing is known of."""
BORDER = 12
"""Places along the frame's border that speak for the rest, and..."""
LIKE_THING = 0.25
"""...the share of them that does not: those most like a marked place, where the thing may leave the frame."""
EDGE = 0.01
"""How far these places lie inside, as a share of the sides."""
LEAST_CUT = 0.1
"""Logits above `UNMARKED` from which a place may be the thing: below, nothing that is marked has reached it."""
BLOCK = 16384
"""Places of the image that the kernel is computed for at once, so that memory does not grow with it."""
SPACING = 0.02
"""Distance of places along a stroke, as a share of the square root of the image's area."""


def correct(logits: Array, features: Array, places: Array) -> Array:
    """logits (h, w) of one class, moved so that they agree with the marks.

    features (C, h', w') float32 of the same image, standardised by channel; places (n, 3): y and x as shares of the
    image's height and width, and +1 for the class or -1 for something else.
    """
    h, w = logits.shape
    C, rows, columns = features.shape
    sign = places[:, 2]
    here = logits[_pixels(places, h, w)]
    lacking = np.maximum(TARGET - sign * here, 0) * sign
    side = (rows * columns) ** 0.5
    grid = (np.indices((rows, columns), np.float32).reshape(2, -1) + 0.5) / side
    at = ((places[:, :2] * (rows, columns)).T / side).astype(np.float32)
    flat = features.reshape(C, -1)
    seen = features[:, *_pixels(places, rows, columns)]
    weights = np.linalg.solve(_kernel(at, at, seen, seen) + NOISE * np.eye(len(places)), lacking)
    blocks = [slice(i, i + BLOCK) for i in range(0, rows * columns, BLOCK)]
    moved = np.concatenate([weights @ _kernel(at, grid[:, b], seen, flat[:, b]) for b in blocks])
    return logits + resize(moved.reshape(rows, columns).astype(np.float32), (h, w))


def guess(shape: tuple[int, int], features: Array, places: Array) -> Array:
    """Logits (h, w) of one class of which nothing but marks on this image is known; features and places as above.

    How far a few marks reach depends on the picture. So the places are cut into thing and rest where that explains most
    of the logits' variance (Otsu 1979), and this cut is logit 0. Without a mark of the class all are `UNMARKED`.
    """
    from skimage.filters import threshold_otsu

    unknown = np.full(shape, UNMARKED, np.float32)
    own = places[places[:, 2] > 0]
    if not len(own):
        return unknown
    logits = correct(unknown, features, np.concatenate([places, _rest_of_border(features, own)]))
    threshold = max(float(threshold_otsu(logits)), UNMARKED + LEAST_CUT)  # type: ignore[no-untyped-call]
    return (logits - threshold).astype(np.float32)


def _rest_of_border(features: Array, own: Array) -> Array:
    """(n, 3) places along the border that are least like the places (m, 3) of the class."""
    along = (np.arange(BORDER // 4, dtype=np.float32) + 0.5) / (BORDER // 4)
    sides = [(EDGE, a) for a in along] + [(1 - EDGE, a) for a in along]
    border = np.array([(y, x, -1) for a, b in sides for y, x in ((a, b), (b, a))], np.float32)
    seen, there = (features[:, *_pixels(p, *features.shape[1:])] for p in (own, border))
    nearest = _squared(seen, there).min(0)
    unlike: Array = border[nearest > np.quantile(nearest, LIKE_THING)]
    return unlike


def marked_places(marks: Marks, cls: int) -> Array:
    """(n, 3) float32 for `correct`: what strokes say of one class; n may be 0.

    Masks and boxes are not read: the pixels of a mask are kept as marked, and a box says no place.
    """
    H, W = marks.size
    clicks = [(point.xy[1], point.xy[0], point.cls) for point in marks.points]
    lines = (s for s in marks.strokes if not isinstance(s, Point))
    strokes = [(y, x, s.cls) for s in lines for x, y in _along(s.path, SPACING * (H * W) ** 0.5, marks.size)]
    kept = []
    for said, most in ((clicks, MOST_CLICKS), (strokes, MOST_OF_STROKES)):
        inside = [s for s in said if 0 <= s[0] < H and 0 <= s[1] < W and s[2] != IGNORE]
        for sign in (1, -1):
            places = [(y / H, x / W, sign) for y, x, c in inside if (c == cls) == (sign > 0)]
            kept += places[:: -(-len(places) // most) or 1]
    return np.asarray(kept, np.float32).reshape(-1, 3)


def _pixels(places: Array, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(rows, columns) of places given as shares of the frame; rounding must not lead out of it."""
    rows, columns = (places[:, i] * n for i, n in enumerate((height, width)))
    return np.minimum(rows.astype(np.intp), height - 1), np.minimum(columns.astype(np.intp), width - 1)


def standardise(features: Array) -> Array:
    """(C, h, w) with mean 0 and deviation 1 in every channel."""
    mean, deviation = features.mean((1, 2), keepdims=True), features.std((1, 2), keepdims=True)
    standard: Array = (features - mean) / (deviation + 1e-3)
    return standard


def _kernel(a: Array, b: Array, features_a: Array, features_b: Array) -> Array:
    """Kernel (n, m) between places a (2, n) and b (2, m), in shares of the frame, with features (C, n) and (C, m)."""
    alike = np.exp(-_squared(features_a, features_b) / (2 * LIKENESS**2 * len(features_a)))
    near = np.exp(-_squared(a, b) / (2 * REACH**2))
    kernel: Array = (alike * (ANYWHERE + (1 - ANYWHERE) * near)).astype(np.float32)
    return kernel


def _squared(a: Array, b: Array) -> Array:
    """Squared distances (n, m) of the columns of a (C, n) and b (C, m)."""
    distance: Array = (a**2).sum(0)[:, None] + (b**2).sum(0)[None] - 2 * (a.T @ b)
    return np.maximum(distance, 0)


def _along(
    path: tuple[tuple[float, float], ...], spacing: float, size: tuple[int, int]
) -> NDArray[np.float64]:
    """(m, 2) places x, y along a path, `spacing` apart from its start, both ends included.

    Of a part that lies outside an image of `size` (H, W) at most the places next to it: a path may lead far away.
    """
    points = np.asarray(path, np.float64)
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = 1 + int(np.ceil(lengths[-1] / max(spacing, 1.0)))
    apart = lengths[-1] / max(count - 1, 1) or 1.0
    begin, move = points[:-1], np.diff(points, axis=0)
    rate = np.where(np.abs(move) < 1e-9, 1e-9, move)  # along one axis alone
    sides = np.sort([(0.0 - begin) / rate, (np.array(size[::-1]) - begin) / rate], axis=0)
    enters, leaves = np.clip(sides[0].max(1), 0, 1), np.clip(sides[1].min(1), 0, 1)
    first, last = (lengths[:-1] + t * np.diff(lengths) for t in (enters, leaves))
    runs = [np.arange(a // apart, b // apart + 2) for a, b in zip(first, last, strict=True) if a <= b]
    steps = np.unique(np.minimum(np.concatenate([[0.0], *runs]), count - 1))
    at = np.where(steps == count - 1, lengths[-1], steps * apart)
    return np.stack([np.interp(at, lengths, points[:, axis]) for axis in (0, 1)], 1)
