"""Processes beside a server: started, watched over, replaced where they end, and stopped.

What a process does is a function of a module, whose last argument is its end of a pipe. A process ends when the pipe's
other end is closed, and so when the server dies. Processes are spawned, not forked.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

log = logging.getLogger("cuecast.service")

WATCH = 0.5
"""Seconds between two looks at the processes."""


class Beside:
    """One process, started when its pipe is first asked for, and anew where it has ended. For one thread at a time.

    body     what it does; it gets `given` and the pipe.
    threads  that its libraries may use.
    """

    def __init__(self, name: str, threads: int, body: Callable[..., None], *given: Any) -> None:
        self.name = name
        self._threads, self._body, self._given = threads, body, given
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def pipe(self) -> Connection:
        """Our end of the pipe to the process, which runs now."""
        if self._pipe is None or self.code is not None:
            self.end()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            body = (self._threads, self._body, (*self._given, theirs))
            self._process = context.Process(
                target=_settled, args=body, name=f"cuecast-{self.name}", daemon=True
            )
            _start(self._process)
            theirs.close()
        return self._pipe

    @property
    def pid(self) -> int | None:
        """The id of the process, where one has been started."""
        return self._process.pid if self._process is not None else None

    @property
    def code(self) -> int | None:
        """With what it ended by itself; None where it runs, or was not started."""
        return self._process.exitcode if self._process is not None else None

    def hang_up(self) -> None:
        """Close the pipe: the process is to end by itself."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def kill(self) -> None:
        """End the process whatever it is at; who waits for an answer is told that the pipe is closed."""
        if self._process is not None:
            self._process.kill()

    def end(self, patience: float = 0.0) -> None:
        """End the process: killed after so many seconds, where it has not ended by itself."""
        self.hang_up()
        if self._process is not None:
            if patience > 0:
                self._process.join(patience)
            self._process.kill()
            self._process.join()
            self._process = None


def end_all(processes: Sequence[Beside], patience: float) -> None:
    """End processes that have been hung up; `patience` is for all of them together, in seconds."""
    deadline = time.monotonic() + patience
    for process in processes:
        process.end(max(0.1, deadline - time.monotonic()))


class Watch:
    """A thread that looks after processes now and then, until it is stopped."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look, self._ending = look, threading.Event()
        self._thread = threading.Thread(target=self._watching, name="cuecast-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()
        self._thread.join()

    def _watching(self) -> None:
        while not self._ending.wait(WATCH):
            try:
                self._look()
            except Exception:
                log.exception("watching over the processes failed; it is tried again")


def _start(process: BaseProcess) -> None:
    """Start a process to which Ctrl-C means nothing from its first moment on, while it imports, too."""
    if not hasattr(signal, "pthread_sigmask"):
        process.start()
        return
    # Else it would be started in the middle, by a function that unblocks the signal.
    resource_tracker.ensure_running()
    # What this thread blocks is blocked in the child. Of this process any other thread takes the signal meanwhile.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


# ---- in the process


def _settled(threads: int, body: Callable[..., None], given: tuple[Any, ...]) -> None:
    """The body, in a process that leaves Ctrl-C to its server, uses so many threads, and ends with the server, whatever
    is going on: no file is half written."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    body(*given)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
