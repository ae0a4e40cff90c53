"""Packs that a process keeps loaded, and predictors that keep what they have learned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from cuecast.core.errors import CuecastError
from cuecast.core.kept import Kept
from cuecast.core.objects import ObjectMode
from cuecast.core.values import ClassInfo, Example
from cuecast.cues import Cue
from cuecast.predictor import Concept, Predictor, digest_of, load, read_cues
from cuecast.service.ready import pack_of
from cuecast.service.settings import Settings

CONCEPTS = 512 * 2**20
"""Bytes of pixels of the cues of concepts that are kept."""
PACKS = 3
"""Packs that a process keeps loaded at once: those that stand on one base share its memory."""


def pixel_bytes(concept: Concept | None) -> int:
    """What counts towards `CONCEPTS`."""
    return sum(e.image.pixels.nbytes for e in concept.examples) if concept else 0


@dataclass(frozen=True, eq=False)
class KeepingPredictor(Predictor):
    """See the module's docstring. For one thread."""

    concepts: Kept[Concept] = field(default_factory=lambda: Kept(CONCEPTS, pixel_bytes, always=True))

    def learn(
        self,
        cues: Iterable[Cue | Example],
        classes: Sequence[ClassInfo | str] | None = None,
        scale: str = "frame",
        objects: ObjectMode = "auto",
    ) -> Concept:
        """As `Predictor.learn`; equal images, marks, classes, scale and objects give the same value."""
        infos, examples = read_cues(tuple(cues), classes)
        learn = super().learn
        digest = digest_of(examples, infos, scale)
        concept = self.concepts.get((digest, objects), lambda: learn(examples, infos, scale, objects))
        # Thresholds are no part of what is learned: the concept that is kept may have those of an earlier question.
        given = {c.name: c.threshold for c in infos}
        wanted = {c.name: given.get(c.name) for c in concept.classes}
        kept = all(c.threshold == wanted[c.name] for c in concept.classes)
        return concept if kept else concept.with_thresholds(wanted)


@dataclass(frozen=True)
class Loaded:
    """The packs used last, loaded. One that was replaced by another of its name is loaded anew. For one thread."""

    settings: Settings
    threads: int
    _kept: OrderedDict[str, KeepingPredictor] = field(default_factory=OrderedDict, repr=False)

    def get(self, name: str | None) -> KeepingPredictor:
        """The predictor of the pack of that name; None: of the service's. Raises PackError."""
        pack = pack_of(self.settings, name)
        if pack.digest not in self._kept:
            self._kept[pack.digest] = keeping(str(pack.folder), self.threads)
        self._kept.move_to_end(pack.digest)
        while len(self._kept) > PACKS:
            self._kept.popitem(last=False)
        return self._kept[pack.digest]


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
