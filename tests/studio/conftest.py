"""A real service with the exact pack `colours`, and a real Chromium that shows its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_page import CHROMIUM, FLAGS, GREEN, PATIENCE, RED, Service, Studio, paint


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; skips where it or Playwright is absent. For one module alone: while it runs, no other test of
    the process could start an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"{CHROMIUM} is not here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=list(FLAGS), timeout=PATIENCE * 1000
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests; each makes its own project."""
    pytest.importorskip("fastapi", reason="the extra 'service' is not installed")
    running = Service(tmp_path_factory.mktemp("data"), root=tmp_path_factory.mktemp("root"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def studio(browser: Any, service: Service) -> Iterator[Studio]:
    """A fresh page; fails where the page reported an error to the console."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 720}, locale="en-GB", accept_downloads=True
    )
    context.set_default_timeout(PATIENCE * 1000)
    opened = Studio(context.new_page(), service)
    yield opened
    context.close()
    assert opened.problems == []


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """a: red. b: red and green. c: neither."""
    return [
        paint(tmp_path / "a.png", (RED, 8, 8)),
        paint(tmp_path / "b.png", (RED, 8, 8), (GREEN, 40, 24)),
        paint(tmp_path / "c.png"),
    ]


@pytest.fixture
def audit(studio: Studio) -> Callable[[str], None]:
    """Fails with what axe-core says of the page as it is."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )

    def check(view: str) -> None:
        found: Any = axe.Axe().run(studio.page)
        assert found.violations_count == 0, f"{view}: {found.generate_report()}"

    return check
