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
    """photos/001.png to 004.png, blue with some red columns, none in 004; marks/ has the red as masks."""
    for name in ("photos", "marks"):
        (folder / name).mkdir()
    for number, columns in enumerate((48, 32, 64, 0), start=1):
        pixels, mask = np.full((*SIZE, 3), BLUE, np.uint8), np.zeros(SIZE, np.uint8)
        pixels[:, :columns], mask[:, :columns] = RED, 255
        Image.fromarray(pixels).save(folder / "photos" / f"{number:03d}.png")
        if columns:
            Image.fromarray(mask).save(folder / "marks" / f"{number:03d}.png")
