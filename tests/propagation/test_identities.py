"""Things keep their numbers while they move, touch, hide and come back."""

from __future__ import annotations

import numpy as np

from cuecast.core.objects import connected_instances, in_reading_order
from cuecast.propagation.identities import FORGOTTEN, Identities

SIZE = (60, 120)


def discs(*places: tuple[float, float] | None, radius: int = 8) -> np.ndarray:
    """(H, W) int32: a number a disc, those at None hidden."""
    found = np.zeros(SIZE, np.int32)
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    for number, place in enumerate(places, start=1):
        if place is not None:
            found[(y - place[0]) ** 2 + (x - place[1]) ** 2 <= radius**2] = number
    return found


def follow(frames: list[np.ndarray], joined: bool = False) -> list[np.ndarray]:
    """The ids of each frame; `joined`: what touches comes as one part."""
    known, out = Identities(), []
    for truth in frames:
        mask = (truth > 0).astype(np.int32)
        known, ids = known.step(connected_instances(mask) if joined else in_reading_order(truth), mask)
        assert ((ids > 0) == (mask > 0)).all()
        out.append(ids)
    return out


def number_at(ids: np.ndarray, place: tuple[float, float]) -> int:
    return int(ids[round(place[0]), round(place[1])])


def test_two_that_meet_pass_into_touch_and_part_again_keep_their_numbers() -> None:
    left = [(30.0, 20.0 + 3 * min(t, 12 - t)) for t in range(13)]
    right = [(30.0, 72.0 - 3 * min(t, 12 - t) + 1) for t in range(13)]
    for joined in (False, True):
        frames = [discs(a, b) for a, b in zip(left, right, strict=True)]
        found = follow(frames, joined)
        assert all(number_at(i, a) == 1 for i, a in zip(found, left, strict=True))
        assert all(number_at(i, b) == 2 for i, b in zip(found, right, strict=True))
        assert all(set(np.unique(i)) == {0, 1, 2} for i in found)


def test_a_fast_thing_is_followed_by_its_move() -> None:
    places = [(20.0, 10.0 + 11 * t) for t in range(9)]
    assert [number_at(i, p) for i, p in zip(follow([discs(p) for p in places]), places, strict=True)] == [
        1
    ] * 9


def test_a_thing_that_hides_for_some_frames_is_the_same_after() -> None:
    places = [None if 4 <= t < 8 else (30.0, 10.0 + 4 * t) for t in range(14)]
    found = follow([discs(p, (50.0, 110.0)) for p in places])
    assert all(number_at(i, p) == 1 for i, p in zip(found, places, strict=True) if p)
    assert all(number_at(i, (50, 110)) == 2 for i in found)


def test_a_thing_that_is_hidden_by_another_does_not_cut_it() -> None:
    still = (30.0, 60.0)
    frames = [discs(still, (30.0, 30.0 + 5 * t)) for t in range(6)]
    hidden = [np.where(f > 0, np.where(discs(still) > 0, 1, f), 0) for f in frames]
    gone = [discs(still)] * 3
    found = follow([*hidden, *gone], joined=True)
    assert all(set(np.unique(i)) == {0, number_at(found[0], still)} for i in found[-2:])


def test_what_was_away_for_long_is_a_new_thing_and_classes_are_never_mixed() -> None:
    long = [discs((30, 30)), *[discs()] * (FORGOTTEN + 1), discs((30, 30))]
    assert set(np.unique(follow(long)[-1])) == {0, 2}
    known, _ = Identities().step(discs((30, 30)), discs((30, 30)))
    _, ids = known.step(discs((30, 30)), 2 * discs((30, 30)))
    assert set(np.unique(ids)) == {0, 2}
