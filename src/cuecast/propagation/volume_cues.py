"""Which slices are visited, and what the cues of all planes say of each: pure functions.

Slices are visited in one plane: the one with the most cues. A cue in another plane crosses every one of those slices
in a line of voxels, whose labels it states: these voxels keep them, and some of those slices teach by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuecast.core.values import IGNORE, Box, Marks
from cuecast.io.volumes import PLANES, Plane
from cuecast.propagation.volume_slices import Labels, SliceCue, Slices

TEACHING_LINES = 5
"""Slices that teach by the line that a cue in another plane left on them, spread over where it shows the thing."""


@dataclass(frozen=True, eq=False)
class SliceMarks:
    """What a cue says: its place, and the label map (h, w) int32 of its slice in voxels, IGNORE where it says nothing.

    Boxes say nothing of single voxels and are kept beside.
    """

    plane: Plane
    index: int
    labels: Labels
    boxes: tuple[Box, ...] = ()


def main_plane(cues: Sequence[SliceCue], finest: Plane) -> Plane:
    """The plane of the most cues that show the thing; of equals the finest one, then z before y before x."""
    showing = [c.plane for c in cues if not c.cue.absent]
    return max(PLANES, key=lambda p: (showing.count(p), p == finest))


def finest_plane(spacing: tuple[float, float, float] | None) -> Plane:
    """The plane that a scanner resolves best: the one whose slices lie farthest apart; z where all are alike."""
    return "z" if spacing is None else PLANES[int(np.argmax(np.round(spacing, 3)))]


def labels_on(cues: Sequence[SliceMarks], slices: Slices, index: int) -> Labels:
    """What all cues say of one slice: (h, w) int32 of voxels, IGNORE where none says anything.

    Its own marks win over the lines of cues in other planes.
    """
    labels = np.full(slices.size, IGNORE, np.int32)
    for cue in sorted(cues, key=lambda c: c.plane == slices.plane):
        if cue.plane != slices.plane:
            _draw_line(labels, cue, slices, index)
        elif cue.index == index:
            np.copyto(labels, cue.labels, where=cue.labels != IGNORE)
    return labels


def line_examples(cues: Sequence[SliceMarks], slices: Slices) -> list[tuple[int, Marks]]:
    """(index, marks) of slices that teach by the lines of cues in other planes, at most `TEACHING_LINES` a cue."""
    marked = {cue.index for cue in cues if cue.plane == slices.plane}
    chosen: set[int] = set()
    for cue in cues:
        if cue.plane != slices.plane:
            showing = np.flatnonzero((_along(cue, slices) > 0).any(axis=1))
            spread = np.linspace(0, len(showing) - 1, min(TEACHING_LINES, len(showing))).round().astype(int)
            chosen |= {int(index) for index in showing[spread]}
    return [(i, Marks(slices.size, mask=labels_on(cues, slices, i))) for i in sorted(chosen - marked)]


def _draw_line(labels: Labels, cue: SliceMarks, slices: Slices, index: int) -> None:
    """Put the line that a cue of another plane leaves on a slice into its label map, in place."""
    line = _along(cue, slices)[index]
    axes = [p for p in PLANES if p != slices.plane]
    target = labels[cue.index] if axes[0] == cue.plane else labels[:, cue.index]
    np.copyto(target, line, where=line != IGNORE)


def _along(cue: SliceMarks, slices: Slices) -> Labels:
    """The labels of a cue of another plane, a row for each slice of the main plane."""
    axes = [p for p in PLANES if p != cue.plane]
    return cue.labels if axes[0] == slices.plane else cue.labels.T
