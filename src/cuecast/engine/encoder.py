"""The networks of a pack in ONNX Runtime, and an image as they see it: at a working size, in tiles, and encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import PackError
from cuecast.core.kept import Kept
from cuecast.core.tiling import Window, blend, windows
from cuecast.core.values import Image
from cuecast.engine.lessons import working_factor
from cuecast.engine.matcher import FeatureMaps
from cuecast.engine.segmenter import Encoder, MapShape, PackFile
from cuecast.engine.shared import shared

Array = NDArray[np.float32]

STRIDES = {"pixel": 2, "fine": 4, "key": 8, "value": 8, "context": 8, "semantic": 8}
"""Of the maps that an encode.onnx may give, in pixels of the frame; outputs of other names are left."""
MOST_AT_ONCE = 8
"""Classes that are decoded in one run, at most: more gain no time, and each takes memory."""
BUDGET = 128 * 2**20
"""Bytes of feature maps that are kept: two dozen working frames of 256 x 256, or one of 1024 x 1024."""


class OnnxEncoder:
    """encode.onnx of a pack: an `Encoder`."""

    def __init__(self, session: Any, multiple: int) -> None:
        """session: one of ONNX Runtime that takes 'image' (1, 3, H, W) float32 in [0, 1]."""
        self._session = session
        outputs = {o.name: o.shape[1] for o in session.get_outputs()}
        self.maps = {
            name: MapShape(stride, outputs[name]) for name, stride in STRIDES.items() if name in outputs
        }
        self.multiple = multiple

    @classmethod
    def from_file(cls, file: PackFile, threads: int | None, multiple: int) -> OnnxEncoder:
        """Load it on the CPU. Raises PackError."""
        return cls(_session(file, threads), multiple)

    def encode(self, frame: NDArray[np.uint8]) -> dict[str, Array]:
        """See `Encoder.encode`."""
        rgb: Array = np.ascontiguousarray(frame.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        found = self._session.run(list(self.maps), {"image": rgb})
        return {name: m[0] for name, m in zip(self.maps, found, strict=True)}


class Decoder:
    """decode.onnx of a pack as a function of named maps. Safe to share between threads.

    It is given what it names, and answers several classes in one run.
    """

    def __init__(self, session: Any) -> None:
        """session: one of ONNX Runtime, whose inputs have their first axis open where they say something of a class,
        and 1 where they say something of the image alone; a file that has 1 everywhere answers a class at a time."""
        self._session = session
        self._one = {i.name: i.shape[0] == 1 for i in session.get_inputs()}
        self._most = 1 if all(self._one.values()) else MOST_AT_ONCE

    @classmethod
    def from_file(cls, file: PackFile, threads: int | None) -> Decoder:
        """Load it on the CPU. Raises PackError."""
        return cls(_session(file, threads))

    @property
    def inputs(self) -> frozenset[str]:
        """The names of the maps that it reads."""
        return frozenset(self._one)

    def decode(self, maps: Mapping[str, Array], classes: int) -> tuple[Array, Array]:
        """What it reads of `maps` -> logits (K, 1, H/2, W/2), and logits of the thing being anywhere (K,).

        maps: each (K, ...) of the K classes, or (1, ...) of what they have in common.
        """
        logits, there = [], []
        for start in range(0, classes, self._most):
            part = slice(start, min(start + self._most, classes))
            given = {name: self._of(name, maps[name], part) for name in self._one}
            found = self._session.run(["logits", "there"], given)
            logits.append(found[0])
            there.append(found[1].ravel())
        return np.concatenate(logits), np.concatenate(there)

    def _of(self, name: str, values: Array, part: slice) -> Array:
        """What the classes in `part` give to an input: themselves, or what they have in common, once or for each."""
        count = part.stop - part.start
        if len(values) > 1:
            values = values[part]
        elif not self._one[name]:
            values = np.broadcast_to(values, (count, *values.shape[1:]))
        return np.ascontiguousarray(values, np.float32)


@dataclass(frozen=True, eq=False)
class View:
    """One image at one working size: `frame` (h, w, 3) uint8, and its feature maps tile by tile."""

    frame: NDArray[np.uint8]
    digest: str
    viewer: Viewer

    def windows(self) -> Iterator[Window]:
        """The tiles, in working pixels."""
        return windows(self.frame.shape[:2], self.viewer.tile, self.viewer.overlap)

    def features(self, window: Window) -> FeatureMaps:
        """Feature maps of a tile, padded to multiples of the largest stride."""

        def compute() -> FeatureMaps:
            tile = self.frame[window.slices]
            sides = ((0, -n % self.viewer.encoder.multiple) for n in tile.shape[:2])
            return FeatureMaps(**self.viewer.encoder.encode(np.pad(tile, (*sides, (0, 0)), mode="edge")))

        return self.viewer.cache.get((self.digest, self.frame.shape, window), compute)

    def pad(self, weights: Array) -> Array:
        """Weights (..., h, w) of a tile, padded as its features are; nothing is known of the padding."""
        sides = [(0, -n % self.viewer.encoder.multiple) for n in weights.shape[-2:]]
        return np.pad(weights, [(0, 0)] * (weights.ndim - 2) + sides)

    def blend(self, planes: int, stride: int, compute: Callable[[FeatureMaps, Window], Array]) -> Array:
        """(planes, h / stride, w / stride): what `compute` gives for the feature maps of each tile, joined.

        It is told the tile in working pixels as well.
        """
        H, W = self.frame.shape[:2]

        def here(window: Window) -> Array:
            tile = Window(*(min(stride * v, n) for v, n in zip(window, (H, H, W, W), strict=True)))
            maps = compute(self.features(tile), tile)
            return maps[:, : window.bottom - window.top, : window.right - window.left]

        size = (-(-H // stride), -(-W // stride))
        return blend(size, planes, self.viewer.tile // stride, self.viewer.overlap // stride, here)


@dataclass(frozen=True, eq=False)
class Viewer:
    """Encodes images. `tile` and `overlap` in working pixels; safe to share between threads."""

    encoder: Encoder = field(repr=False)
    tile: int
    overlap: int
    cache: Kept[FeatureMaps] = field(default_factory=lambda: kept_maps(BUDGET), repr=False)

    def view(self, image: Image, side: float, zoom: float | None) -> View:
        """The image at its working size: area side x side, or `zoom` working pixels a pixel. Even sides."""
        factor = working_factor(image.size, side, zoom)
        h, w = (max(self.encoder.multiple, 2 * round(n * factor / 2)) for n in image.size)
        how = PILImage.Resampling.BILINEAR  # Pillow averages over the source where it shrinks.
        frame = np.asarray(PILImage.fromarray(image.pixels).resize((w, h), how))
        return View(frame, image.digest, self)


def shared_viewer(file: PackFile, threads: int | None, multiple: int, tile: int, overlap: int) -> Viewer:
    """A viewer of the encoder in that file: the one in use, with what it has seen, where it looks in the same way."""

    def make() -> Viewer:
        return Viewer(OnnxEncoder.from_file(file, threads, multiple), tile, overlap)

    return shared(("viewer", file.sha256, threads, multiple, tile, overlap), make)


def kept_maps(budget: int) -> Kept[Any]:
    """Arrays, and dataclasses of arrays, up to `budget` bytes: one more click on an image computes none again."""

    def size(maps: Any) -> int:
        parts = [maps] if isinstance(maps, np.ndarray) else [getattr(maps, f.name) for f in fields(maps)]
        return sum(part.nbytes for part in parts)

    return Kept(budget, size)


def _session(file: PackFile, threads: int | None) -> Any:
    """An ONNX Runtime session on the CPU; the one in use, where there is one of these very bytes. Raises PackError."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    broken = (state.Fail, state.InvalidProtobuf, state.InvalidGraph, state.InvalidArgument, state.NoSuchFile)

    def load() -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(file.path), options, providers=["CPUExecutionProvider"])
        except (*broken, state.NotImplemented, state.RuntimeException) as error:
            what = f"it is no network that ONNX Runtime can load ({str(error).splitlines()[0]})"
            raise PackError(what, file.path.name, "install the pack again") from error

    return shared(("session", file.sha256, threads), load)
