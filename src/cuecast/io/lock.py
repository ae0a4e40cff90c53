"""One writer at a time: a lock on a folder that vanishes with its process and leaves no file behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cuecast.core.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows: folders cannot be locked there, and nothing is
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive(folder: Path, wait: bool = False) -> Iterator[None]:
    """Hold `folder` for this process (and this call: locks are not shared between two of them).

    wait  True waits until it is free; False raises OutputError where another run holds it.

    File systems that know no locks (some network shares) grant it always.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{folder}: another run is writing there; wait until it is done, or choose another folder"
            ) from error
        except OSError:
            pass
        yield
    finally:
        os.close(handle)
