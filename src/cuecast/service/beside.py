"""Processes beside the server: Ctrl-C in a terminal reaches all of them, and only the server is to act on it."""

from __future__ import annotations

import signal
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess


def start_beside(process: BaseProcess) -> None:
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


def settle(threads: int) -> None:
    """Make this process one beside a server: it leaves Ctrl-C to the server, and uses so many threads."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(threads)
