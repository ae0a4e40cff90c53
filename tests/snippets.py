"""The code blocks of the documentation, and the pictures they speak of, in flat colours."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

RED, BLUE = (200, 30, 30), (30, 30, 200)
SIZE = (64, 96)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of a page in one language, in order."""
    return re.findall(
        rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def make_pictures(folder: Path) -> None:
    """photos/001.png to 004.png: blue, the first columns red in all but 004; marks/001.png is the red of 001."""
    for name in ("photos", "marks"):
        (folder / name).mkdir()
    for number, columns in enumerate((48, 32, 64, 0), start=1):
        pixels = np.full((*SIZE, 3), BLUE, np.uint8)
        pixels[:, :columns] = RED
        Image.fromarray(pixels).save(folder / "photos" / f"{number:03d}.png")
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :48] = 255
    Image.fromarray(mask).save(folder / "marks" / "001.png")
