"""One forest tells all classes apart."""

from __future__ import annotations

import numpy as np

from cuecast.engine.forest import fit_forest, forest_logits


def pixels(kinds: list[int], each: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Rows (J, 1) of a single number that tells the kind, and the kinds (J,)."""
    found = np.repeat(kinds, each)
    return (10 * found + np.tile(np.linspace(0, 1, each), len(kinds)))[:, None].astype(np.float32), found


def weights(kinds: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    positive = np.stack([kinds == k for k in range(1, classes + 1)]).astype(np.float32)
    return positive, 1 - positive


def test_a_forest_of_two_classes_tells_them_from_each_other_and_from_the_rest() -> None:
    x, kinds = pixels([0, 1, 2])
    forest = fit_forest(x, *weights(kinds, 2))
    assert forest is not None
    logits = forest_logits(forest, np.array([[[0.5, 10.5, 20.5]]], np.float32))
    assert ((logits[:, 0] > 2) == [[False, True, False], [False, False, True]]).all()
    assert ((logits[:, 0] < -2) == [[True, False, True], [True, True, False]]).all()
    alone = forest_logits(forest.only([1]), np.array([[[0.5, 10.5, 20.5]]], np.float32))
    np.testing.assert_array_equal(alone[0], logits[1])


def test_weights_of_one_class_may_come_without_the_axis_of_classes() -> None:
    x, kinds = pixels([0, 1])
    positive, negative = weights(kinds, 1)
    query = np.array([[[0.2, 4.0, 6.0, 10.2]]], np.float32)
    with_axis, without = fit_forest(x, positive, negative), fit_forest(x, positive[0], negative[0])
    np.testing.assert_array_equal(forest_logits(with_axis, query), forest_logits(without, query))


def test_of_a_class_that_was_not_shown_it_says_nothing() -> None:
    x, kinds = pixels([0, 2])
    forest = fit_forest(x, *weights(kinds, 2))
    assert forest is not None
    assert forest.knows.tolist() == [False, True]
    logits = forest_logits(forest, np.array([[[0.5, 20.5]]], np.float32))
    assert logits[0].tolist() == [[0, 0]]
    assert logits[1, 0, 0] < -2
    assert logits[1, 0, 1] > 2


def test_a_place_unknown_to_a_class_is_not_taken_for_it() -> None:
    """The first class says nothing of the rest's places, where the second says that it is not there."""
    x, kinds = pixels([0, 1, 2])
    positive, negative = weights(kinds, 2)
    negative[0, kinds == 0] = 0
    forest = fit_forest(x, positive, negative)
    assert forest_logits(forest, np.array([[[0.5]]], np.float32))[0] < 0


def test_one_kind_alone_gives_no_forest_and_no_say() -> None:
    x, kinds = pixels([1])
    assert fit_forest(x, *weights(kinds, 1)) is None
    np.testing.assert_array_equal(
        forest_logits(None, np.zeros((1, 2, 3), np.float32), 4), np.zeros((4, 2, 3))
    )
