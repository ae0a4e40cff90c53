"""A service in this very process: requests by a test client, jobs and answers at once done where they are asked for.

Pictures are 4 x 8 pixels, blue with red columns at the left; what is red is the thing (pack `colours`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from pictures import BLUE, RED
from PIL import Image
from starlette.testclient import TestClient

from cuecast.service import workers
from cuecast.service.app import create_app
from cuecast.service.loaded import Loaded
from cuecast.service.preview import Answer, Ask, Desk, Prepare, Previewer, problem_in_reply
from cuecast.service.progress import Bench
from cuecast.service.settings import Settings
from cuecast.service.store.database import Database

ADDRESS = "http://127.0.0.1:8000"
RAW = {"Content-Type": "application/octet-stream"}


def png(red: int, number: int = 0, size: tuple[int, int] = (4, 8)) -> bytes:
    """A picture with `red` red columns; the last pixel of its rest tells pictures of other numbers apart."""
    pixels = np.full((*size, 3), BLUE, np.uint8)
    pixels[:, :red] = RED
    pixels[-1, -1] = (number // 256, number % 256, 7)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def columns(red: int, version: int = 0) -> dict[str, Any]:
    """Marks: a mask of the first `red` of 8 columns of 4."""
    counts = {"1": [0, 4 * red, 32 - 4 * red]}
    return {"version": version, "mask": {"size": [4, 8], "counts": counts}}


class Inline:
    """Stands in for the processes: `interactive.ask` answers in this one."""

    def __init__(self, database: Database, settings: Settings, files: Any) -> None:
        self._data = settings.data
        loaded = Loaded(settings, 1)
        self._desk = Desk(database, files, Previewer(loaded.get, settings.limits.pixels), settings)

    @property
    def interactive(self) -> Inline:
        return self

    async def ask(self, question: Ask) -> Answer:
        try:
            return self._desk.answer(question)
        except Exception as error:
            raise problem_in_reply(error, self._data) from error

    def prepare(self, task: Prepare) -> None:
        with suppress(Exception):
            self._desk.answer(task)


class Service:
    """A client with verbs for what tests do all the time. `p`: address of its project; `ids`: of its images."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.state: Any = client.app.state  # type: ignore[attr-defined]
        self.project = client.post("/v1/projects", json={"name": "Red things"}).json()["id"]
        self.p = f"/v1/projects/{self.project}"
        self.ids: dict[str, str] = {}

    def upload(self, name: str, data: bytes) -> str:
        """Add an image; its id."""
        reply = self.client.post(f"{self.p}/images", params={"name": name}, content=data, headers=RAW)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def mark(self, image: str, marks: dict[str, Any]) -> int:
        """Save marks; their version."""
        reply = self.client.put(f"{self.p}/images/{image}/marks", json=marks)
        assert reply.status_code == 200, reply.text
        return int(reply.json()["version"])

    def post(self, path: str, body: Any = None, status: int = 202) -> dict[str, Any]:
        """POST below the project; the reply."""
        reply = self.client.post(f"{self.p}/{path}", json={} if body is None else body)
        assert reply.status_code == status, reply.text
        return dict(reply.json())

    def get(self, path: str, status: int = 200) -> Any:
        """GET below the project; the reply."""
        reply = self.client.get(f"{self.p}/{path}")
        assert reply.status_code == status, reply.text
        return reply.json()

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job as it is now."""
        return dict(self.client.get(f"/v1/jobs/{job['id']}").json())

    def bench(self, **changes: Any) -> Bench:
        """What a worker works with."""
        named = {"worker": "here:1:test", "threads": 1, "stopping": lambda: False, **changes}
        return Bench(self.state.settings, self.state.database, self.state.files, **named)

    def work(self, **changes: Any) -> None:
        """Do all jobs that wait, as a worker does."""
        bench = self.bench(**changes)
        while job := workers._claim(bench.database, bench.worker):
            workers._do(bench, job)

    def done(self, kind: str, body: Any = None) -> dict[str, Any]:
        """Start a job of a kind ('runs', 'exports', ...), do it, and give back how it ended: 'done'."""
        job = self.post(kind, body)
        self.work()
        ended = self.job(job)
        assert ended["state"] == "done", ended
        return ended

    @property
    def results(self) -> Path:
        """The folder of the project's results."""
        return Path(self.state.files.results(self.project))

    def predictions(self) -> dict[str, Any]:
        """Name -> prediction of every image."""
        return {i["name"]: i["prediction"] for i in self.get("images?limit=500")["items"]}


@contextmanager
def inline_service(data: Path, **changes: Any) -> Iterator[Service]:
    """A service with an empty project."""
    settings = Settings(**{"data": data, "pack": "colours", "workers": 0, **changes})
    with TestClient(create_app(settings), base_url=ADDRESS) as client:
        state = client.app.state  # type: ignore[attr-defined]
        state.workers = Inline(state.database, settings, state.files)
        yield Service(client)
        state.workers = None
