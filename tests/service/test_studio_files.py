"""The studio's page and files, as they are sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from service_client import Service, refused


def test_a_page_that_is_not_built(
    start: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuecast.service.routes.system.STUDIO", tmp_path / "none")
    monkeypatch.setattr("cuecast.service.app.STUDIO", tmp_path / "none")
    service = start()
    assert "make studio" in refused(service.client.get("/"), 404, "no_studio")
    refused(service.client.get("/studio/assets/a.js"), 404, "not_found")


def test_a_page_that_is_built(
    start: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = tmp_path / "studio"
    (studio / "assets").mkdir(parents=True)
    (studio / "index.html").write_text("<!doctype html>")
    (studio / "icon.svg").write_text("<svg/>")
    (studio / "assets" / "main-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr("cuecast.service.routes.system.STUDIO", studio)
    monkeypatch.setattr("cuecast.service.app.STUDIO", studio)
    service = start(require_key=True)
    page = service.client.get("/")
    assert (page.status_code, page.text) == (200, "<!doctype html>")
    assert page.headers["cache-control"] == "no-cache"
    asset = service.client.get("/studio/assets/main-1a2b.js")
    assert asset.headers["content-type"].startswith("text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    assert service.client.get("/studio/icon.svg").headers["cache-control"] == "no-cache"
    for path in ("/studio/../secret.txt", "/studio/%2e%2e/secret.txt", "/studio/assets/..%2f..%2fsecret.txt"):
        assert "secret" not in service.client.get(path).text
    refused(service.client.get("/studio/nothing.js"), 404, "not_found")
