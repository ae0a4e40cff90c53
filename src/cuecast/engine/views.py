"""An image as the encoder sees it: brought to a working size, cut into tiles, encoded, and kept for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.tiling import Window, blend, windows
from cuecast.core.values import Example, Image
from cuecast.engine.features import FeatureCache
from cuecast.engine.matcher import FeatureMaps

Array = NDArray[np.float32]
MULTIPLE = 16
"""Sides of what the encoder sees are multiples of its largest stride: of this one, where the pack's card does not state
another under 'multiple'."""
SEMANTIC_MULTIPLE = 32
"""The same of a pack with a semantic map: that of a pretrained backbone."""


@dataclass(frozen=True, eq=False)
class View:
    """One image at one working size: `frame` (h, w, 3) uint8, and its feature maps tile by tile."""

    frame: NDArray[np.uint8]
    digest: str
    encoder: Viewer

    def windows(self) -> Iterator[Window]:
        """The tiles, in working pixels."""
        return windows(self.frame.shape[:2], self.encoder.tile, self.encoder.overlap)

    def features(self, window: Window) -> FeatureMaps:
        """Feature maps of a tile, padded to multiples of the largest stride."""

        def compute() -> FeatureMaps:
            tile = self.frame[window.slices]
            sides = ((0, -n % self.encoder.multiple) for n in tile.shape[:2])
            padded = np.pad(tile, (*sides, (0, 0)), mode="edge")
            rgb: Array = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
            return self.encoder.encode(rgb)

        return self.encoder.cache.get((self.digest, self.frame.shape, window), compute)

    def pad(self, weights: Array) -> Array:
        """Weights (..., h, w) of a tile, padded as its features are; nothing is known of the padding."""
        sides = [(0, -n % self.encoder.multiple) for n in weights.shape[-2:]]
        return np.pad(weights, [(0, 0)] * (weights.ndim - 2) + sides)

    def blend(self, planes: int, stride: int, compute: Callable[[FeatureMaps, Window], Array]) -> Array:
        """(planes, h / stride, w / stride): what `compute` gives for the feature maps of each tile, joined.

        It is told the tile in working pixels as well.
        """
        h, w = (-(-n // stride) for n in self.frame.shape[:2])

        def here(window: Window) -> Array:
            tile = Window(*(min(stride * v, n) for v, n in zip(window, self._ends, strict=True)))
            maps = compute(self.features(tile), tile)
            return maps[:, : window.bottom - window.top, : window.right - window.left]

        return blend((h, w), planes, self.encoder.tile // stride, self.encoder.overlap // stride, here)

    @property
    def _ends(self) -> tuple[int, int, int, int]:
        h, w = self.frame.shape[:2]
        return h, h, w, w


@dataclass(frozen=True, eq=False)
class Viewer:
    """Encodes images. `tile` and `overlap` in working pixels; safe to share between threads.

    encode takes (1, 3, H, W) float32 in [0, 1], H and W multiples of `multiple`.
    """

    encode: Callable[[Array], FeatureMaps] = field(repr=False)
    tile: int
    overlap: int
    multiple: int = MULTIPLE
    cache: FeatureCache = field(default_factory=FeatureCache, repr=False)

    def view(self, image: Image, side: float, zoom: float | None) -> View:
        """The image at its working size: area side x side, or `zoom` working pixels a pixel. Even sides."""
        H, W = image.size
        factor = zoom if zoom is not None else side / (H * W) ** 0.5
        h, w = (max(self.multiple, 2 * round(n * factor / 2)) for n in (H, W))
        how = PILImage.Resampling.BILINEAR  # Pillow averages over the source where it shrinks.
        frame = np.asarray(PILImage.fromarray(image.pixels).resize((w, h), how))
        return View(frame, image.digest, self)


def common_zoom(examples: Sequence[Example], cls: int, side: float) -> float:
    """Working pixels per image pixel: those of the largest frame that shows the class."""
    areas = [float(np.prod(e.image.size)) for e in examples if cls in e.marks.class_ids]
    zoom: float = side / max(areas) ** 0.5
    return min(1.0, zoom)


def open_encoder(path: Path, threads: int | None) -> Callable[[Array], FeatureMaps]:
    """encode.onnx of a pack as a function of an image (1, 3, h, w): it takes the outputs whose names it knows."""
    session = open_session(path, threads)
    known = {f.name for f in fields(FeatureMaps)}
    names = [o.name for o in session.get_outputs() if o.name in known]

    def encode(rgb: Array) -> FeatureMaps:
        found = session.run(names, {"image": rgb})
        return FeatureMaps(**{name: m[0] for name, m in zip(names, found, strict=True)})

    return encode


def open_session(path: Any, threads: int | None) -> Any:
    """An ONNX Runtime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
