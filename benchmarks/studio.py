"""What a person waits for in the studio, in a real browser with a real pack.

    python benchmarks/studio.py [--pictures FOLDER] [--pack general] [--side 512] [--count 12] [--many 2000]
                                [--speed 2000] [--look 3] [-o RESULT.json]

Starts a service, opens its page in headless Chromium, and measures three things, one after the other:

first masks  chooses the pictures, opens the first, draws a box, runs: clicks, and seconds from the first click on,
             without those that a person needs. CPU seconds are those of the service, its workers and the browser.
corrections  opens the others in turn, looks at each for --look seconds, corrects it by clicks: seconds from letting the
             button go until the outline that answers is drawn. Whole seconds of a person lie between two clicks.
gallery      scrolls through --many pictures at --speed pixels a second, which nobody has looked at yet: seconds from a
             card's coming into sight until its picture is drawn, and the longest time without a new frame.

Without a folder the photograph of coins inside scikit-image is cut into parts. A machine that does other work is
slower: only figures of quiet cores compare.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import cuecast
from cuecast.evaluation.bench import machine
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests/studio"), str(HERE.parent / "tests")]

KIND = "studio"
CLICKS_EACH = 5
"""Corrections of a picture."""
WHEEL = 100
"""Pixels that a step of the wheel scrolls."""
WATCH = """
window.clicks = 0;
const drawn = (event) => !!event.target.closest?.(".canvas");
addEventListener("click", (event) => event.isTrusted && event.detail && !drawn(event) && window.clicks++, true);
let released = 0;
addEventListener("pointerup", (event) => {
    if (!drawn(event)) return;
    window.clicks++;
    released = event.timeStamp;
}, true);

// An answer is drawn in the frame after the one in which it was read; what follows a frame at once comes after it.
window.answered = [];
const before = window.fetch;
window.fetch = async (...asked) => {
    const reply = await before(...asked);
    if (String(asked[0]).endsWith("/preview")) {
        const since = released;
        const drawnNow = () => {
            window.answered.push((performance.now() - since) / 1000);
            document.documentElement.dataset.answered = window.answered.length;
        };
        reply.clone().text().then(() => setTimeout(() => requestAnimationFrame(() => setTimeout(drawnNow))));
    }
    return reply;
};

// Cards from coming into sight to their picture; frames; how long the list had no more to show.
window.cards = { waited: [], left: 0, gap: 0, end: 0 };
window.watchCards = (total) => {
    const waiting = new Map();
    const sight = new IntersectionObserver((entries) => {
        for (const { target, isIntersecting, time } of entries) {
            if (isIntersecting) waiting.set(target, time);
            else if (waiting.delete(target)) window.cards.left++;
        }
    });
    const known = new Set();
    const find = () => {
        for (const thumb of document.querySelectorAll(".gallery .card .thumb"))
            if (!known.has(thumb)) known.add(thumb), sight.observe(thumb);
    };
    new MutationObserver(find).observe(document.querySelector(".gallery"), { childList: true, subtree: true });
    find();
    let last = performance.now();
    const frame = () => {
        const now = performance.now();
        for (const [thumb, since] of waiting) {
            const picture = thumb.querySelector("img");
            if (!picture?.complete || !picture.naturalWidth) continue;
            window.cards.waited.push((now - since) / 1000);
            waiting.delete(thumb);
        }
        const more = document.querySelector(".gallery .more")?.getBoundingClientRect();
        if (more && more.top < innerHeight) window.cards.end += (now - last) / 1000;
        window.cards.gap = Math.max(window.cards.gap, (now - last) / 1000);
        window.cards.ended = known.size === total && !more;
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
};
"""


def pictures(source: Path | None, folder: Path, side: int, count: int) -> list[Path]:
    """`count` square pictures of `side` pixels, as JPEG files in `folder`; of fewer files some come again."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    if source is None:
        import skimage

        files = [Path(skimage.__file__).parent / "data/coins.png"]
    else:
        files = sorted(p for p in source.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    paths = []
    for number, file in enumerate(islice(cycle(files), count)):
        with Image.open(file) as opened:
            whole = opened.convert("RGB")
        if source is None or number >= len(files):
            edge = (
                min(whole.size) // 2 - number % 50
            )  # so that none is twice the same, which would be one picture
            left, top = (int(n) for n in rng.integers(0, (whole.width - edge, whole.height - edge)))
            whole = whole.crop((left, top, left + edge, top + edge))
        paths.append(folder / f"p{number:04}.jpg")
        whole.resize((side, side), Image.Resampling.BICUBIC).save(paths[-1], quality=90)
    return paths


def size_of(file: Path) -> NDArray[np.int_]:
    """Width and height of a picture."""
    with Image.open(file) as opened:
        return np.array(opened.size)


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


def first_masks(studio: Any, files: Sequence[Path]) -> dict[str, float]:
    """Clicks and seconds from the first page to the masks of these pictures."""
    page = studio.page
    studio.open()
    begun, cpu = time.monotonic(), cpu_seconds(os.getpid())
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose pictures …").click()
    chooser.value.set_files([str(file) for file in files])
    page.locator(".gallery .card").nth(len(files) - 1).wait_for()
    studio.project = page.url.rpartition("#/p/")[2]
    page.get_by_role("link", name=files[0].name).click()
    page.locator(".editortop .save.ok").wait_for()
    studio.choose("Box")
    size = size_of(files[0])
    studio.drag(files[0].name, 0.3 * size, 0.6 * size)
    asked, spent = time.monotonic(), cpu_seconds(os.getpid())
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator(".card .verdict:not(.unrun)").first.wait_for()
    first = time.monotonic()
    page.locator(".card .verdict:not(.unrun)").nth(len(files) - 1).wait_for()
    return {
        "clicks": page.evaluate("window.clicks"),
        "before_the_run": asked - begun,
        "first": first - asked,
        "all": time.monotonic() - asked,
        "cpu_run": cpu_seconds(os.getpid()) - spent,
        "cpu": cpu_seconds(os.getpid()) - cpu,
    }


def corrections(studio: Any, files: Sequence[Path], look: float) -> dict[str, Any]:
    """Seconds of `CLICKS_EACH` clicks on each picture, the first ones apart; each looked at for `look` seconds."""
    page, seconds = studio.page, []
    rng = np.random.default_rng(1)
    for file in files:
        size = size_of(file)
        studio.open_image(file.name)
        page.wait_for_timeout(1000 * look)
        page.get_by_role("button", name="Correct it").click()
        for number in range(CLICKS_EACH):
            studio.choose(("Point on it", "Point: not this")[number % 2])
            there = page.evaluate("window.answered.length")
            studio.click(file.name, *rng.uniform(0.1 * size, 0.9 * size))
            page.locator(f"html[data-answered='{there + 1}']").wait_for(state="attached")
            page.wait_for_timeout(1000)
        seconds.append(page.evaluate(f"window.answered.slice(-{CLICKS_EACH})"))
    every = [s for of_one in seconds for s in of_one]
    firsts = [of_one[0] for of_one in seconds]
    return {
        "clicks": len(every),
        "median": median(every),
        "worst": max(every),
        "median_of_first": median(firsts),
        "worst_of_first": max(firsts),
        "look": look,
        "seconds": seconds,
    }


def gallery(studio: Any, folder: Path, speed: float) -> dict[str, Any]:
    """Scroll through the pictures of a folder at `speed` pixels a second."""
    page, service = studio.page, studio.service
    project = service.call("POST", "/projects", {"name": "Many"})["id"]
    service.call("POST", f"/projects/{project}/folder", {"path": str(folder)})
    count = service.call("GET", f"/projects/{project}/images?limit=1")["total"]
    page.goto(f"{service.url}/#/p/{project}")
    page.locator(".gallery .card img").first.wait_for()
    page.wait_for_timeout(2000)
    page.mouse.move(640, 500)
    page.evaluate(f"window.watchCards({count})")
    begun, cpu = time.monotonic(), cpu_seconds(os.getpid())
    for step in range(1, 3 * count + 100):  # a card is lower than three steps
        page.mouse.wheel(0, WHEEL)
        page.wait_for_timeout(max(0.0, 1000 * (begun + step * WHEEL / speed - time.monotonic())))
        if step % 20 == 0 and page.evaluate(
            "window.cards.ended && document.querySelector('.gallery li:last-child').getBoundingClientRect().bottom"
            " <= innerHeight"
        ):
            break
    took = time.monotonic() - begun
    page.wait_for_timeout(2000)
    cards = page.evaluate("window.cards")
    waited = sorted(cards["waited"])
    return {
        "pictures": count,
        "speed": speed,
        "seconds": took,
        "median": median(waited),
        "p99": waited[int(0.99 * len(waited))],
        "worst": waited[-1],
        "within_0.3": sum(w <= 0.3 for w in waited) / (len(waited) + cards["left"]),
        "left_before": cards["left"],
        "longest_frame": cards["gap"],
        "end_of_list": cards["end"],
        "cpu": cpu_seconds(os.getpid()) - cpu,
    }


def measure(options: argparse.Namespace, room: Path) -> dict[str, Any]:
    """All three, with one service and one browser."""
    from playwright.sync_api import sync_playwright
    from studio_page import CHROMIUM, FLAGS, PATIENCE, Service, Studio

    files = pictures(options.pictures, room / "few", options.side, options.count)
    pictures(options.pictures, room / "many", options.side, options.many)
    service = Service(room / "data", pack=options.pack, root=room / "many")
    service.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 720}, locale="en-GB")
            page.set_default_timeout(5 * PATIENCE * 1000)
            page.add_init_script(WATCH)
            studio = Studio(page, service)
            found = {
                "first_masks": first_masks(studio, files),
                "corrections": corrections(studio, files[1:], options.look),
                "gallery": gallery(studio, room / "many", options.speed),
            }
            browser.close()
            return found
    finally:
        service.stop()


def main() -> None:
    """Measure, print, and keep the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, help="folder; without it the coins of scikit-image")
    parser.add_argument("--pack", default="general")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--many", type=int, default=2000)
    parser.add_argument("--speed", type=float, default=2000, help="pixels a second that are scrolled")
    parser.add_argument("--look", type=float, default=3, help="seconds before a picture is corrected")
    parser.add_argument("--output", "-o", help="keep the figures as JSON in this file")
    options = parser.parse_args()
    pack = cuecast.load(options.pack).pack
    with tempfile.TemporaryDirectory() as room:
        found = measure(options, Path(room))
    result = {
        "kind": KIND,
        "pack": pack.name,
        "pack_digest": pack.digest,
        "commit": source_commit(),
        "machine": machine(),
        "side": options.side,
        "count": options.count,
        **found,
    }
    text = json.dumps(_rounded(result), indent=1)
    print(text)
    if options.output:
        write_text(options.output, text + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
