"""Masks among the formats of labels: a picture an image, each value a class. See `cuecast.io.labels.masks`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.objects import Annotations, connected_instances, in_reading_order, objects_of
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.io.kinds import MASK_ENDINGS
from cuecast.io.labels import Listed, Pictured
from cuecast.io.labels.masks import read_labels, read_stored, write_mask
from cuecast.io.labels.sheets import Shape, Sheet
from cuecast.io.labels.values import OWN_CHUNK


@dataclass(frozen=True)
class NumberedPicture:
    """A picture of numbers that is of one image: what masks and maps of ids have in common as a `LabelFile`."""

    path: Path
    shape: tuple[int, int]

    @property
    def listed(self) -> tuple[Listed, ...]:
        """See `LabelFile`: the image of its own name, without what names of masks end in."""
        return (Listed(image_stem(self.path), self.shape),)

    def size(self, image: Pictured) -> tuple[int, int] | None:  # noqa: ARG002
        """See `LabelFile`."""
        return self.shape


@dataclass(frozen=True)
class MaskFile(NumberedPicture):
    """The mask of one image; see `LabelFile`. `named`: value -> name of its class, where the file says so."""

    named: Mapping[int, str]

    @property
    def names(self) -> tuple[str, ...]:
        """See `LabelFile`: masks of ours name their classes."""
        return tuple(self.named[value] for value in sorted(self.named))

    def annotations(self, image: Pictured, classes: Sequence[ClassInfo] | None) -> Annotations:
        """See `LabelFile`. What touches and is of one class is one object, where no value numbers objects."""
        labels, objects = read_labels(self.path, image=image, classes=None if self.named else classes)
        if self.named and classes is not None:
            ids = {c.name: c.id for c in classes}
            pairs = {value: ids.get(name, 0) for value, name in self.named.items()}
            labels = np.vectorize(lambda value: pairs.get(value, value), otypes=[np.int32])(labels)
        left_out = labels == IGNORE
        labels = np.maximum(labels, 0)
        instances = connected_instances(labels) if objects is None else in_reading_order(objects)
        found = objects_of(instances, labels)
        return Annotations(image.name, image.size, found, left_out if left_out.any() else None)


def open_labels(path: Path, data: Any) -> MaskFile:  # noqa: ARG001
    """See `LabelFile`. Raises MaskError."""
    raster = read_stored(path, None, str(path))
    try:
        said = json.loads(raster.text.get(OWN_CHUNK, "{}"))
        named = {int(value): str(name) for value, name in said.items()}
    except (ValueError, AttributeError):
        named = {}
    return MaskFile(path, raster.size, named)


def write_labels(place: Path, sheets: Iterable[Sheet], classes: Sequence[ClassInfo], shape: Shape) -> Path:  # noqa: ARG001
    """See `cuecast.io.labels.sheets`: one picture an image."""
    for sheet in sheets:
        write_mask(place / f"{sheet.stem}.png", sheet.found.label_map(), classes)
    return place


def image_stem(path: Path) -> str:
    """The stem of the image that a mask is of, by what the names of masks end in."""
    return next((path.stem[: -len(end)] for end in MASK_ENDINGS if path.stem.endswith(end)), path.stem)
