"""Driving the studio: the service as a process of its own, and the page as a person sees it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 120
"""Seconds that a machine with much to do is given for one step."""

MARGIN = 12
"""Pixels that the studio leaves round a picture that fits; see studio/src/canvas/viewport.ts."""
LARGEST_FIT = 8

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)
SQUARE = ((8, 8), (24, 8), (24, 24), (8, 24))
"""The corners of what is red on each picture."""


def paint(path: Path, *patches: tuple[tuple[int, int, int], int, int]) -> Path:
    """A blue picture of 64 x 48; each patch is a square of 16 with its colour and its left and upper edge."""
    pixels = np.full((48, 64, 3), BLUE, np.uint8)
    for colour, left, top in patches:
        pixels[top : top + 16, left : left + 16] = colour
    Image.fromarray(pixels).save(path)
    return path


class Service:
    """`cuecast serve` on a free port, which it keeps over restarts."""

    def __init__(self, data: Path, *flags: str, pack: str = "colours", root: Path | None = None) -> None:
        self.root = root
        roots = ("--root", str(root)) if root else ()
        self._data, self._flags = data, ("--pack", pack, *roots, *flags)
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self.key: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        words = [
            "serve",
            "--data",
            str(self._data),
            "--port",
            str(self._port),
            *self._flags,
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cuecast", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, f"the service said {line!r} instead of its address"
        self._port = int(found[1])

    def make_key(self) -> None:
        """A key for this service, which `call` then uses."""
        words = [sys.executable, "-m", "cuecast", "keys", "create", "tests", "--data", str(self._data)]
        said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
        found = re.search(r"cue_\S+", said)
        assert found, said
        self.key = found[0]

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API, as JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            return json.loads(reply.read())


class Studio:
    """The page. Places on a picture are in its pixels."""

    def __init__(self, page: Any, service: Service) -> None:
        self.page, self.service = page, service
        self.problems: list[str] = []
        self.project = ""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # That a server is away, or refuses something, is told to the person by the page itself.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(message.text)

    def open(self) -> None:
        self.page.goto(self.service.url + "/")
        self.page.get_by_role("heading", name="Show it once").wait_for()

    def create(self, files: Sequence[Path]) -> None:
        """A project of these files, chosen on the first page."""
        self.open()
        self.page.set_input_files("input[data-kind=files]", [str(f) for f in files])
        self.page.locator(".gallery .card").nth(len(files) - 1).wait_for()
        self.project = self.page.url.rpartition("#/p/")[2]

    def image(self, name: str) -> dict[str, Any]:
        items = self.service.call("GET", f"/projects/{self.project}/images?limit=500")["items"]
        return next(i for i in items if i["name"] == name)

    def marks(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.service.call(
            "GET", f"/projects/{self.project}/images/{self.image(name)['id']}/marks"
        )
        return found

    def open_image(self, name: str) -> None:
        self.page.goto(f"{self.service.url}/#/p/{self.project}/i/{self.image(name)['id']}")
        self.page.get_by_role("heading", name=name).wait_for()
        self.page.locator(".editortop .save.ok").wait_for()

    def to_gallery(self) -> None:
        self.page.goto(f"{self.service.url}/#/p/{self.project}")
        self.page.locator(".gallery .card").first.wait_for()

    def run(self) -> None:
        self.to_gallery()
        self.page.get_by_role("button", name=re.compile("^Run ")).click()
        self.page.get_by_role("button", name="Run again where").wait_for()

    def place(self, name: str, x: float, y: float) -> tuple[float, float]:
        """Where a place on a picture is on the screen, as long as the whole picture is shown."""
        image = self.image(name)
        box = self.page.locator(".canvas").bounding_box()
        room = [side - 2 * MARGIN for side in (box["width"], box["height"])]
        scale = min(room[0] / image["width"], room[1] / image["height"], LARGEST_FIT)
        left = box["x"] + (box["width"] - image["width"] * scale) / 2
        top = box["y"] + (box["height"] - image["height"] * scale) / 2
        return left + x * scale, top + y * scale

    def choose(self, tool: str) -> None:
        self.page.get_by_role("toolbar").get_by_role("button", name=tool, exact=True).click()

    def click(self, name: str, x: float, y: float) -> None:
        self.page.mouse.click(*self.place(name, x, y))

    def drag(self, name: str, *path: tuple[float, float]) -> None:
        places = [self.place(name, x, y) for x, y in path]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=6)
        self.page.mouse.up()

    def outline(self, name: str, corners: Sequence[tuple[float, float]]) -> None:
        """Draw a polygon and close it."""
        self.choose("Polygon")
        for x, y in (*corners, corners[0]):
            self.click(name, x, y)

    def wait_saved(self, name: str, version: int) -> dict[str, Any]:
        """The marks once the page says that they are saved. `version` is the one to be reached."""
        self.page.locator(".editortop .save.ok").wait_for()
        found = self.marks(name)
        assert found["version"] >= version, f"the page says 'saved' at version {found['version']}"
        return found
