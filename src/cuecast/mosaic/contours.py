"""Outlines of objects from the pixel edges around their pieces. Pure functions.

An edge is one side of a pixel, walked so that the object lies on its right: along the top to the east, down the right
side, along the bottom to the west, up the left side (y points down). Edges of two pieces add up to those of both
together: where the pieces touch, an edge is walked both ways, and the two cancel. So an outline costs memory by its
length, not by the area it runs around.

An edge's code is 4 * (row * (width + 1) + column) + direction, of the corner where it starts; width is the raster's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cuecast.core.tiling import Window

EAST, SOUTH, WEST, NORTH = range(4)
_DX = np.array([1, 0, -1, 0])
_DY = np.array([0, 1, 0, -1])

Contour = NDArray[np.int64]
"""(n, 2) corners x, y in pixels of the raster; the last is joined to the first."""

Shape = list[list[Contour]]
"""Polygons of one object: each its outer ring (clockwise as seen) and then its holes (the other way round)."""


def edges_of(
    components: NDArray[np.int32], window: Window, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """(codes, owners) of all edges of labelled pieces (h, w) in a window; what lies outside is background."""
    p = np.pad(components, 1)
    core = p[1:-1, 1:-1]
    sides = (
        (EAST, p[:-2, 1:-1], 0, 0),
        (SOUTH, p[1:-1, 2:], 1, 0),
        (WEST, p[2:, 1:-1], 1, 1),
        (NORTH, p[1:-1, :-2], 0, 1),
    )
    codes, owners = [], []
    for direction, beyond, dx, dy in sides:
        rows, cols = np.nonzero((core > 0) & (beyond != core))
        corner = (rows + window.top + dy).astype(np.int64) * (width + 1) + cols + window.left + dx
        codes.append(4 * corner + direction)
        owners.append(core[rows, cols])
    return np.concatenate(codes), np.concatenate(owners)


def outer_edges(codes: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The edges (n,) that are left when those walked both ways have cancelled, sorted by code."""
    start, direction = codes // 4, codes % 4
    back = (direction == WEST) | (direction == NORTH)
    lower = np.where(back, start + _steps(width)[direction], start)
    sides = 2 * lower + direction % 2
    _, index, counts = np.unique(sides, return_inverse=True, return_counts=True)
    return np.sort(codes[counts[index] == 1])


def perimeter(edges: NDArray[np.int64], width: int) -> float:
    """Length of an outline, edges (n,), by Crofton's formula in four directions, as scikit-image's `perimeter_crofton`.

    Lines along rows and columns cross the outline at each edge; a diagonal one through a corner crosses it where one,
    but not the other, of the two edges that it passes between is there.
    """
    direction = edges % 4
    starts, ends = edges // 4, edges // 4 + _steps(width)[direction]
    corners, index = np.unique(np.concatenate([starts, ends]), return_inverse=True)
    # which of its four edges (east, south, west, north of it) each corner has
    has = np.zeros((len(corners), 4), bool)
    has[index[: len(edges)], direction] = True
    has[index[len(edges) :], (direction + 2) % 4] = True
    falling = (has[:, NORTH] ^ has[:, EAST]).sum()  # from the upper left pixel to the lower right one
    rising = (has[:, NORTH] ^ has[:, WEST]).sum()
    return float(np.pi / 8 * (len(edges) + (falling + rising) / np.sqrt(2)))


def polygons(edges: NDArray[np.int64], width: int) -> Shape:
    """The polygons that sorted edges (n,) enclose, valid by the rules of Simple Features: none touches itself.

    Parts that meet at a corner only are polygons of their own. Outer rings come in the order of their first corner.
    """
    outer: list[Contour] = []
    holes: list[Contour] = []
    for contour in _contours(edges, width):
        (outer if _area(contour) > 0 else holes).append(contour)
    shape: Shape = [[contour] for contour in outer]
    for hole in holes:
        shape[_around(hole, outer)].append(hole)
    return shape


def _contours(edges: NDArray[np.int64], width: int) -> list[Contour]:
    """Simple closed rings, with corners only where they turn."""
    direction = edges % 4
    ends = edges // 4 + _steps(width)[direction]
    following = np.full(len(edges), -1)
    # At a corner where four edges meet, turning right keeps to the same pixel, so parts that only touch stay apart.
    for turn in (3, 0, 1):
        wanted = 4 * ends + (direction + turn) % 4
        at = np.minimum(np.searchsorted(edges, wanted), len(edges) - 1)
        following = np.where(edges[at] == wanted, at, following)
    turns = direction[following] != direction
    x, y = ends % (width + 1), ends // (width + 1)
    contours: list[Contour] = []
    for members in _cycles(following.tolist()):
        corners = [i for i in members if turns[i]]
        for contour in _split(list(zip(x[corners].tolist(), y[corners].tolist(), strict=True))):
            contours.append(np.array(contour, np.int64))
    return contours


def _cycles(following: list[int]) -> list[list[int]]:
    seen = bytearray(len(following))
    cycles = []
    for start in range(len(following)):
        if seen[start]:
            continue
        cycle, at = [], start
        while not seen[at]:
            seen[at] = 1
            cycle.append(at)
            at = following[at]
        cycles.append(cycle)
    return cycles


def _split(corners: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """A ring cut where it comes back to a corner, so that none of the parts touches itself."""
    if len(set(corners)) == len(corners):
        return [corners]
    parts: list[list[tuple[int, int]]] = []
    path: list[tuple[int, int]] = []
    where: dict[tuple[int, int], int] = {}
    for corner in corners:
        if corner in where:
            since = where[corner]
            part = path[since:]
            parts.append(part)
            for left in part:
                del where[left]
            del path[since:]
        where[corner] = len(path)
        path.append(corner)
    return [*parts, path]


def _area(contour: Contour) -> int:
    """Twice the enclosed area; positive where the ring runs clockwise as seen, the object inside."""
    x, y = contour.T
    return int((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _around(hole: Contour, outer: list[Contour]) -> int:
    """Index of the smallest outer ring that a hole lies in."""
    if len(outer) == 1:
        return 0
    first, second = hole[0], hole[1]
    x, y = (
        first + np.sign(second - first) * 0.5
    ).tolist()  # on the hole's own edge, which no other ring shares
    best, smallest = 0, None
    for index, contour in enumerate(outer):
        (left, top), (right, bottom) = contour.min(axis=0), contour.max(axis=0)
        if left <= x <= right and top <= y <= bottom and _inside(x, y, contour):
            area = _area(contour)
            if smallest is None or area < smallest:
                best, smallest = index, area
    return best


def _inside(x: float, y: float, contour: Contour) -> bool:
    """Even-odd test of a point that lies on no edge of the ring: upright edges to the right of it are counted.

    A point in the middle of an upright edge has a half in y and meets no corner; one in the middle of a level edge is
    moved down a little, which crosses no edge as its own ring is not asked.
    """
    row = y if y % 1 else y + 0.25
    a, b = contour, np.roll(contour, -1, axis=0)
    upright = a[:, 0] == b[:, 0]
    crossed = (
        upright & (a[:, 0] > x) & (np.minimum(a[:, 1], b[:, 1]) < row) & (np.maximum(a[:, 1], b[:, 1]) > row)
    )
    return bool(crossed.sum() % 2)


def _steps(width: int) -> NDArray[np.int64]:
    """What walking an edge in each direction adds to a corner's number."""
    steps: NDArray[np.int64] = (_DX + _DY * (width + 1)).astype(np.int64)
    return steps
