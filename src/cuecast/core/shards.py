"""A job cut into equal parts by the names of what is done, the same on every machine and in every run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cuecast.core.errors import InputError


@dataclass(frozen=True)
class Shard:
    """The part `number`, from 1, of `count` equal ones. Raises InputError where there is no such part."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                f"there is no shard {self.number}/{self.count}",
                remedy=f"shards are counted from 1: give 1/{max(self.count, 1)} to {max(self.count, 1)}/"
                f"{max(self.count, 1)}",
            )

    @classmethod
    def read(cls, text: str) -> Shard:
        """The shard that is written 'I/N', as in '3/8'. Raises InputError."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
        if found is None:
            raise InputError(
                f"{text!r} is no shard",
                remedy="write I/N, such as 3/8 for the third of eight (in a job array by the variable of the task)",
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def label(self) -> str:
        """'3-of-8': as it stands in names of files."""
        return f"{self.number}-of-{self.count}"

    def holds(self, name: str) -> bool:
        """Whether what has this name belongs to it; each name belongs to exactly one of the `count`."""
        return shard_of(name, self.count) == self.number


def shard_of(name: str, count: int) -> int:
    """The number, from 1 to `count`, of the shard that a name belongs to: by its SHA-256, and by nothing else."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count + 1


def all_shards(count: int) -> Sequence[Shard]:
    """All parts of a job that is cut into `count`."""
    return [Shard(number, count) for number in range(1, count + 1)]


def list_digest(texts: Iterable[str]) -> str:
    """SHA-256 of texts in their order."""
    h = hashlib.sha256()
    for text in texts:
        h.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return h.hexdigest()
