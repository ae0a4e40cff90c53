"""Progress on stderr with rate and time left: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Protocol

PLAIN_EVERY = 10.0
"""Seconds between two lines where stderr is not a terminal (a log file, a CI job)."""


class Report(Protocol):
    """Called with what is done and how much there is in all, each time something more is done."""

    def __call__(self, done: int, total: int, /) -> None: ...


@contextmanager
def progress(what: str, quiet: bool = False, classes: Sized = ()) -> Iterator[Report]:
    """A function to report progress to. `what` names the things counted ('images').

    classes  those that are worked on, which may become known later: several take as many times as long as one, and are
             counted beside the things.
    """
    if quiet:
        yield _silent
    elif sys.stderr.isatty():
        with _live(what, classes) as report:
            yield report
    else:
        yield _Plain(what, classes)


def counted(what: str, classes: Sized) -> str:
    """'images', or 'images (3 classes)' where there are several."""
    return f"{what} ({len(classes)} classes)" if len(classes) > 1 else what


def _silent(done: int, total: int, /) -> None:
    """Say nothing."""


@contextmanager
def _live(what: str, classes: Sized) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(what, total=None, rate="")
        started = time.monotonic()

        def report(done: int, total: int) -> None:
            rate, said = _rate(done, time.monotonic() - started), counted(what, classes)
            bar.update(task, description=said, completed=done, total=total, rate=rate)

        yield report


class _Plain:
    """One line every PLAIN_EVERY seconds, and one when everything is done."""

    def __init__(self, what: str, classes: Sized) -> None:
        self.what, self.classes = what, classes
        self.started = self.said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self.said < PLAIN_EVERY:
            return
        self.said = now
        said = line(counted(self.what, self.classes), done, total, now - self.started)
        print(said, file=sys.stderr, flush=True)


def line(what: str, done: int, total: int, seconds: float) -> str:
    """'images: 3/12, 1.5/s, 6 s left'; the last one tells how long it took."""
    if done >= total:
        return f"{what}: {done}/{total}, {_rate(done, seconds)}, took {duration(seconds)}"
    left = duration(seconds / done * (total - done)) if done else "unknown time"
    return f"{what}: {done}/{total}, {_rate(done, seconds)}, {left} left"


def duration(seconds: float) -> str:
    """'45 s', '3 min 05 s', '2 h 07 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _rate(done: int, seconds: float) -> str:
    if seconds <= 0 or not done:
        return "-/s"
    rate = done / seconds
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"
