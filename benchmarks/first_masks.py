"""From opening the studio to the first masks: clicks and seconds, in a real browser with a real pack.

    python benchmarks/first_masks.py [--pictures FOLDER] [--pack general] [--side 512] [--count 12]

Starts a service, opens its page in headless Chromium, chooses the pictures, opens the first, draws a box, and runs.
Without a folder the photograph of coins inside scikit-image is cut into parts. Seconds are counted from the first
click, without those that a person needs; CPU seconds are those of the service, its workers and the browser. A machine
that does other work is slower: only figures of quiet cores compare.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests/studio"), str(HERE.parent / "tests")]

CLICKS = """
window.clicks = 0;
const drawn = (event) => !!event.target.closest?.(".canvas");
addEventListener("click", (event) => event.isTrusted && event.detail && !drawn(event) && window.clicks++, true);
addEventListener("pointerup", (event) => drawn(event) && window.clicks++, true);
"""


def pictures(source: Path | None, folder: Path, side: int, count: int) -> list[Path]:
    """`count` square pictures of `side` pixels, as PNG files in `folder`."""
    if source is None:
        import skimage

        whole = Image.open(Path(skimage.__file__).parent / "data/coins.png").convert("RGB")
        rng = np.random.default_rng(0)
        edge = whole.height // 2
        starts = rng.integers(0, (whole.width - edge, whole.height - edge), (count, 2))
        cut = [whole.crop((int(x), int(y), int(x) + edge, int(y) + edge)) for x, y in starts]
    else:
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
        cut = [Image.open(p).convert("RGB") for p in files[:count]]
    paths = []
    for number, picture in enumerate(cut):
        path = folder / f"p{number:02}.png"
        picture.resize((side, side), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


def cpu_seconds(parent: int) -> float:
    """User and system seconds of the processes below one, so far."""
    total, ticks = 0.0, os.sysconf("SC_CLK_TCK")
    below = {parent}
    stats = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        stats[int(stat.parent.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / ticks)
    for _ in range(4):
        below |= {pid for pid, (up, _) in stats.items() if up in below}
    for pid in below & stats.keys():
        total += stats[pid][1]
    return total


def measure(files: list[Path], pack: str, data: Path) -> dict[str, float]:
    """Clicks and seconds of one round."""
    from playwright.sync_api import sync_playwright
    from studio_page import CHROMIUM, FLAGS, PATIENCE, Service, Studio

    service = Service(data, pack=pack)
    service.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-GB")
            page.set_default_timeout(5 * PATIENCE * 1000)
            page.add_init_script(CLICKS)
            studio = Studio(page, service)
            studio.open()
            begun, cpu = time.monotonic(), cpu_seconds(os.getpid())
            with page.expect_file_chooser() as chooser:
                page.get_by_role("button", name="Choose pictures …").click()
            chooser.value.set_files([str(file) for file in files])
            page.locator(".gallery .card").nth(len(files) - 1).wait_for()
            studio.project = page.url.rpartition("#/p/")[2]
            page.get_by_role("link", name="p00.png").click()
            page.locator(".editortop .save.ok").wait_for()
            studio.choose("Box")
            side = Image.open(files[0]).width
            studio.drag("p00.png", (side * 0.3, side * 0.3), (side * 0.6, side * 0.6))
            asked, spent = time.monotonic(), cpu_seconds(os.getpid())
            page.get_by_role("button", name="Run", exact=True).click()
            page.locator(".card .verdict:not(.unrun)").first.wait_for()
            first = time.monotonic()
            page.locator(".card .verdict:not(.unrun)").nth(len(files) - 1).wait_for()
            last = time.monotonic()
            found = {
                "clicks": page.evaluate("window.clicks"),
                "seconds until the run begins": asked - begun,
                "seconds from there to the first mask": first - asked,
                "seconds from there to all": last - asked,
                "cpu seconds of the run": cpu_seconds(os.getpid()) - spent,
                "cpu seconds in all": cpu_seconds(os.getpid()) - cpu,
            }
            browser.close()
            return found
    finally:
        service.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, help="folder; without it the coins of scikit-image")
    parser.add_argument("--pack", default="general")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--count", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = pictures(options.pictures, Path(folder), options.side, options.count)
        found = measure(files, options.pack, Path(folder) / "data")
    print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
