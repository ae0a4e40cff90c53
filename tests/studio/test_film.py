"""A video in a real browser: brought in, marked on one frame, run, gone through with the slider, exported."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest
from films import film, save_film
from PIL import Image
from studio_page import Studio

FRAMES = 12


def left(index: int) -> int:
    """Where the red square begins on a frame; it is 12 pixels wide and lies on rows 10 to 21."""
    return 4 + 2 * index


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return save_film(tmp_path / "clip.mp4", film(FRAMES, lambda i: (10, left(i))))


def create(studio: Studio, kind: str, path: Path, cards: int) -> None:
    studio.open()
    studio.page.set_input_files(f"input[data-kind={kind}]", str(path))
    studio.page.locator(".gallery .card").nth(cards - 1).wait_for()
    studio.project = studio.page.url.rpartition("#/p/")[2]


def shown(studio: Studio, name: str) -> None:
    """Wait until a frame is open and its marks are there."""
    studio.page.get_by_role("heading", name=name).wait_for()
    studio.page.locator(".editortop .save.ok").wait_for()


def outline(studio: Studio, name: str, index: int) -> None:
    x = left(index)
    studio.outline(name, ((x, 10), (x + 12, 10), (x + 12, 22), (x, 22)))
    studio.wait_saved(name, 1)


def test_follow_a_thing_through_a_video(studio: Studio, clip: Path) -> None:
    page = studio.page
    create(studio, "video", clip, FRAMES)
    page.get_by_text("clip.mp4").first.wait_for()

    # Mark one frame.
    studio.open_image("000003.png")
    outline(studio, "000003.png", 3)
    slider = page.get_by_role("slider", name="Frame of the video")
    assert slider.input_value() == "3"
    page.locator(".ticks .marked").wait_for()

    # Run; all frames are found.
    studio.to_gallery()
    page.get_by_role("button", name="Follow it through the video").click()
    page.get_by_role("button", name="Run again where").wait_for()
    page.get_by_role("link", name="000009.png, Found").wait_for()

    # Go through it with the keys of the slider.
    studio.open_image("000000.png")
    slider.focus()
    for key, index in (("ArrowRight", 1), ("End", 11), ("PageUp", 1), ("Home", 0), ("PageDown", 10)):
        slider.press(key)
        shown(studio, f"{index:06d}.png")
        assert slider.input_value() == str(index)
    assert slider.evaluate("field => field === document.activeElement")
    assert re.match(r"Frame 10 of 0–11, 0\.40 s, Found", slider.get_attribute("aria-valuetext") or "")

    # The keys of the page go frame by frame, too.
    page.locator(".canvas").focus()
    page.keyboard.press("PageDown")
    shown(studio, "000011.png")

    # What is exported is what `cuecast track` writes.
    studio.to_gallery()
    page.get_by_role("button", name="Export …").click()
    page.get_by_role("checkbox", name="YouTube-VIS").check()
    page.get_by_role("button", name="Make the .zip").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    archive = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert {"overlay.mp4", "annotations.ytvis.json", "objects.csv"} <= set(archive.namelist())
    for index in range(FRAMES):
        found: Any = np.asarray(Image.open(io.BytesIO(archive.read(f"masks/{index:06d}.png"))))
        wanted = np.zeros((48, 64), bool)
        wanted[10:22, left(index) : left(index) + 12] = True
        assert np.array_equal(found > 0, wanted)


def test_a_dropped_video_makes_a_project_of_its_own(studio: Studio, clip: Path) -> None:
    studio.open()
    # Chosen as if it were a picture: its name tells what it is.
    studio.page.set_input_files("input[data-kind=files]", str(clip))
    studio.page.locator(".gallery .card").nth(FRAMES - 1).wait_for()
    project = studio.page.url.rpartition("#/p/")[2]
    assert studio.service.call("GET", f"/projects/{project}")["kind"] == "video"


def test_go_through_a_volume(studio: Studio, tmp_path: Path) -> None:
    path = phantoms.nifti(tmp_path / "scan.nii.gz", phantoms.values(), phantoms.affine())
    create(studio, "volume", path, 6)
    studio.open_image("scan_z0002.png")
    slider = studio.page.get_by_role("slider", name="Slice of the volume")
    slider.press("ArrowRight")
    shown(studio, "scan_z0003.png")
    assert (slider.get_attribute("aria-valuetext") or "").startswith("Slice 3 of 0–5")
