"""Labels, Points and Shapes layers as the marks of cues, in the pixels of the pictures that they lie on.

    Labels     a mask: complete, what it leaves out is background. Of a stack, the slices that it marks are shown.
    Points     points.
    rectangle  a box.      path, line  a scribble, as wide as its edge.      polygon, ellipse  an outline, as a mask is.

Layers that are scaled, moved or turned against the picture are brought onto it by napari's own transforms. The middle
of a pixel is a whole number in napari and lies half a pixel further here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueError, MaskError
from cuecast.core.values import IGNORE, Box, ClassInfo, Example, Image, Point, Polygon, Scribble
from cuecast.cues import Cue
from cuecast.io.labels.masks import Labels, read_labels
from cuecast.io.labels.numbered import look_at
from cuecast.napari.layers import Matrix, Taken
from cuecast.napari.pictures import Picture, trailing

BY_NUMBER = ""
"""What a cue says of its class where the numbers of a Labels layer, or the column 'class', say it."""
NOT_THIS = "not this"
"""What a cue says of marks on something else."""
CORNERS = 64
"""Vertices of an ellipse."""


@dataclass(frozen=True, eq=False)
class LayerCue:
    """What one layer shows on a picture. `marks` None: the thing is not there; of a stack, on slice `index`.

    says  the name of a class, `BY_NUMBER` or `NOT_THIS`.
    """

    picture: Picture
    marks: Taken | None
    says: str = BY_NUMBER
    index: int | None = None


@dataclass(frozen=True, eq=False)
class Shown:
    """All that is shown on one picture, or on one slice of a stack: the cue, and how it is read."""

    picture: Picture
    index: int | None
    cue: Cue
    example: Example


@dataclass(eq=False)
class _Gathered:
    """The marks of all layers on one picture, or on one slice."""

    image: Image
    mask: NDArray[np.int32] | None = None
    objects: NDArray[np.int32] | None = None
    absent: bool = False
    drawn: dict[str, list[Any]] = field(default_factory=dict)

    def cue(self) -> Cue:
        """As a cue on its image."""
        marks: Any = self.drawn
        return Cue(self.image, self.mask, absent=self.absent, objects=self.objects, **marks)

    def paint(self, labels: NDArray[Any], says: str, classes: Sequence[ClassInfo]) -> None:
        """Lay labels (H, W) over those before."""
        found = _read(np.asarray(labels, np.int32), self.image, says, classes)
        if self.mask is None:
            self.mask, self.objects = found.mask, found.objects
            return
        over = found.mask > 0
        ids = np.zeros_like(self.mask) if self.objects is None else self.objects
        if found.objects is not None:
            ids = np.where(over, np.where(found.objects > 0, found.objects + ids.max(), 0), ids)
        elif over.any():
            ids = np.where(over, 0, ids)
        self.mask = np.where(over, found.mask, self.mask)
        self.objects = ids if ids.any() else None


def shown(cues: Sequence[LayerCue], classes: Sequence[ClassInfo]) -> list[Shown]:
    """What the layers show, one cue a picture or slice: several layers on one are one cue, later ones on top.

    Raises CueError, MaskError, ImageError; each names the layer.
    """
    gathered: dict[tuple[str, int | None], tuple[Picture, _Gathered]] = {}

    def on(picture: Picture, index: int | None) -> _Gathered:
        key = picture.name, index
        if key not in gathered:
            gathered[key] = picture, _Gathered(picture.image(index))
        return gathered[key][1]

    for cue in cues:
        if cue.marks is None:
            on(cue.picture, cue.index).absent = True
            continue
        try:
            if not _add(cue, cue.marks, classes, on):
                raise CueError("it marks nothing", remedy="draw in it, or take it out of the cues")
        except (CueError, MaskError) as error:
            raise error.within(cue.marks.name) from error
    read = []
    for (_, index), (picture, marks) in gathered.items():
        one = marks.cue()
        read.append(Shown(picture, index, one, one.read(classes)))
    return read


def _add(cue: LayerCue, marks: Taken, classes: Sequence[ClassInfo], on: Any) -> int:
    """Add what a layer shows to what is gathered, and count it; `on` gives that of a picture and an index."""
    if marks.kind == "labels":
        if cue.says == NOT_THIS:
            raise CueError(
                "a Labels layer says of all pixels what they are",
                remedy="mark what is not meant by points and paths",
            )
        slices = list(_slices(labels_on(marks, cue.picture), cue.picture))
        for index, labels in slices:
            on(cue.picture, index).paint(labels, cue.says, classes)
        return len(slices)
    drawn = list(_drawn(cue, marks, classes))
    for index, name, mark in drawn:
        on(cue.picture, index).drawn.setdefault(name, []).append(mark)
    return len(drawn)


def _read(labels: NDArray[np.int32], image: Image, says: str, classes: Sequence[ClassInfo]) -> Labels:
    """Labels (H, W) as class ids, with ids of objects where the numbers are of things of one class.

    They are where one class is meant, said or alone, unless they cannot well be: then that class is one mask, if it was
    said, and else the numbers are classes.
    """
    one = _named(says, classes) if says != BY_NUMBER else classes[0] if len(classes) == 1 else None
    several = len(np.unique(labels[labels > 0])) > 1
    things = several and not look_at(labels).no_things
    if one is None or (several and not things and says == BY_NUMBER):
        return read_labels(labels, image=image, classes=classes)
    mask = np.where(labels > 0, one.id, np.where(labels < 0, IGNORE, 0)).astype(np.int32)
    return Labels(mask, np.where(labels > 0, labels, 0).astype(np.int32) if things else None)


def _named(name: str, classes: Sequence[ClassInfo]) -> ClassInfo:
    for info in classes:
        if info.name == name:
            return info
    known = ", ".join(c.name for c in classes)
    raise CueError(
        f"class {name!r} is unknown", remedy=f"the classes are {known}: use one of these, or add it"
    )


def _slices(labels: NDArray[Any], picture: Picture) -> Iterator[tuple[int | None, NDArray[Any]]]:
    """(index, labels (H, W)) of each slice that is marked; of one picture (None, labels)."""
    if picture.stack is None:
        yield None, labels
        return
    marked = np.flatnonzero(labels.reshape(len(labels), -1).any(axis=1)).tolist()
    if not marked:
        raise CueError("no slice is marked", remedy="paint the thing on at least one")
    for index in marked:
        yield index, labels[index]


def labels_on(layer: Taken, picture: Picture) -> NDArray[Any]:
    """The labels on the grid of the picture, (H, W) or (N, H, W): as they are where that is theirs, too.

    Raises MaskError where they have other axes, or leave a part of the picture uncovered.
    """
    D = len(picture.shape)
    if layer.axes != D:
        raise MaskError(
            f"it has {layer.axes} axes, and the picture {picture.name!r} has {D}",
            remedy="paint on a Labels layer that was made for the picture",
        )
    way = np.linalg.inv(layer.to_world) @ picture.to_world
    if layer.data.shape == picture.shape and np.allclose(way, np.eye(D + 1), atol=1e-3):
        return np.asarray(layer.data)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in picture.shape], indexing="ij")).reshape(D, -1)
    at = way[:D, :D] @ corners + way[:D, D:]
    ends = np.array(layer.data.shape)[:, None]
    if (at < -1).any() or (at > ends).any():
        raise MaskError(
            f"it leaves a part of the picture {picture.name!r} uncovered",
            remedy="paint on a Labels layer that lies over all of it, or draw points, boxes or paths",
        )
    from scipy import ndimage

    laid: NDArray[Any] = ndimage.affine_transform(
        layer.data, way[:D, :D], way[:D, D], output_shape=picture.shape, order=0, mode="nearest"
    )
    return laid


def _drawn(
    cue: LayerCue, marks: Taken, classes: Sequence[ClassInfo]
) -> Iterator[tuple[int | None, str, Any]]:
    """(index, field of `Cue`, mark) of each point or shape."""
    to_pixels = _to_pixels(marks, cue.picture)
    for number, vertices in enumerate(marks.data):
        where = to_pixels(np.atleast_2d(vertices))
        index = None if cue.picture.stack is None else _slice_of(where, cue.picture)
        cls = _class(marks.said[number] or cue.says, classes)
        xy = where[:, :-3:-1] + 0.5
        if marks.kind == "points":
            yield index, "points", Point((float(xy[0, 0]), float(xy[0, 1])), cls)
            continue
        scale = float(np.sqrt(abs(np.linalg.det(to_pixels.matrix[-3:-1, -3:-1]))))
        name, mark = _shape(marks.shapes[number], xy, cls, marks.widths[number] * scale, cue.picture.size)
        yield index, name, mark


@dataclass(frozen=True, eq=False)
class _Way:
    """From the coordinates of a layer of marks to rows and columns of a picture."""

    matrix: Matrix

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        D = len(self.matrix) - 1
        moved: NDArray[np.float64] = points[:, -D:] @ self.matrix[:D, :D].T + self.matrix[:D, D]
        return moved


def _to_pixels(marks: Taken, picture: Picture) -> _Way:
    D = len(picture.shape)
    if marks.axes < D:
        raise CueError(
            f"its marks lie on no slice of {picture.name!r}",
            remedy="draw them on a layer that was made while the stack was shown",
        )
    return _Way(np.linalg.inv(picture.to_world) @ trailing(marks.to_world, D))


def _slice_of(where: NDArray[np.float64], picture: Picture) -> int:
    """The slice that marks lie on, by their rows, columns and so on (M, D)."""
    lies = np.rint(where[:, 0]).astype(int)
    if len(set(lies.tolist())) > 1:
        raise CueError("a shape reaches over several slices", remedy="draw it on one")
    if not 0 <= lies[0] < picture.shape[0]:
        raise CueError(
            f"a mark lies on slice {lies[0]}, and {picture.name!r} has 0 to {picture.shape[0] - 1}",
            remedy="move it, or take it out",
        )
    return int(lies[0])


def _class(says: str, classes: Sequence[ClassInfo]) -> int:
    """The id of the class that is said of a point or shape; 0 is 'not this'."""
    if says == NOT_THIS:
        return 0
    if says != BY_NUMBER:
        return _named(says, classes).id
    if len(classes) == 1:
        return classes[0].id
    raise CueError(
        "nothing says which class its marks are of",
        remedy="choose the class beside the layer, or name it in a column 'class' of the layer's features",
    )


def _shape(
    kind: str, xy: NDArray[np.float64], cls: int, width: float, size: tuple[int, int]
) -> tuple[str, Any]:
    """(field of `Cue`, mark) of a shape with vertices (M, 2) as x, y."""
    path = tuple((float(x), float(y)) for x, y in xy)
    if kind in ("path", "line"):
        return "scribbles", Scribble(path, max(width, 1.0), cls)
    if kind == "polygon":
        return "polygons", Polygon(path, cls)
    if kind == "ellipse":
        centre, across, down = xy.mean(0), (xy[1] - xy[0]) / 2, (xy[3] - xy[0]) / 2
        turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        rim = centre + np.outer(np.cos(turns), across) + np.outer(np.sin(turns), down)
        return "polygons", Polygon(tuple((float(x), float(y)) for x, y in rim), cls)
    low, high = xy.min(0), xy.max(0)
    upright = all(np.isclose(v, (low, high), atol=0.05).any(0).all() for v in xy)
    if kind != "rectangle" or not upright:
        raise CueError(
            f"a {'turned rectangle' if kind == 'rectangle' else kind} is no mark",
            remedy="draw a rectangle along the edges of the picture, an ellipse, a polygon, or a path",
        )
    if cls == 0:
        raise CueError("a box cannot say 'not this'", remedy="use points or paths for that")
    low, high = np.clip(low, 0, size[::-1]), np.clip(high, 0, size[::-1])
    return "boxes", Box((float(low[0]), float(low[1]), float(high[0]), float(high[1])), cls)
