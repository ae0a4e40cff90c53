"""create_app(settings): the routers, what guards them, and what runs beside them.

Parts are found on `app.state`: settings, files, database (from the start of the lifespan), workers. Routes get
them by `parts`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuecast.core.errors import OutputError
from cuecast.core.version import __version__
from cuecast.io.files import exclusive
from cuecast.service import replies, workers
from cuecast.service.events import Poller
from cuecast.service.files import DataFolder, sweep
from cuecast.service.routes.system import STUDIO
from cuecast.service.security import guard
from cuecast.service.settings import Settings
from cuecast.service.store import models
from cuecast.service.store.database import Database, open_database
from cuecast.service.uploads import Slots

ROUTERS = (
    "cuecast.service.routes.system",
    "cuecast.service.routes.projects",
    "cuecast.service.routes.labels",
    "cuecast.service.routes.answers",
    "cuecast.service.routes.results",
    "cuecast.service.routes.packs",
)
"""Modules with `ROUTERS`."""
UPLOAD_THREADS = 2
"""Uploads that are decoded and stored at once."""


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings. Nothing is opened or started before its lifespan begins."""
    app = FastAPI(
        title="cuecast",
        version=__version__,
        summary="Show it once, segment it everywhere.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.files = DataFolder(settings.data, settings.roots)
    app.state.metrics = Metrics(app)
    replies.install(app)
    app.add_middleware(Measure, metrics=app.state.metrics)
    guard(app)
    for module in ROUTERS:
        for router in importlib.import_module(module).ROUTERS:
            app.include_router(router)
    if STUDIO.is_dir():
        app.mount("/studio", StudioFiles(directory=STUDIO))
    return app


class StudioFiles(StaticFiles):
    """The files of the studio. The names of its assets hold a hash of their content: they may be kept for ever."""

    def file_response(self, full_path: Any, *args: Any, **named: Any) -> Response:
        response = super().file_response(full_path, *args, **named)
        kept = Path(full_path).parent.name == "assets"
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the data folder and the database, start the workers; the other way round at the end."""
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        files: DataFolder = app.state.files
        files.make()
        stack.enter_context(alone(files.root))
        app.state.database = await run_in_threadpool(open_database, settings.database_url)
        stack.callback(app.state.database.close)
        await run_in_threadpool(sweep, files, app.state.database, settings.limits.cache_bytes)
        app.state.poller = Poller(app.state.database)
        app.state.upload_threads = CapacityLimiter(UPLOAD_THREADS)
        app.state.upload_slots = Slots(settings.limits.uploads, settings.limits.uploads_each)
        app.state.workers = None
        if settings.workers:
            app.state.workers = await run_in_threadpool(workers.start, settings)
            stack.push_async_callback(run_in_threadpool, app.state.workers.stop)
        yield


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data folder: what is swept at start must not be another service's. The lock ends with the process."""
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(data))
        except OutputError as error:
            raise OutputError(
                "another service uses this data folder", data, "stop it, or name another with --data"
            ) from error
        yield


BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Metrics:
    """The numbers of one application; `registry` takes more."""

    def __init__(self, app: FastAPI) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter(
            "cuecast_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "cuecast_request_seconds",
            "Time to the end of the answer.",
            labels,
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.going = Gauge("cuecast_requests_going", "Requests being answered.", registry=self.registry)
        self.received = Counter("cuecast_received_bytes", "Bytes of bodies.", registry=self.registry)
        self.registry.register(_Jobs(app))

    def text(self) -> bytes:
        """The numbers in Prometheus' text form. Blocking: it counts the jobs."""
        return generate_latest(self.registry)


class _Jobs(Collector):
    """Jobs by state, counted when asked for: the worker processes change them, not this one."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("cuecast_jobs", "Jobs by state.", labels=["state"])]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        database: Database = self._app.state.database
        family = self.describe()[0]
        with database.reading() as session:
            counts = dict(
                session.execute(select(models.JobRow.state, func.count()).group_by(models.JobRow.state)).all()
            )
        for state in ("queued", "running", "done", "failed", "cancelled"):
            family.add_metric([state], counts.get(state, 0))
        yield family


class Measure:
    """Counts and times each request by the route that answered it, never by its address: ids are many."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def receiving() -> Message:
            message = await receive()
            self._metrics.received.inc(len(message.get("body", b"")))
            return message

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.going.track_inprogress():
            try:
                await self._app(scope, receiving, sending)
            finally:
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                self._metrics.requests.labels(method, route, status).inc()
                self._metrics.seconds.labels(method, route).observe(time.perf_counter() - start)
