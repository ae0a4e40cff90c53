"""The engine: encoder (ONNX) -> matcher (closed form, numpy) -> decoder (ONNX) -> refiner.

    learn:  cue images --resize--> tiles --encode--> features --+--> matcher.learn and a forest, a class at a time
            marks ----------------------> weights --------------+
    score:  query --resize--> tiles --encode--> features --matcher.evidence--+--> decode --> correct --> refine
                                                 ^     +--forest------------+     |            ^
                                                 +---- joins few cues <-----------+            |
                                                             marks on the query itself --------+

Torch is not needed. Instances hold two ONNX Runtime sessions, which may be shared between threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.correction import correct, guess, marked_places, standardise
from cuecast.errors import PackError
from cuecast.forest import fit_forest, forest_logits
from cuecast.marks import WEAK
from cuecast.matcher import (
    ClassKnowledge,
    FeatureMaps,
    MatcherWeights,
    Shown,
    evidence,
    join,
    known_pixels,
    learn,
)
from cuecast.place import NOWHERE, Place, positions, read_place, shown_place
from cuecast.refiner import Refiner, resize
from cuecast.segmenters import Answer
from cuecast.segmenters.features import FeatureCache
from cuecast.segmenters.mark_weights import fill_boxes, mark_weights
from cuecast.segmenters.scale import working_side
from cuecast.segmenters.signals import PLANES, measure, sigmoid
from cuecast.segmenters.views import View, Viewer, common_zoom, open_session, pad
from cuecast.tiling import Window
from cuecast.types import Example, Image, Marks

Array = NDArray[np.float32]
SURE = 0.5
"""Score from which a pixel of a sparsely marked cue is taken for the thing; the others are taken for the rest."""
STATED = ("side", "most", "thickness", "tile", "overlap", "texture", "forest_share")
"""What a card states under 'preprocessing'. The last is the forest's share of the answer's logits: the decoder reads
the forest, but heeds it too little on kinds of pictures that it never saw (docs/decisions/0018-forest-share.md)."""
FEW = 2
"""Cues that show a thing, up to which a query joins them: with more it gains nothing, and doubles the time
(docs/decisions/0020-second-look.md)."""
SCENES = 32 * 2**20
"""Bytes of answers that are kept for the next click on their image."""


@dataclass(frozen=True, eq=False)
class ClassLesson:
    """What is known of one class `cls`: its working scale and the matcher's knowledge at that scale.

    side    the square root of the working frame's area, in working pixels, for scale 'frame';
    zoom    working pixels per image pixel for scale 'pixel' (None for 'frame');
    forest  the per-pixel classifier, None where the cues show nothing but the thing;
    looks   (n, 2, C) mean and deviation of the pixel features over each cue;
    place   where in the frame it was shown, for scale 'frame'.
    """

    cls: int
    side: float
    zoom: float | None
    known: ClassKnowledge = field(repr=False)
    forest: Any = field(repr=False)
    looks: Array = field(repr=False)
    place: Place = field(default=NOWHERE, repr=False)
    key: object = field(default_factory=object, repr=False)
    """Stands for this lesson in caches, which must not keep it alive."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What a lesson says of one image before anything is refined.

    `PLANES` (6, h, w); the image's look (2, C); `there`: logit of the thing being anywhere in it.
    """

    planes: Array
    look: Array
    there: np.float32


@dataclass(frozen=True, eq=False)
class MatchingKnowledge:
    """One lesson a class, in the order of the class ids given to `learn`."""

    lessons: tuple[ClassLesson, ...]


@dataclass(frozen=True, eq=False)
class MatchingSegmenter:
    """See the module's docstring. Build it with `from_pack`."""

    viewer: Viewer
    decode: Callable[[dict[str, Array]], Sequence[Array]]
    weights: MatcherWeights
    preprocessing: dict[str, Any]
    threads: int | None = None
    scenes: FeatureCache = field(default_factory=lambda: FeatureCache(SCENES), repr=False)

    @classmethod
    def from_pack(cls, folder: Path, card: dict[str, Any], threads: int | None = None) -> MatchingSegmenter:
        """Load encode.onnx, decode.onnx and matcher.npz of a pack on the CPU."""
        if threads is not None:  # more than there are cores do not help, and each takes memory
            threads = min(threads, os.cpu_count() or threads)
        encoder, decoder = (open_session(folder / name, threads) for name in ("encode.onnx", "decode.onnx"))
        with np.load(folder / "matcher.npz", allow_pickle=False) as stored:
            weights = MatcherWeights(
                stored["temperature"],
                float(stored["ridge4"]),
                float(stored["ridge2"]),
                stored["hidden"],
                stored["bias"],
            )
        preprocessing = card.get("preprocessing", {})
        if "place" not in {i.name for i in decoder.get_inputs()} or not preprocessing.keys() >= set(STATED):
            raise PackError(
                f"pack {folder}: it was made for an earlier version of cuecast; install the pack again"
            )
        return cls(
            viewer=Viewer(
                lambda image: encoder.run(None, {"image": image}),
                preprocessing["tile"],
                preprocessing["overlap"],
            ),
            decode=lambda maps: decoder.run(None, maps),
            weights=weights,
            preprocessing=preprocessing,
            threads=threads,
        )

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: MatchingKnowledge | None = None,
    ) -> MatchingKnowledge:
        """Encode the cues at the working scale of each class and fit the matcher's heads and the forest."""
        earlier = {lesson.cls: lesson for lesson in (before.lessons if before else ())}
        lessons = []
        for cls in class_ids:
            if cls in earlier:
                lesson = earlier[cls]
                lessons.append(self._study(examples, cls, lesson.side, lesson.zoom, lesson))
                continue
            side = working_side(examples, cls, self.preprocessing)
            zoom = common_zoom(examples, cls, side) if scale == "pixel" else None
            lessons.append(self._study(examples, cls, side, zoom))
        return MatchingKnowledge(tuple(lessons))

    def score(self, knowledge: MatchingKnowledge, image: Image, own: Sequence[Marks] = ()) -> Answer:
        """See `Segmenter.score`."""
        scores = np.empty((len(knowledge.lessons), *image.size), np.float32)
        signals = []
        scales = {(lesson.side, lesson.zoom) for lesson in knowledge.lessons}
        views = {scale: self.viewer.view(image, *scale) for scale in scales}
        refiner = Refiner(image.pixels)
        for k, lesson in enumerate(knowledge.lessons):
            view = views[lesson.side, lesson.zoom]
            scene = self._scene(lesson, view)
            logits = self._corrected(scene.planes[:1], lesson.cls, view, own)
            planes = np.concatenate([logits, scene.planes[1:]])
            signals.append(measure(planes, lesson.known.share, scene.look, lesson.looks, float(scene.there)))
            scores[k] = refiner.refine(sigmoid(planes[0]))
        return Answer(scores, tuple(signals))

    def forget(self) -> None:
        """See `Segmenter.forget`."""
        self.viewer.cache.clear()
        self.scenes.clear()

    def _study(
        self,
        examples: Sequence[Example],
        cls: int,
        side: float,
        zoom: float | None,
        before: ClassLesson | None = None,
    ) -> ClassLesson:
        """Fit matcher and forest on all cues, or keep the forest of `before`.

        What sparse marks leave open is first filled in by the matcher alone.
        """
        weights = mark_weights([e.marks for e in examples], cls)
        shown, looks = self._shown(examples, weights, side, zoom)
        if any(e.marks.is_sparse for e in examples):
            first = ClassLesson(cls, side, zoom, learn(shown, self.weights), None, looks)
            informed = any(e.marks.mask is not None and (e.marks.mask == cls).any() for e in examples)
            weights = [
                self._fill(first, informed, e, w) if e.marks.is_sparse else w
                for e, w in zip(examples, weights, strict=True)
            ]
            shown, looks = self._shown(examples, weights, side, zoom)
        forest = before.forest if before else self._forest(shown)
        place = shown_place(weights) if zoom is None else NOWHERE
        return ClassLesson(cls, side, zoom, learn(shown, self.weights), forest, looks, place)

    def _forest(self, shown: Sequence[Shown]) -> Any:
        def read(tile: Shown) -> Array:
            return np.concatenate([tile.features.pixel[: -self.preprocessing["texture"]], tile.at])

        return fit_forest(*known_pixels(shown, read=read), jobs=self.threads or -1)

    def _fill(
        self, first: ClassLesson, informed: bool, example: Example, weights: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """Weights of a sparse cue after looking at its image: what the first fit is sure of joins the marks.

        `informed`: that fit has seen a complete cue.
        """
        cls = first.cls
        positive, negative = weights
        boxes = [b for b in example.marks.boxes if b.cls == cls]
        if not (informed or boxes or positive.any()):
            return weights  # Nothing here says where the thing is; it may be anywhere.
        view = self.viewer.view(example.image, first.side, first.zoom)
        if informed or boxes:
            logits = self._corrected(self._scene(first, view).planes[:1], cls, view, [example.marks])[0]
        else:
            # A few marked pixels teach the matcher too little; the process that corrects answers starts from nothing.
            h, w = (n // 2 for n in view.frame.shape[:2])
            logits = guess((h, w), self._standard(view), marked_places(example.marks, cls))
        scores = Refiner(example.image.pixels).refine(sigmoid(logits))
        if boxes:
            thing, inside = fill_boxes(scores, boxes)
            rest = inside & ~thing
        elif positive.any():
            thing, rest = scores >= SURE, scores < SURE
        else:
            # Who only says 'not this' denies guesses: those that are left must not be taught as the thing.
            return positive, np.maximum(negative, scores < SURE).astype(np.float32)
        filled = np.maximum(positive * (not boxes), thing & (negative <= WEAK)).astype(np.float32)
        if not filled.any():
            return weights
        return filled, np.where(filled > 0, 0, np.maximum(negative, rest)).astype(np.float32)

    def _shown(
        self,
        examples: Sequence[Example],
        weights: Sequence[tuple[Array, Array]],
        side: float,
        zoom: float | None,
    ) -> tuple[list[Shown], Array]:
        """The cue tiles that hold marks, with their weights at the working scale; and the looks of the cues.

        Pictures without the thing have no say in how a picture with it looks, unless there are no others.
        """
        shown = []
        looks: dict[bool, list[Array]] = {True: [], False: []}
        for example, (positive, negative) in zip(examples, weights, strict=True):
            view = self.viewer.view(example.image, side, zoom)
            p, n = (resize(w, view.frame.shape[:2]) for w in (positive, negative))
            tiles = [
                Shown(
                    features := view.features(window),
                    pad(p[window.slices]),
                    pad(n[window.slices]),
                    _at(view, window, features, zoom),
                )
                for window in view.windows()
                if p[window.slices].any() or n[window.slices].any()
            ]
            shown += tiles
            if tiles:
                looks[bool(positive.any())].append(_look([_moments(tile.features) for tile in tiles]))
        return shown, np.stack(looks[True] or looks[False])

    def _scene(self, lesson: ClassLesson, view: View) -> Scene:
        """What a class's cues say of an image, at half the working resolution; kept for the next click."""

        def compute() -> Scene:
            moments: list[Array] = []
            there: list[float] = []
            forests: dict[Window, Array] = {}

            def answer(features: FeatureMaps, tile: Window) -> Array:
                moments.append(_moments(features))
                forests[tile] = self._forest_logits(lesson, view, tile, features)
                planes, presence = self._answer(lesson, view, tile, features, forests[tile])
                there.append(presence)
                return planes

            planes = view.blend(len(PLANES), 2, answer)
            seen_whole = lesson.zoom is None and lesson.side == self.preprocessing["side"]
            if seen_whole and len(lesson.looks) <= FEW:
                taught = replace(lesson, known=join(lesson.known, _as_cue(view, planes[0]), self.weights))
                planes[:1] = view.blend(
                    1, 2, lambda f, t: self._answer(taught, view, t, f, forests[t])[0][:1]
                )
            return Scene(planes, _look(moments), np.float32(max(there)))

        return self.scenes.get((lesson.key, view.digest), compute)

    def _forest_logits(self, lesson: ClassLesson, view: View, tile: Window, features: FeatureMaps) -> Array:
        filters = features.pixel[: -self.preprocessing["texture"]]
        return forest_logits(lesson.forest, np.concatenate([filters, _at(view, tile, features, lesson.zoom)]))

    def _answer(
        self, lesson: ClassLesson, view: View, tile: Window, features: FeatureMaps, forest: Array
    ) -> tuple[Array, float]:
        """`PLANES` of a class in one tile, and the logit of its being in it; `forest`: the forest's logits there."""
        at8, at4, at2 = evidence(lesson.known, features, self.weights)
        maps = {
            "context": features.context,
            "fine": features.fine,
            "texture": features.pixel[-self.preprocessing["texture"] :],
            "evidence8": at8,
            "place": read_place(lesson.place, tile, view.frame.shape[:2], features.key.shape[1:]),
            "ridge4": at4,
            "ridge2": at2,
            "forest": forest,
        }
        decoded = self.decode({name: np.ascontiguousarray(m[None]) for name, m in maps.items()})
        logits, there = (out[0] for out in decoded)
        if lesson.forest is not None:
            share = self.preprocessing["forest_share"]
            logits = (1 - share) * logits + share * forest
        heads = len(self.weights.temperature)
        like, unlike = (at8[i : 3 * heads : 3].mean(0, keepdims=True) for i in (1, 2))
        planes = [logits, forest, at2, _enlarge(at4, 2), _enlarge(like, 4), _enlarge(unlike, 4)]
        return np.concatenate(planes), float(there[0])

    def _corrected(self, logits: Array, cls: int, view: View, own: Sequence[Marks]) -> Array:
        """Logits (1, h, w) moved by the points and scribbles that the query itself carries."""
        places = np.concatenate([np.empty((0, 3), np.float32), *(marked_places(m, cls) for m in own)])
        if not len(places):
            return logits
        return correct(logits[0], self._standard(view), places)[None]

    def _standard(self, view: View) -> Array:
        """(C, h / 4, w / 4): the features that places of one image are compared by, standardised."""
        first = view.features(next(view.windows()))
        channels = len(first.fine) + len(first.pixel)
        return standardise(view.blend(channels, 4, lambda f, _: np.concatenate([f.fine, _halve(f.pixel)])))


def _as_cue(view: View, logits: Array) -> list[Shown]:
    """A query as a cue of its own: its pixels speak for the thing and for the rest as surely as the answer does."""
    thing = sigmoid(resize(logits, view.frame.shape[:2]))
    none = np.empty((0, 0, 0), np.float32)
    return [
        Shown(view.features(tile), pad(thing[tile.slices]), pad(1 - thing[tile.slices]), none)
        for tile in view.windows()
    ]


def _at(view: View, tile: Window, features: FeatureMaps, zoom: float | None) -> Array:
    """The places (2, h, w) of a tile's pixel features; 0 where they mean nothing."""
    shape = features.pixel.shape[1:]
    if zoom is not None:
        return np.zeros((2, *shape), np.float32)
    return positions(tile, view.frame.shape[:2], shape)


def _moments(features: FeatureMaps) -> Array:
    """(3, C): sum, sum of squares and number of the pixel features of a tile."""
    pixel = features.pixel
    count = np.full(len(pixel), pixel[0].size, np.float32)
    return np.stack([pixel.sum((1, 2)), (pixel**2).sum((1, 2)), count])


def _look(moments: Sequence[Array]) -> Array:
    """(2, C): mean and deviation of the pixel features over all tiles."""
    total, squares, count = np.stack(moments).sum(0, dtype=np.float64)
    mean, square = total / count, squares / count
    return np.stack([mean, np.sqrt(np.maximum(square - mean**2, 0))]).astype(np.float32)


def _enlarge(plane: Array, times: int) -> Array:
    """(C, h, w) with every value `times` x `times` large."""
    return plane.repeat(times, 1).repeat(times, 2)


def _halve(maps: Array) -> Array:
    """(C, h, w) -> (C, h / 2, w / 2): means of 2 x 2."""
    C, h, w = maps.shape
    halved: Array = maps.reshape(C, h // 2, 2, w // 2, 2).mean((2, 4))
    return halved
