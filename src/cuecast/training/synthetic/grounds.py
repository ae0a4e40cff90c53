"""Frames that are filled from side to side.

Scenes with a horizon: sky, land, a road in perspective with its marks, vehicles, trees and houses. Regions, each filled
with one of a few textures: land cover, tissue, rock, cloth. Defects: patches where the statistics of a texture change.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from cuecast.training.synthetic.drawing import (
    FIELDS,
    Array,
    Canvas,
    Kind,
    Labels,
    Texture,
    colour_apart,
    draw_blob,
    draw_paths,
    draw_polygon,
    fractal_noise,
    log_uniform,
    opacity,
    ramp,
    random_colour,
    random_saturation,
    random_texture,
    walk,
    window,
)

_CLASSES = ("road", "mark", "vehicle", "tree", "house", "sky")


def roads(rng: np.random.Generator, size: int) -> Kind:
    """One to four of the scene's stuffs and things are classes; the others are there without a label."""
    saturation = random_saturation(rng)
    order = [str(name) for name in rng.permutation(_CLASSES)]
    named = order[: int(rng.integers(1, 5))]
    also = order[len(named) : len(named) + int(rng.integers(0, 3))]
    label_of = {name: index for index, name in enumerate(named, 1)}
    colours: dict[str, Array] = {"land": random_colour(rng, saturation)}
    for name in ("sky", "road", "mark", "tree", "house", "vehicle"):
        near = [colours[other] for other in ("land", "sky", "road") if other in colours]
        colours[name] = colour_apart(rng, near, 0.25, saturation)
    skins = {
        name: random_texture(rng, colour, log_uniform(rng, 0.005, 0.03 if name == "sky" else 0.12))
        for name, colour in colours.items()
    }
    horizon, width = float(rng.uniform(0.2, 0.5)), float(rng.uniform(0.3, 1.1))
    dashes = int(rng.integers(1, 7))
    mark_width = log_uniform(rng, 0.015, 0.06)
    most = int(rng.integers(2, 6))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        def label(name: str) -> int:
            return label_of.get(name, 0)

        def wanted(name: str) -> bool:
            return label(name) in present if name in label_of else name in also

        level = horizon * size * float(np.exp(rng.normal(0, 0.1)))
        canvas = Canvas(skins["land"].draw(rng, size))
        if label("sky") in present or "sky" not in label_of:
            depth = np.float32(level) - ramp(size, np.pi / 2) - np.float32(size / 2)
            depth += fractal_noise(rng, size, size / 4) * np.float32(0.02 * size)
            canvas.paint(opacity(depth, 1.5), skins["sky"].draw(rng, size), label("sky"))
        far = float(rng.uniform(0.25, 0.75)) * size
        vanish = np.array([far, level])
        foot = size * rng.uniform(0.35, 0.65)
        if wanted("road"):
            half = width * size * 0.5
            lane = np.array(
                [(far - 1, level), (far + 1, level), (foot + half, size + 2), (foot - half, size + 2)]
            )
            canvas.paint(draw_polygon(window(size, lane), lane), skins["road"].skin(rng, size), label("road"),
                         window(size, lane))  # fmt: skip
        if wanted("mark"):
            _paint_marks(rng, canvas, colours["mark"], vanish, foot, dashes, mark_width * size, label("mark"))
        for name in ("house", "tree", "vehicle"):
            if wanted(name):
                skin = skins[name].skin(rng, size)
                for nearness in np.sort(rng.uniform(0.1, 0.9, int(rng.integers(1, most)))):
                    base = level + nearness * (size - level)
                    x = rng.uniform(0, size)
                    if name == "vehicle":
                        x = (
                            vanish[0]
                            + (foot - vanish[0]) * nearness
                            + rng.normal(0, 0.25) * width * size * nearness
                        )
                    _paint_thing(
                        rng, canvas, name, skin, (x, base), (0.1 + 0.4 * nearness) * size, label(name)
                    )
        return canvas

    return Kind(len(named), paint)


def _paint_marks(
    rng: np.random.Generator,
    canvas: Canvas,
    colour: Array,
    vanish: np.ndarray,
    foot: float,
    dashes: int,
    width: float,
    label: int,
) -> None:
    """A broken line along the road, wider where it is near."""
    size = canvas.size
    phase = rng.uniform(0, 0.5)
    for index in range(dashes):
        near = (
            np.clip(np.array([index + phase, index + phase + (0.55 if dashes > 1 else 1)]) / dashes, 0.02, 1)
            ** 1.6
        )
        x = vanish[0] + (foot - vanish[0]) * near
        y = vanish[1] + (size - vanish[1]) * near
        half = np.maximum(width * near, 1.0)
        corners = np.array(
            [[x[0] - half[0], y[0]], [x[0] + half[0], y[0]], [x[1] + half[1], y[1]], [x[1] - half[1], y[1]]]
        )
        box = window(size, corners)
        canvas.paint(draw_polygon(box, corners), colour, label, box)


def _paint_thing(
    rng: np.random.Generator,
    canvas: Canvas,
    name: str,
    skin: Array,
    foot: tuple[float, float],
    height: float,
    label: int,
) -> None:
    """A house with a roof and windows, a tree, or a vehicle, standing at `foot`."""
    x, y = foot
    if name == "tree":
        trunk = np.array([[x - 0.04 * height, y], [x - 0.03 * height, y - 0.6 * height],
                          [x + 0.03 * height, y - 0.6 * height], [x + 0.04 * height, y]])  # fmt: skip
        canvas.paint(draw_polygon(window(canvas.size, trunk), trunk), skin * np.float32(0.5), label,
                     window(canvas.size, trunk))  # fmt: skip
        crown = draw_blob(rng, canvas.size, (x, y - 0.7 * height), max(0.35 * height, 3.0), 1.2, 0.15)
        if crown is not None:
            canvas.paint(opacity(crown.depth, 1.5), skin, label, crown.box)
        return
    if name == "house":
        half, wall = 0.4 * height * rng.uniform(0.7, 1.4), 0.6 * height
        outline = [[-half, 0], [-half, -wall], [0, -height], [half, -wall], [half, 0]]
        panes = [(-0.5 * half, -0.35 * wall), (0.5 * half, -0.35 * wall)]
        pane, tone = 0.12 * height, 0.5
    else:
        half, wall = 0.35 * height, 0.22 * height
        outline = [[-half, 0], [-half, -wall], [-0.6 * half, -wall], [-0.4 * half, -0.4 * height],
                   [0.4 * half, -0.4 * height], [0.6 * half, -wall], [half, -wall], [half, 0]]  # fmt: skip
        panes = [(-0.6 * half, 0.0), (0.6 * half, 0.0)]
        pane, tone = 0.07 * height, 0.15
    corners = np.add(outline, [x, y])
    box = window(canvas.size, corners)
    canvas.paint(draw_polygon(box, corners), skin, label, box)
    for dx, dy in panes:
        square = np.add([[-pane, -pane], [pane, -pane], [pane, pane], [-pane, pane]], [x + dx, y + dy])
        box = window(canvas.size, square)
        alpha = draw_polygon(box, square)
        canvas.paint(alpha, np.full(3, tone, np.float32), label, box)


def _textures(rng: np.random.Generator, count: int, alike: bool) -> list[Texture]:
    """Textures that differ in colour, or (`alike`) only in their pattern, which is then strong."""
    saturation = random_saturation(rng)
    base = random_colour(rng, saturation)
    if not alike:
        bases = [base]
        while len(bases) < count:
            bases.append(colour_apart(rng, bases, log_uniform(rng, 0.12, 0.4), saturation))
        return [random_texture(rng, one) for one in bases]
    kinds = rng.permutation(list(FIELDS))[:count]
    middle = np.clip(base, 0.3, 0.7)
    found = [random_texture(rng, middle, float(rng.uniform(0.1, 0.18)), (str(kind),)) for kind in kinds]
    return [replace(one, layers=one.layers[:1]) for one in found]


def _voronoi(rng: np.random.Generator, size: int, number: int, ruffle: float) -> NDArray[np.int64]:
    """Cell numbers (size, size) of a Voronoi partition with wavy edges."""
    half = size // 2
    seeds = np.zeros((half, half), np.int64)
    seeds[rng.integers(0, half, number), rng.integers(0, half, number)] = np.arange(1, number + 1)
    where = ndimage.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    small = seeds[where[0], where[1]]
    line = np.arange(size)
    dy = (fractal_noise(rng, size, 24) * ruffle).astype(int)
    dx = (fractal_noise(rng, size, 24) * ruffle).astype(int)
    rows = np.clip((line[:, None] + dy) // 2, 0, half - 1)
    columns = np.clip((line[None, :] + dx) // 2, 0, half - 1)
    cells: NDArray[np.int64] = small[rows, columns]
    return cells


def _partition(rng: np.random.Generator, size: int, layout: str, classes: list[int], scale: float) -> Labels:
    """Labels (size, size) drawn from `classes`."""
    if layout == "voronoi":
        number = int(np.clip((1 / scale) ** 2, 6, 60))
        cells = _voronoi(rng, size, number, rng.uniform(0, 4))
        lookup = rng.choice(classes, number + 1)
        lookup[1 : 1 + len(classes)] = classes
        return lookup[cells].astype(np.uint8)
    if layout == "bands":
        field = ramp(size, float(rng.uniform(0, 6.28))) / size + fractal_noise(
            rng, size, size / 4
        ) * np.float32(0.05)
        thresholds = np.sort(rng.uniform(-0.45, 0.45, max(len(classes) - 1, 1)))
        order = rng.permutation(classes)
        labels: Labels = order[np.minimum(np.digitize(field, thresholds), len(classes) - 1)].astype(np.uint8)
        return labels
    fields = np.stack([fractal_noise(rng, size, max(scale * size, 10), 0.35) for _ in classes])
    found: Labels = np.asarray(classes, np.uint8)[fields.argmax(0)]
    return found


def regions(rng: np.random.Generator, size: int) -> Kind:
    """Two to five textures; the first is the background, the others are the classes."""
    count = int(rng.integers(2, 6))
    textures = _textures(rng, count, alike=rng.random() < 0.35)
    layout = str(rng.choice(["voronoi", "noise", "bands"]))
    scale = log_uniform(rng, 0.12, 0.6)
    outlined = rng.random() < 0.2
    outline = random_colour(rng)
    soft = rng.random() < 0.3

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        labels = _partition(rng, size, layout, [0, *sorted(present)], scale)
        canvas = Canvas(textures[0].draw(rng, size))
        for label in sorted(present):
            mask = labels == label
            if soft:
                sheet = Image.fromarray((mask * np.uint8(255)).astype(np.uint8))
                alpha = ndimage.uniform_filter(np.asarray(sheet, np.float32) / 255, 3)
            else:
                alpha = mask.astype(np.float32)
            canvas.paint(alpha, textures[label].draw(rng, size), None)
        if outlined:
            edge = ndimage.maximum_filter(labels, 2) != ndimage.minimum_filter(labels, 2)
            canvas.image[edge] = outline
        canvas.labels = labels
        return canvas

    return Kind(count - 1, paint)


_CHANGES = ("brightness", "contrast", "scale", "direction", "kind", "flat")
_SHAPES = ("patch", "patch", "spots", "streak", "corner")


def _changed(rng: np.random.Generator, texture: Texture) -> Texture:
    """The same texture with one property changed enough to be seen, and often a little darker or brighter."""
    changed = _change(rng, texture, str(rng.choice(_CHANGES)))
    if rng.random() < 0.5:
        sign = 1.0 if texture.base.mean() < 0.5 else -1.0
        changed = replace(changed, base=(changed.base + sign * rng.uniform(0.05, 0.15)).astype(np.float32))
    return changed


def _change(rng: np.random.Generator, texture: Texture, change: str) -> Texture:
    strength = float(np.abs(texture.tint).mean())
    if change == "contrast":
        factor = 0.2 if strength > 0.1 else float(rng.uniform(2.2, 3.5))
        return replace(texture, tint=texture.tint * np.float32(factor))
    if change == "scale" and texture.layers[0].kind != "grain":
        factor = 0.3 if texture.layers[0].scale > 10 else 3.5
        return replace(
            texture, layers=tuple(replace(one, scale=one.scale * factor) for one in texture.layers)
        )
    if change == "direction" and texture.layers[0].kind in ("stripes", "fibres"):
        return replace(
            texture, layers=tuple(replace(one, angle=one.angle + np.pi / 2) for one in texture.layers)
        )
    if change == "kind":
        return random_texture(rng, texture.base, strength * 1.2)
    if change == "flat" and strength > 0.07:
        return replace(texture, layers=())
    sign = 1.0 if texture.base.mean() < 0.5 else -1.0
    base = np.clip(texture.base + sign * rng.uniform(1.5, 3.0) * max(strength, 0.08), 0, 1)
    return replace(texture, base=base.astype(np.float32))


def defects(rng: np.random.Generator, size: int) -> Kind:
    """One to three kinds of defect on one texture, each with its own change and shape."""
    strength = log_uniform(rng, 0.05, 0.15)
    surface = random_texture(rng, random_colour(rng, random_saturation(rng)), strength)
    count = int(rng.choice([1, 1, 2, 2, 3]))
    looks = [_changed(rng, surface) for _ in range(count)]
    shapes = [str(rng.choice(_SHAPES)) for _ in range(count)]
    reach = [log_uniform(rng, 0.04, 0.25) * size for _ in range(count)]
    softness = log_uniform(rng, 1.0, 5.0)

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(surface.draw(rng, size))
        for index in rng.permutation(count):
            if index + 1 in present:
                alpha = _shape(rng, size, shapes[index], reach[index], softness)
                canvas.paint(alpha, looks[index].draw(rng, size, 0.01), int(index) + 1)
        return canvas

    return Kind(count, paint)


def _shape(rng: np.random.Generator, size: int, name: str, reach: float, softness: float) -> Array:
    """Alpha (size, size) of the places where one defect is."""
    alpha = np.zeros((size, size), np.float32)
    if name == "streak":
        heading = float(rng.uniform(0, 6.28))
        for _ in range(int(rng.integers(1, 4))):
            points = walk(rng, tuple(rng.uniform(0.1, 0.9, 2) * size), heading, 10, size / 18, 0.1, 0.05)
            alpha = np.maximum(alpha, draw_paths(size, [(points, np.full(11, max(reach / 3, 3.0)))]))
        return alpha
    if name == "corner":
        x, y = (float(value) for value in rng.choice([0, size], 2))
        blob = draw_blob(rng, size, (x, y), max(reach * 1.8, 12.0), 1.0, 0.15)
        blobs = [blob]
    elif name == "spots":
        blobs = [
            draw_blob(rng, size, tuple(rng.uniform(0, size, 2)), max(reach / 3, 3.0) * rng.uniform(0.7, 1.4))
            for _ in range(int(rng.integers(3, 16)))
        ]
    else:
        blobs = [
            draw_blob(
                rng, size, tuple(rng.uniform(0.1, 0.9, 2) * size), max(reach, 5.0), rng.uniform(1, 2.5), 0.25
            )
            for _ in range(int(rng.integers(1, 4)))
        ]
    rough = (
        fractal_noise(rng, size, 16) * np.float32(1.5) if name == "patch" else np.zeros((1, 1), np.float32)
    )
    for blob in blobs:
        if blob is not None:
            ruffle = rough[blob.box] if name == "patch" else rough
            alpha[blob.box] = np.maximum(alpha[blob.box], opacity(blob.depth + ruffle, softness))
    return alpha
