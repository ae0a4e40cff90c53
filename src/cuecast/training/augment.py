"""Changes of colour, sharpness and noise: the same for a whole group, and a little for each image."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor


def augment(rng: np.random.Generator, images: NDArray[np.uint8]) -> Tensor:
    """images (N, S, S, 3) uint8 of one group -> (N, 3, S, S) float32 in [0, 1]."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    x = _same_for_all(rng, x)
    return _each_alone(rng, x).clamp(0, 1).contiguous()


def _same_for_all(rng: np.random.Generator, x: Tensor) -> Tensor:
    """What another camera, stain or modality would change: it does not change which thing is meant."""
    if rng.random() < 0.15:
        x = 1 - x
    if rng.random() < 0.25:
        x = x[:, torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.15:
        x = (x.mean(1, keepdim=True)).expand(-1, 3, -1, -1)
    elif rng.random() < 0.4:
        mix = torch.from_numpy((np.eye(3) + rng.normal(0, 0.15, (3, 3))).astype(np.float32))
        x = torch.einsum("ij,njhw->nihw", mix, x)
    if rng.random() < 0.4:
        x = x.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.12:
        small = F.interpolate(x, scale_factor=float(rng.uniform(0.4, 0.9)), mode="area")
        x = F.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return x


def _each_alone(rng: np.random.Generator, x: Tensor) -> Tensor:
    """What changes from picture to picture: light, white balance, contrast, noise."""
    n = len(x)

    def draw(deviation: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(rng.normal(0, deviation, (n, channels, 1, 1)).astype(np.float32))

    strength = rng.uniform(0, 1)
    x = (x - 0.5) * torch.exp(draw(0.25 * strength)) + 0.5 + draw(0.08 * strength)
    x = x * torch.exp(draw(0.08 * strength, 3))
    if rng.random() < 0.25:
        x = x + torch.from_numpy(rng.normal(0, rng.uniform(0.005, 0.05), x.shape).astype(np.float32))
    return x
