"""DINOv2 and DINOv3 as encoders, behind closed-form heads: features that tell what things are, and nothing is trained.

    learn:  cues --complete--> masks;  pictures --encoder--> patches --less background--> places, ridge
                                       pictures --filters--> forest
    score:  query --encoder--> patches --> likeness to the places, ridge --+--> scores at half size --finish-->
                  --filters--> forest -------------------------------------+

Two parts of the features say nothing of the thing and are taken out of them: what a picture without content has, which
is where a patch lies ('positional': Cuttano et al. 2026, 'INSID3', arXiv 2603.28480), and the directions in which the
cues' background is largest ('REBASE: Reference-Background Subspace Elimination', arXiv 2607.09082). The
forest on fixed filters, that of the pack `general`, sees what is smaller than a patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy.special import expit

from cuecast.core.kept import Kept
from cuecast.core.ordered import one_blas_thread
from cuecast.core.tiling import Window, blend
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.encoder import BUDGET, kept_maps
from cuecast.engine.forest import Forest, forest_logits
from cuecast.engine.foundation.answer import finish
from cuecast.engine.foundation.complete import Completer, forest_on
from cuecast.engine.foundation.runtime import Network, network, normal
from cuecast.engine.foundation.stated import read_numbers
from cuecast.engine.lessons import least_zoom, working_factor, working_scale
from cuecast.engine.refiner import Refiner, resize
from cuecast.engine.ridge import Ridge, moments
from cuecast.engine.segmenter import MapShape, PackFile, ScoreMaps

Array = NDArray[np.float32]

PATCH = "patch"
"""The map that the encoder gives."""
PATCHES = 32
"""Side of a working frame, in patches: 512 pixels for patches of 16."""
TILE, OVERLAP = 64, 8
"""Of what is encoded at once, in patches: the tokens of a tile attend to one another."""
NUMBERS = {"most": 2.0, "thickness": 24.0, "positional": 500 / 1024, "background": 8.0, "forest_share": 0.3}
"""What a card may state under 'preprocessing', with the defaults: the largest working side, as a multiple of the usual
one; how many working pixels a thing is thick from which on that suffices; the share of the features' directions that is
taken for positional (as INSID3's code takes 500 of the 1,024 of ViT-L); directions of the background that are taken
out, at most; the forest's share of the answer's logits."""
MOST_PLACES = 4096
"""Places of cues that a query is compared with, at most; more are thinned on a fixed stride."""
DIRECTIONS = 256
"""Of the features, that the ridge regression is fitted on: those in which the cues vary most."""
PER_DIRECTION = 100
"""Patches of background for each direction of it that is taken out, at least: in REBASE one for each 200, and as good
with one for each 100; of few patches, more directions would take out what the thing is, too."""
SHARPNESS = 20.0
"""A place of the cues speaks with exp(SHARPNESS * cosine)."""
STRENGTH = 0.1
"""Penalty of the ridge regression."""
RIDGE_LOGITS = 3.0
"""Logits a unit of the ridge score."""
LEAST = 1e-3
"""Share of a patch from which it is taken to be of the thing, or of the rest."""


@dataclass(frozen=True, eq=False)
class DinoEncoder:
    """An `Encoder`: the patches of a picture as unit vectors, without their positional part."""

    network: Network
    positional: float

    @property
    def multiple(self) -> int:
        """The side of a patch, in pixels."""
        config = self.network.config
        if config.model_type == "dinov3_convnext":
            return int(4 * 2 ** (len(config.hidden_sizes) - 1))
        return int(config.patch_size)

    @property
    def maps(self) -> dict[str, MapShape]:
        """One map, of the patches."""
        config = self.network.config
        width = config.hidden_sizes[-1] if hasattr(config, "hidden_sizes") else config.hidden_size
        return {PATCH: MapShape(self.multiple, int(width))}

    def encode(self, frame: NDArray[np.uint8]) -> dict[str, Array]:
        """See `Encoder.encode`."""
        raw = self._tokens(frame)
        if self.basis.shape[1]:
            flat = raw.reshape(len(raw), -1)
            raw = unit(flat - self.basis @ (self.basis.T @ flat)).reshape(raw.shape)
        return {PATCH: raw}

    @cached_property
    def basis(self) -> Array:
        """(D, r): directions of the positional part: in which the patches of an empty picture differ. A network of
        convolutions has none."""
        width = self.maps[PATCH].width
        count = int(self.positional * width)
        if self.network.config.model_type == "dinov3_convnext" or not count:
            return np.zeros((width, 0), np.float32)
        side = PATCHES * self.multiple
        empty = self._tokens(np.zeros((side, side, 3), np.uint8)).reshape(width, -1)
        return leading((empty - empty.mean(1, keepdims=True)).T, count)

    def _tokens(self, frame: NDArray[np.uint8]) -> Array:
        """(D, h, w): the patches as unit vectors, all that they hold."""
        h, w = (n // self.multiple for n in frame.shape[:2])
        with self.network.running() as model:
            found = model(pixel_values=self.network.tensor(normal(frame)[None])).last_hidden_state[0]
            tokens = self.network.array(found[len(found) - h * w :])
        return unit(tokens.T).reshape(-1, h, w)


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is kept of one class: the working side and zoom; background (D, b), directions that are taken out; places
    (J, D) of the cues, unit vectors, with the weights thing and rest (J,); turned (D, d), on which the ridge stands;
    the forest."""

    cls: int
    side: float
    zoom: float | None
    background: Array
    places: Array
    thing: Array
    rest: Array
    turned: Array
    ridge: Ridge
    forest: Forest | None


@dataclass(frozen=True, eq=False)
class DinoKnowledge:
    """A lesson for each class, in the order given to `learn`."""

    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, eq=False)
class DinoSegmenter:
    """See the module's docstring. Build it with `from_pack`."""

    encoder: DinoEncoder
    completer: Completer
    preprocessing: Mapping[str, float]
    seen: Kept[Any] = field(default_factory=lambda: kept_maps(BUDGET), repr=False)

    @classmethod
    def from_pack(
        cls, files: Mapping[str, PackFile], numbers: Mapping[str, Any], threads: int | None = None
    ) -> DinoSegmenter:
        """Load the weights that the card names. Raises PackError, MissingExtraError, InputError."""
        stated = read_numbers(numbers.get("preprocessing", {}), NUMBERS, ("positional", "forest_share"))
        # The last of the positional directions are small differences, which half precision rounds away.
        encoder = DinoEncoder(network(files, "dino", threads, fine=True), stated["positional"])
        side = PATCHES * encoder.multiple
        return cls(encoder, Completer(threads), stated | {"side": side, "most": stated["most"] * side})

    def zoom(self, knowledge: DinoKnowledge) -> float:
        """See `Segmenter.zoom`."""
        return least_zoom(lesson.zoom for lesson in knowledge.lessons)

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: DinoKnowledge | None = None,
    ) -> DinoKnowledge:
        """Make masks of sparse marks, and fit the heads of each class on them."""
        known = {lesson.cls: lesson for lesson in before.lessons} if before else {}
        with one_blas_thread():
            complete = self.completer.complete(examples, class_ids, scale)
            lessons = []
            for cls in class_ids:
                old = known.get(cls)
                if old:
                    side, zoom = old.side, old.zoom
                else:
                    side, zoom = working_scale(examples, cls, scale, self.preprocessing)
                lessons.append(self._study(complete, cls, side, zoom, old))
            return DinoKnowledge(tuple(lessons))

    def score(self, knowledge: DinoKnowledge, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """See `Segmenter.score`."""
        refiner = Refiner(image.pixels)
        with one_blas_thread():
            planes = [
                finish(self._plane(lesson, image), lesson.cls, image, own, refiner)
                for lesson in knowledge.lessons
            ]
        return ScoreMaps(np.stack(planes), tuple({} for _ in planes))

    def forget(self) -> None:
        """See `Segmenter.forget`."""
        self.seen.clear()

    def _study(
        self, examples: Sequence[Example], cls: int, side: float, zoom: float | None, old: Lesson | None
    ) -> Lesson:
        """Fit the heads of a class on cues with masks, or keep the forest of `old`."""
        maps = [self._patches(e.image, side, zoom) for e in examples]
        rows = np.concatenate([m.reshape(len(m), -1).T for m in maps])
        thing = np.concatenate(
            [_share(e, cls, m.shape[1:]).ravel() for e, m in zip(examples, maps, strict=True)]
        )
        kept = np.linspace(0, len(rows) - 1, min(len(rows), MOST_PLACES)).astype(np.intp)
        if not (thing[kept] > LEAST).any():  # a thing that the stride has missed
            kept[0] = thing.argmax()
        rows, thing = rows[kept], thing[kept]
        rest = rows[thing <= LEAST]
        most = min(int(self.preprocessing["background"]), -(-len(rest) // PER_DIRECTION))
        background = leading(rest, most)
        places = without(rows, background)
        turned = leading(places - places.mean(0), DIRECTIONS)
        both = thing[None], 1 - thing[None]
        ridge = Ridge.from_moments(moments(places @ turned, *both), STRENGTH)
        forest = old.forest if old else self._forest(examples, cls, side, zoom)
        return Lesson(cls, side, zoom, background, places, thing, 1 - thing, turned, ridge, forest)

    def _forest(
        self, examples: Sequence[Example], cls: int, side: float, zoom: float | None
    ) -> Forest | None:
        """The forest on the filters of the cues' pixels."""
        maps = [self._filters(e.image, side, zoom) for e in examples]
        return forest_on(maps, [_share(e, cls, m.shape[1:]) for e, m in zip(examples, maps, strict=True)])

    def _plane(self, lesson: Lesson, image: Image) -> Array:
        """Scores (h, w) of a class on the image, at half its working size; kept for the next click."""

        def compute() -> Array:
            patches = self._patches(image, lesson.side, lesson.zoom)
            filters = self._filters(image, lesson.side, lesson.zoom)
            logits = resize(read(lesson, patches), filters.shape[1:])
            if lesson.forest is not None:
                share = np.float32(self.preprocessing["forest_share"])
                logits = (1 - share) * logits + share * forest_logits(lesson.forest, filters)[0]
            scores: Array = expit(logits)
            return scores

        plane: Array = self.seen.get((lesson, image.digest), compute)
        return plane

    def _patches(self, image: Image, side: float, zoom: float | None) -> Array:
        """(D, h, w): the patches of an image at its working size, tile by tile."""
        step = self.encoder.multiple

        def compute() -> Array:
            frame = self._frame(image, side, zoom)
            h, w = (n // step for n in frame.shape[:2])

            def here(window: Window) -> Array:
                top, bottom, left, right = (step * n for n in window)
                return self.encoder.encode(frame[top:bottom, left:right])[PATCH]

            joined = blend((h, w), self.encoder.maps[PATCH].width, TILE, OVERLAP, here)
            return unit(joined.reshape(len(joined), -1)).reshape(joined.shape)

        patches: Array = self.seen.get((PATCH, image.digest, side, zoom), compute)
        return patches

    def _filters(self, image: Image, side: float, zoom: float | None) -> Array:
        """(C, h / 2, w / 2): the fixed filters of an image at its working size."""

        def compute() -> Array:
            return self.completer.filters(self._frame(image, side, zoom))

        filters: Array = self.seen.get(("filters", image.digest, side, zoom), compute)
        return filters

    def _frame(self, image: Image, side: float, zoom: float | None) -> NDArray[np.uint8]:
        """The image (h, w, 3) at its working size: sides are multiples of a patch."""
        step = self.encoder.multiple
        factor = working_factor(image.size, side, zoom)
        h, w = (step * max(1, round(n * factor / step)) for n in image.size)
        return np.asarray(PILImage.fromarray(image.pixels).resize((w, h), PILImage.Resampling.BICUBIC))


def read(lesson: Lesson, patches: Array) -> Array:
    """Logits (h, w) of patches (D, h, w): the mean of what the alike places of the cues say, and of the ridge."""
    places = without(patches.reshape(len(patches), -1).T, lesson.background)
    alike = np.exp(SHARPNESS * (places @ lesson.places.T - 1))
    near = np.log(alike @ lesson.thing + 1e-6) - np.log(alike @ lesson.rest + 1e-6)
    ridge = RIDGE_LOGITS * lesson.ridge.read(places @ lesson.turned)[0]
    logits: Array = ((near + ridge) / 2).astype(np.float32)
    return logits.reshape(patches.shape[1:])


def leading(rows: Array, most: int) -> Array:
    """(D, r): the directions in which rows (J, D) are largest, at most `most` of them; none of no rows."""
    if not len(rows) or not most:
        return np.zeros((rows.shape[1], 0), np.float32)
    directions = np.linalg.svd(rows, full_matrices=False)[2]
    return np.ascontiguousarray(directions[:most].T, np.float32)


def without(rows: Array, directions: Array) -> Array:
    """Rows (J, D) with these directions (D, r) taken out, as unit vectors."""
    left: Array = (rows - (rows @ directions) @ directions.T).astype(np.float32)
    return unit(left.T).T


def unit(columns: Array) -> Array:
    """(D, J) with every column of length 1."""
    scaled: Array = columns / (np.linalg.norm(columns, axis=0, keepdims=True) + 1e-6)
    return scaled


def _share(example: Example, cls: int, size: tuple[int, ...]) -> Array:
    """The share (h, w) of each place that the mask of a cue gives to a class."""
    assert example.marks.mask is not None
    return resize((example.marks.mask == cls).astype(np.float32), (size[0], size[1]))
