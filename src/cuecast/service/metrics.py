"""What Prometheus reads at /metrics: requests by route, their times, bytes received, jobs by state."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuecast.service.store import models
from cuecast.service.store.database import Database

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
                session.execute(select(models.Job.state, func.count()).group_by(models.Job.state)).all()
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
