"""A class of a project may have a threshold: every answer is by it, and what was made with another is made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Image a is marked, b is not."""
    with inline_service(tmp_path / "data") as service:
        for name, red in (("a", 3), ("b", 5)):
            service.ids[name] = service.upload(f"{name}.png", png(red))
        service.mark(service.ids["a"], columns(3))
        yield service


def change(service: Service, status: int = 200, **fields: Any) -> Any:
    reply = service.client.patch(service.p, json={"classes": [{"id": 1, "name": "thing", **fields}]})
    assert reply.status_code == status, reply.text
    return reply.json()


def threshold(service: Service) -> float:
    return float(service.post(f"images/{service.ids['b']}/preview", {"marks": {}}, 200)["thresholds"][0])


def test_it_is_kept_until_it_is_taken_away(service: Service) -> None:
    usual = {"id": 1, "name": "thing", "colour": "#e6194b"}
    assert service.client.get(service.p).json()["classes"] == [usual]
    assert change(service, threshold=0.3)["classes"] == [{**usual, "threshold": 0.3}]
    assert change(service, colour="#000000")["classes"] == [{**usual, "colour": "#000000", "threshold": 0.3}]
    assert change(service, threshold=None)["classes"] == [{**usual, "colour": "#000000"}]


@pytest.mark.parametrize("wrong", [0, 1.5, -1, "x"])
def test_what_is_no_threshold_is_refused(service: Service, wrong: Any) -> None:
    assert "threshold" in change(service, 422, threshold=wrong)["error"]["message"]


def test_answers_are_by_the_threshold_of_now(service: Service) -> None:
    assert threshold(service) == 0.5
    for wanted in (0.3, 0.7, 0.3):
        change(service, threshold=wanted)
        assert threshold(service) == wanted
    change(service, threshold=None)
    assert threshold(service) == 0.5


def test_a_run_does_again_what_had_another(service: Service) -> None:
    service.done("runs")
    assert not any(p["stale"] for p in service.predictions().values())
    change(service, threshold=0.3)
    assert all(p["stale"] for p in service.predictions().values())
    change(service, threshold=0.3, colour="#000000")
    service.done("runs")
    assert not any(p["stale"] for p in service.predictions().values())
    lines = (service.results / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["thresholds"] for line in lines] == [{"1": 0.3}] * 2
