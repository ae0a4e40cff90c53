"""What happens to a job, as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png

from cuecast.service import events


@pytest.fixture(params=["sqlite", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """Three images, the first marked, on each of the two databases."""
    url = request.getfixturevalue("empty_postgres") if request.param == "postgres" else None
    with inline_service(tmp_path / "data", database=url) as service:
        for red, name in enumerate("abc", start=1):
            service.upload(f"{name}.png", png(red, red))
        service.mark(service.get("images")["items"][0]["id"], columns(1))
        yield service


def read(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(event, data) of each event of a stream."""
    parts = [p.splitlines() for p in text.replace("\r\n", "\n").split("\n\n") if p.strip()]
    return [(p[0].removeprefix("event: "), json.loads(p[1].removeprefix("data: "))) for p in parts]


def test_a_job_that_is_over_is_told_at_once(service: Service) -> None:
    job = service.done("runs")
    reply = service.client.get(f"/v1/jobs/{job['id']}/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = read(reply.text)
    assert [event for event, _ in told] == ["progress", "image", "image", "image", "end"]
    assert told[0][1] == told[-1][1] == job
    assert [data["name"] for event, data in told if event == "image"] == ["a.png", "b.png", "c.png"]
    assert all(data["prediction"]["verdict"] == "found" for event, data in told if event == "image")
    assert [o["area"] for o in service.get("objects")["items"]] == [4, 8, 12]


def test_a_job_is_followed_from_the_queue_to_its_end(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "POLL", 0.01)
    job = service.post("runs")
    told: list[str] = []

    async def follow() -> None:
        async for event in events.job_events(service.state.database, job["id"]):
            told.append(
                f"{event.event} {json.loads(event.data)['state']}" if event.event != "image" else "image"
            )
            if told == ["progress queued"]:
                await asyncio.to_thread(service.work)

    asyncio.run(follow())
    assert told == ["progress queued", "progress done", "image", "image", "image", "end done"]


def test_many_images_are_told_each_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST", 2)
    for red in range(4, 8):
        service.upload(f"{red}.png", png(red, red))
    job = service.done("runs")
    told = read(service.client.get(f"/v1/jobs/{job['id']}/events").text)
    names = [data["name"] for event, data in told if event == "image"]
    assert sorted(names) == ["4.png", "5.png", "6.png", "7.png", "a.png", "b.png", "c.png"]
    assert [event for event, _ in told].count("end") == 1


def test_what_a_run_has_kept_is_not_told_again(service: Service) -> None:
    service.done("runs")
    job = service.done("runs")
    assert [e for e, _ in read(service.client.get(f"/v1/jobs/{job['id']}/events").text)] == [
        "progress",
        "end",
    ]


def test_a_job_that_goes_with_its_project_ends_the_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "POLL", 0.01)
    job = service.post("exports", {"formats": ["csv"]})

    async def follow() -> list[str]:
        told = []
        async for event in events.job_events(service.state.database, job["id"]):
            told.append(str(event.event))
            await asyncio.to_thread(service.client.delete, service.p)
        return told

    assert asyncio.run(follow()) == ["progress"]


def test_an_unknown_job_is_refused_before_the_stream(service: Service) -> None:
    assert service.client.get("/v1/jobs/nosuchjob123/events").status_code == 404
