"""Groups of images that share tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.core.values import IGNORE  # noqa: E402
from cuecast.training import tasks  # noqa: E402
from cuecast.training.sets import PictureSet  # noqa: E402
from cuecast.training.tasks import Group, draw_group, label_maps  # noqa: E402

FROM_SETS = (1.0, 0.0, 0.0)


@pytest.fixture
def corners() -> tuple[PictureSet, ...]:
    """A set whose thing is the top left quarter of every picture; its last two lack it."""
    mask = np.zeros((96, 96), np.uint8)
    mask[:48, :48] = 1
    pictures = tuple(np.random.default_rng(i).integers(0, 255, (96, 96, 3), np.uint8) for i in range(8))
    masks = (*[mask] * 6, *[np.zeros_like(mask)] * 2)
    return (PictureSet("corners", pictures, masks, {1: tuple(range(6))}, {1: (6, 7)}, {1: 0.3}),)


def test_things_keep_their_place_in_most_groups_of_whole_pictures(corners: tuple[PictureSet, ...]) -> None:
    same = []
    for seed in range(120):
        labels = draw_group(np.random.default_rng(seed), corners, 3, 64, 1, FROM_SETS).tasks[0]
        shown = [m for m in labels if m.any()]
        if all(0.2 < (m == 1).mean() < 0.3 for m in shown):
            quarters = {tuple(np.round(np.argwhere(m == 1).mean(0) / 64).astype(int)) for m in shown}
            same.append(len(quarters) == 1)
    assert len(same) > 20
    # Turned each by itself, a quarter of them would agree, or less.
    assert 0.5 < np.mean(same) < 1


def test_some_groups_hold_a_picture_without_the_thing(corners: tuple[PictureSet, ...]) -> None:
    lacking = [
        not all(
            m.any() for m in draw_group(np.random.default_rng(seed), corners, 3, 64, 1, FROM_SETS).tasks[0]
        )
        for seed in range(60)
    ]
    assert 0.1 < np.mean(lacking) < 0.5


def test_the_sources_are_those_asked_for(corners: tuple[PictureSet, ...]) -> None:
    for source, kind in ((FROM_SETS, "set"), ((0.0, 1.0, 0.0), "regions"), ((0.0, 0.0, 1.0), "drawn")):
        assert draw_group(np.random.default_rng(0), corners, 3, 64, 2, source).kind == kind


def test_no_picture_is_drawn_twice_where_a_class_has_enough() -> None:
    mask = np.ones((64, 64), np.uint8)
    mask[:32] = 2
    plain = tuple(np.full((64, 64, 3), 20 * i, np.uint8) for i in range(6))
    few = PictureSet(
        "few", plain, (mask,) * 6, {1: (0, 1), 2: tuple(range(6))}, {1: (), 2: ()}, {1: 0.3, 2: 0.3}
    )
    for seed in range(12):
        group = draw_group(np.random.default_rng(seed), (few,), 3, 64, 2, FROM_SETS)
        assert len({int(image.mean()) for image in group.images}) == 3


def test_thin_things_are_mostly_seen_as_close_as_at_run_time() -> None:
    mask = np.zeros((512, 512), np.uint8)
    mask[:, 255:258] = 1
    plain = tuple(np.full((512, 512, 3), 20 * i, np.uint8) for i in range(4))

    def covered(thickness: float) -> float:
        lines = PictureSet("lines", plain, (mask,) * 4, {1: (0, 1, 2, 3)}, {1: ()}, {1: thickness})
        groups = [draw_group(np.random.default_rng(i), (lines,), 3, 128, 1, FROM_SETS) for i in range(60)]
        return float(np.median([m.mean() for g in groups for m in g.tasks[0] if m.any()]))

    assert covered(3 / 512) > 1.5 * covered(0.2)


def test_some_pictures_of_a_group_are_seen_from_much_nearer() -> None:
    rows, columns = np.mgrid[:256, :256]
    disc = (((rows - 128) ** 2 + (columns - 128) ** 2) < 10**2).astype(np.uint8)
    plain = tuple(np.full((256, 256, 3), 20 * i, np.uint8) for i in range(4))
    discs = PictureSet("discs", plain, (disc,) * 4, {1: (0, 1, 2, 3)}, {1: ()}, {1: 20 / 256})
    groups = [draw_group(np.random.default_rng(i), (discs,), 4, 128, 1, FROM_SETS) for i in range(80)]
    areas = [sorted((m == 1).mean() for m in g.tasks[0] if m.any()) for g in groups]
    # Views of one zoom differ by 1.5 in each side at most.
    larger = np.mean([a[-1] > 2.6 * np.median(a) for a in areas])
    assert 0.08 < larger < 0.8


def test_drawn_things_differ_in_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_square(
        _rng: object, count: int, size: int, _family: str | None
    ) -> tuple[np.ndarray, np.ndarray, None]:
        labels = np.zeros((count, size, size), np.uint8)
        labels[:, 60:68, 60:68] = 1
        return np.zeros((count, size, size, 3), np.uint8), labels, None

    monkeypatch.setattr(tasks, "draw_episode", one_square)
    groups = [draw_group(np.random.default_rng(i), (), 4, 128, 1, (0.0, 0.0, 1.0)) for i in range(40)]
    areas = np.array([m.sum() for g in groups for m in g.tasks[0] if m.any()])
    assert 0.5 < (areas == 64).mean() < 0.9
    assert (areas > 2 * 64).mean() > 0.05


def test_ids_of_objects_are_seen_as_the_masks_are(corners: tuple[PictureSet, ...]) -> None:
    ids = np.zeros((96, 96), np.int32)
    ids[:48, :24], ids[:48, 24:48] = 300, 7
    (plain,) = corners
    counted = replace(plain, objects=tuple(ids * (m > 0) for m in plain.masks), scenario="squares")
    assert draw_group(np.random.default_rng(0), (plain,), 3, 64, 1, FROM_SETS).objects is None
    found = set()
    for seed in range(8):
        group = draw_group(np.random.default_rng(seed), (counted,), 3, 64, 1, FROM_SETS)
        assert group.scenario == "squares"
        np.testing.assert_array_equal(group.objects > 0, group.classes == 1)
        found |= set(np.unique(group.objects).tolist())
    assert found == {0, 7, 300}


def test_photographs_serve_regions_and_nothing_else(corners: tuple[PictureSet, ...]) -> None:
    photos = PictureSet("photos", corners[0].images, (), {}, {}, {})
    for seed in range(8):
        assert (
            draw_group(np.random.default_rng(seed), (*corners, photos), 3, 64, 1, FROM_SETS).name == "corners"
        )
    names = {
        draw_group(np.random.default_rng(seed), (*corners, photos), 3, 64, 1, (0, 1, 0)).name
        for seed in range(20)
    }
    assert names == {"corners", "photos"}


def test_sets_come_up_alike_whatever_their_size(corners: tuple[PictureSet, ...]) -> None:
    small, large = (
        replace(corners[0], name=name, images=corners[0].images * n) for name, n in (("a", 10), ("b", 200))
    )
    drawn = [tasks.pick_set(np.random.default_rng(seed), (small, large)).name for seed in range(200)]
    assert 0.4 < np.mean([name == "a" for name in drawn]) < 0.6


def test_some_tasks_ask_for_the_rim_or_the_core(
    corners: tuple[PictureSet, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "PARTS", 1.0)
    with_middle = []
    for seed in range(40):
        for labels in draw_group(np.random.default_rng(seed), corners, 3, 96, 1, FROM_SETS).tasks[0]:
            if 0.01 < (labels == 1).mean() < 0.2:
                rows, columns = np.nonzero(labels == 1)
                with_middle.append(
                    labels[(rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2] == 1
                )
    assert 0.15 < np.mean(with_middle) < 0.85


def test_tasks_that_overlap_with_one_before_are_no_class_of_the_map() -> None:
    first, inside, beside = (
        np.array([[row]], np.uint8) for row in ([1, 1, 0, 2], [0, 1, 0, 0], [0, 0, 1, 1])
    )
    group = Group(np.zeros((1, 1, 4, 3), np.uint8), (first, inside, beside), "set", "hand-made")
    assert label_maps(group).tolist() == [[[1, 1, 3, 3]]]
    alone = replace(group, tasks=(first,))
    assert label_maps(alone).tolist() == [[[1, 1, 0, IGNORE]]]


def test_a_family_of_drawn_pictures_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    drawn = tasks.draw_episode

    def noted(rng: np.random.Generator, count: int, size: int, family: str | None = None) -> object:
        asked.append(family)
        return drawn(rng, count, size, family)

    monkeypatch.setattr(tasks, "draw_episode", noted)
    draw_group(np.random.default_rng(0), (), 3, 96, 2, (0.0, 0.0, 1.0), "diagrams")
    assert set(asked) == {"diagrams"}
