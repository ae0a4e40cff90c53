"""Folders of data for the tests of `cuecast data`: blots that differ, with masks of two classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CARD = {
    "name": "blots",
    "domain": "soft blots",
    "classes": {"1": "left", "2": "right"},
    "source": "someone/blots",
    "licence": "CC BY 4.0 (in the README)",
}


def scene(seed: int, side: int = 48) -> NDArray[np.uint8]:
    """(side, side, 3): soft blots, others for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def labels(left: bool = True, right: bool = True, side: int = 48) -> NDArray[np.uint8]:
    """(side, side): class 1 on the left, class 2 on the right."""
    mask = np.zeros((side, side), np.uint8)
    mask[5:20, 3:15] = left
    mask[5:20, 30:40] = 2 * right
    return mask


def save(path: Path, pixels: NDArray[Any]) -> Path:
    """Write a picture, its folders too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def training_set(root: Path, seeds: Sequence[int] = range(4), **card: Any) -> Path:
    """images/NN.png and masks/NN.png for each seed, and a card; the first picture shows class 1 alone."""
    for number, seed in enumerate(seeds):
        save(root / "images" / f"{number:02}.png", scene(seed))
        save(root / "masks" / f"{number:02}.png", labels(right=number > 0))
    said = {k: v for k, v in {**CARD, **card}.items() if v is not None}
    (root / "card.json").write_text(json.dumps(said), encoding="utf-8")
    return root
