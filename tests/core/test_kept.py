from __future__ import annotations

import pickle
import threading

import pytest

from cuecast.core.kept import Kept


class Made:
    """Counts what is made of each key."""

    def __init__(self, kept: Kept[str]) -> None:
        self.kept, self.calls = kept, list[str]()

    def get(self, key: str) -> str:
        def make() -> str:
            self.calls.append(key)
            return key

        return self.kept.get(key, make)


@pytest.mark.parametrize("always", [False, True])
def test_what_was_used_longest_ago_goes_first(always: bool) -> None:
    made = Made(Kept(3, len, always=always))
    for key in ("a", "b", "c", "a", "d", "a", "b"):  # d takes the room of b
        assert made.get(key) == key
    assert made.calls == ["a", "b", "c", "d", "b"]


def test_without_sizes_values_are_counted() -> None:
    made = Made(Kept(2))
    for key in ("long", "longer", "long", "longest", "long", "longer"):
        made.get(key)
    assert made.calls == ["long", "longer", "longest", "longer"]


@pytest.mark.parametrize(("always", "calls"), [(False, ["a", "wide", "wide"]), (True, ["a", "wide", "a"])])
def test_what_is_larger_than_the_budget(always: bool, calls: list[str]) -> None:
    made = Made(Kept(3, len, always=always))
    for key in ("a", "wide", "wide", "a"):
        assert made.get(key) == key
    assert made.calls == calls


def test_a_cleared_cache_makes_again_and_has_all_its_room() -> None:
    made = Made(Kept(3, len))
    for key in ("abc", "abc"):
        made.get(key)
    made.kept.clear()
    for key in ("abc", "abc"):
        made.get(key)
    assert made.calls == ["abc", "abc"]


def test_threads_do_not_wait_for_each_other() -> None:
    kept: Kept[int] = Kept(2)
    begun, other = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert other.wait(10)
        return 1

    thread = threading.Thread(target=lambda: kept.get("slow", slow))
    thread.start()
    assert begun.wait(10)
    assert kept.get("quick", lambda: 2) == 2
    other.set()
    thread.join(10)
    assert kept.get("slow", lambda: 3) == 1


def test_another_process_begins_with_nothing_and_the_same_budget() -> None:
    kept: Kept[str] = Kept(3, len, always=True)
    kept.get("a", lambda: "aa")
    sent: Kept[str] = pickle.loads(pickle.dumps(kept))
    assert sent.get("a", lambda: "b") == "b"
    assert sent.get("long", lambda: "abcd") == sent.get("long", lambda: "other") == "abcd"
    assert sent.get("a", lambda: "c") == "c"  # there was no room beside it
    assert kept.get("a", lambda: "b") == "aa"
