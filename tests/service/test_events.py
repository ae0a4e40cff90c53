"""What happens to a job, as a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png
from sqlalchemy import event as sql

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
        async for event in events.job_events(events.Poller(service.state.database), job["id"]):
            told.append(
                f"{event.event} {json.loads(event.data)['state']}" if event.event != "image" else "image"
            )
            if told == ["progress queued"]:
                await asyncio.to_thread(service.work)

    asyncio.run(follow())
    going_on = [t for t in told if t not in ("progress running", "image")]
    assert going_on == ["progress queued", "progress done", "end done"]
    assert told.count("image") == 3
    assert told[-1] == "end done"


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
        async for event in events.job_events(events.Poller(service.state.database), job["id"]):
            told.append(str(event.event))
            await asyncio.to_thread(service.client.delete, service.p)
        return told

    assert asyncio.run(follow()) == ["progress"]


def test_an_unknown_job_is_refused_before_the_stream(service: Service) -> None:
    assert service.client.get("/v1/jobs/nosuchjob123/events").status_code == 404


# ---- one poller for all streams


class Streams:
    """Streams that are followed in one event loop; `told` has what each has got."""

    def __init__(self, service: Service) -> None:
        self.poller = events.Poller(service.state.database)
        self.told: list[list[str]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._database = service.state.database

    def open(self, job: str) -> None:
        got: list[str] = []

        async def follow() -> None:
            async for told in events.job_events(self.poller, job):
                got.append(str(told.event))

        self.told.append(got)
        self._tasks.append(asyncio.ensure_future(follow()))

    async def first(self) -> None:
        """Wait until each has been told of its job."""
        while not all(self.told):
            await asyncio.sleep(0.001)

    async def looked(self) -> int:
        """Questions that one look asks the database."""
        asked = []
        note = lambda *told: asked.append(told[2])  # noqa: E731
        sql.listen(self._database.engine, "before_cursor_execute", note)
        await self.poller.look()
        sql.remove(self._database.engine, "before_cursor_execute", note)
        return sum(statement.startswith("SELECT") for statement in asked)

    async def ended(self) -> None:
        await asyncio.gather(*self._tasks)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


@pytest.fixture
def waiting_jobs(service: Service) -> list[str]:
    """Forty jobs that nobody does."""
    return [service.post("exports", {"formats": ["csv"]})["id"] for _ in range(40)]


@pytest.mark.parametrize(("streams", "different"), [(1, 1), (40, 1), (40, 40)])
def test_many_streams_ask_the_database_as_often_as_one(
    service: Service, monkeypatch: pytest.MonkeyPatch, waiting_jobs: list[str], streams: int, different: int
) -> None:
    monkeypatch.setattr(events, "POLL", 3600)

    async def follow() -> int:
        many = Streams(service)
        for number in range(streams):
            many.open(waiting_jobs[number % different])
        await many.first()
        asked = await many.looked()
        many.close()
        return asked

    assert asyncio.run(follow()) == 1


def test_between_two_looks_nobody_asks(
    service: Service, monkeypatch: pytest.MonkeyPatch, waiting_jobs: list[str]
) -> None:
    monkeypatch.setattr(events, "POLL", 3600)
    asked = []
    note = lambda *_: asked.append(1)  # noqa: E731

    async def follow() -> None:
        many = Streams(service)
        for _ in range(30):
            many.open(waiting_jobs[0])
        await many.first()
        sql.listen(service.state.database.engine, "before_cursor_execute", note)
        many.open(waiting_jobs[0])  # what is known is told without a look
        await many.first()
        for _ in range(100):
            await asyncio.sleep(0)
        sql.remove(service.state.database.engine, "before_cursor_execute", note)
        many.close()

    asyncio.run(follow())
    assert asked == []


def test_all_streams_are_told_all(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they were there from the first, or came when the job was over."""
    monkeypatch.setattr(events, "POLL", 0.01)
    monkeypatch.setattr(events, "MOST", 2)
    run, other = service.post("runs")["id"], service.post("exports", {"formats": ["csv"]})["id"]

    async def follow() -> list[list[str]]:
        many = Streams(service)
        for job in (run, other, run):
            many.open(job)
        await many.first()
        await asyncio.to_thread(service.work)
        many.open(run)
        await many.ended()
        assert not many.poller._followed
        return many.told

    first, second, third, late = asyncio.run(follow())
    assert first[0] == "progress"
    for told in (first, third, late):
        assert told.count("image") == 3
        assert (told[-1], told.count("end")) == ("end", 1)
    assert second[-1] == "end"
    assert "image" not in second


def test_a_database_that_fails_ends_the_streams(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = service.post("exports", {"formats": ["csv"]})["id"]
    monkeypatch.setattr(events, "POLL", 0.01)

    async def follow() -> list[str]:
        many = Streams(service)
        many.open(job)
        await many.first()
        monkeypatch.setattr(events, "_look", lambda *_: 1 / 0)
        await many.ended()
        return many.told[0]

    assert asyncio.run(follow()) == ["progress"]
