"""A predictor that keeps what it has learned: whoever shows the same cues again does not wait a second time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from cuecast.core.errors import CuecastError
from cuecast.core.values import ClassInfo, Example
from cuecast.cues import Cue
from cuecast.predictor import Concept, Predictor, digest_of, load, read_cues
from cuecast.service.compute.recent import Recent

CONCEPTS = 512 * 2**20
"""Bytes of pixels of the cues of concepts that are kept."""


def pixel_bytes(concept: Concept | None) -> int:
    """What counts towards `CONCEPTS`."""
    return sum(e.image.pixels.nbytes for e in concept.examples) if concept else 0


@dataclass(frozen=True, eq=False)
class KeepingPredictor(Predictor):
    """See the module's docstring. For one thread."""

    concepts: Recent[Concept] = field(default_factory=lambda: Recent(CONCEPTS, pixel_bytes))

    def learn(
        self,
        cues: Iterable[Cue | Example],
        classes: Sequence[ClassInfo | str] | None = None,
        scale: str = "frame",
    ) -> Concept:
        """As `Predictor.learn`; equal images, marks, classes and scale give the same value."""
        infos, examples = read_cues(tuple(cues), classes)
        learn = super().learn
        return self.concepts.get(digest_of(examples, infos, scale), lambda: learn(examples, infos, scale))


def keeping(pack: str, threads: int) -> KeepingPredictor:
    """A pack by name or folder, as `cuecast.load` opens it."""
    opened = load(pack, threads=threads)
    return KeepingPredictor(opened.segmenter, opened.pack)


def warm(predictor: Predictor) -> None:
    """Load what the first answer of a process loads: libraries, and the buffers of the network."""
    pixels = np.zeros((96, 96, 3), np.uint8)
    pixels[24:72, 24:72] = 255
    mask = (pixels[..., 0] > 0).astype(np.uint8)
    with suppress(CuecastError):  # a pack that cannot be used is named to who asks
        Predictor(predictor.segmenter, predictor.pack).learn([Cue(pixels, mask=mask)]).segment(
            pixels[::-1].copy()
        )
    predictor.segmenter.forget()
