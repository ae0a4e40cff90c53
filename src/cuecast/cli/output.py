"""What commands print: results on stdout; notes, failures and progress with rate and time left on stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cuecast.cli.options import JsonFlag, QuietFlag
from cuecast.io.stores import url_of

if TYPE_CHECKING:
    from cuecast.core.ordered import Progress, Step
    from cuecast.core.shards import Shard

PLAIN_EVERY = 10.0
"""Seconds between two lines where stderr is not a terminal (a log file, a CI job)."""
SHORT = 1.0
"""Seconds that what comes after the first work, such as tables, must take to be told of there."""


@dataclass(frozen=True)
class Printed:
    """How a command prints."""

    as_json: JsonFlag = False
    quiet: QuietFlag = False


def say(record: Any, text: str, as_json: bool) -> None:
    """The result on stdout: the record as JSON, or the text."""
    typer.echo(json_text(record) if as_json else text)


def json_text(record: Any) -> str:
    """The record as JSON to be read by people, too."""
    return json.dumps(record, indent=1, ensure_ascii=False)


def plain(value: Any) -> Any:
    """A summary as JSON holds it: values become objects by field, paths texts; seconds have three digits."""
    if is_dataclass(value):
        found = {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        return found | ({"seconds": round(found["seconds"], 3)} if "seconds" in found else {})
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return url_of(value) if isinstance(value, Path) else value


def note(*texts: str | None) -> None:
    """A line on stderr for each text that there is: what a user should know of an input that was used."""
    for text in filter(None, texts):
        print(f"cuecast: note: {' '.join(text.splitlines())}", file=sys.stderr)


def fail(failures: Iterable[str], code: int) -> None:
    """A line on stderr for each failure, and the exit code where there is one. Raises typer.Exit."""
    failed = list(failures)
    for text in failed:
        print(f"cuecast: failed: {text}", file=sys.stderr)
    if failed:
        raise typer.Exit(code)


def tally(noun: str, counts: Mapping[str, int], again: str = "", unless: Sequence[str] = ()) -> str:
    """'12 images: 9 found, 2 doubtful, 1 absent' and `again`; a count of 0 is left out of those in `unless`."""
    total = sum(counts.values())
    said = ", ".join(f"{n} {word}" for word, n in counts.items() if n or word not in unless)
    return f"{total} {noun}{'s' if total != 1 else ''}: {said}{again}"


def finished_before(resumed: int) -> str:
    """' (3 finished before)', or nothing."""
    return f" ({resumed} finished before)" if resumed else ""


def places(files: Mapping[str, Path]) -> list[str]:
    """A line for each result: what it is, and where."""
    width = max(map(len, files), default=0)
    return [f"{what:<{width}}  {url_of(path)}" for what, path in files.items()]


def of_shard(shard: Shard | None, out: Path, lines: Sequence[str]) -> list[str]:
    """What is said of a run; of a shard also which it is, and what comes when all are done."""
    if shard is None:
        return list(lines)
    head, *rest = lines
    return [f"shard {shard}: {head}", *rest, f"when all {shard.count} are done: cuecast gather {out}"]


def said_of_shard(shard: Shard | None) -> dict[str, str]:
    """The same for JSON."""
    return {} if shard is None else {"shard": str(shard)}


@contextmanager
def progress(quiet: bool = False, classes: Sized = ()) -> Iterator[Progress]:
    """A function to report progress to: a bar, or lines, for the things of each 'what' after the other.

    classes  those that are worked on, which may become known later: several take as many times as long as one, and are
             counted beside the things.
    """
    with ExitStack() as shown:
        bars: dict[str, Report] = {}

        def report(step: Step) -> None:
            if step.what not in bars:
                shown.close()  # a terminal shows one at a time
                bars[step.what] = (
                    shown.enter_context(_live(step.what, classes))
                    if sys.stderr.isatty()
                    else _Plain(step.what, classes, SHORT if bars else 0.0)
                )
            bars[step.what](step.done, step.total)

        yield _silent if quiet else report


Report = Callable[[int, int], None]


def counted(what: str, classes: Sized) -> str:
    """'images', or 'images (3 classes)' where there are several."""
    return f"{what} ({len(classes)} classes)" if len(classes) > 1 else what


def _silent(_: object) -> None:
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
    """One line every PLAIN_EVERY seconds, and one when all is done, unless that took less than `least` seconds."""

    def __init__(self, what: str, classes: Sized, least: float) -> None:
        self.what, self.classes, self.least = what, classes, least
        self.started = self.said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.said < PLAIN_EVERY if done < total else now - self.started < self.least:
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
