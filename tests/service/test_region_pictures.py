"""Regions as pictures for the page."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from inline_service import Service, inline_service, png
from PIL import Image

from cuecast.service import preview


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data") as service:
        service.ids["a"] = service.upload("a.png", png(20, size=(24, 40)))
        yield service


def regions(service: Service, size: str) -> np.ndarray:
    reply = service.client.get(f"{service.p}/images/{service.ids['a']}/regions/{size}")
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "image/png"
    rgb = np.asarray(Image.open(io.BytesIO(reply.content))).astype(int)
    return np.asarray(rgb[..., 0] + 256 * rgb[..., 1])


def test_regions_come_as_a_picture_of_their_numbers(service: Service) -> None:
    small, large = regions(service, "small"), regions(service, "large")
    assert small.shape == large.shape == (24, 40)
    # Red is left, blue is right: no region is on both sides.
    for ids in (small, large):
        assert not set(np.unique(ids[:, :20])) & set(np.unique(ids[:, 20:]))


def test_they_are_made_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = regions(service, "small")

    def again(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(preview, "regions_of", again)
    assert np.array_equal(regions(service, "small"), first)
    regions(service, "large")


def test_what_is_not_there_has_none(service: Service) -> None:
    assert service.get("images/nobody/regions/small", 404)["error"]["code"] == "not_found"
    assert service.get(f"images/{service.ids['a']}/regions/huge", 422)["error"]["code"] == "invalid_request"
