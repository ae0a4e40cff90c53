"""The methods that `cuecast bench` measures beside each other: ours, and what people would use otherwise.

Each learns from cues and answers with a mask. A new one is one class and one line in `BASELINES`. They are measured on
one of two kinds of cues, and only compared within a kind:

    masks             masks on other pictures than the query
    box on the query  a box round each component of the thing, drawn on the query itself
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import CueError, MissingExtraError, PackError
from cuecast.core.geometry import mark_labels
from cuecast.core.ordered import usable_cores
from cuecast.core.values import IGNORE, Box, Example, Image
from cuecast.engine.lessons import working_side
from cuecast.engine.segmenter import Encoder
from cuecast.predictor import Concept, Predictor

CueKind = Literal["masks", "box on the query"]


class Baseline(Protocol):
    """Cues -> knowledge -> mask. Instances are immutable; the same input gives the same mask."""

    title: ClassVar[str]
    """What it is, in a few words, for tables."""
    cues: ClassVar[CueKind]
    """The cues it is measured on."""

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Baseline:
        """Build it beside the pack in use. `threads` bounds its CPU threads (None: all cores).

        Raises PackError where it needs what the pack lacks, MissingExtraError where a library is missing.
        """
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """What it was run with, as JSON takes it."""
        ...

    def learn(self, examples: Sequence[Example]) -> Any:
        """What is kept of the cues, computed once. Raises CueError where none shows the thing."""
        ...

    def segment(self, knowledge: Any, image: Image) -> NDArray[np.bool_]:
        """(H, W) bool at the image's own size: the thing."""
        ...


Floats = NDArray[np.float32]
SMALLEST = 16
"""Sides of a working frame are at least this, in pixels."""


def frame(image: Image, side: float, multiple: int = 1) -> NDArray[np.uint8]:
    """The picture (h, w, 3) uint8 of area side x side, aspect kept; h and w rounded to the multiple, at least 16."""
    H, W = image.size
    factor = side / (H * W) ** 0.5
    h, w = (max(-(-SMALLEST // multiple) * multiple, multiple * round(n * factor / multiple)) for n in (H, W))
    return np.asarray(PILImage.fromarray(image.pixels).resize((w, h), PILImage.Resampling.BILINEAR))


def shares(example: Example, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """(thing, rest): shares (h, w) float32 in [0, 1] of each working pixel that are marked so, at `size` (h, w)."""
    labels = mark_labels(example.marks)
    return _resized(labels > 0, size), _resized((labels == 0) & (labels != IGNORE), size)


def enlarged(scores: Floats, size: tuple[int, int]) -> Floats:
    """Scores (h, w) float32 brought to `size` (H, W), bilinear."""
    return np.asarray(PILImage.fromarray(scores).resize(size[::-1], PILImage.Resampling.BILINEAR), np.float32)


def must_show(examples: Sequence[Example]) -> None:
    """Raise CueError where no cue shows the thing."""
    if not any(e.marks.class_ids for e in examples):
        raise CueError("no cue shows the thing: at least one must mark it")


def _resized(where: NDArray[np.bool_], size: tuple[int, int]) -> Floats:
    whole = PILImage.fromarray(where.astype(np.float32))
    return np.asarray(whole.resize(size[::-1], PILImage.Resampling.BOX), np.float32)


@dataclass(frozen=True, eq=False)
class Ours:
    """cuecast itself, as anyone calls it: a pack, with the working scale that it chooses itself."""

    predictor: Predictor

    title: ClassVar[str] = "cuecast"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Ours:  # noqa: ARG003
        """The predictor as it was loaded, with its own threads."""
        return cls(predictor)

    @property
    def settings(self) -> dict[str, Any]:
        """The pack and its fingerprint."""
        return {"pack": self.predictor.pack.name, "pack_digest": self.predictor.pack.digest}

    def learn(self, examples: Sequence[Example]) -> Concept:
        """The concept of the cues, as if none of their images had been seen before: lists show them again and again."""
        self.predictor.segmenter.forget()
        return self.predictor.learn(examples)

    def segment(self, knowledge: Concept, image: Image) -> NDArray[np.bool_]:
        """The mask (H, W) of any class; empty where the verdict is 'absent'."""
        return knowledge.segment(image).mask > 0


@dataclass(frozen=True, eq=False)
class OursFromBoxes(Ours):
    """The same, shown boxes on the query."""

    title: ClassVar[str] = "cuecast, from boxes"
    cues: ClassVar[CueKind] = "box on the query"


EPSILON = 1e-6
MATCHED = "fine"
"""The map of the encoder that prototypes are taken from."""


@dataclass(frozen=True, eq=False)
class Prototypes:
    """Unit vectors (C,) float32 of the thing and of the rest, and the working side they hold for, in pixels."""

    thing: Floats
    rest: Floats
    side: float


@dataclass(frozen=True, eq=False)
class Prototype:
    """Nearest prototype on our encoder's features: the plainest way to match, without our matcher and decoder.

    The mean feature of the thing and of the rest over the cues; each place of the query takes the nearer one by cosine
    (masked average pooling and cosine distance as in PANet, Wang et al. 2019).
    """

    encoder: Encoder
    preprocessing: Mapping[str, Any]

    title: ClassVar[str] = "nearest prototype on our features"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> Prototype:  # noqa: ARG003
        """It shares the pack's encoder, with its threads. Raises PackError where the pack has none."""
        encoder = predictor.segmenter.encoder
        if encoder is None or MATCHED not in encoder.maps:
            raise PackError(
                f"pack {predictor.pack.name}: it has no encoder, which the baseline 'prototype' needs; "
                "take the pack general, or leave it out with --baselines"
            )
        return cls(encoder, predictor.pack.numbers["preprocessing"])

    @property
    def settings(self) -> dict[str, Any]:
        """The map that is matched; the working side is the pack's choice from the cues."""
        return {"features": f"{MATCHED} (stride {self.encoder.maps[MATCHED].stride})"}

    def learn(self, examples: Sequence[Example]) -> Prototypes:
        """Mean features of the thing and of the rest, all cue pixels counting the same."""
        must_show(examples)
        side = working_side(examples, 1, self.preprocessing)
        sums: list[Any] = [0.0, 0.0]
        for example in examples:
            features = self._features(example.image, side)
            for i, share in enumerate(shares(example, features.shape[1:])):
                sums[i] = sums[i] + np.tensordot(features, share, 2)
        thing, rest = (_unit(np.asarray(s, np.float32)) for s in sums)
        return Prototypes(thing, rest, side)

    def segment(self, knowledge: Prototypes, image: Image) -> NDArray[np.bool_]:
        """(H, W): where the thing's prototype is nearer, cosines brought to the image's size."""
        features = self._features(image, knowledge.side)
        nearer = np.tensordot(knowledge.thing - knowledge.rest, features, 1)
        return enlarged(nearer.astype(np.float32), image.size) > 0

    def _features(self, image: Image, side: float) -> Floats:
        """(C, h, w) float32 at the stride of the map, of unit length at each place."""
        return _unit(self.encoder.encode(frame(image, side, self.encoder.multiple))[MATCHED])


def _unit(vectors: Floats) -> Floats:
    """Vectors along the first axis, brought to length 1; zero stays zero."""
    unit: Floats = vectors / (np.sqrt((vectors**2).sum(0, keepdims=True)) + EPSILON)
    return unit


FOREST_SIDE = 224
"""Square root of the working frame's area, in pixels."""
SIGMAS = (0.5, 16.0)
TREES = 50
"""As in scikit-image's example of a trainable segmentation; 100 take twice as long for the same IoU."""
SMALLEST_LEAF = 2
MOST_PIXELS = 30_000
"""Pixels that the forest is fitted on, at most; each cue gives the same number, drawn without regard to its label."""
SHARE_A_TREE = 0.2
"""Share of these pixels that a tree sees: with all of them fitting takes five times as long for 0.01 of IoU."""
HALF_OF_THE_TREES = 0.5


@dataclass(frozen=True)
class FilterForest:
    """A random forest on multiscale filter features: what ilastik and Trainable Weka Segmentation fit on strokes.

    Features are scikit-image's `multiscale_basic_features` (intensity, edges and texture of each channel, Gaussians of
    0.5 to 16 pixels), the classifier is scikit-learn's random forest (Breiman 2001); compare Berg et al. 2019 (ilastik)
    and Arganda-Carreras et al. 2017 (Weka). All cue pixels may be drawn from, as the marks are whole masks.
    """

    threads: int

    title: ClassVar[str] = "random forest on filter features"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> FilterForest:  # noqa: ARG003
        """It needs nothing of the pack."""
        return cls(threads or usable_cores())

    @property
    def settings(self) -> dict[str, Any]:
        """Working side, filters, trees and pixels."""
        return {
            "side": FOREST_SIDE,
            "sigmas": list(SIGMAS),
            "trees": TREES,
            "smallest_leaf": SMALLEST_LEAF,
            "most_pixels": MOST_PIXELS,
            "share_a_tree": SHARE_A_TREE,
        }

    def learn(self, examples: Sequence[Example]) -> Any:
        """The fitted forest; None where the cues show nothing but the thing."""
        from sklearn.ensemble import RandomForestClassifier

        must_show(examples)
        drawn = list(self._drawn(examples))
        pixels, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        if labels.all():
            return None
        forest = RandomForestClassifier(
            TREES,
            min_samples_leaf=SMALLEST_LEAF,
            max_samples=SHARE_A_TREE,
            n_jobs=self.threads,
            random_state=0,
        )
        return forest.fit(pixels, labels)

    def segment(self, knowledge: Any, image: Image) -> NDArray[np.bool_]:
        """(H, W): where most of the trees say 'the thing', their shares brought to the image's size."""
        if knowledge is None:
            return np.ones(image.size, bool)
        features = self._features(frame(image, FOREST_SIDE))
        if len(knowledge.classes_) == 1:
            return np.zeros(image.size, bool)
        share = knowledge.predict_proba(features.reshape(-1, features.shape[-1]))[:, 1]
        # Trees add up in any order; rounding keeps a tie a tie.
        rounded = share.round(6).astype(np.float32).reshape(features.shape[:2])
        return enlarged(rounded, image.size) >= HALF_OF_THE_TREES

    def _drawn(self, examples: Sequence[Example]) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
        """Of each cue some known pixels: features (J, C) float32 and whether they are the thing (J,) bool."""
        random = np.random.default_rng(0)
        for example in examples:
            pixels = frame(example.image, FOREST_SIDE)
            thing, rest = shares(example, pixels.shape[:2])
            known = np.flatnonzero(thing + rest > 0.5)
            count = min(len(known), MOST_PIXELS // len(examples))
            taken = random.choice(known, count, replace=False)
            features = self._features(pixels)
            yield features.reshape(-1, features.shape[-1])[taken], (thing >= rest).ravel()[taken]

    def _features(self, pixels: NDArray[np.uint8]) -> Floats:
        """(h, w, C) float32 filter responses of a frame (h, w, 3)."""
        from skimage import feature

        filters: Any = feature.multiscale_basic_features  # its threads are all cores, whatever `threads` says
        return np.asarray(
            filters(pixels, sigma_min=SIGMAS[0], sigma_max=SIGMAS[1], channel_axis=-1), np.float32
        )


ROUNDS = 5
"""Rounds of fitting and cutting, as in OpenCV's own example."""


@dataclass(frozen=True, eq=False)
class GrabCut:
    """GrabCut (Rother et al. 2004) of OpenCV: a box round each component of the thing, on the query itself.

    Outside the boxes is background, inside is unknown; two Gaussian mixtures of colours and a graph cut decide. `cv2`
    is the module of that name.
    """

    cv2: Any
    threads: int

    title: ClassVar[str] = "GrabCut"
    cues: ClassVar[CueKind] = "box on the query"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> GrabCut:  # noqa: ARG003
        """It needs nothing of the pack. Raises MissingExtraError where OpenCV is missing."""
        try:
            return cls(importlib.import_module("cv2"), threads or usable_cores())
        except ImportError as error:
            raise MissingExtraError(
                f"the baseline 'grabcut' needs OpenCV, which cannot be loaded ({error}); "
                "run: pip install 'cuecast[bench]', or leave it out with --baselines"
            ) from error

    @property
    def settings(self) -> dict[str, Any]:
        """Rounds, and OpenCV's version."""
        return {"rounds": ROUNDS, "opencv": self.cv2.__version__}

    def learn(self, examples: Sequence[Example]) -> tuple[Box, ...]:
        """The boxes: nothing is learned before the query is seen."""
        boxes = tuple(box for example in examples for box in example.marks.boxes if box.cls > 0)
        if not boxes:
            raise CueError("no cue has a box: GrabCut takes boxes on the query alone")
        return boxes

    def segment(self, knowledge: tuple[Box, ...], image: Image) -> NDArray[np.bool_]:
        """The thing (H, W) inside the boxes; all of it where they leave no background to compare with."""
        cv2 = self.cv2
        inside = np.zeros(image.size, bool)
        for box in knowledge:
            inside[box.pixels] = True
        if inside.all():
            return inside
        state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setNumThreads(self.threads)
        cv2.setRNGSeed(0)
        bgr = np.ascontiguousarray(image.pixels[..., ::-1])
        cv2.grabCut(bgr, state, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
        thing: NDArray[np.bool_] = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
        return thing


BASELINES: dict[str, type[Baseline]] = {
    "cuecast": Ours,
    "filter-forest": FilterForest,
    "prototype": Prototype,
    "cuecast-box": OursFromBoxes,
    "grabcut": GrabCut,
}
"""Those that take the same cues stand together."""
