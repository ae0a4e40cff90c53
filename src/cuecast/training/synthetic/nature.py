"""Grown and packed things.

Plants over soil: crops and weeds that differ in the form, number, size or colour of their leaves. Pores, inclusions and
grains in grey micrographs. Nested soft shapes with a common plan, as in slices and X-rays of bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from cuecast.training.synthetic.drawing import (
    Array,
    Canvas,
    Kind,
    Texture,
    colour_apart,
    draw_blob,
    draw_paths,
    draw_polygon,
    fractal_noise,
    log_uniform,
    opacity,
    random_colour,
    random_saturation,
    random_texture,
    value_noise,
    window,
)


@dataclass(frozen=True)
class _Plant:
    """One species: leaves round a centre; `length` is a share of the frame, `width` a share of `length`."""

    skin: Texture
    length: float
    width: float
    leaves: int
    form: str
    stem: float
    vein: float


def _leaf(plant: _Plant, length: float, bend: float) -> np.ndarray:
    """Outline (N, 2) of a leaf that starts at the origin and points along x."""
    t = np.linspace(0, 1, 14)
    half = plant.width * length * 0.5
    if plant.form == "grass":
        width = half * 0.35 * (1 - t**3)
    elif plant.form == "heart":
        width = half * 1.4 * np.sqrt(t + 0.02) * (1 - t) * 1.7
    elif plant.form == "toothed":
        width = half * np.sin(np.pi * t**0.8) * (1 + 0.35 * (np.arange(14) % 2))
    elif plant.form == "lobed":
        width = half * np.sin(np.pi * t) * (1 + 0.5 * np.cos(4 * np.pi * t))
    else:
        width = half * np.sin(np.pi * t)
    spine = np.stack([t * length, bend * length * t**2], 1)
    upper, lower = spine + [0, 1] * width[:, None], spine - [0, 1] * width[:, None]
    return np.concatenate([upper, lower[::-1]])


_FORMS = ("oval", "grass", "heart", "toothed", "lobed")


def _species(rng: np.random.Generator, colours: list[Array], saturation: float) -> _Plant:
    return _Plant(
        skin=random_texture(rng, colour_apart(rng, colours, 0.25, saturation), log_uniform(rng, 0.01, 0.08)),
        length=log_uniform(rng, 0.06, 0.35),
        width=float(rng.uniform(0.25, 0.9)),
        leaves=int(rng.integers(1, 9)),
        form=str(rng.choice(_FORMS)),
        stem=float(rng.uniform(0, 0.4)) if rng.random() < 0.5 else 0.0,
        vein=float(rng.uniform(0.75, 1.3)) if rng.random() < 0.5 else 1.0,
    )


def _other_species(rng: np.random.Generator, model: _Plant, fresh: _Plant) -> _Plant:
    """A species unlike `model` in one respect, or in all."""
    what = rng.choice(["form", "form", "size", "number", "colour", "all"])
    if what == "form":
        forms = [form for form in _FORMS if form != model.form]
        return replace(model, form=str(rng.choice(forms)), width=fresh.width)
    if what == "size":
        return replace(model, length=model.length * (2.3 if model.length < 0.14 else 0.4))
    if what == "number":
        return replace(model, leaves=1 if model.leaves > 4 else 9)
    return replace(model, skin=fresh.skin) if what == "colour" else fresh


def leaves(rng: np.random.Generator, size: int) -> Kind:
    """One to three species on soil; in some kinds dead leaves of another colour lie about unlabelled."""
    saturation = random_saturation(rng)
    ground = random_colour(rng, saturation * 0.5)
    soil = random_texture(
        rng, ground, log_uniform(rng, 0.03, 0.15), ("clouds", "grain", "pebbles", "spots", "ridges")
    )
    species = [_species(rng, [ground], max(saturation, 0.3))]
    for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
        fresh = _species(rng, [ground, species[0].skin.base], max(saturation, 0.3))
        species.append(_other_species(rng, species[0], fresh))
    litter = None
    if rng.random() < 0.35:
        litter = _species(rng, [ground, *(one.skin.base for one in species)], saturation)
        litter = replace(litter, length=min(litter.length, 0.12), leaves=1)
    rows = rng.random() < 0.3
    shadow = float(rng.uniform(0.4, 0.8)) if rng.random() < 0.5 else 1.0
    most = int(rng.integers(2, 9))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(soil.draw(rng, size))
        plan = [(0, litter)] * int(rng.integers(2, 9)) if litter else []
        for label, plant in enumerate(species, 1):
            if label in present:
                fitting = int(np.clip(0.4 / plant.length**2 / plant.leaves, 1, most))
                plan += [(label, plant)] * int(rng.integers(1, fitting + 1))
        skins = {label: plant.skin.skin(rng, size) for label, plant in dict(plan).items()}
        for index in rng.permutation(len(plan)):
            label, plant = plan[index]
            x, y = rng.uniform(0.02, 0.98, 2) * size
            if rows and label == 1:
                x = size * (0.25 + 0.5 * rng.integers(2)) + rng.normal(0, 0.03 * size)
            _paint_plant(rng, canvas, plant, skins[label], np.array([x, y]), shadow, label)
        return canvas

    return Kind(len(species), paint)


def _paint_plant(
    rng: np.random.Generator,
    canvas: Canvas,
    plant: _Plant,
    skin: Array,
    centre: np.ndarray,
    shadow: float,
    label: int,
) -> None:
    """Leaves round a centre, each with its stalk and middle vein, shaded a little differently."""
    first = rng.uniform(0, 6.28)
    for index in range(plant.leaves):
        angle = first + index * 6.28 / plant.leaves + rng.normal(0, 0.15)
        length = max(plant.length * canvas.size * np.exp(rng.normal(0, 0.15)), 4.0)
        aim = np.array([np.cos(angle), np.sin(angle)])
        turn = np.array([aim, [-aim[1], aim[0]]])
        outline = _leaf(plant, length, rng.normal(0, 0.12)) @ turn + centre + aim * plant.stem * length
        box = window(canvas.size, outline)
        if shadow < 1:
            moved = outline + 0.06 * length
            canvas.shade(draw_polygon(window(canvas.size, moved), moved), shadow, window(canvas.size, moved))
        if plant.stem:
            tip = centre + aim * (plant.stem + 0.1) * length
            _paint_line(canvas, np.stack([centre, tip]), max(0.06 * length, 1.2), skin, label)
        alpha = draw_polygon(box, outline)
        canvas.paint(alpha, skin[box] * np.float32(rng.uniform(0.85, 1.12)), label, box)
        if plant.vein != 1.0 and length > 12:
            spine = np.stack([outline[0], outline[13]])
            tone = np.clip(skin[::16, ::16].mean((0, 1)) * plant.vein, 0, 1).astype(np.float32)
            _paint_line(canvas, spine, 1.0, tone, None)


def _paint_line(canvas: Canvas, points: np.ndarray, width: float, colour: Array, label: int | None) -> None:
    """A straight line, drawn in its own window."""
    low = np.clip(points.min(0) - width - 1, 0, canvas.size - 1).astype(int)
    high = np.clip(points.max(0) + width + 2, low + 1, canvas.size).astype(int)
    edge = int((high - low).max())
    alpha = draw_paths(edge, [(points - low, np.full(2, width))])[: high[1] - low[1], : high[0] - low[0]]
    canvas.paint(alpha, colour, label, (slice(low[1], high[1]), slice(low[0], high[0])), least=0.4)


def _islands(rng: np.random.Generator, size: int, scale: float, share: float, rough: bool) -> Array:
    """Depth (size, size) in about pixels of islands that cover `share` of the frame."""
    field = fractal_noise(rng, size, scale, 0.5) if rough else value_noise(rng, size, scale)
    level = np.float32(np.quantile(field[::4, ::4], 1 - share))
    return (field - level) * np.float32(scale / 2.5)


def _packed(rng: np.random.Generator, size: int, number: int) -> tuple[Array, Array]:
    """A random value in [0, 1] for each packed grain (size, size), and the pixels to its border."""
    seeds = rng.uniform(-0.1, 1.1, (number, 2)).astype(np.float32) * size
    wave = value_noise(rng, size, size / 8) * np.float32(2)
    line = np.arange(size, dtype=np.float32)
    best = np.full((size, size), np.inf, np.float32)
    second = best.copy()
    owner = np.zeros((size, size), np.int32)
    rows, columns = line[:, None] + wave, line[None, :] + wave
    for index, (x, y) in enumerate(seeds):
        distance = (columns - x) ** 2 + (rows - y) ** 2
        closer = distance < best
        second = np.where(closer, best, np.minimum(second, distance))
        best = np.where(closer, distance, best)
        owner[closer] = index
    values = rng.random(number).astype(np.float32)
    border: Array = (np.sqrt(second) - np.sqrt(best)) * np.float32(0.5)
    return values[owner], border


def grains(rng: np.random.Generator, size: int) -> Kind:
    """One to three phases in a matrix (pores, inclusions, bubbles), or packed grains and their borders."""
    saturation = 0.0 if rng.random() < 0.75 else 0.3
    ground = random_colour(rng, saturation)
    matrix = random_texture(rng, ground, log_uniform(rng, 0.01, 0.1), ("clouds", "grain", "grain", "spots"))
    count = int(rng.choice([1, 2, 2, 3]))
    colours = [ground]
    for _ in range(count):
        colours.append(colour_apart(rng, colours, 0.3, saturation))
    skins = [random_texture(rng, one, log_uniform(rng, 0.005, 0.07)) for one in colours[1:]]
    scales = [log_uniform(rng, 6, 60) * size / 192 for _ in range(count)]
    shares = [log_uniform(rng, 0.02, 0.4 / count) for _ in range(count)]
    forms = [str(rng.choice(["rough", "smooth", "bubbles"])) for _ in range(count)]
    softness = log_uniform(rng, 0.8, 4.0)
    packed = rng.random() < 0.35
    number = int(log_uniform(rng, 6, 30))
    border = log_uniform(rng, 0.7, 3.0)
    spread = float(rng.uniform(0.0, 0.15))

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(matrix.draw(rng, size))
        if packed:
            values, distance = _packed(rng, size, number)
            canvas.image += ((values - np.float32(0.5)) * np.float32(2 * spread))[..., None]
            if count > 1 and 2 in present:
                chosen = (values < 0.25).astype(np.float32)
                if chosen.any():
                    canvas.paint(chosen, skins[1].skin(rng, size), 2)
            if 1 in present:
                canvas.paint(opacity(np.float32(border) - distance), skins[0].base, 1)
        for index in range(2 if packed else 0, count):
            if index + 1 not in present:
                continue
            skin = skins[index].skin(rng, size)
            if forms[index] == "bubbles":
                _paint_bubbles(rng, canvas, skin, scales[index] / 3, shares[index], softness, index + 1)
                continue
            depth = _islands(rng, size, scales[index], shares[index], forms[index] == "rough")
            alpha = opacity(depth, softness)
            if forms[index] == "rough":
                alpha = ndimage.uniform_filter(alpha, 2)
            canvas.paint(alpha, skin, index + 1)
        return canvas

    return Kind(count, paint)


def _paint_bubbles(
    rng: np.random.Generator,
    canvas: Canvas,
    skin: Array,
    radius: float,
    share: float,
    softness: float,
    label: int,
) -> None:
    """Round pores of many sizes about `radius`, covering about `share` of the frame."""
    radius = max(radius, 2.0)
    number = int(np.clip(share * canvas.size**2 / (np.pi * radius**2), 2, 40))
    for _ in range(number):
        reach = max(radius * np.exp(rng.normal(0, 0.4)), 1.5)
        blob = draw_blob(rng, canvas.size, tuple(rng.uniform(0, canvas.size, 2)), reach, 1.15)
        if blob is not None:
            canvas.paint(opacity(blob.depth, min(softness, reach)), skin, label, blob.box)


@dataclass(frozen=True)
class _Part:
    """One organ: place in a body of radius 1, radius as a share of the body's, form and look."""

    place: tuple[float, float]
    radius: float
    elongation: float
    angle: float
    skin: Texture
    label: int
    paired: bool


def organs(rng: np.random.Generator, size: int) -> Kind:
    """A body with two to six inner parts at places that vary little; some parts carry no label."""
    saturation = 0.0 if rng.random() < 0.7 else 0.4
    outside = random_texture(rng, np.full(3, rng.choice([0.03, 0.1, 0.5]), np.float32), 0.01)
    flesh = random_texture(
        rng, colour_apart(rng, [outside.base], 0.3, saturation), log_uniform(rng, 0.005, 0.08)
    )
    classes = int(rng.integers(1, 4))
    body_label = classes + 1 if rng.random() < 0.3 else 0
    number = classes + int(rng.integers(0, 4))
    parts: list[_Part] = []
    colours = [flesh.base]
    for index in range(number):
        label = index + 1 if index < classes else body_label
        colours.append(colour_apart(rng, colours[: 1 + index % 3], log_uniform(rng, 0.12, 0.4), saturation))
        paired = rng.random() < 0.35
        place = rng.uniform(-0.55, 0.55, 2) + ([0.25, 0] if paired else [0, 0])
        parts.append(
            _Part(
                place=(float(place[0]), float(place[1])),
                radius=log_uniform(rng, 0.08, 0.4),
                elongation=log_uniform(rng, 1.0, 2.5),
                angle=float(rng.uniform(0, np.pi)),
                skin=random_texture(rng, colours[-1], log_uniform(rng, 0.005, 0.08)),
                label=label,
                paired=paired,
            )
        )
    parts.sort(key=lambda part: -part.radius)
    reach, flat = float(rng.uniform(0.33, 0.6)), float(rng.uniform(1.0, 1.5))
    rough, softness = log_uniform(rng, 0.02, 0.12), log_uniform(rng, 1.0, 5.0)
    shell = float(rng.uniform(1.5, 5)) if rng.random() < 0.5 else 0.0
    loose = log_uniform(rng, 0.02, 0.12)
    seen_through = rng.random() < 0.3

    def paint(rng: np.random.Generator, present: frozenset[int]) -> Canvas:
        canvas = Canvas(outside.draw(rng, size))
        middle = size / 2 + rng.normal(0, 0.04 * size, 2)
        radius = reach * size * float(np.exp(rng.normal(0, 0.08)))
        tilt = float(rng.normal(0, 0.12))
        body = draw_blob(rng, size, (middle[0], middle[1]), radius, flat, rough, tilt)
        if body is not None and (not body_label or body_label in present):
            alpha = opacity(body.depth, softness)
            canvas.paint(alpha, flesh.draw(rng, size), body_label or None, body.box)
            if shell:
                canvas.shade(alpha * opacity(np.float32(shell) - body.depth, 2), 1.5, body.box)
        for part in parts:
            if part.label and part.label not in present:
                continue
            skin = part.skin.skin(rng, size)
            for mirror in (1, -1) if part.paired else (1,):
                _paint_part(rng, canvas, part, skin, mirror, middle, radius, flat, loose, rough, softness,
                            0.6 if seen_through else 1.0)  # fmt: skip
        return canvas

    return Kind(max(classes, body_label), paint)


def _paint_part(
    rng: np.random.Generator,
    canvas: Canvas,
    part: _Part,
    skin: np.ndarray,
    mirror: int,
    middle: np.ndarray,
    radius: float,
    flat: float,
    loose: float,
    rough: float,
    softness: float,
    solidity: float,
) -> None:
    """One part (or its mirror image), moved and resized a little."""
    x = mirror * part.place[0] * flat**0.5 + rng.normal(0, loose)
    y = part.place[1] / flat**0.5 + rng.normal(0, loose)
    centre = (float(middle[0] + x * radius), float(middle[1] + y * radius))
    size = max(part.radius * radius * float(np.exp(rng.normal(0, 2 * loose))), 2.5)
    angle = part.angle if mirror == 1 else np.pi - part.angle
    blob = draw_blob(rng, canvas.size, centre, size, part.elongation, rough, angle + rng.normal(0, loose))
    if blob is not None:
        alpha = opacity(blob.depth, min(softness, size))
        canvas.paint(alpha * np.float32(solidity), skin, None, blob.box)
        canvas.labels[blob.box][alpha >= 0.5] = part.label
