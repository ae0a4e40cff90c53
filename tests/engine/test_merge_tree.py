"""The tree of a mask's fragments, with answers worked out by hand."""

from __future__ import annotations

import numpy as np

from cuecast.engine.merge_tree import LONELY, WHOLE, grow, shown_forms

HILLS = np.zeros((9, 31), np.float32)
"""Two hills of one piece with a valley at column 10, and a third one four pixels away from them."""
for middle in (5, 15, 26):
    HILLS[1:8, middle - 4 : middle + 5] = 1 - np.abs(np.arange(-4, 5)) / 5
MASK = HILLS > 0
MASK[1:8, 10] = True


def test_neighbours_are_merged_before_what_lies_apart() -> None:
    tree = grow(HILLS, MASK)
    assert (tree.leaves, tree.count) == (3, 5)
    near = tree.fragments[4, [5, 15]]
    far = tree.fragments[4, 26]
    assert {int(tree.left[4]), int(tree.right[4])} == set(near.tolist())
    assert {int(tree.left[5]), int(tree.right[5])} == {4, int(far)}
    assert 0 < tree.height[4] < 0.5
    assert tree.height[5] < 0
    assert tree.sums[5, 0] == MASK.sum()
    figures = tree.figures()
    assert figures[near[0] - 1, 6] == np.float32(tree.height[4])  # the pass above it
    assert figures[4, 6] == LONELY
    assert figures[far - 1, 7] == np.float32(WHOLE)
    assert figures[4, 8] == np.float32(tree.height[5])  # the weakest pass inside


def test_the_nodes_worth_most_cover_the_mask_once() -> None:
    tree = grow(HILLS, MASK)
    assert len(tree.chosen(np.array([0.5, 0.5, 0.5, 0.9, 0.9]))) == 3
    two = tree.chosen(np.array([0.5, 0.5, 0.5, 1.2, 0.9]))
    ids = tree.ids(two)
    assert ((ids > 0) == MASK).all()
    assert ids[4, 5] == ids[4, 15] != ids[4, 26]
    assert len(tree.chosen(np.array([0.1, 0.1, 0.1, 0.1, 0.9]))) == 1


def test_overlap_is_that_with_the_object_that_is_met_best() -> None:
    tree = grow(HILLS, MASK)
    ids = np.zeros(MASK.shape, np.int32)
    ids[:, :21] = MASK[:, :21] * 1
    ids[:, 21:] = MASK[:, 21:] * 2
    overlap, met = tree.overlaps(ids)
    assert overlap[3] == 1  # the two hills of one piece together
    assert met[3] == 1
    far = int(tree.fragments[4, 26]) - 1
    assert (overlap[far], met[far]) == (1, 2)
    assert overlap[4] == ids[ids == 1].size / MASK.sum()


def test_nothing_is_no_tree_and_a_pixel_is_one() -> None:
    empty = grow(np.zeros((4, 5), np.float32), np.zeros((4, 5), bool))
    assert empty.count == 0
    assert len(empty.chosen(np.zeros(0))) == 0
    one = np.zeros((4, 5), bool)
    one[2, 3] = True
    tree = grow(one.astype(np.float32), one)
    assert tree.count == 1
    assert tree.ids(tree.chosen(np.array([-1.0])))[2, 3] == 1


def test_forms_of_a_block() -> None:
    ids = np.zeros((10, 20), np.int32)
    ids[2:5, 3:15] = 1
    area, short, long = np.exp(shown_forms(ids)[0])
    assert round(area) == 36
    assert abs(short - 3 * 4 / 12**0.5) < 1e-6  # a block's ellipse: 4 / sqrt(12) of each side
    assert abs(long - 12 * 4 / 12**0.5) < 1e-6
