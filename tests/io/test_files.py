"""Files written whole or not at all, and listed from what was typed."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cuecast.core.errors import InputError, OutputError
from cuecast.io.files import file_digest, keep_edited, read_json, replacing, write_bytes, write_text
from cuecast.io.places import list_images

STRANGE = "a b 'c' \"d\" ünï 猫 #%;.png"


def test_a_file_is_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / STRANGE
    assert write_text(path, "grüße\n") == path
    assert path.read_bytes() == "grüße\n".encode()
    assert [p.name for p in path.parent.iterdir()] == [STRANGE]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = write_bytes(tmp_path / "a.bin", b"old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_full_disk_is_named_with_a_remedy_and_leaves_the_old_file(
    tmp_path: Path, no_space: Callable[[int], None]
) -> None:
    path = write_bytes(tmp_path / "a.bin", b"old")
    no_space(4096)
    with pytest.raises(OutputError, match=r"a\.bin: cannot be written: no space .*; free"):
        write_bytes(path, bytes(100_000))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left .*; free some"),
        (errno.EACCES, "no permission .*; choose another folder"),
        (errno.EROFS, "no permission"),
        (errno.EIO, "check the disk"),
    ],
)
def test_reasons_of_the_system_are_told_in_words(tmp_path: Path, number: int, words: str) -> None:
    with (
        pytest.raises(OutputError, match=rf"a\.txt: cannot be written: .*{words}"),
        replacing(tmp_path / "a.txt"),
    ):
        raise OSError(number, os.strerror(number))


def test_a_file_in_the_place_of_a_folder_and_the_reverse(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "x")
    with pytest.raises(OutputError, match="is a file, not a folder"):
        write_text(tmp_path / "file" / "a.txt", "x")
    with pytest.raises(OutputError, match="a folder of that name is in the way"):
        write_text(tmp_path, "x")
    with pytest.raises(OutputError, match="too long"):
        write_text(tmp_path / ("x" * 300), "x")


def test_a_name_as_long_as_the_system_allows_is_written(tmp_path: Path) -> None:
    assert write_text(tmp_path / ("x" * 251 + ".txt"), "x").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="no permission to write there; choose another folder"):
            write_text(tmp_path / "a.txt", "x")
    finally:
        tmp_path.chmod(0o700)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        "c.txt",
        ".hidden.png",
        "sub/d.tif",
        "a_mask.png",
        "a_cp_masks.jp2",
        "x_mask.png",
        "_mask.png",
        STRANGE,
        "e[1].bmp",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "in"


def names(paths: list[Path]) -> list[str]:
    return [p.name for p in paths]


def test_a_folder_gives_its_images_sorted_without_masks_of_others(folder: Path) -> None:
    assert names(list_images(["in"])) == sorted(
        [STRANGE, "_mask.png", "a.JPG", "b.png", "e[1].bmp", "x_mask.png"]
    )
    assert "d.tif" in names(list_images([str(folder)], recursive=True))


def test_files_keep_their_order_and_come_once(folder: Path) -> None:
    given = ["in/b.png", "in/c.txt", "in/a.JPG", str(folder / "b.png"), "in/../in/b.png"]
    assert names(list_images(given)) == ["b.png", "c.txt", "a.JPG"]


def test_patterns_are_expanded(folder: Path) -> None:  # noqa: ARG001
    assert names(list_images(["in/*.png"])) == sorted(
        [STRANGE, "_mask.png", "a_mask.png", "b.png", "x_mask.png"]
    )
    assert names(list_images(["in/**/*.tif"])) == ["d.tif"]
    assert names(list_images(["in/[ab].*"])) == ["a.JPG", "b.png"]


def test_a_name_that_exists_is_no_pattern(folder: Path) -> None:  # noqa: ARG001
    assert names(list_images(["in/e[1].bmp"])) == ["e[1].bmp"]


def test_lists_from_a_file_and_from_standard_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "list.txt").write_bytes(f"in/b.png\r\n\nin/{STRANGE}\nin/*.JPG\n".encode())
    assert names(list_images(["@in/list.txt"])) == ["b.png", STRANGE, "a.JPG"]
    monkeypatch.setattr("sys.stdin", io.StringIO("in/b.png\n"))
    assert names(list_images(["-"])) == ["b.png"]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ("in/nothere", "nothere.*no such file or folder; check the spelling"),
        ("in/*.webp", r"in/\*\.webp: the pattern matches no image; check"),
        ("@in/none.txt", "none.txt: the file list cannot be read .*; check"),
        ("in/empty", "in/empty: the folder holds no image .*; name the files"),
        ("@in/c.txt", "c.txt: the file list is empty; put one path"),
        ("@in/loop.txt", "@in/loop.txt: the file list names itself; take that line out"),
    ],
)
def test_an_input_that_matches_nothing_is_named(folder: Path, item: str, words: str) -> None:
    (folder / "empty").mkdir()
    (folder / "loop.txt").write_text("in/b.png\n@in/loop.txt\n")
    with pytest.raises(InputError, match=words):
        list_images(["in/b.png", item])


def test_an_image_that_is_not_there_is_left_to_the_reader(folder: Path) -> None:  # noqa: ARG001
    assert names(list_images(["in/b.png", "in/nothere.png"])) == ["b.png", "nothere.png"]


def test_results_below_the_inputs_are_left_out(folder: Path) -> None:
    results = folder / "in" / "out"
    (results / "masks").mkdir(parents=True)
    (results / "masks" / "b.png").write_bytes(b"")
    every = names(list_images(["in"], recursive=True))
    assert every.count("b.png") == 2  # masks that somebody has drawn
    for out in (results, folder):  # the results may as well lie in or above the folder of the inputs
        (out / "masks").mkdir(exist_ok=True)
        (out / "masks" / "b.png").write_bytes(b"")
        (out / "manifest.jsonl").write_text("")
        assert names(list_images([str(folder)], recursive=True)).count("b.png") == 1
    assert names(list_images([f"{folder}/**/*.png"])).count("b.png") == 1
    (folder / "list.txt").write_text(f"{results}/masks\n")
    for typed in (
        results / "masks",
        f"{results}/masks/**/*.png",
        f"{folder}/**/masks/b.png",
        f"@{folder}/list.txt",
    ):
        assert set(names(list_images([str(typed)], recursive=True))) == {"b.png"}
    (results / "mask.tif").write_bytes(b"")  # of a map
    (results / "other.tif").write_bytes(b"")
    assert names(list_images([f"{folder}/in/out"], recursive=True)) == ["mask.tif", "other.tif"]
    assert "mask.tif" not in names(list_images([str(folder)], recursive=True))
    (folder / "only" / "masks").mkdir(parents=True)
    (folder / "only" / "masks" / "b.png").write_bytes(b"")
    (folder / "only" / "manifest.jsonl").write_text("")
    with pytest.raises(InputError, match="the folder holds no image"):
        list_images([str(folder / "only")], recursive=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"[1]", "holds a list"),
        (b"[" * 99999, "is not valid"),
    ],
)
def test_json_that_is_none_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.json: {words}.*; (export|save)"):
        read_json(tmp_path / "a.json", InputError)


def test_a_file_changed_by_hand_is_moved_aside_and_no_other(tmp_path: Path) -> None:
    path = write_bytes(tmp_path / "masks" / "a.png", b"ours")
    digest = file_digest(path)
    assert digest == hashlib.sha256(b"ours").hexdigest()
    keep_edited(path, digest, tmp_path)
    keep_edited(path, None, tmp_path)
    keep_edited(tmp_path / "none.png", digest, tmp_path)
    assert not (tmp_path / "edited").exists()
    path.write_bytes(b"by hand")
    keep_edited(path, digest, tmp_path)
    assert (tmp_path / "edited" / "a.png").read_bytes() == b"by hand"
    assert not path.exists()
    path.write_bytes(b"again")
    keep_edited(path, digest, tmp_path)
    kept = {p.name: p.read_bytes() for p in (tmp_path / "edited").iterdir()}
    assert kept == {"a.png": b"by hand", "a-2.png": b"again"}
