"""Drawn tasks: the same for the same seed, labels that match the picture, every class drawn."""

import numpy as np
import pytest

from cuecast.training.synthetic import COUNTED, FAMILIES, draw_episode


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_same_seed_same_episode(family: str) -> None:
    first = draw_episode(np.random.default_rng(7), 2, 64, family)
    second = draw_episode(np.random.default_rng(7), 2, 64, family)
    other = draw_episode(np.random.default_rng(8), 2, 64, family)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("size", [64, 97, 160])
def test_shapes_and_types(size: int) -> None:
    images, labels, _ = draw_episode(np.random.default_rng(1), 3, size)
    assert images.shape == (3, size, size, 3)
    assert labels.shape == (3, size, size)
    assert images.dtype == labels.dtype == np.uint8


def test_images_of_an_episode_differ() -> None:
    images, labels, _ = draw_episode(np.random.default_rng(2), 2, 64)
    assert not np.array_equal(images[0], images[1])
    assert not np.array_equal(labels[0], labels[1])


@pytest.mark.parametrize("family", COUNTED)
def test_things_that_are_counted_have_an_id_wherever_they_have_a_class(family: str) -> None:
    most = []
    for seed in range(6):
        _, labels, objects = draw_episode(np.random.default_rng(seed), 2, 96, family)
        assert objects is not None
        np.testing.assert_array_equal(objects > 0, labels > 0)
        for one in np.unique(objects[0])[1:]:
            assert len(np.unique(labels[0][objects[0] == one])) == 1
        most.append(len(np.unique(objects[0])) - 1)
    assert max(most) > 4


def test_families_that_are_not_counted_say_so() -> None:
    assert draw_episode(np.random.default_rng(0), 1, 64, "cracks")[2] is None


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_class_of_a_kind_is_drawn(family: str) -> None:
    """Over 20 kinds, each class is seen in nearly all of them (small things may fall outside the frame)."""
    seen = promised = 0
    for seed in range(20):
        kind = FAMILIES[family](np.random.default_rng(seed), 64)
        assert 1 <= kind.classes <= 4
        everything = frozenset(range(1, kind.classes + 1))
        rng = np.random.default_rng(seed)
        found: set[int] = set()
        for _ in range(4):
            found |= set(np.unique(kind.paint(rng, everything).labels).tolist()) - {0}
        assert found <= everything
        seen += len(found)
        promised += kind.classes
    assert seen >= 0.95 * promised


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_class_that_is_not_present_is_not_drawn(family: str) -> None:
    for seed in range(6):
        kind = FAMILIES[family](np.random.default_rng(seed), 64)
        for gone in range(1, kind.classes + 1):
            present = frozenset(range(1, kind.classes + 1)) - {gone}
            assert gone not in kind.paint(np.random.default_rng(seed), present).labels


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_labels_follow_what_is_seen(family: str) -> None:
    """The scene changes more across the borders of labels than elsewhere, in nearly all kinds."""
    sharper = 0
    for seed in range(20):
        kind = FAMILIES[family](np.random.default_rng(seed), 96)
        canvas = kind.paint(np.random.default_rng(seed), frozenset(range(1, kind.classes + 1)))
        step = np.abs(np.diff(canvas.image, axis=1)).sum(2)
        border = np.diff(canvas.labels.astype(int), axis=1) != 0
        sharper += not border.any() or step[border].mean() > 1.2 * step[~border].mean()
    assert sharper >= 15
