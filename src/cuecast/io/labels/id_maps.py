"""Maps of ids among the formats of labels: a picture an image, each number of which is an object of one class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.objects import Annotations, in_reading_order, objects_of
from cuecast.core.values import ClassInfo
from cuecast.io.labels import Pictured
from cuecast.io.labels.ids import read_objects
from cuecast.io.labels.label_maps import NumberedPicture
from cuecast.io.labels.masks import read_stored, write_objects
from cuecast.io.labels.sheets import Shape, Sheet


@dataclass(frozen=True)
class IdFile(NumberedPicture):
    """The ids of one image; see `LabelFile`. All are of the first class."""

    names: tuple[str, ...] = ()

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`."""
        ids = in_reading_order(read_objects(self.path, image=image))
        cls = classes[0].id if classes else 1
        return Annotations(image.name, image.size, objects_of(ids, (ids > 0) * cls))


def open_labels(path: Path, data: Any) -> IdFile:  # noqa: ARG001
    """See `LabelFile`. Raises MaskError."""
    return IdFile(path, read_stored(path, None, str(path)).size)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one picture an image."""
    for sheet in sheets:
        write_objects(place / f"{sheet.stem}.png", sheet.found.object_map())
    return place
