"""A fake segmenter that is exact: features are colours. It ships so that users and tests need no network.

A pixel belongs to class k where its colour was marked k in the cues and nowhere marked as something else.
Every layer above the engine can be tested with it, in milliseconds, against answers known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Example, Image, Marks
from cuecast.engine.segmenter import PackFile, ScoreMaps


@dataclass(frozen=True)
class ColourKnowledge:
    """The classes, and for each the packed colours (r << 16 | g << 8 | b) that belong to it."""

    class_ids: tuple[int, ...]
    colours: tuple[frozenset[int], ...]


class ColourSegmenter:
    """Segments by exact colour. See the module's docstring."""

    encoder = None

    @classmethod
    def from_pack(
        cls, files: Mapping[str, PackFile], numbers: Mapping[str, Any], threads: int | None = None
    ) -> ColourSegmenter:
        """There is nothing to load: the pack is a card."""
        del files, numbers, threads
        return cls()

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,  # noqa: ARG002
        before: ColourKnowledge | None = None,  # noqa: ARG002
    ) -> ColourKnowledge:
        """Collect the colours under each class's marks, less those marked as anything else."""
        shown: dict[int, set[int]] = {c: set() for c in (0, *class_ids)}
        for example in examples:
            codes = _codes(example.image)
            for cls, where in _marked(example.marks):
                shown.setdefault(cls, set()).update(codes[where].ravel().tolist())
        others = {c: set().union(*(v for k, v in shown.items() if k != c)) for c in class_ids}
        return ColourKnowledge(tuple(class_ids), tuple(frozenset(shown[c] - others[c]) for c in class_ids))

    def score(self, knowledge: ColourKnowledge, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """1 where the colour belongs to the class, by the cues or by the image's own marks, 0 elsewhere."""
        codes = _codes(image)
        marked = [(cls, codes[where].ravel().tolist()) for m in own for cls, where in _marked(m)]
        planes = []
        for cls, colours in zip(knowledge.class_ids, knowledge.colours, strict=True):
            this = colours.union(*(under for c, under in marked if c == cls))
            planes.append(np.isin(codes, list(this.difference(*(under for c, under in marked if c != cls)))))
        return ScoreMaps(np.stack(planes).astype(np.float32))

    def zoom(self, knowledge: ColourKnowledge) -> float:  # noqa: ARG002
        """It sees each pixel as it is."""
        return 1.0

    def forget(self) -> None:
        """Nothing is kept."""


def _codes(image: Image) -> NDArray[np.int32]:
    p = image.pixels.astype(np.int32)
    return (p[..., 0] << 16) | (p[..., 1] << 8) | p[..., 2]


def _marked(marks: Marks) -> list[tuple[int, Any]]:
    """(class, index into the image) of every mark; a box counts by its middle pixel."""
    out: list[tuple[int, Any]] = []
    if marks.absent:
        out.append((0, np.ones(marks.size, bool)))
    if marks.mask is not None:
        out += [(int(c), marks.mask == c) for c in np.unique(marks.mask) if c >= 0]
    for box in marks.boxes:
        x1, y1, x2, y2 = box.xyxy
        out.append((box.cls, (int((y1 + y2) / 2), int((x1 + x2) / 2))))
    H, W = marks.size
    for stroke in marks.strokes:
        out += [(stroke.cls, (int(y), int(x))) for x, y in stroke.path if 0 <= x < W and 0 <= y < H]
    return out
