"""What tests let a cluster do; its workers find it by name."""

from __future__ import annotations

import os
import signal
import time

from cuecast.core.errors import OutputError


def squared(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def deadly(number: int) -> int:
    """Ends the process that is given 13."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refusing(number: int) -> int:
    if number == 5:
        raise OutputError("no space is left", "out", "free some")
    return number


def nap(_: int) -> int:
    """Waits, and needs no core for it; the process that did."""
    time.sleep(0.2)
    return os.getpid()
