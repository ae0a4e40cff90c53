"""Checksums of large files: read once, and again as soon as a file may be another."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from cuecast.io import digests
from cuecast.io.digests import remembered_digest
from cuecast.io.files import file_digest


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are read, in order; every file counts as settled."""
    names: list[str] = []

    def reading(path: Path) -> str:
        names.append(path.name)
        return file_digest(path)

    monkeypatch.setattr(digests, "file_digest", reading)
    monkeypatch.setattr(digests, "SETTLED", -1.0)
    return names


def test_a_file_is_read_once_and_each_by_itself(tmp_path: Path, read: list[str]) -> None:
    memory = tmp_path / "memory"
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    for _ in range(2):
        assert remembered_digest(tmp_path / "a", memory) == sha(b"a")
        assert remembered_digest(tmp_path / "b", memory) == sha(b"b")
    assert read == ["a", "b"]
    assert len(list(memory.iterdir())) == 2


def test_a_change_is_seen_though_size_and_time_are_set_back(tmp_path: Path, read: list[str]) -> None:
    path, memory = tmp_path / "a", tmp_path / "memory"
    path.write_bytes(b"one")
    told = path.stat()
    assert remembered_digest(path, memory) == sha(b"one")
    time.sleep(0.02)
    path.write_bytes(b"two")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert remembered_digest(path, memory) == sha(b"two")
    other = tmp_path / "other"
    other.write_bytes(b"six")
    os.utime(other, ns=(told.st_atime_ns, told.st_mtime_ns))
    os.replace(other, path)
    assert remembered_digest(path, memory) == sha(b"six")
    assert read == ["a"] * 3


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path) -> None:
    path, memory = tmp_path / "a", tmp_path / "memory"
    path.write_bytes(b"one")
    assert remembered_digest(path, memory) == sha(b"one")
    assert not memory.exists()


@pytest.mark.parametrize("noted", ["{", "[]", '{"state": null}', "\xff"])
def test_a_damaged_note_is_no_harm(tmp_path: Path, read: list[str], noted: str) -> None:
    path, memory = tmp_path / "a", tmp_path / "memory"
    path.write_bytes(b"one")
    remembered_digest(path, memory)
    (note,) = memory.iterdir()
    note.write_text(noted, encoding="latin-1")
    assert remembered_digest(path, memory) == sha(b"one")
    assert read == ["a", "a"]
    assert remembered_digest(path, memory) == sha(b"one")
    assert read == ["a", "a"]


def test_where_nothing_can_be_noted_it_is_read_each_time(tmp_path: Path, read: list[str]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    assert remembered_digest(path, path / "no folder") == sha(b"one")
    assert remembered_digest(path, path / "no folder") == sha(b"one")
    assert read == ["a", "a"]
    with pytest.raises(FileNotFoundError):
        remembered_digest(tmp_path / "none", tmp_path)
