"""The order of the visit, by hand."""

from __future__ import annotations

from cuecast.propagation.plan import Sweep, plan


def test_without_marks_it_goes_from_the_first_frame_on() -> None:
    assert plan(5, {}) == [Sweep(range(5), None, ())]


def test_one_mark_in_the_middle_goes_both_ways() -> None:
    assert plan(6, {2: [1]}) == [
        Sweep(range(2, 3), 2, (2,)),
        Sweep(range(1, -1, -1), 2, (2,)),
        Sweep(range(3, 6), 2, (2,)),
    ]


def test_two_marks_meet_in_the_middle_and_know_each_other() -> None:
    sweeps = plan(10, {2: [1], 7: [1]})
    assert [(list(s.frames), s.origin, s.marks) for s in sweeps] == [
        ([2], 2, (2,)),
        ([1, 0], 2, (2,)),
        ([3, 4], 2, (2, 7)),
        ([7], 7, (7,)),
        ([6, 5], 7, (2, 7)),
        ([8, 9], 7, (7,)),
    ]


def test_each_frame_is_visited_once() -> None:
    for marks in ([0], [9], [0, 9], [0, 1, 2], [3, 4, 9], list(range(10))):
        visited = [i for s in plan(10, dict.fromkeys(marks, (1,))) for i in s.frames]
        assert sorted(visited) == list(range(10))


def test_a_new_mark_changes_its_own_gap_alone() -> None:
    before, after = plan(100, {0: [1], 40: [1], 80: [1]}), plan(100, {0: [1], 40: [1], 60: [1], 80: [1]})
    changed = [s for s in after if s not in before]
    assert sorted(i for s in changed for i in s.frames) == list(range(41, 80))


def test_a_class_that_the_own_marks_do_not_show_is_learnt_from_the_nearest_that_does() -> None:
    sweeps = plan(30, {0: [1], 10: [2], 20: []})
    after = next(s for s in sweeps if 25 in s.frames)
    assert after.marks == (0, 10, 20)
    between = next(s for s in sweeps if 4 in s.frames)
    assert between.marks == (0, 10)
    alone = next(s for s in sweeps if list(s.frames) == [10])
    assert alone.marks == (0, 10)
