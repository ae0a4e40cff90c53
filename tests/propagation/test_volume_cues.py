"""Which plane is visited, and the lines that cues of other planes leave on its slices; by hand on a 3 x 4 x 5 block."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.core.values import IGNORE
from cuecast.io.volumes import Volume
from cuecast.propagation.volume_slices import (
    TEACHING_LINES,
    SliceCue,
    SliceMarks,
    Slices,
    finest_plane,
    labels_on,
    line_examples,
    main_plane,
)

VOXELS = np.zeros((3, 4, 5), np.uint8)


def slices(plane: str) -> Slices:
    return Slices(Volume(VOXELS), plane, (0, 255))  # type: ignore[arg-type]


def shown(plane: str, index: int) -> SliceMarks:
    """A cue whose labels number the voxels of its slice by z * 100 + y * 10 + x + 1."""
    z, y, x = np.indices(VOXELS.shape)
    labels = np.take(z * 100 + y * 10 + x + 1, index, axis="zyx".index(plane))
    return SliceMarks(plane, index, labels.astype(np.int32))  # type: ignore[arg-type]


@pytest.mark.parametrize("main", ["z", "y", "x"])
@pytest.mark.parametrize("other", ["z", "y", "x"])
def test_each_voxel_gets_the_label_that_was_stated_for_it(main: str, other: str) -> None:
    expected = np.full(VOXELS.shape, IGNORE)
    z, y, x = np.indices(VOXELS.shape)
    stated = [slice(None)] * 3
    stated["zyx".index(other)] = 2
    expected[tuple(stated)] = (z * 100 + y * 10 + x + 1)[tuple(stated)]
    view = slices(main)
    found = np.stack(
        [labels_on([shown(other, 2)], view, i) for i in range(view.count)], axis="zyx".index(main)
    )
    assert (found == expected).all()


def test_own_marks_win_over_lines() -> None:
    line = SliceMarks("y", 1, np.full((3, 5), 2, np.int32))
    own = SliceMarks("z", 0, np.full((4, 5), IGNORE, np.int32))
    own.labels[1, :2] = 1
    assert labels_on([own, line], slices("z"), 0)[1].tolist() == [1, 1, 2, 2, 2]
    assert labels_on([own, line], slices("z"), 1)[1].tolist() == [2, 2, 2, 2, 2]
    assert (labels_on([own, line], slices("z"), 1)[0] == IGNORE).all()


def test_slices_teach_by_their_lines_where_they_show_the_thing() -> None:
    volume = Slices(Volume(np.zeros((40, 4, 5), np.uint8)), "z", (0, 255))
    labels = np.zeros((40, 5), np.int32)
    labels[10:31, 2] = 1
    found = line_examples([SliceMarks("y", 1, labels)], volume)
    assert [index for index, _ in found] == [10, 15, 20, 25, 30]
    assert len(found) == TEACHING_LINES
    assert found[0][1].mask is not None
    assert found[0][1].mask[1].tolist() == [0, 0, 1, 0, 0]
    own = SliceMarks("z", 15, np.ones((4, 5), np.int32))
    assert [index for index, _ in line_examples([own, SliceMarks("y", 1, labels)], volume)] == [
        10,
        20,
        25,
        30,
    ]
    assert line_examples([own], volume) == []
    assert line_examples([SliceMarks("y", 1, labels * 0)], volume) == []


def test_the_plane_of_the_most_cues_is_visited() -> None:
    z, y, x = (SliceCue(plane, 0, points=[(0, 0)]) for plane in ("z", "y", "x"))  # type: ignore[arg-type]
    assert main_plane([x], "z") == "x"
    assert main_plane([x, y, y], "z") == "y"
    assert main_plane([x, y], "z") == "y"
    assert main_plane([x, y], "x") == "x"
    assert main_plane([SliceCue("x", 0, absent=True), z], "x") == "z"
    assert main_plane([], "y") == "y"


def test_the_plane_that_is_resolved_best() -> None:
    assert finest_plane((5.0, 0.7, 0.7)) == "z"
    assert finest_plane((0.7, 0.7, 5.0)) == "x"
    assert finest_plane((0.7, 0.70001, 0.7)) == "z"
    assert finest_plane(None) == "z"
