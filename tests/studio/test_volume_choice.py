"""A file or folder with several volumes: the page asks which one is meant, and opens that one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import phantoms
import pytest
from studio_page import Studio

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")


def source(studio: Studio) -> dict[str, Any]:
    """The volume of the project that is open."""
    studio.page.locator(".gallery .card").nth(5).wait_for()
    project = studio.page.url.rpartition("#/p/")[2]
    return dict(studio.service.call("GET", f"/projects/{project}")["source"])


def audit(studio: Studio) -> None:
    """Fails with what axe-core says of the page as it is."""
    found: Any = axe.Axe().run(studio.page)
    assert found.violations_count == 0, found.generate_report()


def test_choose_a_time_of_a_file(studio: Studio, tmp_path: Path) -> None:
    path = tmp_path / "times.nii.gz"
    whole = np.stack([phantoms.values()] * 3)
    nibabel.Nifti1Image(whole.T, phantoms.affine()).to_filename(path)
    studio.open()
    studio.page.set_input_files("input[data-kind=volume]", str(path))
    asked = studio.page.locator("form.volumechoice")
    asked.get_by_text("holds 3 volumes").wait_for()
    audit(studio)
    asked.get_by_role("combobox", name="Channel or time").select_option("2")
    asked.get_by_role("button", name="Take this one").click()
    assert source(studio)["channel"] == 2
    studio.page.get_by_text("Channel or time 2").wait_for()
    assert asked.count() == 0


def test_choose_a_series_of_a_folder(studio: Studio) -> None:
    assert studio.service.root is not None
    for number, name in ((1, "plain"), (2, "late")):
        phantoms.dicom(studio.service.root / "both" / name, phantoms.values(), f"1.2.3.{number}", name)
    before = studio.service.call("GET", "/projects")["total"]
    studio.open()
    page = studio.page
    page.get_by_role("button", name="A folder of the server …").click()
    page.get_by_role("button", name=str(studio.service.root)).click()
    page.get_by_role("button", name="both").click()
    page.get_by_role("radio", name="The slices of a volume").check()
    page.get_by_role("button", name="Add this folder").click()
    asked = page.locator("form.volumechoice")
    asked.get_by_text("holds 2 series").wait_for()
    audit(studio)
    # A folder that was refused leaves no project.
    assert studio.service.call("GET", "/projects")["total"] == before
    asked.get_by_role("combobox", name="Series").select_option("1.2.3.2")
    asked.get_by_role("button", name="Take this one").click()
    assert source(studio)["series"] == "1.2.3.2"
    assert studio.service.call("GET", "/projects")["total"] == before + 1
