"""In which order frames are visited, and which marks each of them knows. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Sweep:
    """A run over neighbouring frames, forward or backward.

    frames  their numbers in the order of the visit.
    origin  the marked frame it starts beside (or on), None where nothing is marked.
    marks   the marked frames whose cues it knows, ascending. It depends on no other mark.
    """

    frames: range
    origin: int | None
    marks: tuple[int, ...]

    def up_to(self, index: int) -> range:
        """The frames of the sweep from its first one to `index`."""
        return range(self.frames.start, index + self.frames.step, self.frames.step)

    def after(self, index: int) -> range:
        """The frames of the sweep that follow `index`."""
        return range(index + self.frames.step, self.frames.stop, self.frames.step)


def plan(count: int, shown: Mapping[int, Iterable[int]]) -> list[Sweep]:
    """Sweeps that visit each of `count` frames once; `shown` has the classes that each marked frame shows.

    Every frame is reached from the nearest mark: from the first one backward, from the last one forward, and between
    two of them both ways to the middle. A sweep knows the marks at both ends of its gap and, of what these do not
    show, the nearest mark that does. So a new mark changes its own gap alone, unless it is the first to show a class.
    """
    marked = sorted(shown)
    if not marked:
        return [Sweep(range(count), None, ())]
    sweeps = [_alone(marked[0]), Sweep(range(marked[0] - 1, -1, -1), marked[0], (marked[0],))]
    for here, following in pairwise(marked):
        middle, ends = (here + following) // 2, (here, following)
        sweeps.append(Sweep(range(here + 1, middle + 1), here, ends))
        sweeps.append(_alone(following))
        sweeps.append(Sweep(range(following - 1, middle, -1), following, ends))
    sweeps.append(Sweep(range(marked[-1] + 1, count), marked[-1], (marked[-1],)))
    return [_taught(sweep, shown) for sweep in sweeps if len(sweep.frames)]


def _alone(mark: int) -> Sweep:
    """The marked frame itself."""
    return Sweep(range(mark, mark + 1), mark, (mark,))


def _taught(sweep: Sweep, shown: Mapping[int, Iterable[int]]) -> Sweep:
    """The sweep, knowing also the nearest mark (of two, the earlier) of each class that its own marks do not show."""
    marks = set(sweep.marks)
    known = {cls for mark in sweep.marks for cls in shown[mark]}
    for cls in sorted({c for classes in shown.values() for c in classes} - known):
        having = [mark for mark, classes in shown.items() if cls in set(classes)]
        marks.add(min(having, key=lambda m: (abs(m - (sweep.origin or 0)), m)))
    return Sweep(sweep.frames, sweep.origin, tuple(sorted(marks)))
