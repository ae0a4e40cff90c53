"""Packs in the studio: chosen with a ready concept, refined and compared, kept, given out and taken in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_packs import coin_pack
from studio_page import PATIENCE, RED, Service, Studio, paint

from cuecast.catalogue.make import make_pack
from cuecast.cli import run
from cuecast.engine.packs import open_pack
from cuecast.service.settings import Settings
from cuecast.service.store.database import open_database
from cuecast.service.store.models import JobRow

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")

MEASURED = {
    "pack": "sector",
    "base": "coins",
    "better": False,
    "faults": ["it gains +0.004 IoU, and 0.01 is the least that is worth a pack"],
    "by_shots": {"1": {"base": 0.512, "refined": 0.519}, "5": {"base": 0.633, "refined": 0.634}},
    "by_class": {"1": {"base": 0.573, "refined": 0.577}},
    "quiet_without": {"base": 0.75, "refined": 0.875},
    "gain": 0.004,
    "chance_of_none": 0.31,
    "pictures": 9,
    "curve": {"0": 0.633, "5": 0.61, "10": 0.628, "20": 0.634},
    "twice_as_many_would_add": 0.012,
    "concepts": ["red"],
    "notes": [],
    "state": "open",
}
"""What a refinement may come to."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a service whose account has the pack 'coins' with the concept 'red'."""
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    coin_pack(tmp_path / "shelf")
    return tmp_path / "data"


@pytest.fixture
def own(browser: Any, data: Path) -> Iterator[Studio]:
    """A page of that service."""
    pytest.importorskip("fastapi", reason="the extra 'service' is not installed")
    service = Service(data)
    service.start()
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", accept_downloads=True
    )
    context.set_default_timeout(PATIENCE * 1000)
    opened = Studio(context.new_page(), service)
    yield opened
    context.close()
    service.stop()
    assert opened.problems == []


def add_job(data: Path, project: str, job: str, **columns: Any) -> None:
    """Put a refinement into the database, as if it had gone so far; the pack of one that is done lies there, too."""
    database = open_database(Settings(data).database_url, migrate=False)
    with database.writing() as session:
        request = {"name": "sector", "base": None, "minutes": 20.0, "group": None, "card": {}}
        session.add(JobRow(id=job, project_id=project, kind="refine", request=request, **columns))
    database.close()
    if columns["state"] == "done":
        coins = open_pack("coins")
        place = data / "projects" / project / "refined" / job
        make_pack("sector", place, coins, concepts={"red": coins.concept("red")})


def look(studio: Studio, name: str) -> None:
    """Hold the view to the rules of axe-core, and keep a picture of it where somebody wants to look at it."""
    found: Any = axe.Axe().run(studio.page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    if folder := os.environ.get("CUECAST_SCREENSHOTS"):
        studio.page.screenshot(path=f"{folder}/{name}.png")


def test_a_pack_is_chosen_refined_kept_given_out_and_taken_in(
    own: Studio, data: Path, tmp_path: Path
) -> None:
    page, shelf = own.page, tmp_path / "shelf"
    pictures = [paint(tmp_path / f"{n}.png", (RED, 8 + n, 8)) for n in range(7)]
    own.create(pictures)

    # A ready concept needs no example.
    run_button = page.get_by_role("button", name=re.compile("^Run on"))
    assert run_button.is_disabled()
    page.get_by_role("combobox", name="Pack", exact=True).select_option("coins")
    page.get_by_role("combobox", name="Ready concept").select_option("red")
    page.get_by_text("It needs no example").wait_for()
    assert own.service.call("GET", f"/projects/{own.project}")["concept"] == "red"
    look(own, "choice")
    run_button.click()
    page.get_by_role("link", name="0.png, Found").wait_for()

    # From six marked pictures on there is something to refine on; what the server says stands in the dialog.
    page.get_by_text("6 more pictures marked wholly, accepted or called right").wait_for()
    refine = page.get_by_role("button", name="Refine …")
    assert refine.is_disabled()
    for n in range(6):
        image = own.image(f"{n}.png")["id"]
        where = f"/projects/{own.project}/images/{image}/marks"
        own.service.call("PUT", where, {"polygons": [{"path": [[0, 0], [9, 0], [9, 9]], "class": 1}]})
    page.reload()
    refine.click()
    page.get_by_label("Name of the new pack").fill("sector")
    look(own, "ask")
    page.get_by_role("button", name="Start", exact=True).press("Enter")
    page.get_by_role("alert").filter(has_text="no decoder to refine").wait_for()
    page.keyboard.press("Escape")

    # Going on, and done: the comparison.
    add_job(
        data, own.project, "goingon23456", state="running", stage="fit", done=30, total=90, worker="other"
    )
    page.reload()
    page.get_by_text("Learning: 30 of 90").wait_for()
    look(own, "going")
    page.get_by_role("button", name="Stop").click()
    add_job(data, own.project, "refined23456", state="done", result=MEASURED)
    page.reload()
    page.get_by_role("button", name="Compare and decide …").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_role("row", name="5 examples").inner_text().split()[-2:] == ["0.633", "0.634"]
    assert "20 pictures: 0.634" in dialog.get_by_role("img").get_attribute("aria-label")
    look(own, "comparison")
    keep = dialog.get_by_role("button", name="Keep", exact=True)
    assert keep.is_disabled()
    dialog.get_by_label("Keep it all the same").check()
    keep.click()
    page.get_by_text("Kept as sector.").wait_for()
    assert (shelf / "sector" / "card.json").is_file()
    page.get_by_role("button", name="Use sector here").click()
    page.get_by_text("Pack: sector").wait_for()

    # Given out with the key of an admin, and taken in.
    page.get_by_role("link", name="Packs").click()
    page.get_by_role("heading", name="sector").wait_for()
    look(own, "packs")
    page.get_by_role("button", name="Export: sector").click()
    page.get_by_text("This needs an admin’s key").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("alert").filter(has_text="admin key is needed").wait_for()
    page.get_by_role("button", name="Export: sector").click()
    page.get_by_label("API key").fill(admin_key(data))
    with page.expect_download() as download:
        page.get_by_role("button", name="Continue").click()
    archive = Path(download.value.path()).rename(tmp_path / "sector.zip")
    page.set_input_files("input[data-kind=pack]", str(archive))
    page.get_by_text("The pack sector is there.").wait_for()
    (shelf / "sector").rename(tmp_path / "away")
    coins = open_pack("coins")
    make_pack("sector", shelf, coins, fields={"summary": "Another one."})
    page.set_input_files("input[data-kind=pack]", str(archive))
    page.get_by_role("button", name="Replace it").click()
    page.get_by_text("Ready concepts on coins: red.").wait_for()


def admin_key(data: Path) -> str:
    """A key as whoever runs the service makes it."""
    import io
    from contextlib import redirect_stdout

    said = io.StringIO()
    with redirect_stdout(said):
        assert run(["keys", "create", "boss", "--admin", "--data", str(data)]) == 0
    found = re.search(r"cue_\S+", said.getvalue())
    assert found
    return found[0]
