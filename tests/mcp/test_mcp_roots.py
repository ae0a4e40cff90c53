"""Paths below the roots, and every way out of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import picture

from cuecast.core.errors import InputError
from cuecast.mcp.desk import Roots, open_roots


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    for name in ("one", "two", "outside"):
        picture(tmp_path / name / "photos" / "a.png", 1)
    return open_roots((tmp_path / "one", tmp_path / "two"))


def test_relative_paths_start_at_the_first_root(roots: Roots) -> None:
    one, two = roots.folders
    assert roots.path("photos/a.png") == one / "photos" / "a.png"
    assert roots.path(str(two / "new")) == two / "new"
    assert roots.path(".") == one
    assert roots.images(["photos", str(two / "photos" / "a.png")]) == [
        one / "photos" / "a.png",
        two / "photos" / "a.png",
    ]


def test_what_folders_hold_besides_is_counted(roots: Roots) -> None:
    (roots.folders[0] / "photos" / "notes.xcf").write_bytes(b"x")
    assert "1 file (1 .xcf)" in str(roots.note_of_others(["photos"]))
    assert "1 file (1 .xcf)" in str(roots.note_of_others(["."], recursive=True))
    assert roots.note_of_others([str(roots.folders[1] / "photos")]) is None


def test_without_roots_it_is_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_roots(()).folders == (tmp_path.resolve(),)


@pytest.mark.parametrize("text", ["../outside", "photos/../../outside", "photos/..", ".."])
def test_dots_are_refused_even_where_they_stay_inside(roots: Roots, text: str) -> None:
    with pytest.raises(InputError, match=r"a path with '\.\.' in it is refused"):
        roots.path(text)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_what_is_no_path(roots: Roots, text: str) -> None:
    with pytest.raises(InputError, match="this is no path"):
        roots.path(text)


def test_absolute_paths_outside(roots: Roots) -> None:
    outside = roots.folders[0].parent / "outside"
    for text in (str(outside), "/etc/passwd", f"{roots.folders[0]}x", "/"):
        with pytest.raises(InputError, match="outside the folders that may be used"):
            roots.path(text)


def test_links_that_lead_outside(roots: Roots) -> None:
    one, outside = roots.folders[0], roots.folders[0].parent / "outside"
    (one / "link").symlink_to(outside)
    (one / "photos" / "b.png").symlink_to(outside / "photos" / "a.png")
    (one / "loop").symlink_to(one / "loop")
    for text in ("link", "link/photos/a.png", "link/new/file.png", "photos/b.png"):
        with pytest.raises(InputError, match="outside the folders that may be used"):
            roots.path(text)
    with pytest.raises(InputError, match=r"b\.png: lies, or leads, outside"):
        roots.images(["photos"])
    with pytest.raises(InputError, match="there is no such file"):
        roots.existing("loop")


def test_links_that_stay_inside(roots: Roots) -> None:
    one, two = roots.folders
    (one / "link").symlink_to(two / "photos")
    assert roots.path("link/a.png") == two / "photos" / "a.png"


@pytest.mark.parametrize("text", ["-", "@list.txt", "photos/*.png", "none.png"])
def test_only_names_of_files_and_folders_are_taken(roots: Roots, text: str) -> None:
    """Neither standard input, which carries the protocol, nor lists and patterns, which could lead anywhere."""
    (roots.folders[0] / "list.txt").write_text("/etc/passwd\n", encoding="utf-8")
    with pytest.raises(InputError, match="there is no such file or folder below"):
        roots.images([text])


def test_results_through_a_link(roots: Roots) -> None:
    one, outside = roots.folders[0], roots.folders[0].parent / "outside"
    (one / "out").mkdir()
    assert roots.results("out", ("masks",)) == one / "out"
    (one / "out" / "masks").symlink_to(outside)
    with pytest.raises(InputError, match="outside the folders that may be used"):
        roots.results("out", ("masks",))
