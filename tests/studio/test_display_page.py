"""How a picture is shown: brightness, contrast, gamma, a channel, the window of a volume; and playing a video."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import phantoms
from films import film, save_film
from PIL import Image
from studio_page import SQUARE, Studio
from test_film import create, shown


def colour_at(studio: Studio, name: str, x: float, y: float) -> tuple[int, ...]:
    """What a person sees at a place of a picture."""
    shot = Image.open(io.BytesIO(studio.page.screenshot())).convert("RGB")
    left, top = studio.place(name, x, y)
    return shot.getpixel((round(left), round(top)))


def alike(seen: tuple[int, ...], wanted: tuple[int, int, int]) -> bool:
    """Whether two colours differ by what a filter rounds at most."""
    return all(abs(a - b) <= 1 for a, b in zip(seen, wanted, strict=True))


def test_what_is_seen_changes_and_what_is_found_does_not(
    studio: Studio, pictures: list[Path], audit: Callable[[str], None]
) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.open_image("b.png")
    studio.choose("Move the picture")
    page.mouse.move(5, 5)
    assert alike(colour_at(studio, "b.png", 16, 16), (200, 30, 30))
    page.get_by_text("Brightness and contrast").click()
    page.get_by_label("Channel").select_option("Red")
    assert alike(colour_at(studio, "b.png", 16, 16), (200, 200, 200))
    assert alike(colour_at(studio, "b.png", 48, 32), (30, 30, 30))
    page.get_by_label("Channel").select_option("All colours")
    slider = page.get_by_role("slider", name="Brightness")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "+20 %"
    assert alike(colour_at(studio, "b.png", 16, 16), (251, 81, 81))
    page.get_by_role("slider", name="Contrast").fill("100")
    assert alike(colour_at(studio, "b.png", 16, 16), (255, 0, 0))
    audit("display")
    # It stays from picture to picture, and the run sees the pictures as they are.
    page.keyboard.press("PageDown")
    page.get_by_role("heading", name="c.png").wait_for()
    assert page.get_by_role("slider", name="Contrast").input_value() == "100"
    studio.run()
    page.get_by_role("link", name="b.png, Found").wait_for()
    assert studio.image("b.png")["prediction"]["areas"] == {"1": 256}
    studio.open_image("b.png")
    page.locator(".viewbar").get_by_role("button", name="Show it as it is").click()
    page.locator(".viewbar").get_by_role("button", name="Show it as it is").wait_for(state="detached")
    assert page.locator(".canvas canvas").first.get_attribute("class") is None


def test_a_volume_through_a_window_of_values(
    studio: Studio, tmp_path: Path, audit: Callable[[str], None]
) -> None:
    page = studio.page
    voxels = np.where(phantoms.truth(), 40, -1000).astype(np.int16)
    create(studio, "volume", phantoms.nifti(tmp_path / "ct.nii.gz", voxels, phantoms.affine()), 6)
    studio.open_image("ct_z0002.png")
    page.get_by_text("Brightness and contrast").click()
    preset = page.get_by_label("Preset")
    assert preset.input_value() == ""
    with page.expect_response(lambda r: "low=-160" in r.url and r.ok):
        preset.select_option("Soft tissue")
    page.wait_for_function("() => true")
    page.mouse.move(5, 5)
    assert page.get_by_label("Window (width)").input_value() == "400"
    assert page.get_by_label("Level (middle)").input_value() == "40"
    page.wait_for_timeout(300)
    assert colour_at(studio, "ct_z0002.png", 5.5, 3.5) == (127, 127, 127)
    audit("window of a volume")
    # Another level by keyboard; the next slice is seen through it, too.
    level = page.get_by_label("Level (middle)")
    level.fill("240")
    with page.expect_response(lambda r: "low=40" in r.url and "high=440" in r.url):
        level.press("Enter")
    assert preset.input_value() == "own"
    with page.expect_response(lambda r: "low=40" in r.url and "high=440" in r.url):
        page.get_by_role("slider", name="Slice of the volume").press("ArrowRight")
    shown(studio, "ct_z0003.png")


def test_a_video_plays_to_its_end(studio: Studio, tmp_path: Path) -> None:
    page = studio.page
    clip = save_film(tmp_path / "clip.mp4", film(8, lambda i: (10, 4 + 2 * i)))
    create(studio, "video", clip, 8)
    studio.open_image("000000.png")
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Stop").wait_for()
    shown(studio, "000007.png")
    page.get_by_role("button", name="Play").wait_for()
    # By its key: from the beginning again, and stopped on the way.
    page.locator(".canvas").focus()
    page.keyboard.press("j")
    page.get_by_role("button", name="Stop").wait_for()
    page.keyboard.press("j")
    page.get_by_role("button", name="Play").wait_for()
    here = page.url
    page.wait_for_timeout(600)
    assert page.url == here
