"""Plants over soil: crops and weeds that differ in the form, number, size or colour of their leaves."""

from dataclasses import dataclass, replace

import numpy as np

from .canvas import Canvas, Kind, draw_paths, draw_polygon, log_uniform, window
from .textures import Array, Texture, colour_apart, random_colour, random_saturation, random_texture


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
