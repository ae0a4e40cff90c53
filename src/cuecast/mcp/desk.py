"""What the tools share: the roots, the packs, and the concept that was learnt last."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio.from_thread
from mcp.server.mcpserver import Context

from cuecast.core.errors import PackError
from cuecast.cuesets.cueset import CueSet, read_examples
from cuecast.engine.packs import Pack, list_packs
from cuecast.mcp.roots import Roots
from cuecast.predictor import Concept, Predictor, load

EVERY = 0.25
"""Seconds between two notices of progress."""

Progress = Callable[[int, int], None]
"""Called with (done, in all)."""


@dataclass(eq=False)
class Desk:
    """Where the tools of one server work. `concept` is for one thread at a time: for `heavy` tools.

    pack  name of the pack that is used where a tool names none.
    """

    roots: Roots
    pack: str = "general"
    _learnt: tuple[tuple[str, str, str], Concept] | None = field(default=None, init=False)

    def concept(self, cueset: CueSet, pack: str | None, scale: str) -> Concept:
        """What the cues of a set teach; kept until another is asked for. Raises what loading and learning raise."""
        chosen = self.find(pack)
        key = (chosen.digest, cueset.digest(), scale)
        if self._learnt is None or self._learnt[0] != key:
            concept = _loaded(str(chosen.folder)).learn(read_examples(cueset), cueset.classes, scale)
            self._learnt = (key, concept)
        return self._learnt[1]

    def predictor(self, pack: str | None) -> Predictor:
        """The pack of that name, loaded. Raises PackError."""
        return _loaded(str(self.find(pack).folder))

    def find(self, pack: str | None) -> Pack:
        """The pack of that name (None: the server's): only installed ones, no folder. Raises PackError."""
        name = self.pack if pack is None else pack
        packs = list(list_packs())
        for found in packs:
            if found.name == name:
                return found
        raise PackError(f"no pack {name!r}: known packs are {', '.join(p.name for p in packs) or 'none'}")


@functools.lru_cache(maxsize=4)
def _loaded(folder: str) -> Predictor:
    return load(folder)


def reporter(context: Context) -> Progress:
    """Tells the client of progress, now and then, from the thread in which a tool runs.

    What it is called from stops there where the client has cancelled the call.
    """
    last = 0.0

    def report(done: int, total: int) -> None:
        nonlocal last
        anyio.from_thread.check_cancelled()
        now = time.monotonic()
        if now - last >= EVERY or done == total:
            last = now
            anyio.from_thread.run(context.report_progress, float(done), float(total))

    return report
