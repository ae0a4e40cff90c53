"""Changes of colour, sharpness and noise: the same for a whole group, and a little for each image.

What changes is drawn with a step's material; it is applied where the network is, on a GPU as on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Changes:
    """What happens to the N images of a group, in the order of the fields.

    For all the same, as another camera, stain or modality would have it: inverted; colours mixed by `mix` (3, 3);
    brightness to the power `gamma`; blurred by shrinking to the share `sharpness`. For each image: contrast and shift
    (N, 1, 1, 1), white balance (N, 3, 1, 1), noise of a deviation.
    """

    inverted: bool
    mix: Tensor
    gamma: float
    sharpness: float
    contrast: Tensor
    shift: Tensor
    white: Tensor
    noise: float


def draw_changes(rng: np.random.Generator, count: int) -> Changes:
    """Changes of a group of `count` images."""

    def each(deviation: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.normal(0, deviation, (count, channels, 1, 1)).astype(np.float32))

    strength = rng.uniform(0, 1)
    return Changes(
        inverted=bool(rng.random() < 0.15),
        mix=torch.from_numpy(_draw_mix(rng).astype(np.float32)),
        gamma=float(np.exp(rng.normal(0, 0.35))) if rng.random() < 0.4 else 1.0,
        sharpness=float(rng.uniform(0.4, 0.9)) if rng.random() < 0.12 else 1.0,
        contrast=torch.exp(each(0.25 * strength)),
        shift=each(0.08 * strength),
        white=torch.exp(each(0.08 * strength, 3)),
        noise=float(rng.uniform(0.005, 0.05)) if rng.random() < 0.25 else 0.0,
    )


def _draw_mix(rng: np.random.Generator) -> np.ndarray:
    order = rng.permutation(3) if rng.random() < 0.25 else np.arange(3)
    mix = np.eye(3)[order]
    if rng.random() < 0.15:
        return np.full((3, 3), 1 / 3)
    return (np.eye(3) + rng.normal(0, 0.15, (3, 3))) @ mix if rng.random() < 0.4 else mix


def apply_changes(images: Tensor, changes: Changes) -> Tensor:
    """images (N, 3, S, S) uint8 -> (N, 3, S, S) float32 in [0, 1]; noise is torch's, of the images' device."""
    x = images.float() / 255
    if changes.inverted:
        x = 1 - x
    x = torch.einsum("ij,njhw->nihw", changes.mix, x).clamp(0, 1) ** changes.gamma
    if changes.sharpness < 1:
        small = F.interpolate(x, scale_factor=changes.sharpness, mode="area")
        x = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    x = ((x - 0.5) * changes.contrast + 0.5 + changes.shift) * changes.white
    if changes.noise:
        x = x + changes.noise * torch.randn_like(x)
    return x.clamp(0, 1)
