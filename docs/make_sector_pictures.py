"""Pictures of a sector's pack for docs/sectors.md: `python docs/make_sector_pictures.py education`.

Drawn ones, of the sector's own family (`drawn` in recipes/sectors.py), of kinds that were not taught: pictures of the
judge sets may not be handed on. Of all questions, each with one cue, the two that the pack answers best and the two it
answers worst; in a row the cue, what is asked with the truth, what `general` says and what the pack says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import cuecast
from cuecast.core.drawing import overlay
from cuecast.core.metrics import iou
from cuecast.core.values import ClassInfo
from cuecast.io.images import read_image
from cuecast.training.synthetic import draw_episode

HERE = Path(__file__).parent
SIDE, SHOWN, GAP, CAPTION = 320, 240, 6, 18
KINDS, QUERIES, LEAST = 30, 2, 0.004
"""Kinds of pictures, questions of each, and the share of a picture that the thing must cover."""
SEED = 20_261_130
"""Far from those of recipes, which count from 0."""
THING = (ClassInfo(1, "thing", "#00e5ff"),)

Pixels = NDArray[np.uint8]
Mask = NDArray[np.int32]
Question = tuple[Pixels, Mask, Pixels, Mask]


def drawn(family: str) -> list[Question]:
    """Cue, its mask, query, its mask; class 1 of each kind, where both show it."""
    questions = []
    for kind in range(KINDS):
        images, labels, _ = draw_episode(np.random.default_rng(SEED + kind), 1 + QUERIES, SIDE, family)
        masks = (labels == 1).astype(np.int32)
        questions += [
            (images[0], masks[0], image, mask)
            for image, mask in zip(images[1:], masks[1:], strict=True)
            if min(masks[0].mean(), mask.mean()) > LEAST
        ]
    return questions


def main() -> None:
    """Write docs/images/SECTOR.png."""
    sys.path.insert(0, str(HERE.parent / "recipes"))
    from sectors import SECTORS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sector", choices=[name for name, sector in SECTORS.items() if sector.drawn])
    parser.add_argument("--pack", help="the pack's folder, where it is not installed under the sector's name")
    options = parser.parse_args()
    general, expert = cuecast.load("general"), cuecast.load(options.pack or options.sector)
    rows: list[tuple[float, float, Question, list[Mask]]] = []
    for question in drawn(SECTORS[options.sector].drawn[0]):
        cue, mask, query, truth = question
        found = [
            p.learn([cuecast.Cue(cue, mask=mask)], THING).segment(query).marked for p in (general, expert)
        ]
        before, after = (iou(f == 1, truth == 1) for f in found)
        rows.append((before, after, question, found))
    rows.sort(key=lambda row: -row[1])
    print(f"{len(rows)} questions: general {np.mean([r[0] for r in rows]):.3f}, "
          f"{options.sector} {np.mean([r[1] for r in rows]):.3f}")  # fmt: skip
    chosen = [*rows[:2], *rows[-2:]]
    sheet = Image.new("RGB", (4 * (SHOWN + GAP) - GAP, 4 * (SHOWN + CAPTION + GAP) - GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (before, after, (cue, mask, query, truth), found) in enumerate(chosen):
        top = i * (SHOWN + CAPTION + GAP)
        cells = [(cue, mask, "shown"), (query, truth, "asked, with the truth")]
        cells += [
            (query, found[0], f"general: IoU {before:.2f}"),
            (query, found[1], f"{options.sector}: {after:.2f}"),
        ]
        for j, (image, marks, text) in enumerate(cells):
            left = j * (SHOWN + GAP)
            pen.text((left + 2, top + 2), text, "black", font)
            tile = overlay(read_image(image), marks, THING).resize((SHOWN, SHOWN))
            sheet.paste(tile, (left, top + CAPTION))
    out = HERE / "images" / f"{options.sector}.png"
    sheet.quantize(96, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
