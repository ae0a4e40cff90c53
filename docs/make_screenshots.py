"""The pictures of docs/studio.md, made by the program: `python docs/make_screenshots.py [--pack general]`.

Starts a service, and drives its page in headless Chromium as the tests do. The photograph comes inside scikit-image.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests/studio"), str(HERE.parent / "tests")]

from films import save_film  # noqa: E402
from studio_page import CHROMIUM, FLAGS, PATIENCE, Service, Studio  # noqa: E402

PARTS = (4, 3)
"""Rows and columns that the photograph of coins is cut into."""
MARKED = "coins-1b.png"
COINS = ((28.5, 51.5, 22.5), (88.5, 51.5, 22.5))
"""Centres and radius of the coins of that part."""


def threshold(folder: Path) -> list[Path]:
    """The parts of the photograph, as files."""
    whole = Image.open(Path(skimage.__file__).parent / "data/coins.png").convert("RGB")
    height, width = whole.height // PARTS[0], whole.width // PARTS[1]
    paths = []
    for row in range(PARTS[0]):
        for column in range(PARTS[1]):
            path = folder / f"coins-{row + 1}{'abc'[column]}.png"
            box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
            whole.crop(box).save(path)
            paths.append(path)
    return paths


def shoot(page: Any, name: str) -> None:
    """One screenshot, packed as tightly as PNG can."""
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(HERE / f"images/studio-{name}.png", optimize=True)
    print(f"docs/images/studio-{name}.png", flush=True)


def circle(x: float, y: float, radius: float) -> list[tuple[float, float]]:
    turns = [2 * math.pi * k / 24 for k in range(24)]
    return [(x + radius * math.cos(t), y + radius * math.sin(t)) for t in turns]


def tour(studio: Studio, pictures: list[Path]) -> None:
    """The way of the work, with a screenshot at each stop."""
    page = studio.page
    studio.open()
    page.get_by_text("There is no project yet").wait_for()
    shoot(page, "start")
    studio.create(pictures)
    studio.service.call(
        "PATCH", f"/projects/{studio.project}", {"name": "Coins", "classes": [{"id": 1, "name": "coin"}]}
    )
    page.reload()
    mark(studio)
    studio.to_gallery()
    page.get_by_role("button", name="Run on").click()
    page.get_by_role("button", name="Run again where").wait_for()
    page.get_by_role("button", name="Not run yet").wait_for(state="detached")
    page.locator(".thumb canvas[data-drawn]").nth(len(pictures) - 2).wait_for()
    shoot(page, "gallery")
    correct(studio)
    page.goto(f"{studio.service.url}/#/p/{studio.project}/measures")
    page.locator("tbody tr").nth(3).wait_for()
    shoot(page, "measures")
    page.get_by_label("Colours of the page").select_option("dark")
    page.get_by_label("Language").select_option("zh")
    studio.to_gallery()
    page.locator(".thumb canvas[data-drawn]").nth(len(pictures) - 2).wait_for()
    shoot(page, "dark-chinese")


def pan(path: Path) -> Path:
    """A video that moves over the photograph, to the right and a little down."""
    whole = np.asarray(Image.open(Path(skimage.__file__).parent / "data/coins.png").convert("RGB"))
    views = [np.ascontiguousarray(whole[k : k + 150, 3 * k : 3 * k + 200]) for k in range(48)]
    return save_film(path, views)


def film(studio: Studio, clip: Path) -> None:
    """A coin is followed through a video that moves over it."""
    page = studio.page
    page.evaluate("localStorage.clear()")
    page.reload()
    studio.open()
    page.set_input_files("input[data-kind=video]", str(clip))
    page.locator(".gallery .card").nth(47).wait_for()
    studio.project = page.url.rpartition("#/p/")[2]
    for frame in (0, 24):
        name = f"{frame:06d}.png"
        studio.open_image(name)
        studio.outline(name, circle(155 - 3 * frame, 51 - frame, 22.5))
        studio.wait_saved(name, 1)
    studio.to_gallery()
    page.get_by_role("button", name="Follow it through the video").click()
    page.get_by_role("button", name="Run again where").wait_for()
    studio.open_image("000014.png")
    page.get_by_role("slider", name="Frame of the video").focus()
    page.wait_for_timeout(1000)
    shoot(page, "video")


def mark(studio: Studio) -> None:
    """Outline the coins of one picture."""
    studio.open_image(MARKED)
    for coin in COINS:
        studio.outline(MARKED, circle(*coin))
    studio.choose("Brush")
    studio.page.mouse.move(*studio.place(MARKED, 60, 20))
    studio.wait_saved(MARKED, 1)
    shoot(studio.page, "mark")


def correct(studio: Studio) -> None:
    """Open the most doubtful picture and correct it by a click."""
    page = studio.page
    page.locator(".gallery .card .open").first.click()
    page.get_by_role("button", name="Correct it").click()
    name = page.locator(".editortop h1").inner_text()
    studio.choose("Point: not this")
    with page.expect_response(lambda r: r.url.endswith("/preview")):
        studio.click(name, 4, 4)
    page.get_by_text("Looking again").wait_for(state="detached")
    page.get_by_role("checkbox", name="Outline only").check()
    page.wait_for_timeout(500)
    shoot(page, "correct")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", default="general", help="pack to use")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pictures = threshold(Path(folder))
        service = Service(Path(folder) / "data", pack=options.pack)
        service.start()
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE * 1000
        )
        context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
        context.set_default_timeout(PATIENCE * 1000)
        studio = Studio(context.new_page(), service)
        tour(studio, pictures)
        film(studio, pan(Path(folder) / "coins.mp4"))
        browser.close()
        service.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
