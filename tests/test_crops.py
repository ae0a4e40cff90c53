"""The same answer whatever the crop: what a part of a picture gets is what the whole gets there, but for a margin.

The pack `general` looks at a picture in steps of 32 working pixels, and its answer at a pixel depends on what lies
around it. So near the border of a crop the answer may differ; away from it, it is all but the same where the crop
begins at a multiple of these steps, and differs a little at outlines elsewhere. The tiles of a map begin at such
multiples by themselves, wherever the map was cut. Measured figures: docs/decisions/0008-huge-images.md.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cuecast
from cuecast.predictor import Concept, load
from cuecast.runs.raster import MapOptions, segment_raster

MARGIN = 48
"""Pixels along the border of a crop that are left out, at a zoom of 1."""
ANYWHERE = 0.005
"""Share of the other pixels that may differ for a crop that begins anywhere."""
AT_A_STEP = 0.0005
"""The same for one that begins at a step, and for maps."""


def scene(side: int = 384) -> tuple[np.ndarray, np.ndarray]:
    """(pixels (side, side, 3) uint8, mask (side, side) uint8): bright discs of several sizes on a textured ground."""
    random = np.random.default_rng(7)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    ground = 90 + 25 * np.sin(x / 23) * np.cos(y / 31) + random.normal(0, 8, (side, side))
    mask = np.zeros((side, side), bool)
    for _ in range(24):
        cx, cy = random.uniform(0, side, 2)
        mask |= (x - cx) ** 2 + (y - cy) ** 2 <= random.choice([8, 14, 22]) ** 2
    level = np.where(mask, ground + 70, ground)
    pixels = np.stack([level, level * 0.9, level * 0.7], axis=-1).clip(0, 255).astype(np.uint8)
    return pixels, mask.astype(np.uint8)


PIXELS, MASK = scene()


@pytest.fixture(scope="module")
def concept() -> Concept:
    """The discs, from a window of the scene, at a zoom of 1."""
    shown = slice(0, 160), slice(0, 160)
    learnt = load("general", threads=1).learn([cuecast.Cue(PIXELS[shown], mask=MASK[shown])], scale="pixel")
    assert learnt.knowledge.lessons[0].zoom == 1
    return learnt


def differing(whole: np.ndarray, part: np.ndarray, top: int, left: int) -> float:
    """Share of the part's pixels, without its margin, whose label is not that of the whole there."""
    inner = slice(MARGIN, part.shape[0] - MARGIN), slice(MARGIN, part.shape[1] - MARGIN)
    same = whole[top : top + part.shape[0], left : left + part.shape[1]][inner] == part[inner]
    assert (part[inner] == 1).any()
    return float(1 - same.mean())


@pytest.fixture(scope="module")
def whole(concept: Concept) -> np.ndarray:
    """The mask of the scene."""
    return concept.segment(PIXELS).mask


@pytest.mark.parametrize(("top", "left", "most"), [(96, 64, AT_A_STEP), (101, 45, ANYWHERE)])
def test_a_crop_gets_the_answer_of_the_whole(
    concept: Concept, whole: np.ndarray, top: int, left: int, most: float
) -> None:
    part = concept.segment(np.ascontiguousarray(PIXELS[top : top + 256, left : left + 256])).mask
    assert differing(whole, part, top, left) <= most


def test_a_map_cut_anywhere_gets_the_answer_of_the_whole(concept: Concept, tmp_path: Path) -> None:
    """Cut 67 rows and 101 columns off, which are multiples of nothing."""
    rasterio = pytest.importorskip("rasterio")
    from map_pictures import HALF_METRE, read_band, write_map

    options = MapOptions(tile=256, overlap=64, formats=())
    masks = []
    for name, rows, cols in (("whole", 0, 0), ("part", 67, 101)):
        moved = rasterio.Affine(0.5, 0, HALF_METRE.c + cols / 2, 0, -0.5, HALF_METRE.f - rows / 2)
        threshold = PIXELS[rows : rows + 280, cols : cols + 280] if rows else PIXELS
        path = write_map(tmp_path / f"{name}.tif", threshold, transform=moved)
        masks.append(read_band(segment_raster(concept, path, tmp_path / name, options).files["mask"]))
    assert differing(*masks, 67, 101) <= AT_A_STEP
