"""Checks of the marks, and suggestions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inline_service import Service, columns, inline_service, png


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data") as service:
        service.ids = {n: service.upload(f"{n}.png", png(red, red)) for red, n in enumerate("abcde", start=1)}
        service.mark(service.ids["a"], columns(1))
        yield service


def test_one_mask_is_too_few_for_leave_one_out(service: Service) -> None:
    found = service.done("checks")["result"]
    assert (found["ok"], found["leave_one_out"], found["findings"]) == (True, None, [])
    assert "here is 1" in found["note"]


def test_a_check_names_images_and_their_ids(service: Service) -> None:
    ids = service.ids
    service.mark(ids["b"], columns(2))
    service.mark(ids["d"], columns(4))
    job = service.done("checks")
    found = job["result"]["leave_one_out"]
    assert [(c["image"], c["image_id"], c["iou"]) for c in found["cues"]] == [
        ("a.png", ids["a"], 1.0),
        ("b.png", ids["b"], 1.0),
        ("d.png", ids["d"], 1.0),
    ]
    assert found["more_helps"] is False
    assert job["done"] == job["total"] > 0
    assert list(service.state.files.uploads.iterdir()) == []


def test_a_contradiction_is_found(service: Service) -> None:
    ids = service.ids
    service.mark(ids["b"], {"points": [{"xy": [0, 0], "class": 1}]})
    service.client.patch(
        service.p, json={"classes": [{"id": 1, "name": "thing"}, {"name": "other"}]}
    ).raise_for_status()
    (finding,) = service.done("checks")["result"]["findings"]
    assert (finding["level"], finding["entry"], finding["image_id"]) == ("warning", "cues.json", None)


def test_suggestions_name_what_is_not_marked(service: Service) -> None:
    ids = service.ids
    found = service.done("suggestions", {"n": 2})["result"]
    assert len(found["images"]) == 2
    assert ids["a"] not in found["images"]
    assert set(found["reasons"]) == set(found["images"])
    assert all(found["reasons"].values())
    listed = [i["id"] for i in service.get("images?order=suggested")["items"]]
    assert listed[:2] == found["images"]
    service.post("suggestions", {"n": 0}, 422)
