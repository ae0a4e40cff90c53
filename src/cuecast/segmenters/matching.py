"""The engine: encoder (ONNX) -> matcher (closed form, numpy) -> decoder (ONNX) -> refiner.

    learn:  cue images --resize--> tiles --encode--> features --+--> matcher.learn and a forest, a class at a time
            marks ----------------------> weights --------------+
    score:  query --resize--> tiles --encode--> features --matcher.evidence--> decode --+--> blend --> refine
                                                       +--forest----------------------- +

Torch is not needed. Instances hold two ONNX Runtime sessions, which may be shared between threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.forest import fit_forest, forest_logits
from cuecast.geometry import mark_labels
from cuecast.marks import WEAK, box_weights, draw_points
from cuecast.matcher import ClassKnowledge, FeatureMaps, MatcherWeights, Shown, evidence, learn
from cuecast.refiner import refine, resize
from cuecast.segmenters.features import FeatureCache
from cuecast.segmenters.scale import working_side
from cuecast.tiling import Window, blend, windows
from cuecast.types import IGNORE, Example, Image, Marks

Weights = NDArray[np.float32]
MULTIPLE = 16
"""Sides of what the encoder sees are multiples of its largest stride."""
TIGHT = 0.9
"""Share of a box's width and height that the thing in it covers at least."""
BOX_THRESHOLDS = (0.5, 0.35, 0.2, 0.1)
SURE = 0.5
"""Score from which a pixel of a sparsely marked cue is taken for the thing; below one minus it, for the rest."""


@dataclass(frozen=True)
class ClassLesson:
    """What is known of one class: its working scale and the matcher's knowledge at that scale.

    side    the square root of the working frame's area, in working pixels, for scale 'frame';
    zoom    working pixels per image pixel for scale 'pixel' (None for 'frame');
    forest  the per-pixel classifier, None where the cues show nothing but the thing.
    """

    side: float
    zoom: float | None
    known: ClassKnowledge = field(repr=False)
    forest: Any = field(repr=False)


@dataclass(frozen=True)
class MatchingKnowledge:
    """One lesson a class, in the order of the class ids given to `learn`."""

    lessons: tuple[ClassLesson, ...]


@dataclass(frozen=True, eq=False)
class MatchingSegmenter:
    """See the module's docstring. Build it with `from_pack`."""

    encode: Callable[[Weights], list[Weights]]
    decode: Callable[[dict[str, Weights]], Weights]
    weights: MatcherWeights
    preprocessing: dict[str, Any]
    cache: FeatureCache = field(default_factory=FeatureCache, repr=False)

    @classmethod
    def from_pack(cls, folder: Path, card: dict[str, Any], threads: int | None = None) -> MatchingSegmenter:
        """Load encode.onnx, decode.onnx and matcher.npz of a pack on the CPU."""
        encoder, decoder = (_session(folder / name, threads) for name in ("encode.onnx", "decode.onnx"))
        with np.load(folder / "matcher.npz", allow_pickle=False) as stored:
            weights = MatcherWeights(
                stored["temperature"],
                float(stored["ridge4"]),
                float(stored["ridge2"]),
                stored["hidden"],
                stored["bias"],
            )
        return cls(
            encode=lambda image: encoder.run(None, {"image": image}),
            decode=lambda maps: decoder.run(None, maps)[0],
            weights=weights,
            preprocessing=card["preprocessing"],
        )

    def learn(self, examples: Sequence[Example], class_ids: Sequence[int], scale: str) -> MatchingKnowledge:
        """Encode the cues at the working scale of each class and fit the matcher's heads."""
        lessons = []
        for cls in class_ids:
            side = working_side(examples, cls, self.preprocessing)
            zoom = _zoom(examples, cls, side) if scale == "pixel" else None
            lessons.append(self._study(examples, cls, side, zoom))
        return MatchingKnowledge(tuple(lessons))

    def score(self, knowledge: MatchingKnowledge, image: Image) -> NDArray[np.float32]:
        """(K, H, W) float32 in [0, 1]; see `Segmenter.score`."""
        out = np.empty((len(knowledge.lessons), *image.size), np.float32)
        for scale in dict.fromkeys((les.side, les.zoom) for les in knowledge.lessons):
            planes = [k for k, les in enumerate(knowledge.lessons) if (les.side, les.zoom) == scale]
            coarse = self._coarse([knowledge.lessons[k] for k in planes], image, *scale)
            for k, plane in zip(planes, coarse, strict=True):
                out[k] = refine(plane, image.pixels)
        return out

    def _study(self, examples: Sequence[Example], cls: int, side: float, zoom: float | None) -> ClassLesson:
        """Fit matcher and forest on all cues. What sparse marks leave open is first filled in by the matcher alone."""
        lone = not any(_says_background(e.marks, cls) for e in examples)
        weights = [_mark_weights(e.marks, cls, lone) for e in examples]
        shown = list(self._shown(examples, weights, side, zoom))
        if any(_is_sparse(e.marks) for e in examples):
            first = ClassLesson(side, zoom, learn(shown, self.weights), forest=None)
            weights = [
                self._fill(first, e, cls, w) if _is_sparse(e.marks) else w
                for e, w in zip(examples, weights, strict=True)
            ]
            shown = list(self._shown(examples, weights, side, zoom))
        return ClassLesson(side, zoom, learn(shown, self.weights), fit_forest(shown))

    def _fill(
        self, first: ClassLesson, example: Example, cls: int, weights: tuple[Weights, Weights]
    ) -> tuple[Weights, Weights]:
        """Weights of a sparse cue after looking at its image: what the first fit is sure of joins the marks."""
        positive, negative = weights
        scores = refine(self._coarse([first], example.image, first.side, first.zoom)[0], example.image.pixels)
        boxes = [b.xyxy for b in example.marks.boxes if b.cls == cls]
        if boxes:
            thing, inside = _fill_boxes(scores, boxes)
            rest = inside & ~thing
        else:
            thing, rest = scores >= SURE, scores < 1 - SURE
        filled = np.maximum(positive * (not boxes), thing & (negative <= WEAK)).astype(np.float32)
        return filled, np.where(filled > 0, 0, np.maximum(negative, rest)).astype(np.float32)

    def _shown(
        self,
        examples: Sequence[Example],
        weights: Sequence[tuple[Weights, Weights]],
        side: float,
        zoom: float | None,
    ) -> Iterator[Shown]:
        """The cue tiles that hold marks, with their weights at the working scale."""
        for example, (positive, negative) in zip(examples, weights, strict=True):
            frame = _frame(example.image, side, zoom)
            size = frame.shape[:2]
            p, n = resize(positive, size), resize(negative, size)
            for window in windows(size, self.preprocessing["tile"], self.preprocessing["overlap"]):
                if p[window.slices].any() or n[window.slices].any():
                    yield Shown(
                        self._features(example.image, frame, window),
                        _pad(p[window.slices]),
                        _pad(n[window.slices]),
                    )

    def _coarse(
        self, lessons: Sequence[ClassLesson], image: Image, side: float, zoom: float | None
    ) -> Weights:
        """Scores (K, h, w) of some classes at half the working resolution, not refined yet."""
        frame = _frame(image, side, zoom)
        H, W = frame.shape[0] // 2, frame.shape[1] // 2
        tile, overlap = self.preprocessing["tile"] // 2, self.preprocessing["overlap"] // 2

        def compute(window: Window) -> Weights:
            features = self._features(image, frame, Window(*(2 * v for v in window)))
            logits = np.concatenate([self._logits(lesson, features) for lesson in lessons])
            return logits[:, : window.bottom - window.top, : window.right - window.left]

        logits = blend((H, W), len(lessons), tile, overlap, compute)
        scores: Weights = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
        return scores

    def _logits(self, lesson: ClassLesson, features: FeatureMaps) -> Weights:
        """Logits (1, H/2, W/2) of a class in a tile: the decoder's, and the forest's in the share the pack states."""
        decoded = self._decode(lesson.known, features)
        if lesson.forest is None:
            return decoded
        share = np.float32(self.preprocessing["forest"])
        return (1 - share) * decoded + share * forest_logits(lesson.forest, features.pixel)

    def _decode(self, known: ClassKnowledge, features: FeatureMaps) -> Weights:
        at8, at4, at2 = evidence(known, features, self.weights)
        maps = {
            "context": features.context,
            "fine": features.fine,
            "texture": features.pixel[-self.preprocessing["texture"] :],
            "evidence8": at8,
            "ridge4": at4,
            "ridge2": at2,
        }
        return self.decode({name: np.ascontiguousarray(m[None]) for name, m in maps.items()})[:, 0]

    def _features(self, image: Image, frame: NDArray[np.uint8], window: Window) -> FeatureMaps:
        """Feature maps of a tile of an image's working frame, padded to multiples of the largest stride."""

        def compute() -> FeatureMaps:
            tile = frame[window.slices]
            padded = np.pad(tile, (*((0, -n % MULTIPLE) for n in tile.shape[:2]), (0, 0)), mode="edge")
            rgb: Weights = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
            return FeatureMaps(*(m[0] for m in self.encode(rgb)))

        return self.cache.get((image.digest, frame.shape, window), compute)


def _mark_weights(marks: Marks, cls: int, lone: bool) -> tuple[Weights, Weights]:
    """(positive, negative) weights (H, W) of a class: see `cuecast.marks`.

    `lone`: no cue says anywhere what is not the thing, so untouched pixels weakly do.
    """
    labels = mark_labels(marks)
    draw_points(labels, marks.points)
    positive = (labels == cls).astype(np.float32)
    negative = ((labels != cls) & (labels != IGNORE)).astype(np.float32)
    own = [b.xyxy for b in marks.boxes if b.cls == cls]
    others = [b.xyxy for b in marks.boxes if b.cls != cls]
    if own:
        inside, band = box_weights(marks.size, own)
        positive, negative = np.maximum(positive, inside * (negative == 0)), np.maximum(negative, band)
    if others:
        negative = np.maximum(negative, box_weights(marks.size, others)[0] * (positive == 0))
    if lone:
        negative = np.where(positive > 0, 0, np.maximum(negative, WEAK)).astype(np.float32)
    return positive, negative * (positive == 0)


def _fill_boxes(
    scores: Weights, boxes: Sequence[tuple[float, float, float, float]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(the thing, the inside of the boxes), both (H, W) bool.

    A box is drawn tight, so the thing reaches its four sides (Lempitsky et al. 2009): the threshold is lowered until
    it nearly does.
    """
    thing, inside = np.zeros(scores.shape, bool), np.zeros(scores.shape, bool)
    for x1, y1, x2, y2 in boxes:
        place = slice(int(y1), max(round(y2), int(y1) + 1)), slice(int(x1), max(round(x2), int(x1) + 1))
        inside[place] = True
        for threshold in BOX_THRESHOLDS:
            found = scores[place] >= threshold
            if found.any(0).mean() >= TIGHT and found.any(1).mean() >= TIGHT:
                break
        thing[place] |= found
    return thing, inside


def _is_sparse(marks: Marks) -> bool:
    """Whether the marks leave anything unknown on purpose."""
    return marks.mask is None and not marks.absent


def _says_background(marks: Marks, cls: int) -> bool:
    """Whether these marks show anything that is not the class."""
    labels = mark_labels(marks)
    return bool(marks.boxes) or bool(((labels != IGNORE) & (labels != cls)).any())


def _zoom(examples: Sequence[Example], cls: int, side: float) -> float:
    """Working pixels per image pixel: those of the largest frame that shows the class."""
    areas = [float(np.prod(e.image.size)) for e in examples if cls in e.marks.class_ids]
    zoom: float = side / max(areas) ** 0.5
    return min(1.0, zoom)


def _frame(image: Image, side: float, zoom: float | None) -> NDArray[np.uint8]:
    """The image at its working size: area side x side, or `zoom` working pixels a pixel. Even sides."""
    H, W = image.size
    factor = zoom if zoom is not None else side / (H * W) ** 0.5
    h, w = (max(MULTIPLE, 2 * round(n * factor / 2)) for n in (H, W))
    how = PILImage.Resampling.BILINEAR  # Pillow averages over the source where it shrinks.
    return np.asarray(PILImage.fromarray(image.pixels).resize((w, h), how))


def _pad(weights: Weights) -> Weights:
    """Weights of a tile, padded as `_features` pads it; nothing is known of the padding."""
    return np.pad(weights, [(0, -n % MULTIPLE) for n in weights.shape])


def _session(path: Path, threads: int | None) -> Any:
    """An ONNX Runtime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
