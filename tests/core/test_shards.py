"""A job cut into parts by names: known parts, and what is no part."""

from __future__ import annotations

import re

import pytest

from cuecast.core.errors import InputError
from cuecast.core.shards import Shard, all_shards, shard_of


def test_a_name_belongs_to_the_same_part_everywhere_and_for_ever() -> None:
    # the first 8 bytes of `printf NAME | sha256sum`, as a number modulo 8, plus 1
    assert [shard_of(name, 8) for name in ("", "a", "p0", "Zelle_ü")] == [5, 3, 5, 1]
    assert shard_of("p\udce4", 8) in range(1, 9)  # bytes of another encoding


def test_each_name_is_in_one_part_and_parts_are_about_equal() -> None:
    names = [f"picture {i}" for i in range(4000)]
    shards = all_shards(8)
    held = [[n for n in names if shard.holds(n)] for shard in shards]
    assert sorted(n for each in held for n in each) == sorted(names)
    assert all(430 <= len(each) <= 570 for each in held)
    assert all_shards(1) == [Shard(1, 1)]
    assert all(Shard(1, 1).holds(n) for n in names)


def test_a_part_is_read_as_it_is_written() -> None:
    assert Shard.read("3/8") == Shard(3, 8)
    assert (str(Shard(3, 8)), Shard(3, 8).label) == ("3/8", "3-of-8")


@pytest.mark.parametrize(
    "text", ["0/8", "9/8", "x", "", "3", "/8", "3/", "-1/8", "1/0", "1.0/2", "3/8/1", "٣/٨"]
)
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text or "''")) as caught:
        Shard.read(text)
    assert caught.value.remedy
