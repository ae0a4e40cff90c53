"""`cuecast watch`: pictures are done as they arrive in a folder."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.marks import Shown
from cuecast.cli.options import (
    Least,
    Objects,
    ObjectsOption,
    OutOption,
    PackOption,
    RecursiveFlag,
    Scale,
    ScaleOption,
    Speed,
    grouped,
    read_limits,
)
from cuecast.cli.output import Printed, fail, finished_before, plain, tally
from cuecast.cli.segment import Pictures, Written
from cuecast.core.errors import without_name

if TYPE_CHECKING:
    from cuecast.core.ordered import Step


@dataclass(frozen=True)
class Looking:
    """How the folder is looked at, and for how long."""

    recursive: RecursiveFlag = False
    every: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How often the folder is looked at.")
    ] = 2.0
    until_idle: Annotated[
        float | None,
        typer.Option(
            min=0.1, metavar="SECONDS", help="End when nothing has come for so long. Default: at Ctrl-C."
        ),
    ] = None


@grouped
def watch(
    folder: Annotated[Path, typer.Argument(metavar="IN", help="Folder in which pictures arrive.")],
    output: OutOption,
    shown: Shown,
    *,
    pack: PackOption = "general",
    scale: ScaleOption = Scale.FRAME,
    objects: ObjectsOption = Objects.AUTO,
    least: Least,
    looking: Looking,
    pictures: Pictures,
    written: Written,
    speed: Speed,
    printed: Printed,
) -> None:
    """Find what the cues show on the pictures of IN, and on those that come into it, until Ctrl-C.

    OUT is as `cuecast segment` writes it; files for all images are written when nothing new has come for a while,
    and at the end. A file is taken when it has stopped growing; one that cannot be read is tried again, and when it
    changes. Started again, it goes on where it was.

    Prints a line for each picture (with --json an object a line). Exit code 3 says that some pictures failed to the
    end.
    """
    shown.refuse_nothing()
    limits = read_limits(pictures.window)
    options = written.options(speed.workers, pictures.page, limits, least)

    from cuecast.cuesets.changes import lineage
    from cuecast.predictor import load
    from cuecast.runs import actions
    from cuecast.runs.watch import WatchRequest

    cueset = shown.cueset(pack)
    classes = shown.classes(cueset)
    flags = shown.read(classes)
    examples = shown.examples(cueset, flags, limits, pictures.cue_page)
    learned = load(pack, threads=speed.threads_each).learn(
        examples, classes or None, scale.value, objects.value
    )
    origin = lineage(cueset, limits) if cueset and not flags else None
    request = WatchRequest(
        shown.decided(learned), folder, output, options, origin, looking.every, looking.recursive
    )
    talk = _Talk(printed, looking.until_idle)
    with _ended_by_sigterm():
        found = actions.watch(request, talk.told, talk.wait)
    head = tally("picture", found.counts, finished_before(found.resumed), unless=("failed",))
    failures = [{"image": image, "error": error} for image, error in found.failures]
    typer.echo(json.dumps(plain(found) | {"failures": failures}) if printed.as_json else head)
    fail((f"{image}: {without_name(error, image)}" for image, error in found.failures), 3)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A service is ended so, as a person ends it by Ctrl-C. Signals are for the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


class _Talk:
    """Says what is done, and how long to wait for more."""

    def __init__(self, printed: Printed, until_idle: float | None) -> None:
        self.printed, self.until_idle = printed, until_idle
        self.last = time.monotonic()
        self.clock: Callable[[], float] = time.monotonic

    def told(self, step: Step) -> None:
        """A line for each picture that was not finished before."""
        self.last = self.clock()
        entry = step.entry
        if step.resumed or self.printed.quiet:
            return
        said = entry.error or f"{entry.verdict}  {entry.confidence:.2f}  {entry.objects} objects"
        record = {
            "image": entry.image,
            "verdict": entry.verdict or "failed",
            "confidence": entry.confidence,
            "objects": entry.objects,
            "error": entry.error,
        }
        typer.echo(json.dumps(record) if self.printed.as_json else f"{Path(entry.image).name}  {said}")
        sys.stdout.flush()

    def wait(self, seconds: float) -> bool:
        """Sleep; False where nothing has come for so long that it is enough."""
        time.sleep(seconds)
        return self.until_idle is None or self.clock() - self.last < self.until_idle
