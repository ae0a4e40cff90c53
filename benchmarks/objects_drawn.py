"""How well drawn things that touch are told apart and counted, where the truth is exact.

    python benchmarks/objects_drawn.py [--pictures 6] [--things 60] [--cues 1] [--seed 0] [-o RESULT.json]
        [--picture FILE.png]

Discs, rods and cells (bent discs) of differing sizes are drawn over each other: three of four lie against another one
or over up to a quarter of it. All are of one colour on another, so that nothing but their outline tells them apart,
and the pack `colours` finds the mask without a fault. Each kind is learned from --cues pictures with ids, then
--pictures others are counted: 'connected' by components, 'watershed' by the distance to the mask's border, 'cuecast'
by `Concept.segment`. Printed are the count error, sum of |counted - drawn| over sum of drawn; F1 at an IoU of 0.5; and
the processor seconds that an answer takes beside those with objects='connected'.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy import ndimage

import cuecast
from cuecast.core.objects import connected_instances, in_reading_order
from cuecast.core.values import Image
from cuecast.engine.splitting import MET, overlap_of, split_by_distance
from cuecast.evaluation.bench_pictures import in_a_row
from cuecast.evaluation.object_pictures import draw_ids

KINDS = ("discs", "rods", "cells")
SIDE = 384
OVERLAP = 0.25
RADII = (9.0, 13.0)
"""Of discs and cells, in pixels; rods are as thick as the least of them and two to three times as long."""
WAYS = ("connected", "watershed", "cuecast")
GROUND, THING = (20, 30, 60), (190, 180, 120)


class Drawn(NamedTuple):
    """A picture (H, W, 3) uint8 and the ids (H, W) int32 of what is drawn in it."""

    pixels: NDArray[np.uint8]
    ids: NDArray[np.int32]


class Result(NamedTuple):
    """How one kind was told apart one way: share of the count that is wrong, F1 at an IoU of 0.5, seconds an answer."""

    kind: str
    way: str
    count_error: float
    f1: float
    seconds: float


def draw(kind: str, seed: int, things: int = 60, side: int = SIDE) -> Drawn:
    """Things of a kind, later ones over earlier ones, no two sharing more than `OVERLAP` of either."""
    rng = np.random.default_rng((KINDS.index(kind), seed))
    ids = np.zeros((side, side), np.int32)
    whole: list[NDArray[np.bool_]] = []
    middles: list[NDArray[np.float64]] = []
    for _ in range(40 * things):
        if len(whole) == things:
            break
        middle = rng.uniform(0, side, 2)
        if middles and rng.random() < 0.75:  # against another one
            angle = rng.uniform(0, 2 * np.pi)
            reach = rng.uniform(1.4, 2.1) * fmean(RADII)
            middle = middles[rng.integers(len(middles))] + reach * np.array([np.sin(angle), np.cos(angle)])
        shape = _shape(kind, rng, middle, side)
        area = int(shape.sum())
        covered = np.bincount(ids[shape], minlength=len(whole) + 1)[1:]
        areas = np.array([w.sum() for w in whole], float)
        if area < 60 or (covered > OVERLAP * np.minimum(areas, area)).any():
            continue
        drawn = np.where(shape, len(whole) + 1, ids)
        left = np.bincount(drawn.ravel(), minlength=len(whole) + 2)[1:-1]
        if (left < (1 - OVERLAP) * areas).any():
            continue
        ids = drawn.astype(np.int32)
        whole.append(shape)
        middles.append(middle)
    pixels = np.where(ids[..., None] > 0, np.array(THING, np.uint8), np.array(GROUND, np.uint8))
    return Drawn(pixels, in_reading_order(ids))


def _shape(kind: str, rng: np.random.Generator, middle: NDArray[np.float64], side: int) -> NDArray[np.bool_]:
    """One thing (side, side) at a place (y, x)."""
    rows, columns = np.indices((side, side))
    y, x = rows - middle[0], columns - middle[1]
    radius, angle = rng.uniform(*RADII), rng.uniform(0, np.pi)
    if kind == "discs":
        return np.asarray(np.hypot(y, x) <= radius)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    if kind == "rods":
        half = RADII[0] * rng.uniform(1.2, 2.2)
        beyond = np.maximum(np.abs(along) - half, 0)
        return np.asarray(np.hypot(beyond, across) <= RADII[0] * 0.8)
    bearing = np.arctan2(across, along)
    bent = 1 + 0.12 * np.cos(2 * bearing) + 0.05 * np.cos(3 * bearing + rng.uniform(0, np.pi))
    return np.asarray(np.hypot(along, across) <= radius * bent)


def told_apart(
    concept: cuecast.Concept, drawn: Drawn, radius: float
) -> Iterator[tuple[str, NDArray[np.int32], float]]:
    """(way, ids (H, W), seconds) of a picture."""
    for way, asked in (("connected", concept.with_objects("connected")), ("cuecast", concept)):
        start = time.process_time()
        prediction = asked.segment(drawn.pixels)
        ids = prediction.instances
        yield way, ids, time.process_time() - start
        if ((prediction.mask > 0) != (drawn.ids > 0)).any():
            raise AssertionError("the mask is not what was drawn")
    yield "watershed", split_by_distance(drawn.ids > 0, radius), 0.0


def f1(found: NDArray[np.int32], truth: NDArray[np.int32]) -> float:
    """F1 at an IoU of 0.5 of ids (H, W), both from 1 without gaps."""
    overlap = overlap_of(found, truth, int(found.max()))
    return 2 * float((overlap > MET).sum()) / (len(overlap) + int(truth.max()))


def taught(kind: str, things: int, cues: int, seed: int) -> tuple[cuecast.Concept, float]:
    """What pictures of a kind with ids teach, and the radius of a disc as large as their things are at the median."""
    shown = [draw(kind, 1000 * seed + k, things) for k in range(cues)]
    given = [cuecast.Cue(s.pixels, mask=(s.ids > 0).astype(np.uint8), objects=s.ids) for s in shown]
    sizes = [np.sqrt(np.bincount(s.ids.ravel())[1:] / np.pi) for s in shown]
    concept = cuecast.load("colours").learn(given, classes=[kind])
    return concept, float(np.median(np.concatenate(sizes)))


def compare(kind: str, pictures: int, things: int, cues: int, seed: int) -> list[Result]:
    """How a kind is told apart by each of `WAYS`."""
    concept, radius = taught(kind, things, cues, seed)
    counted: dict[str, list[tuple[int, int, float, float]]] = {way: [] for way in WAYS}
    for k in range(pictures):
        drawn = draw(kind, 1000 * seed + cues + k, things)
        for way, ids, seconds in told_apart(concept, drawn, radius):
            counted[way].append((int(ids.max()), int(drawn.ids.max()), f1(ids, drawn.ids), seconds))
    return [
        Result(
            kind,
            way,
            sum(abs(found - there) for found, there, _, _ in rows) / sum(there for _, there, _, _ in rows),
            fmean(met for _, _, met, _ in rows),
            fmean(seconds for *_, seconds in rows),
        )
        for way, rows in counted.items()
    ]


def picture(file: Path, things: int, cues: int, seed: int) -> None:
    """Write a picture: a row a kind, what was drawn and what was told apart in each of `WAYS`."""
    rows = []
    for kind in KINDS:
        concept, radius = taught(kind, things, cues, seed)
        drawn = draw(kind, 1000 * seed + cues, things)
        image = Image(drawn.pixels)
        tiles = [(f"drawn: {drawn.ids.max()}", draw_ids(image, drawn.ids))]
        for way, ids, _ in told_apart(concept, drawn, radius):
            tiles.append((f"{way}: {ids.max()}", draw_ids(image, ids)))
        rows.append(in_a_row(kind, tiles))
    sheet = PILImage.new("RGB", (rows[0].width, sum(r.height for r in rows)), "white")
    for i, row in enumerate(rows):
        sheet.paste(row, (0, i * row.height))
    sheet.quantize(128).save(file, optimize=True)


def touching(drawn: Drawn) -> float:
    """The share of things that touch another one."""
    pieces = connected_instances((drawn.ids > 0).astype(np.int32))
    several = [len(np.unique(drawn.ids[pieces == n])) > 1 for n in range(1, int(pieces.max()) + 1)]
    at = ndimage.maximum(pieces, drawn.ids, range(1, int(drawn.ids.max()) + 1))
    return fmean(float(several[int(piece) - 1]) for piece in at)


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=6)
    parser.add_argument("--things", type=int, default=60)
    parser.add_argument("--cues", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument(
        "--picture", type=Path, help="write a picture of one answer a kind, and measure nothing"
    )
    given = parser.parse_args()
    if given.picture:
        picture(given.picture, given.things, given.cues, given.seed)
        return
    results = []
    print(f"{'kind':8}{'way':12}{'count error':>12}{'F1':>8}{'seconds':>10}")
    for kind in KINDS:
        for row in compare(kind, given.pictures, given.things, given.cues, given.seed):
            results.append(row)
            print(f"{row.kind:8}{row.way:12}{row.count_error:12.3f}{row.f1:8.3f}{row.seconds:10.3f}")
    if given.output:
        told = {
            "kind": "objects-drawn",
            "cues": given.cues,
            "pictures": given.pictures,
            "things": given.things,
        }
        rows = [r._asdict() for r in results]
        given.output.write_text(json.dumps(told | {"results": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
