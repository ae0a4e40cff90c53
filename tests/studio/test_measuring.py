"""The measurements: a scatter plot beside the histogram, and the size of a pixel, drawn along a scale bar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from studio_page import RED, SQUARE, Studio, paint


@pytest.fixture
def measured(studio: Studio, tmp_path: Path) -> Studio:
    """Three pictures with one, two and one red square; run."""
    pictures = [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (RED, 40, 24)),
        paint(tmp_path / "c.png", (RED, 20, 10), (RED, 30, 10)),
    ]
    studio.create(pictures)
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    return studio


def test_two_measures_against_each_other(
    measured: Studio, audit: Callable[[str], None], tmp_path: Path
) -> None:
    page = measured.page
    page.get_by_role("button", name="Measurements").click()
    plot = page.locator(".scatter canvas")
    plot.wait_for()
    # 256, 256, 256 and 416 pixels; the perimeter goes along with the area.
    assert "Perimeter by Area, 4 objects, r = 1.00" in (plot.get_attribute("aria-label") or "")
    page.get_by_label("Measure across").select_option("Length")
    page.get_by_label("Measure upwards").select_option("Area")
    page.wait_for_function(
        "() => document.querySelector('.scatter canvas').ariaLabel.startsWith('Area by Length')"
    )
    audit("scatter plot")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the plot (PNG)").click()
    picture = tmp_path / "plot.png"
    download.value.save_as(picture)
    with Image.open(picture) as saved:
        assert saved.size == (1120, 480)
        colours = {colour for _, colour in saved.convert("RGB").getcolors(1 << 24) or []}
    assert len(colours) > 10  # dots in the colour of the class, and words


def test_a_scale_bar_says_what_a_pixel_is(measured: Studio, audit: Callable[[str], None]) -> None:
    page = measured.page
    measured.open_image("a.png")
    page.keyboard.press("u")
    measured.drag("a.png", (10, 40), (30, 40), (50, 40))
    page.get_by_role("heading", name="What a pixel is").wait_for()
    page.get_by_text("The line is 40.0 pixels long.").wait_for()
    audit("pixel size")
    page.get_by_label("Length").fill("20")
    page.get_by_text("A pixel is 0.5 µm wide").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    project = measured.service.call("GET", f"/projects/{measured.project}")
    assert project["pixel_size"] == pytest.approx(0.5)
    assert project["unit"] == "um"
    assert measured.marks("a.png")["version"] == 1  # the line marks nothing

    measured.to_gallery()
    page.get_by_role("button", name="Measurements").click()
    page.get_by_role("cell", name="64", exact=True).first.wait_for()  # 256 pixels of 0.25 square micrometres
    page.get_by_role("button", name="1 pixel = 0.5 µm").click()
    page.get_by_label("Length").fill("2")
    page.get_by_label("Unit").select_option("mm")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="1 pixel = 2 mm").wait_for()
    page.get_by_role("cell", name="1,024", exact=True).first.wait_for()
    page.get_by_role("button", name="1 pixel = 2 mm").click()
    page.get_by_role("button", name="Take it away").click()
    page.get_by_role("button", name="Set the pixel size …").wait_for()
    assert measured.service.call("GET", f"/projects/{measured.project}")["unit"] is None
