"""An Image layer as what cuecast looks at: one picture, a volume, a time series, or pictures one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import ImageError
from cuecast.core.values import Image
from cuecast.io.images import read_image
from cuecast.io.volumes import Volume, grey, value_window
from cuecast.napari.layers import Matrix, Taken

Stack = Literal["volume", "time series", "pictures", "channels"]
STACKS: tuple[Stack, ...] = get_args(Stack)
"""What the first of three axes may be: depth, time, pictures that have nothing to do with each other, channels."""
CHANNELS = 3
"""More of them are no picture."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What an Image layer shows. `stack` is what its first axis is; None where it is one picture.

    as_shown  whether deep images are brought to 8 bits by the contrast limits of the layer, or by `read_image`'s rule.
    """

    layer: Taken
    stack: Stack | None
    as_shown: bool = False

    @property
    def name(self) -> str:
        """The name of its layer."""
        return self.layer.name

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each picture in it."""
        H, W = self.layer.data.shape[-3:-1] if self.layer.rgb else self.layer.data.shape[-2:]
        return int(H), int(W)

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W), or (N, H, W) of a stack: that of the labels over it."""
        return self.size if self.stack is None else (len(self.layer.data), *self.size)

    @property
    def to_world(self) -> Matrix:
        """Where its pixels lie, (D + 1, D + 1), as in `Taken`, for each axis of `shape`."""
        return trailing(self.layer.to_world, len(self.shape))

    def image(self, index: int | None) -> Image:
        """The picture, or picture `index` of a stack. Raises ImageError."""
        if self.stack == "volume":
            pixels = grey(self.volume.values("z", index or 0), self.window)
            return Image(pixels, f"{self.name} z:{index}")
        if self.stack is None and self.layer.axes == 3:
            return self._mixed()
        part = self.layer.data if self.stack is None else self.layer.data[index]
        name = self.name if self.stack is None else f"{self.name} {index}"
        return self._read(np.asarray(part), name)

    @cached_property
    def volume(self) -> Volume:
        """The stack as a volume; its spacing is the layer's, in whatever unit that is. Raises ImageError."""
        lengths = np.linalg.norm(self.to_world[:3, :3], axis=0)
        spacing = None if np.allclose(lengths, 1) else tuple(float(v) for v in lengths)
        return Volume(np.asarray(self.layer.data), self.name, spacing=spacing)  # type: ignore[arg-type]

    @cached_property
    def window(self) -> tuple[float, float]:
        """The values that all slices of the volume show as black and white."""
        shown = self.layer.window if self.as_shown and self.layer.data.dtype != np.uint8 else None
        return shown or value_window(self.volume)

    @property
    def frames(self) -> Sequence[Image]:
        """The pictures of a stack, each read when it is asked for."""
        return _Frames(self)

    def _mixed(self) -> Image:
        """One to three channels as red, green and blue, each with black and white of its own; one alone is grey."""
        names = [f"{self.name} channel {i}" for i in range(len(self.layer.data))]
        planes = [
            self._read(np.asarray(self.layer.data[i]), name).pixels[..., 0] for i, name in enumerate(names)
        ]
        if len(planes) == 1:
            planes *= CHANNELS
        planes += [np.zeros_like(planes[0])] * (CHANNELS - len(planes))
        return Image(np.stack(planes, axis=-1), self.name)

    def _read(self, pixels: NDArray[Any], name: str) -> Image:
        window = self.layer.window if self.as_shown and not self.layer.rgb else None
        try:
            return replace(read_image(pixels, window=window), name=name)
        except ImageError as error:
            raise error.at(name) from error


class _Frames(Sequence[Image]):
    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def __len__(self) -> int:
        return self.picture.shape[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        return self.picture.image(index % len(self))


def picture_of(layer: Taken, stack: Stack, as_shown: bool = False) -> Picture:
    """What an Image layer shows, where the first of three axes is `stack`. Raises ImageError."""
    if layer.axes == 2:
        return Picture(layer, None, as_shown)
    if layer.axes != 3:
        raise ImageError(
            f"has {layer.axes} axes, and pictures, volumes and time series have two or three",
            layer.name,
            "take one time or one channel of it: 'Split Stack' in the menu of the layer",
        )
    if layer.rgb and stack in ("volume", "channels"):
        raise ImageError(
            f"is in colours, and {'volumes are grey' if stack == 'volume' else 'these are its channels'}",
            layer.name,
            "say that stacks are a time series, or pictures",
        )
    if stack == "channels" and len(layer.data) > CHANNELS:
        raise ImageError(
            f"has {len(layer.data)} channels, and three are seen at most",
            layer.name,
            "'Split Stack' in the menu of the layer makes layers of them: use one, or 'Merge to RGB' three",
        )
    return Picture(layer, None if stack == "channels" else stack, as_shown)


def trailing(matrix: Matrix, axes: int) -> Matrix:
    """The last `axes` axes of a matrix (D + 1, D + 1): napari lays layers over each other by these.

    Returns (axes + 1, axes + 1).
    """
    keep = np.arange(len(matrix) - 1 - axes, len(matrix))
    return matrix[np.ix_(keep, keep)]
