"""A refinement that a service has done: what was measured, and what is to become of its pack."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cuecast.client.jobs import done
from cuecast.client.wire import Wire
from cuecast.core.ordered import Progress, silent


@dataclass(frozen=True)
class RemoteRefined:
    """A pack that a service has refined, which is not installed until it is kept.

    job     id of the refinement.
    result  what was measured: 'better', 'faults', 'gain', 'by_shots' (number of cues -> base and refined), 'curve',
            'twice_as_many_would_add', 'concepts', 'notes', ...; docs/service.md has the others.
    """

    wire: Wire
    job: str
    result: Mapping[str, Any]

    @property
    def better(self) -> bool:
        """Whether it is better than its base on pictures that it was not trained on."""
        return bool(self.result["better"])

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it is not; empty where it is."""
        return tuple(self.result["faults"])

    def keep(self, *, anyway: bool = False, replace: bool = False) -> str:
        """Install it at the service; returns its name.

        anyway   also where it is not better than its base.
        replace  it takes the place of another pack of its name.

        Raises PackError where it is not better or its name is taken, CuecastError (the key is no admin's).
        """
        body = {"anyway": anyway, "replace": replace}
        kept = self.wire.ask("POST", f"/v1/jobs/{self.job}/keep", json=body)
        return str(kept["result"]["pack"])

    def drop(self) -> None:
        """Remove it, and what the refinement has worked with. Raises CuecastError."""
        self.wire.ask("POST", f"/v1/jobs/{self.job}/drop", json={})


def refine(
    wire: Wire,
    project: str,
    wanted: Mapping[str, Any],
    progress: Progress = silent,
    sleep: Callable[[float], None] = time.sleep,
) -> RemoteRefined:
    """Have a project's pictures refined, and wait for the end; an exception out of `progress` cancels it.

    Raises PackError, InputError, MissingExtraError and CuecastError with the sentence of the service.
    """
    job = done(wire, f"/v1/projects/{project}/refinements", wanted, progress, sleep)
    return RemoteRefined(wire, str(job["id"]), job["result"])
