"""The manifest: lines there and back, and what a killed run leaves of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuecast.core.errors import OutputError
from cuecast.results.manifest import (
    ManifestEntry,
    appending,
    entry_at,
    find_entries,
    index_manifest,
    read_manifest,
    write_manifest,
)

FULL = ManifestEntry(
    name="a b",
    image='in/ä "b".png',
    pack="p",
    cues="c",
    verdict="found",
    confidence=0.75,
    seconds=0.5,
    size=(3, 4),
    areas={1: 5, 300: 0},
    objects=2,
    pixel_size=0.25,
    unit="um",
    image_hash="i",
    mask_hash="m",
    scale="pixel",
    cueset="d",
    cueset_version=3,
    review="wrong",
)
FAILED = ManifestEntry("b", "b.png", "p", "c", error="b.png: zero bytes\nget an intact copy")


def test_entries_come_back_equal_in_order(tmp_path: Path) -> None:
    path = write_manifest(tmp_path / "m.jsonl", [FULL, FAILED])
    assert list(read_manifest(path)) == [FULL, FAILED]
    assert path.read_bytes().count(b"\n") == 2
    assert "ä".encode() in path.read_bytes()


def test_a_file_name_that_is_not_unicode_comes_back(tmp_path: Path) -> None:
    entry = ManifestEntry("x", b"in/\xff.png".decode("utf-8", "surrogateescape"), "p", "c")
    path = write_manifest(tmp_path / "m.jsonl", [entry])
    path.read_text(encoding="utf-8")  # the manifest itself is UTF-8
    assert list(read_manifest(path)) == [entry]


def test_each_line_is_in_the_file_before_append_returns_and_the_last_of_a_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    newer = ManifestEntry("a b", "other.png", "p", "c")
    with appending(path) as journal:
        journal.append(FULL)
        assert list(read_manifest(path)) == [FULL]
        journal.append(FAILED)
        journal.append(newer)
    assert list(read_manifest(path)) == [newer, FAILED]
    assert entry_at(path, index_manifest(path)["b"]) == FAILED


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_torn_last_line_is_passed_over_and_cut_off(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(f"{FULL.line()}\n{FAILED.line()}\n".encode()[: len(f"{FULL.line()}\n".encode()) + kept])
    if kept == -1:  # even the only line is torn
        path.write_bytes(FULL.line().encode())
    whole = [] if kept == -1 else [FULL]
    assert list(read_manifest(path)) == whole
    with appending(path) as journal:
        journal.append(FAILED)
    assert list(read_manifest(path)) == [*whole, FAILED]


def test_a_long_torn_line_is_cut_off_too(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(FULL.line().encode() + b"\n" + b"x" * 200_000)
    with appending(path):
        pass
    assert path.read_bytes() == FULL.line().encode() + b"\n"


def test_no_file_is_an_empty_manifest(tmp_path: Path) -> None:
    assert index_manifest(tmp_path / "m.jsonl") == {}


@pytest.mark.parametrize(
    "line", ["hello", "[]", '{"name": "x"}', '{"name":"x","image":"y","pack":"p","cues":"c","size":[1]}']
)
def test_another_programs_file_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(f"{FULL.line()}\n{line}\n", encoding="utf-8")
    with pytest.raises(
        OutputError, match=r"m\.jsonl line 2: this is not a line of a cuecast manifest; choose another"
    ):
        list(read_manifest(path))


def test_fields_of_a_newer_version_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(FULL.line()[:-1] + ', "colour_of_the_sky": "blue"}\n', encoding="utf-8")
    assert list(read_manifest(path)) == [FULL]


def test_a_place_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path) -> None:
    with (
        pytest.raises(
            OutputError, match=r"nowhere/m\.jsonl: cannot be written .*; free space, check permissions"
        ),
        appending(tmp_path / "nowhere" / "m.jsonl"),
    ):
        pass


def test_a_full_disk_while_appending_is_named_with_a_remedy() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    from cuecast.results.manifest import ManifestAppender

    with (
        open(full, "ab", buffering=0) as stream,
        pytest.raises(OutputError, match=r"No space left.*free space"),
    ):
        ManifestAppender(full, stream).append(FULL)


def test_entries_are_found_by_name_the_last_line_counting(tmp_path: Path) -> None:
    path = tmp_path / "manifest.jsonl"
    assert find_entries(path, {"a"}) == {}
    lines = [("a", 1.0), ("b", 2.0), ("c", 3.0), ("a", 4.0)]
    with appending(path) as manifest:
        for name, seconds in lines:
            manifest.append(ManifestEntry(name, f"{name}.png", "p", "c", seconds=seconds))
    assert {name: e.seconds for name, e in find_entries(path, {"a", "c", "d"}).items()} == {
        "a": 4.0,
        "c": 3.0,
    }


def test_a_manifest_that_is_replaced_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = write_manifest(
        tmp_path / "manifest.jsonl", [ManifestEntry(n, f"{n}.png", "p", "c") for n in "abc"]
    )
    reading = read_manifest(path)
    assert next(reading).name == "a"
    write_manifest(path, [ManifestEntry("another", "much/longer.png", "p", "c")])
    assert [entry.name for entry in reading] == ["b", "c"]
