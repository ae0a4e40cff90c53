"""Work of a service that takes longer than a request: waiting for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from cuecast.client.wire import Wire
from cuecast.core.errors import CuecastError
from cuecast.core.ordered import Progress, Step, silent

LOOK = 1.0
"""Seconds between two looks at a job."""
OVER = ("done", "failed", "cancelled")


def done(
    wire: Wire,
    path: str,
    wanted: Mapping[str, Any],
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, Any]:
    """Start a job by a POST to `path`, and wait until it is done; an exception out of `progress` cancels it.

    Returns the job, with its `id` and `result`. Raises the error that it ended with, and CuecastError where it was
    cancelled.
    """
    job = wire.ask("POST", path, json=dict(wanted))
    where = f"/v1/jobs/{job['id']}"
    try:
        while job["state"] not in OVER:
            sleep(LOOK)
            job = wire.ask("GET", where)
            progress(Step(job["stage"] or job["kind"], job["done"], job["total"]))
    except BaseException:
        wire.ask("POST", f"{where}/cancel", json={})
        raise
    if job["error"] is not None:
        raise wire.error_of(job["error"])
    if job["state"] != "done":
        raise CuecastError(f"{wire.url}: the job was cancelled; POST {where}/resume goes on with it")
    found: Mapping[str, Any] = job
    return found
