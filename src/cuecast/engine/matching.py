"""The engine: encoder (ONNX) -> matcher (closed form, numpy) -> decoder (ONNX) -> refiner.

    learn:  cue images --resize--> tiles --encode--> features --+--> matcher.learn and a forest, a lesson a scale
            marks ----------------------> weights --------------+
    score:  query --resize--> tiles --encode--> features --matcher.evidence--+--> decode --> correct --> refine
                                                 ^     +--forest------------+     |            ^
                                                 +---- joins few cues <-----------+            |
                                                 +---- joins once corrected <------------------+
                                                             marks on the query itself --------+

Classes that are looked at in the same working scale are one lesson: learned together, answered together.

Torch is not needed. Instances hold two ONNX Runtime sessions, which may be shared between threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import PackError
from cuecast.core.kept import Kept
from cuecast.core.ordered import one_blas_thread
from cuecast.core.tiling import Window
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.correction import correct, guess, marked_places, standardise
from cuecast.engine.encoder import (
    Decoder,
    View,
    Viewer,
    kept_maps,
    shared_viewer,
)
from cuecast.engine.forest import Forest, fit_forest, forest_logits
from cuecast.engine.lessons import (
    Lesson,
    MatchingKnowledge,
    Scene,
    groups,
    least_zoom,
    working_scale,
)
from cuecast.engine.location_prior import NOWHERE, positions, read_place, shown_place
from cuecast.engine.mark_weights import WEAK, fill_boxes, mark_weights
from cuecast.engine.matcher import (
    CueTile,
    Evidence,
    FeatureMaps,
    MatcherWeights,
    evidence,
    hidden_units,
    join,
    known_pixels,
    learn,
    look_of,
)
from cuecast.engine.refiner import Refiner, resize
from cuecast.engine.segmenter import Encoder, PackFile, ScoreMaps
from cuecast.engine.verdict_features import PLANES, measure, sigmoid

Array = NDArray[np.float32]
Weights = Sequence[tuple[Array, Array]]
"""Of each cue, how much its pixels speak for the thing and for the rest, (H, W) each."""
SURE = 0.5
"""Score from which a pixel of a sparsely marked cue is taken for the thing; the others are taken for the rest."""
STATED = ("side", "most", "thickness", "tile", "overlap", "multiple", "texture", "forest_share")
"""What a card states under 'preprocessing'. The last is the forest's share of the answer's logits: the decoder reads
the forest, but heeds it too little on kinds of pictures that it never saw (docs/decisions/0018-forest-share.md)."""
FEW = 2
"""Cues that show a thing, up to which a query joins them: with more it gains nothing, and doubles the time
(docs/decisions/0020-second-look.md)."""
FEW_CLASSES = 2
"""Classes of a concept up to which it does: with ten it gained nothing, and would be half of the time."""
MOST_TOGETHER = 16
"""Classes of a lesson, at most: what is computed of all at once must fit in memory."""
SCENES = 64 * 2**20
"""Bytes of answers, and of what clicks compare places by, that are kept for the next click on their image."""


class Decoded(NamedTuple):
    """One tile of an image for K classes, as its decoder sees it.

    maps   what it reads, by name: (K, ...) of the classes, (1, ...) of the image alone.
    share  (K,) and rest (K, h, w): the answer is `share` times the decoder's logits, and `rest`.
    """

    maps: dict[str, Array]
    share: Array
    rest: Array


@dataclass(frozen=True, eq=False)
class TileMaps:
    """What hangs on one tile and the cues alone, whatever else joins them: the forest's logits (K, h, w), and the
    tile's `hidden_units`."""

    forest: Array
    hidden: Array


@dataclass(frozen=True, eq=False)
class MatchingSegmenter:
    """See the module's docstring. Build it with `from_pack`."""

    viewer: Viewer
    decoder: Decoder
    weights: MatcherWeights
    preprocessing: dict[str, Any]
    threads: int | None = None
    scenes: Kept[Any] = field(default_factory=lambda: kept_maps(SCENES), repr=False)

    @classmethod
    def from_pack(
        cls, files: Mapping[str, PackFile], numbers: Mapping[str, Any], threads: int | None = None
    ) -> MatchingSegmenter:
        """Load encode.onnx, decode.onnx and matcher.npz of a pack on the CPU. Raises PackError."""
        if threads is not None:  # more than there are cores do not help, and each takes memory
            threads = min(threads, os.cpu_count() or threads)
        if missing := [n for n in ("encode.onnx", "decode.onnx", "matcher.npz") if n not in files]:
            raise PackError(f"{missing[0]} is not among its files", remedy="install the pack again")
        decoder = Decoder.from_file(files["decode.onnx"], threads)
        weights = MatcherWeights.read(files["matcher.npz"].path)
        preprocessing = dict(numbers.get("preprocessing", {}))
        if "place" not in decoder.inputs or not preprocessing.keys() >= set(STATED):
            raise PackError("it was made for an earlier version of cuecast", remedy="install the pack again")
        multiple, tile, overlap = (preprocessing[name] for name in ("multiple", "tile", "overlap"))
        viewer = shared_viewer(files["encode.onnx"], threads, multiple, tile, overlap)
        return cls(viewer, decoder, weights, preprocessing, threads)

    @property
    def encoder(self) -> Encoder:
        """The pack's."""
        return self.viewer.encoder

    def with_decoder(self, file: PackFile) -> MatchingSegmenter:
        """The same engine with another decode.onnx; what was encoded serves both."""
        decoder = Decoder.from_file(file, self.threads)
        return replace(self, decoder=decoder, scenes=kept_maps(SCENES))

    def zoom(self, knowledge: MatchingKnowledge) -> float:
        """See `Segmenter.zoom`."""
        return least_zoom(lesson.zoom for lesson in knowledge.lessons)

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: MatchingKnowledge | None = None,
    ) -> MatchingKnowledge:
        """Encode the cues at the working scale of each class and fit the matcher's heads and the forest."""
        with one_blas_thread():
            return self._learn(examples, class_ids, scale, before)

    def _learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: MatchingKnowledge | None,
    ) -> MatchingKnowledge:
        again = len(class_ids) <= FEW_CLASSES
        lessons = [
            self._study(examples, old.classes, old.side, old.zoom, again, old)
            for old in (before.lessons if before else ())
        ]
        kept = {cls for lesson in lessons for cls in lesson.classes}
        new = [cls for cls in class_ids if cls not in kept]
        scales = [working_scale(examples, cls, scale, self.preprocessing) for cls in new]
        for rows in groups(scales, MOST_TOGETHER):
            lessons.append(self._study(examples, [new[k] for k in rows], *scales[rows[0]], again))
        return MatchingKnowledge(tuple(class_ids), tuple(lessons))

    def score(self, knowledge: MatchingKnowledge, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """See `Segmenter.score`."""
        with one_blas_thread():
            return self._score(knowledge, image, own)

    def _score(self, knowledge: MatchingKnowledge, image: Image, own: Sequence[Marks]) -> ScoreMaps:
        rows = {cls: k for k, cls in enumerate(knowledge.class_ids)}
        scores = np.empty((len(rows), *image.size), np.float32)
        verdict_features: list[dict[str, float]] = [{} for _ in rows]
        scales = {(lesson.side, lesson.zoom) for lesson in knowledge.lessons}
        views = {scale: self.viewer.view(image, *scale) for scale in scales}
        refiner = Refiner(image.pixels)
        for lesson in knowledge.lessons:
            view = views[lesson.side, lesson.zoom]
            scene = self._scene(lesson, view)
            shares = lesson.known.share
            for k, cls in enumerate(lesson.classes):
                logits = self._clicked(lesson, k, view, scene.planes[k, :1], own)
                planes = np.concatenate([logits, scene.planes[k, 1:]])
                row = rows[cls]
                verdict_features[row] = measure(
                    planes, float(shares[k]), scene.look, lesson.looks[k], float(scene.there[k])
                )
                scores[row] = refiner.refine(sigmoid(planes[0]))
        return ScoreMaps(scores, tuple(verdict_features))

    def forget(self) -> None:
        """See `Segmenter.forget`."""
        self.viewer.cache.clear()
        self.scenes.clear()

    def _study(
        self,
        examples: Sequence[Example],
        classes: Sequence[int],
        side: float,
        zoom: float | None,
        again: bool,
        before: Lesson | None = None,
    ) -> Lesson:
        """Fit matcher and forest on all cues, or keep the forest of `before`.

        What sparse marks leave open is first filled in by the matcher alone.
        """
        views = [self.viewer.view(e.image, side, zoom) for e in examples]

        def fit(weights: Iterable[Weights], finished: bool) -> Lesson:
            scaled, places = [], []
            for said in weights:  # one class after the other: large images must not fill the memory
                scaled.append([_resized(pair, view) for pair, view in zip(said, views, strict=True)])
                places.append(shown_place(said) if finished and zoom is None else NOWHERE)
            shown, looks = self._shown(views, scaled, zoom)
            forest = (before.forest if before else self._forest(shown)) if finished else None
            known = learn(shown, self.weights)
            return Lesson(tuple(classes), side, zoom, known, forest, looks, tuple(places), again)

        marks = [e.marks for e in examples]
        stated = (mark_weights(marks, cls) for cls in classes)
        if not any(m.is_sparse for m in marks):
            return fit(stated, True)
        return fit(self._filled(fit(stated, False), examples), True)

    def _filled(self, first: Lesson, examples: Sequence[Example]) -> Iterator[Weights]:
        """For each class the weights of all cues, those of sparse ones after looking at their images."""
        informed = [
            any(e.marks.mask is not None and (e.marks.mask == cls).any() for e in examples)
            for cls in first.classes
        ]
        # Each image is answered once, for all classes that its marks leave open.
        parts = []
        for e in examples:
            boxed = {b.cls for b in e.marks.boxes}
            parts.append(
                first.only([k for k, cls in enumerate(first.classes) if informed[k] or cls in boxed])
            )
        for cls, known in zip(first.classes, informed, strict=True):
            weights = mark_weights([e.marks for e in examples], cls)
            yield [
                self._fill(part, cls, known, e, w) if e.marks.is_sparse else w
                for part, e, w in zip(parts, examples, weights, strict=True)
            ]

    def _forest(self, shown: Sequence[CueTile]) -> Forest | None:
        def read(tile: CueTile) -> Array:
            return np.concatenate([tile.features.pixel[: -self.preprocessing["texture"]], tile.at])

        return fit_forest(*known_pixels(shown, read=read), jobs=self.threads or -1)

    def _fill(
        self, first: Lesson, cls: int, informed: bool, example: Example, weights: tuple[Array, Array]
    ) -> tuple[Array, Array]:
        """Weights of a sparse cue after looking at its image: what the first fit is sure of joins the marks.

        `informed`: that fit has seen a complete cue.
        """
        positive, negative = weights
        boxes = [b for b in example.marks.boxes if b.cls == cls]
        if not (informed or boxes or positive.any()):
            return weights  # Nothing here says where the thing is; it may be anywhere.
        view = self.viewer.view(example.image, first.side, first.zoom)
        if informed or boxes:
            planes = self._scene(first, view).planes[first.classes.index(cls), :1]
            logits = self._corrected(planes, cls, view, [example.marks])[0]
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
        views: Sequence[View],
        scaled: Sequence[Weights],
        zoom: float | None,
    ) -> tuple[list[CueTile], tuple[Array, ...]]:
        """The cue tiles that hold marks, with their weights; and for each class the looks of the cues.

        `scaled`: the weights of each class in every cue, as large as the cue's view. Pictures without the thing have
        no say in how a picture with it looks, unless there are no others.
        """
        shown: list[CueTile] = []
        looks: list[Array | None] = []
        for cue, view in enumerate(views):
            p, n = (np.stack([said[cue][i] for said in scaled]) for i in (0, 1))
            tiles = [
                CueTile(
                    features := view.features(window),
                    view.pad(p[:, *window.slices]),
                    view.pad(n[:, *window.slices]),
                    _at(view, window, features, zoom),
                    cue,
                )
                for window in view.windows()
                if p[:, *window.slices].any() or n[:, *window.slices].any()
            ]
            shown += tiles
            looks.append(look_of([tile.features.moments for tile in tiles]) if tiles else None)

        def own(said: Weights) -> Array:
            known = [
                (look, bool(p.any())) for look, (p, n) in zip(looks, said, strict=True) if p.any() or n.any()
            ]
            with_it = [look for look, there in known if there]
            return np.stack([look for look in with_it or [look for look, _ in known] if look is not None])

        return shown, tuple(own(said) for said in scaled)

    def _scene(self, lesson: Lesson, view: View) -> Scene:
        """What the cues of a lesson say of an image, at half the working resolution; kept for the next click."""

        def compute() -> Scene:
            moments: list[Array] = []
            there: list[Array] = []
            kept: dict[Window, TileMaps] = {}
            again = self._again(lesson)

            def answer(features: FeatureMaps, tile: Window) -> Array:
                moments.append(features.moments)
                read = self._tile_maps(lesson, view, tile, features)
                planes, presence = self._answer(lesson, view, tile, features, read)
                there.append(presence)
                if again:
                    kept[tile] = TileMaps(read.forest[again], read.hidden)
                return planes.reshape(-1, *planes.shape[2:])

            blended = view.blend(len(lesson.classes) * len(PLANES), 2, answer)
            planes = blended.reshape(-1, len(PLANES), *blended.shape[1:])
            if again:
                taught = self._taught_by(view, lesson.only(again), planes[again, 0])
                planes[again, 0] = view.blend(
                    len(again), 2, lambda f, t: self._answer(taught, view, t, f, kept[t])[0][:, 0]
                )
            return Scene(planes, look_of(moments), np.max(there, 0))

        scene: Scene = self.scenes.get((lesson.key, view.digest), compute)
        return scene

    def _taught_by(self, view: View, lesson: Lesson, logits: Array) -> Lesson:
        """A lesson that an image joins as a cue, with its first answer (K, h, w)."""
        return replace(lesson, known=join(lesson.known, _as_cue(view, logits), self.weights))

    def _again(self, lesson: Lesson) -> list[int]:
        """The classes of a lesson, counted from 0, that a query is looked at twice for."""
        pays = self._pays_again(lesson)
        return [k for k, looks in enumerate(lesson.looks) if pays and len(looks) <= FEW]

    def _pays_again(self, lesson: Lesson) -> bool:
        """Whether one more look may pay: of few classes, and where a whole image is seen in the base frame, in which
        tiles are few."""
        return lesson.again and lesson.zoom is None and bool(lesson.side == self.preprocessing["side"])

    def _tile_maps(self, lesson: Lesson, view: View, tile: Window, features: FeatureMaps) -> TileMaps:
        hidden = hidden_units(lesson.known, features, self.weights)
        return TileMaps(self._forest_logits(lesson, view, tile, features), hidden)

    def _forest_logits(self, lesson: Lesson, view: View, tile: Window, features: FeatureMaps) -> Array:
        filters = features.pixel[: -self.preprocessing["texture"]]
        read = np.concatenate([filters, _at(view, tile, features, lesson.zoom)])
        return forest_logits(lesson.forest, read, len(lesson.classes))

    def _answer(
        self,
        lesson: Lesson,
        view: View,
        tile: Window,
        features: FeatureMaps,
        read: TileMaps,
    ) -> tuple[Array, Array]:
        """`PLANES` (K, P, h, w) of a lesson's classes in one tile, and the logits (K,) of their being in it."""
        maps, told = self._maps(lesson, view, tile, features, read)
        heads = len(self.weights.temperature)
        like, unlike = (told.evidence8[:, i : 3 * heads : 3].mean(1) for i in (1, 2))
        decoded, there = self.decoder.decode(maps, len(lesson.classes))
        logits = self._mixed(decoded[:, 0], lesson, read.forest)
        scores = [told.ridge2[:, 0], _enlarge(told.ridge4[:, 0], 2), _enlarge(told.ridge8[:, 0], 4)]
        planes = [logits, read.forest, *scores, _enlarge(like, 4), _enlarge(unlike, 4)]
        return np.stack(planes, 1), there

    def _maps(
        self, lesson: Lesson, view: View, tile: Window, features: FeatureMaps, read: TileMaps
    ) -> tuple[dict[str, Array], Evidence]:
        """What the decoder reads of one tile, by name, and the evidence in it; arguments as of `_answer`."""
        told = evidence(lesson.known, features, self.weights, read.hidden)
        frame, shape = view.frame.shape[:2], features.key.shape[1:]
        maps = {
            "context": features.context[None],
            "fine": features.fine[None],
            "texture": features.pixel[None, -self.preprocessing["texture"] :],
            "evidence8": told.evidence8,
            "place": np.stack([read_place(place, tile, frame, shape) for place in lesson.places]),
            "ridge8": told.ridge8,
            "ridge4": told.ridge4,
            "ridge2": told.ridge2,
            "agreement": told.agreement,
            "forest": read.forest[:, None],
        }
        return maps, told

    def _mixed(self, logits: Array, lesson: Lesson, forest: Array) -> Array:
        """The answer (K, h, w): the decoder's logits and the forest's share."""
        if lesson.forest is not None:
            share = self.preprocessing["forest_share"] * lesson.forest.knows.astype(np.float32)[:, None, None]
            logits = (1 - share) * logits + share * forest
        return logits

    def looks(self, lesson: Lesson, view: View) -> Iterator[Lesson]:
        """The lessons that an image is answered with: as it was learned, and for classes that are looked at again, with
        the image's own first answer among the cues."""
        yield lesson
        if again := self._again(lesson):
            part = lesson.only(again)

            def answer(features: FeatureMaps, tile: Window) -> Array:
                read = self._tile_maps(part, view, tile, features)
                return self._answer(part, view, tile, features, read)[0][:, 0]

            yield self._taught_by(view, part, view.blend(len(again), 2, answer))

    def decoded(self, lesson: Lesson, view: View, tile: Window) -> Decoded:
        """What the decoder reads in a tile of an image, and what becomes of what it says: to train one on."""
        features = view.features(tile)
        read = self._tile_maps(lesson, view, tile, features)
        maps, _ = self._maps(lesson, view, tile, features, read)
        # The answer is linear in the decoder's logits.
        rest = self._mixed(np.zeros_like(read.forest), lesson, read.forest)
        share = (self._mixed(np.ones_like(read.forest), lesson, read.forest) - rest).mean((1, 2))
        return Decoded(maps, share, rest)

    def _clicked(self, lesson: Lesson, k: int, view: View, logits: Array, own: Sequence[Marks]) -> Array:
        """Logits (1, h, w) of a lesson's class `k`, corrected by what the query itself carries.

        Where one more look pays, the query is then answered once more, with the corrected answer as one more cue, so
        that a click teaches what is not near it (docs/decisions/0038-clicks-teach.md).
        """
        cls = lesson.classes[k]
        corrected = self._corrected(logits, cls, view, own)
        if corrected is logits or not self._pays_again(lesson):
            return corrected
        part = lesson.only([k])
        taught = self._taught_by(view, part, corrected)

        def answer(features: FeatureMaps, tile: Window) -> Array:
            key = lesson.key, cls, view.digest, tile
            read: TileMaps = self.scenes.get(key, lambda: self._tile_maps(part, view, tile, features))
            return self._answer(taught, view, tile, features, read)[0][:, 0]

        return self._corrected(view.blend(1, 2, answer), cls, view, own)

    def _corrected(self, logits: Array, cls: int, view: View, own: Sequence[Marks]) -> Array:
        """Logits (1, h, w) moved by the points and scribbles that the query itself carries; the very same without."""
        places = np.concatenate([np.empty((0, 3), np.float32), *(marked_places(m, cls) for m in own)])
        if not len(places):
            return logits
        return correct(logits[0], self._standard(view), places)[None]

    def _standard(self, view: View) -> Array:
        """(C, h / 4, w / 4): the features that places of one image are compared by, standardised: the same for all
        classes, and at every click."""

        def compute() -> Array:
            first = view.features(next(view.windows()))
            channels = len(first.fine) + len(first.pixel)
            read = view.blend(channels, 4, lambda f, _: np.concatenate([f.fine, _halve(f.pixel)]))
            return standardise(read)

        standard: Array = self.scenes.get((view.digest, view.frame.shape), compute)
        return standard


def _resized(pair: tuple[Array, Array], view: View) -> tuple[Array, Array]:
    """Weights of the thing and of the rest at the size of a view."""
    positive, negative = (resize(w, view.frame.shape[:2]) for w in pair)
    return positive, negative


def _as_cue(view: View, logits: Array) -> list[CueTile]:
    """A query with logits (K, h, w) as a cue of its own: its pixels speak for each thing and for the rest as surely as
    the answer does."""
    thing = np.stack([sigmoid(resize(plane, view.frame.shape[:2])) for plane in logits])
    none = np.empty((0, 0, 0), np.float32)
    return [
        CueTile(
            view.features(tile), view.pad(thing[:, *tile.slices]), view.pad(1 - thing[:, *tile.slices]), none
        )
        for tile in view.windows()
    ]


def _at(view: View, tile: Window, features: FeatureMaps, zoom: float | None) -> Array:
    """The places (2, h, w) of a tile's pixel features; 0 where they mean nothing."""
    shape = features.pixel.shape[1:]
    if zoom is not None:
        return np.zeros((2, *shape), np.float32)
    return positions(tile, view.frame.shape[:2], shape)


def _enlarge(plane: Array, times: int) -> Array:
    """(C, h, w) with every value `times` x `times` large."""
    return plane.repeat(times, 1).repeat(times, 2)


def _halve(maps: Array) -> Array:
    """(C, h, w) -> (C, h / 2, w / 2): means of 2 x 2."""
    C, h, w = maps.shape
    halved: Array = maps.reshape(C, h // 2, 2, w // 2, 2).mean((2, 4))
    return halved
