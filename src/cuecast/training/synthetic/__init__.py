"""Unlimited drawn tasks: episodes of one kind of scene with exact labels, to train a general network.

An episode picks a family (FAMILIES), the family draws a kind (palette, textures, the classes and how they
differ), and the kind is painted several times: other positions, numbers and shapes, the same look. Each image is then
photographed: uneven light, blur, grain, compression, as one camera would do.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from cuecast.training.synthetic.diagrams import diagrams
from cuecast.training.synthetic.drawing import Array, Kind, log_uniform, ramp, value_noise
from cuecast.training.synthetic.grounds import defects, regions, roads
from cuecast.training.synthetic.lines import cracks, vessels, wires
from cuecast.training.synthetic.made import glyphs, panels
from cuecast.training.synthetic.nature import grains, leaves, organs
from cuecast.training.synthetic.pages import pages
from cuecast.training.synthetic.things import cells, objects

FAMILIES: dict[str, Callable[[np.random.Generator, int], Kind]] = {
    "cells": cells,
    "cracks": cracks,
    "defects": defects,
    "diagrams": diagrams,
    "glyphs": glyphs,
    "grains": grains,
    "leaves": leaves,
    "objects": objects,
    "organs": organs,
    "pages": pages,
    "panels": panels,
    "regions": regions,
    "roads": roads,
    "vessels": vessels,
    "wires": wires,
}

COUNTED = ("cells", "objects", "leaves")
"""Families whose things are painted one by one, so that each has an id."""

_MISSING_CLASS = 0.25  # share of the episodes in which one class is missing in some images
_MISSING_HERE = 0.4  # and in how many of their images


def draw_episode(
    rng: np.random.Generator, count: int, size: int, family: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int32] | None]:
    """`count` images (count, size, size, 3) uint8 of one kind of scene, labels (count, size, size) uint8, and ids of
    its things (count, size, size) int32, None of a family that does not count them.

    Labels: 0 background, 1 to at most 4 for classes of things, the same in all images of the episode; a class
    may be missing in some of them. `family` is a key of FAMILIES, by default drawn as well. The same state of
    `rng` gives the same episode.
    """
    name = family or str(rng.choice(list(FAMILIES)))
    kind = FAMILIES[name](rng, size)
    camera = random_camera(rng)
    present = [frozenset(range(1, kind.classes + 1))] * count
    if rng.random() < _MISSING_CLASS:
        gone = int(rng.integers(1, kind.classes + 1))
        without = rng.random(count) < _MISSING_HERE
        without[rng.integers(count)] = False
        present = [all_ - {gone} if lacks else all_ for all_, lacks in zip(present, without, strict=True)]
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty((count, size, size), np.uint8)
    objects = np.empty((count, size, size), np.int32)
    for index in range(count):
        canvas = kind.paint(rng, present[index])
        images[index] = photograph(rng, canvas.image, camera)
        labels[index], objects[index] = canvas.labels, canvas.objects
    return images, labels, objects if name in COUNTED else None


@dataclass(frozen=True)
class Camera:
    """The settings that all images of an episode share."""

    gradient: float
    clouds: float
    vignette: float
    blur: float
    noise: float
    noise_scale: float
    colour_noise: bool
    quality: int
    gamma: float
    grey: bool
    negative: bool
    channels: tuple[int, int, int]
    jitter: float


def random_camera(rng: np.random.Generator) -> Camera:
    """A camera; most are decent, some are bad in one or two respects."""

    def sometimes(chance: float, low: float, high: float) -> float:
        return log_uniform(rng, low, high) if rng.random() < chance else 0.0

    order = rng.permutation(3) if rng.random() < 0.4 else np.arange(3)
    return Camera(
        gradient=sometimes(0.5, 0.05, 0.6),
        clouds=sometimes(0.3, 0.03, 0.2),
        vignette=sometimes(0.2, 0.1, 0.7),
        blur=sometimes(0.5, 0.3, 1.3),
        noise=sometimes(0.75, 0.004, 0.07),
        noise_scale=sometimes(0.3, 0.4, 1.0),
        colour_noise=bool(rng.random() < 0.4),
        quality=int(rng.integers(30, 90)) if rng.random() < 0.4 else 0,
        gamma=float(log_uniform(rng, 0.7, 1.4)),
        grey=bool(rng.random() < 0.15),
        negative=bool(rng.random() < 0.12),
        channels=(int(order[0]), int(order[1]), int(order[2])),
        jitter=sometimes(0.6, 0.02, 0.1),
    )


def photograph(rng: np.random.Generator, scene: Array, camera: Camera) -> NDArray[np.uint8]:
    """The scene (size, size, 3) float, about [0, 1], as this camera sees it: uint8, same size."""
    size = scene.shape[0]
    light = np.ones((size, size), np.float32)
    if camera.gradient:
        light += ramp(size, float(rng.uniform(0, 6.28))) * np.float32(camera.gradient / size)
    if camera.clouds:
        light += value_noise(rng, size, size / 2) * np.float32(camera.clouds)
    if camera.vignette:
        line = np.linspace(-1, 1, size, dtype=np.float32) ** 2
        light -= (line[:, None] + line[None, :]) * np.float32(camera.vignette / 2)
    image = 1 - scene if camera.negative else scene
    tone = 1 + rng.normal(0, camera.jitter, 3 if rng.random() < 0.5 else 1) * np.ones(3)
    lift = rng.normal(0, camera.jitter / 2)
    planes = np.empty((3, size, size), np.float32)
    if camera.grey:
        planes[:] = (image @ np.array([0.3, 0.59, 0.11], np.float32)) * (light * np.float32(tone[0]))
    else:
        for plane, channel, factor in zip(planes, camera.channels, tone, strict=True):
            np.multiply(image[..., channel], light * np.float32(factor), out=plane)
    curve = np.linspace(0, 1, 1024) ** (camera.gamma * np.exp(rng.normal(0, camera.jitter)))
    steps = np.clip((planes + np.float32(lift)) * np.float32(1023), 0, 1023).astype(np.int16)
    planes = (curve * 255).astype(np.float32)[steps]
    if camera.blur:
        sigma = camera.blur * rng.uniform(0.7, 1.2)
        planes = ndimage.gaussian_filter(planes, (0, sigma, sigma), truncate=2)
    pixels = np.ascontiguousarray((planes + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0))
    if camera.noise:
        pixels = _noisy(rng, pixels, camera)
    if camera.quality:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=camera.quality)
        pixels = np.array(Image.open(file))
    return pixels


def _noisy(rng: np.random.Generator, pixels: NDArray[np.uint8], camera: Camera) -> NDArray[np.uint8]:
    """Pixels (size, size, 3) with grain, the same or shifted for each channel, softened to `noise_scale`."""
    grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32)
    if camera.noise_scale:
        sigma = camera.noise_scale
        grain = ndimage.gaussian_filter(grain, sigma, truncate=2) * np.float32(1 + 2 * sigma)
    grain = (grain * np.float32(camera.noise * 255)).astype(np.int16)
    shifts = rng.integers(1, pixels.shape[0], (2, 2)).tolist()
    if camera.colour_noise:
        sheets = [grain, *(np.roll(grain, shift, (0, 1)) for shift in shifts)]
        return np.clip(pixels + np.stack(sheets, 2), 0, 255).astype(np.uint8)
    noisy: NDArray[np.uint8] = np.clip(pixels + grain[..., None], 0, 255).astype(np.uint8)
    return noisy
