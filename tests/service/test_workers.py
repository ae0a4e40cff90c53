"""Real worker processes: what happens when one dies. Slow to start, so there are few of these tests."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from inline_service import ADDRESS, RAW, Service, columns, png
from starlette.testclient import TestClient
from waiting import wait_for

from cuecast.service import interactive
from cuecast.service.app import create_app
from cuecast.service.interactive import Interactive
from cuecast.service.preview import Answer, Ask, AskPreview, AskSegment, Prepare
from cuecast.service.problem import Problem
from cuecast.service.settings import Settings
from cuecast.service.workers import shares

wait = partial(wait_for, patience=120.0)  # machines that run tests may be slow to start a process


def test_a_killed_worker_is_replaced_and_its_run_goes_on(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", pack="colours", workers=1)
    with TestClient(create_app(settings), base_url=ADDRESS) as client:
        service = Service(client)
        first = service.upload("a.png", png(3))
        service.mark(first, columns(3))
        for number in range(40):
            service.upload(f"b{number}.png", png(2, number, (300, 400)))
        job = service.post("runs")
        wait(lambda: service.job(job)["done"] > 0)
        (pid,) = service.state.workers.pids()
        os.kill(pid, signal.SIGKILL)
        ended = wait(lambda: service.job(job)["state"] in ("done", "failed") and service.job(job))
        assert ended["state"] == "done", ended
        assert sum(ended["result"]["counts"].values()) == 41
        assert ended["result"]["kept"] > 0
        assert service.state.workers.pids() != [pid]

        # The same for the process that answers at once; it was started with the service.
        marks = {"marks": {"points": [{"xy": [0, 0], "class": 1}]}}
        path = f"{service.p}/images/{first}/preview"
        assert client.post(path, json=marks).status_code == 200
        os.kill(service.state.workers.interactive.pid, signal.SIGSTOP)
        asked = threading.Thread(target=lambda: replies.append(client.post(path, json=marks)))
        replies: list[Any] = []
        asked.start()
        time.sleep(0.3)
        os.kill(service.state.workers.interactive.pid, signal.SIGKILL)
        asked.join()
        assert (replies[0].status_code, replies[0].json()["error"]["code"]) == (503, "interactive_ended")
        assert replies[0].headers["Retry-After"]
        assert client.post(path, json=marks).status_code == 200
        reply = client.post(f"{service.p}/segment", content=png(5), headers=RAW)
        assert reply.json()["mask"]["counts"] == {"1": [0, 20, 12]}
        pids = [*service.state.workers.pids(), service.state.workers.interactive.pid]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_request_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive, "_answer", _never)
    desk = Interactive(Settings(data=tmp_path, pack="colours"), threads=1, seconds=0.5)
    try:
        with pytest.raises(Problem) as raised:
            asyncio.run(desk.ask(AskPreview("p", "i", {})))
        assert (raised.value.code, raised.value.status) == ("interactive_timeout", 503)
        assert desk.pid is None
    finally:
        desk.stop()


def test_more_may_not_wait_than_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactive, "_answer", _never)
    monkeypatch.setattr(interactive, "WAITING", 2)
    desk = Interactive(Settings(data=tmp_path, pack="colours"), threads=1, seconds=0.5)

    async def three() -> list[Any]:
        question = AskSegment("p", tmp_path / "q.png")
        return await asyncio.gather(*(desk.ask(question) for _ in range(3)), return_exceptions=True)

    try:
        codes = [problem.code for problem in asyncio.run(three())]
        assert codes == ["interactive_timeout", "interactive_timeout", "queue_full"]
    finally:
        desk.stop()


def _never(*_: Any) -> None:
    """Stands in for the body of the process: it does not answer."""
    time.sleep(60)


def test_what_is_prepared_comes_after_who_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Interactive(Settings(data=tmp_path, pack="colours"), 1)
    gate, done = threading.Event(), []

    def exchange(question: Ask) -> Answer:
        gate.wait(60)
        done.append(question)
        return Answer({})

    monkeypatch.setattr(desk, "_exchange", exchange)
    first, second = (AskSegment("p", tmp_path / name) for name in "ab")

    async def ask() -> None:
        waiting = [asyncio.create_task(desk.ask(first))]
        await asyncio.sleep(0)  # it is with the process now
        desk.prepare(Prepare("p"))
        desk.prepare(Prepare("p", "image"))  # takes the place of the one before
        desk.prepare(Prepare("q"))
        waiting.append(asyncio.create_task(desk.ask(second)))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    wait(lambda: len(done) == 4)
    assert done[:2] == [first, second]
    assert set(done[2:]) == {Prepare("p", "image"), Prepare("q")}
    desk.stop()


@pytest.mark.parametrize(
    ("cores", "threads", "together"), [(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 2), (8, 4, 2), (64, 4, 4)]
)
def test_cores_are_shared_out(cores: int, threads: int, together: int) -> None:
    assert shares(cores) == (threads, together)
