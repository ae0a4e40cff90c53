"""The picture of the README, made by the program: `python docs/make_picture.py [--pack general]`.

Left: the part of each photograph that was marked. Right of it: what was found on the other parts.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from PIL import Image, ImageDraw, ImageFont

import cuecast
from cuecast.core.drawing import draw_marks

HERE = Path(__file__).parent
HEIGHT, GAP, CAPTION = 190, 8, 22


def demo_module() -> ModuleType:
    """examples/demo.py, which holds the scenes."""
    spec = importlib.util.spec_from_file_location("demo", HERE.parent / "examples" / "demo.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("examples/demo.py is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module
    spec.loader.exec_module(module)
    return module


def pictures(predictor: cuecast.Predictor, folder: Path) -> list[list[Image.Image]]:
    """A row a scene: the marked part, then the overlays of the others."""
    demo = demo_module()
    rows = []
    for scene in demo.SCENES:
        _, queries = demo.threshold(scene, folder / scene.name)
        first = folder / scene.name / f"{scene.name}_1.png"
        cue = cuecast.Cue(first, boxes=scene.boxes, polygons=[scene.outline] if scene.outline else ())
        concept = predictor.learn([cue], classes=[scene.thing], scale="pixel")
        example = concept.examples[0]
        marked = draw_marks(example.image, example.marks, concept.classes)
        rows.append([marked, *(concept.segment(query).overlay() for query in queries)])
    return rows


def sheet(rows: list[list[Image.Image]]) -> Image.Image:
    """Wide rows are stacked, others set side by side, all to one width; captions above."""
    blocks = [_stack(row) if row[0].width > 3 * row[0].height else _line(row) for row in rows]
    width = max(block.width for block in blocks)
    out = Image.new("RGB", (width, sum(b.height for b in blocks) + GAP * (len(blocks) - 1)), "white")
    top = 0
    for block in blocks:
        out.paste(block, ((width - block.width) // 2, top))
        top += block.height + GAP
    return out


def _line(row: list[Image.Image]) -> Image.Image:
    cells = [p.convert("RGB").resize((round(p.width * HEIGHT / p.height), HEIGHT)) for p in row]
    out = Image.new("RGB", (sum(c.width for c in cells) + GAP * (len(cells) - 1), HEIGHT + CAPTION), "white")
    left = 0
    for number, cell in enumerate(cells):
        out.paste(cell, (left, CAPTION))
        _caption(out, left, number)
        left += cell.width + GAP
    return out


def _stack(row: list[Image.Image]) -> Image.Image:
    found = Image.new("RGB", (row[0].width, sum(p.height for p in row[1:]) + GAP * (len(row) - 2)), "white")
    top = 0
    for picture in row[1:]:
        found.paste(picture, (0, top))
        top += picture.height + GAP
    out = Image.new("RGB", (2 * row[0].width + GAP, found.height + CAPTION), "white")
    out.paste(row[0], (0, CAPTION))
    out.paste(found, (row[0].width + GAP, CAPTION))
    _caption(out, 0, 0)
    _caption(out, row[0].width + GAP, 1)
    return out


def _caption(out: Image.Image, left: int, number: int) -> None:
    if number < 2:
        text = ("marked by hand", "found by cuecast")[number]
        ImageDraw.Draw(out).text((left + 2, 3), text, "black", ImageFont.load_default(13))


def main() -> None:
    """Write docs/images/demo.png, or --out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--out", type=Path, default=HERE / "images" / "demo.png")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        picture = sheet(pictures(cuecast.load(options.pack), Path(folder)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(128, dither=Image.Dither.NONE).save(options.out, optimize=True)
    print(f"{options.out}: {picture.width} x {picture.height}, {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
