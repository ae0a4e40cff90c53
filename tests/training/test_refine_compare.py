"""When a refined pack counts as better than its base."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cuecast.training.refine_compare import (
    GRID,
    Answered,
    Bools,
    compare,
    exchanged,
    fit_absent,
    mean_iou,
)


def square(top: int, left: int) -> Bools:
    """A mask on the grid."""
    mask = np.zeros((GRID, GRID), bool)
    mask[top : top + 10, left : left + 10] = True
    return mask


def answered(ious: list[float], quiet: list[bool] = [], shots: int = 5, cls: int = 1) -> Answered:  # noqa: B006
    """Answers of these IoUs to pictures 0, 1, ...; each answer is the truth of its own picture."""
    grids = {str(i): (square(5 * i, 3 * i), square(5 * i, 3 * i)) for i in range(len(ious))}
    return Answered(
        shots,
        cls,
        {str(i): v for i, v in enumerate(ious)},
        {str(i): 0.0 for i in range(len(ious))} | {f"without {i}": float(q) for i, q in enumerate(quiet)},
        grids,
    )


GROUPS = {str(i): str(i) for i in range(20)}


def test_a_gain_on_all_pictures_is_better() -> None:
    found = compare([answered([0.5, 0.6, 0.4, 0.5, 0.6])], [answered([0.6, 0.7, 0.5, 0.6, 0.7])], GROUPS)
    assert found.faults == ()
    assert found.gain == pytest.approx(0.1)
    assert found.by_shots == {5: (pytest.approx(0.52), pytest.approx(0.62))}
    assert found.doubt == 0


def test_a_small_gain_is_not_worth_a_pack() -> None:
    found = compare([answered([0.5] * 6)], [answered([0.509] * 6)], GROUPS)
    assert len(found.faults) == 1
    assert "gains +0.009 IoU" in found.faults[0]


def test_a_gain_by_one_group_alone_may_be_chance() -> None:
    before, after = [0.5] * 6, [0.5, 0.49, 0.49, 0.49, 0.49, 0.9]
    assert "may be chance" in compare([answered(before)], [answered(after)], GROUPS).faults[0]
    # The same gains, each of a group of its own and three groups in all: whole groups are drawn.
    assert (
        compare([answered(before)], [answered([0.6] * 6)], {str(i): str(i // 2) for i in range(6)}).doubt == 0
    )


def test_what_it_finds_where_nothing_is_counts() -> None:
    before, after = answered([0.5] * 5, [True] * 10), answered([0.7] * 5, [True] * 9 + [False])
    found = compare([before], [after], GROUPS)
    assert found.quiet == (1.0, 0.9)
    assert "in 10%, the base in 0%" in found.faults[0]
    assert compare([after], [before], GROUPS).quiet == (0.9, 1.0)


def test_a_picture_without_the_thing_counts_once_however_often_it_is_asked() -> None:
    before = [answered([0.5] * 5, [True] * 20, shots) for shots in (1, 5)]
    once = [answered([0.7] * 5, [True] * 19 + [False], 1), answered([0.7] * 5, [True] * 20, 5)]
    found = compare(before, once, GROUPS)
    assert found.quiet == (1.0, pytest.approx(1 - 0.5 / 20))
    more = [*once, answered([0.7] * 5, [False], 10)]  # the first picture alone, asked once more
    assert compare([*before, answered([0.5] * 5, [True], 10)], more, GROUPS).quiet == (
        1.0,
        pytest.approx((18 + 2 / 3 + 1 / 2) / 20),
    )


def test_a_surer_pack_calls_absence_as_readily_as_its_base_where_it_loses_no_more_by_it() -> None:
    def doubtful(there: list[float], without: list[float]) -> Answered:
        known = {str(i): p for i, p in enumerate(there)} | {f"without {i}": p for i, p in enumerate(without)}
        return replace(answered([0.8, 0.6, 0.6]), absence=known)

    base = doubtful([0.3, 0.55, 0.45], [0.7, 0.6])  # at 0.5 it loses the second
    surer = doubtful([0.32, 0.4, 0.2], [0.45, 0.4])
    assert fit_absent([base], [surer], 0.5) == pytest.approx(0.35)
    assert compare([base], [surer], GROUPS, (0.5, 0.5)).quiet == (1.0, 0.0)
    assert compare([base], [surer], GROUPS, (0.5, 0.35)).quiet == (1.0, 1.0)
    assert fit_absent([base], [doubtful([0.0] * 3, [])], 0.5) == pytest.approx(0.3)  # nothing is lost at any
    assert fit_absent([base], [doubtful([0.9, 0.9, 0.9], [])], 0.5) == 1.0


def test_classes_count_alike_whatever_their_pictures() -> None:
    many, few = answered([0.2] * 8), answered([0.8] * 2, cls=2)
    assert mean_iou([many, few]) == pytest.approx(0.5)


def test_exchanged_masks_are_noticed() -> None:
    truths = [square(5 * i, 3 * i) for i in range(8)]
    right = Answered(5, 1, {}, {}, {str(i): (t, t) for i, t in enumerate(truths)})
    moved = Answered(5, 1, {}, {}, {str(i): (t, truths[(i + 3) % 8]) for i, t in enumerate(truths)})
    few = Answered(5, 1, {}, {}, {str(i): (t, t) for i, t in enumerate(truths[:3])})
    found, lost = exchanged([right]), exchanged([moved])
    assert found is not None
    assert lost is not None
    assert found < 0.01
    assert lost > 0.5
    assert exchanged([few]) is None


def test_answers_come_back_from_their_record() -> None:
    before = answered([0.25, 0.75], [True, False])
    again = Answered.from_dict(before.as_dict())
    assert again.as_dict() == before.as_dict()
    assert (again.grids["1"][1] == square(5, 3)).all()
