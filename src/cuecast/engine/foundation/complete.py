"""Boxes, points and scribbles become masks, by the engine of the pack `general`: large models take masks as cues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import PackError
from cuecast.core.geometry import mark_labels
from cuecast.core.tiling import Window, blend
from cuecast.core.values import IGNORE, Example, Marks
from cuecast.engine.decision import best_class
from cuecast.engine.forest import Forest, fit_forest
from cuecast.engine.mark_weights import fill_boxes, mark_weights
from cuecast.engine.packs import open_pack
from cuecast.engine.segmenter import Segmenter

Array = NDArray[np.float32]

ENGINE = "general"
FILTERS = "pixel"
"""The map of its encoder whose first channels are fixed filters."""
TILE, OVERLAP = 1024, 64
"""Of what the filters are computed for at once, in pixels."""
MOST_PIXELS = 12000
"""Pixels of cues that the forest is fitted on, at most."""
SURE = 0.5
"""Score from which a pixel of a sparsely marked cue is taken for the thing."""


@dataclass(frozen=True, eq=False)
class Completer:
    """Makes masks of sparse marks. The engine is loaded when one is met."""

    threads: int | None

    @cached_property
    def engine(self) -> Segmenter:
        """That of the pack `general`. Raises PackError where that is not there."""
        return open_pack(ENGINE).segmenter(self.threads)

    @cached_property
    def filters(self) -> Callable[[NDArray[np.uint8]], Array]:
        """A frame (h, w, 3) uint8, of even sides -> the fixed filters of the engine on it, (C, h / 2, w / 2)."""
        encoder, learned = self.engine.encoder, open_pack(ENGINE).numbers["preprocessing"]["texture"]
        if encoder is None or FILTERS not in encoder.maps:
            raise PackError("it has no filters of pixels", f"pack {ENGINE}", "install cuecast again")
        count = encoder.maps[FILTERS].width - learned

        def read(frame: NDArray[np.uint8]) -> Array:
            def here(window: Window) -> Array:
                top, bottom, left, right = (2 * n for n in window)
                tile = frame[top:bottom, left:right]
                sides = [(0, -n % encoder.multiple) for n in tile.shape[:2]]
                found = encoder.encode(np.pad(tile, [*sides, (0, 0)], mode="edge"))[FILTERS]
                return found[:count, : window.bottom - window.top, : window.right - window.left]

            h, w = (n // 2 for n in frame.shape[:2])
            return blend((h, w), count, TILE // 2, OVERLAP // 2, here)

        return read

    def complete(
        self, examples: Sequence[Example], class_ids: Sequence[int], scale: str
    ) -> tuple[Example, ...]:
        """The same cues, each with a mask: its own, with strokes drawn over it, or what the engine makes of its
        marks."""
        if not any(e.marks.is_sparse for e in examples):
            return tuple(_flat(e, mark_labels(e.marks)) for e in examples)
        known = self.engine.learn(examples, class_ids, scale)
        done = []
        for example in examples:
            labels = mark_labels(example.marks)
            if example.marks.is_sparse:
                scores = self.engine.score(known, example.image, [example.marks]).scores
                labels = _filled(scores, class_ids, example.marks, labels)
            done.append(_flat(example, labels))
        return tuple(done)


def forest_on(maps: Sequence[Array], shares: Sequence[Array]) -> Forest | None:
    """The forest on filters (C, h, w) of cues, each with the share (h, w) of each place that is the thing; thinned to
    `MOST_PIXELS` on a fixed stride."""
    pixels = np.concatenate([m.reshape(len(m), -1).T for m in maps])
    thing = np.concatenate([share.ravel() for share in shares])
    kept = np.linspace(0, len(pixels) - 1, min(len(pixels), MOST_PIXELS)).astype(np.intp)
    return fit_forest(pixels[kept], thing[None, kept], 1 - thing[None, kept])


def _flat(example: Example, labels: NDArray[np.int32]) -> Example:
    """The cue with a label map alone, its unknown pixels taken for background."""
    known = np.where(labels == IGNORE, 0, labels).astype(np.int32)
    return replace(example, marks=Marks(example.image.size, mask=known))


def _filled(
    scores: Array, class_ids: Sequence[int], marks: Marks, stated: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The label map (H, W) of a sparsely marked image: what the scores say of the classes that its marks name, things
    of boxes inside them alone, and what is stated (H, W) as it stands. What scores miss is what its marks cover.
    """
    planes = np.zeros_like(scores)
    for k, cls in enumerate(class_ids):
        boxes = [b for b in marks.boxes if b.cls == cls]
        if boxes:
            planes[k] = np.maximum(scores[k], SURE) * fill_boxes(scores[k], boxes)[0]
        elif cls in marks.class_ids:
            planes[k] = scores[k]
    labels = best_class(planes, class_ids, SURE)
    labels = np.where(stated == IGNORE, labels, stated).astype(np.int32)
    for cls in set(marks.class_ids) - set(np.unique(labels).tolist()):
        labels[mark_weights([marks], cls)[0][0] > 0] = cls
    return labels
