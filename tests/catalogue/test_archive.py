"""Packs as files: what goes in comes out, and what must not come in is refused before anything is written."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_packs import CARD, card_text, coin_pack, picture, write_archive_of, write_cueset, write_pack

import cuecast
from cuecast.catalogue.archive import import_archive, remove_pack, write_archive
from cuecast.catalogue.make import make_pack
from cuecast.engine.packs import open_pack

ONNX = b"not really a network"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of packs, where packs are put and looked for first; what is made elsewhere is not found."""
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "shelf"


def everything(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) if folder.is_dir() else []


def sound(tmp_path: Path, name: str = "coins", **fields: Any) -> Path:
    """The archive of a sound pack, made outside the search path."""
    pack = coin_pack(tmp_path / "made", name, **fields)
    return write_archive(pack, tmp_path / f"{name}.zip")


def test_a_pack_goes_out_and_comes_in(shelf: Path, tmp_path: Path) -> None:
    made = coin_pack(tmp_path / "made")
    # What the card does not list is no part of the pack: what is left there, or is kept beside the cues of a concept.
    for name in ("left.txt", f"concepts/red/learned-{made.digest}.npz"):
        (made.folder / name).write_text("not listed")
    assert open_pack(made.folder).digest == made.digest
    path = write_archive(made, tmp_path / "coins.zip")
    again = write_archive(made, tmp_path / "again.zip")
    assert path.read_bytes() == again.read_bytes()
    done = import_archive(path)
    assert (done.pack.folder, done.pack.digest, done.already) == (shelf / "coins", made.digest, False)
    names = [
        "card.json",
        "concepts/red/cues.json",
        "concepts/red/images/a.png",
        "concepts/red/masks/a.png",
        "notes.txt",
    ]
    files = [n for n in everything(shelf / "coins") if (shelf / "coins" / n).is_file()]
    assert files == names
    assert open_pack("coins").digest == made.digest
    mask = cuecast.load("coins").concept("red").segment(picture(7)).mask
    assert np.array_equal(mask, np.arange(16)[None].repeat(12, 0) < 7)
    assert everything(shelf)[0] == "coins"


def test_the_same_pack_again_is_no_error_and_another_one_is(shelf: Path, tmp_path: Path) -> None:
    path = sound(tmp_path)
    first = import_archive(path).pack
    assert import_archive(path).already
    other = write_archive(coin_pack(tmp_path / "other", summary="Another."), tmp_path / "other.zip")
    with pytest.raises(
        cuecast.PackError, match=rf"another pack of that name.*{first.digest[:12]}.*--replace"
    ):
        import_archive(other)
    assert open_pack("coins").digest == first.digest
    import_archive(other, replace=True)
    assert open_pack("coins").card["summary"] == "Another."
    assert everything(shelf)[0] == "coins"


def test_a_pack_of_the_package_is_neither_hidden_nor_removed(shelf: Path, tmp_path: Path) -> None:
    for name in ("general", "Colours"):
        path = write_archive_of(tmp_path / f"{name}.zip", {"card.json": card_text(name, {})})
        with pytest.raises(cuecast.PackError, match="that of a pack of the package"):
            import_archive(path, replace=True)
    with pytest.raises(cuecast.PackError, match="comes with the package"):
        remove_pack("colours")
    assert everything(shelf) == []


def test_what_others_stand_on_stays(shelf: Path, tmp_path: Path) -> None:
    import_archive(sound(tmp_path))
    above = make_pack("above", shelf, open_pack("coins"))
    with pytest.raises(cuecast.PackError, match="above stands on it; remove those first"):
        remove_pack("coins")
    other = write_archive(coin_pack(tmp_path / "other", summary="Another."), tmp_path / "other.zip")
    with pytest.raises(cuecast.PackError, match="above stands on it"):
        import_archive(other, replace=True)
    remove_pack(above.name)
    assert remove_pack("coins").folder == shelf / "coins"
    assert everything(shelf) == []
    with pytest.raises(cuecast.PackError, match="no pack 'coins' is installed"):
        remove_pack("coins")


def test_a_pack_whose_base_is_not_there_is_refused(shelf: Path, tmp_path: Path) -> None:
    base = coin_pack(tmp_path / "made")
    path = write_archive(make_pack("above", tmp_path / "made", base), tmp_path / "above.zip")
    with pytest.raises(
        cuecast.PackError, match=rf"pack coins with the digest {base.digest[:12]}, and none is there"
    ):
        import_archive(path)
    assert everything(shelf) == []
    import_archive(write_archive(base, tmp_path / "coins.zip"))
    assert import_archive(path).pack.base is not None


NASTY: list[tuple[str, dict[str, bytes], str]] = [
    ("out of it", {"../evil.txt": b"x"}, "lead out"),
    ("an absolute name", {"/etc/evil.txt": b"x"}, "not absolute"),
    ("a drive", {"C:evil.txt": b"x"}, "not absolute"),
    ("a backslash", {"a\\..\\evil.txt": b"x"}, "names use '/'"),
    ("capitals alone", {"a.txt": b"x", "A.TXT": b"y"}, "capitals alone"),
    ("the card in capitals", {"CARD.JSON": b"x"}, "capitals alone"),
    ("a file that is a folder", {"a.txt": b"x", "a.txt/b.txt": b"y"}, "a file and a folder"),
    ("Python", {"run.py": b"x"}, "no code"),
    ("a pickle", {"weights.pkl": b"x"}, "no code"),
    ("a library", {"ops.so": b"x"}, "no code"),
    ("a name of Windows", {"nul.txt": b"x"}, "on every system"),
    ("a stream of Windows", {"a.txt:b.txt": b"x"}, "on every system"),
    ("a dot at the end", {"a.txt.": b"x"}, "on every system"),
]


@pytest.mark.parametrize(("files", "said"), [n[1:] for n in NASTY], ids=[n[0] for n in NASTY])
def test_names_that_do_harm_are_refused(
    shelf: Path, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    """Listed by the card, with the right checksums."""
    path = write_archive_of(tmp_path / "evil.zip", {"card.json": card_text("evil", files), **files})
    with pytest.raises(cuecast.PackError, match=said) as refused:
        import_archive(path)
    assert str(path) in str(refused.value)
    assert everything(shelf) == []


def test_a_link_is_refused(shelf: Path, tmp_path: Path) -> None:
    target = b"/etc/passwd"
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("card.json", card_text("link", {"a.txt": target}))
        info = zipfile.ZipInfo("a.txt")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    with pytest.raises(cuecast.PackError, match=r"a\.txt is a link"):
        import_archive(path)
    assert everything(shelf) == []


def test_a_bomb_is_refused_before_it_is_unpacked(shelf: Path, tmp_path: Path) -> None:
    bomb = bytes(30 << 20)
    path = write_archive_of(
        tmp_path / "bomb.zip", {"card.json": card_text("b", {"a.onnx": bomb}), "a.onnx": bomb}
    )
    assert path.stat().st_size < 100_000
    with pytest.raises(cuecast.PackError, match=r"a\.onnx unpacks to 31457280 bytes"):
        import_archive(path)
    assert everything(shelf) == []


def test_more_less_or_other_than_the_card_lists(shelf: Path, tmp_path: Path) -> None:
    card = card_text("odd", {"a.onnx": ONNX})
    for members, said in (
        ({"a.onnx": ONNX, "b.onnx": ONNX}, r"b\.onnx, which its card does not list"),
        ({}, r"a\.onnx is on its card and not in it"),
        ({"a.onnx": ONNX[:-1] + b"!"}, r"a\.onnx is corrupt"),
    ):
        path = write_archive_of(tmp_path / "odd.zip", {"card.json": card, **members})
        with pytest.raises(cuecast.PackError, match=said):
            import_archive(path)
    with pytest.raises(cuecast.PackError, match=r"no card\.json in it"):
        import_archive(write_archive_of(tmp_path / "none.zip", {"a.onnx": ONNX}))
    with pytest.raises(cuecast.PackError, match=r"card\.json: is not valid JSON"):
        import_archive(write_archive_of(tmp_path / "text.zip", {"card.json": "{"}))
    with pytest.raises(cuecast.PackError, match="is a folder"):
        import_archive(tmp_path)
    with pytest.raises(cuecast.PackError, match="there is no such pack"):
        import_archive(tmp_path / "nothing.zip")
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(cuecast.PackError, match=r"nor a readable \.zip"):
        import_archive(tmp_path / "no.zip")
    assert everything(shelf) == []


def test_a_card_that_is_wrong_is_refused_by_its_field(shelf: Path, tmp_path: Path) -> None:
    path = write_archive_of(tmp_path / "a.zip", {"card.json": card_text("a", {}, licence="MIT License")})
    with pytest.raises(cuecast.PackError, match=r"card\.json: licence: 'MIT License' is no SPDX expression"):
        import_archive(path)
    folder = write_pack(tmp_path / "b", {}, country="Germany")
    with pytest.raises(cuecast.PackError, match=r"card\.json: country: 'Germany' is no country"):
        write_archive(open_pack(folder), tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()
    assert everything(shelf) == []


def test_a_concept_that_cannot_be_read_leaves_nothing_behind(shelf: Path, tmp_path: Path) -> None:
    files = {"concepts/red/cues.json": b'{"version": 1, "classes": [], "cues": []}'}
    path = write_archive_of(tmp_path / "a.zip", {"card.json": card_text("a", files), **files})
    with pytest.raises(cuecast.CueSetError, match="there is no class"):
        import_archive(path)
    numbers = {"thresholds": {"score": "high"}}
    path = write_archive_of(tmp_path / "b.zip", {"card.json": card_text("b", {}, **numbers)})
    with pytest.raises(cuecast.PackError, match=r"card\.json: thresholds: it cannot be used"):
        import_archive(path)
    assert everything(shelf) == []


def test_a_folder_that_is_no_pack_is_never_replaced(shelf: Path, tmp_path: Path) -> None:
    (shelf / "coins").mkdir(parents=True)
    (shelf / "coins" / "thesis.txt").write_text("mine")
    with pytest.raises(cuecast.PackError, match="something of that name"):
        import_archive(sound(tmp_path), replace=True)
    assert everything(shelf) == ["coins", "coins/thesis.txt"]


def test_what_a_killed_import_left_is_no_pack_and_goes(shelf: Path, tmp_path: Path) -> None:
    write_pack(shelf / ".cuecast-0123", {"notes.txt": b"half"})
    with pytest.raises(cuecast.PackError, match=r"no pack '\.cuecast-0123' is installed"):
        remove_pack(".cuecast-0123")
    import_archive(sound(tmp_path))
    assert [p.name for p in shelf.iterdir()] == ["coins"]


def test_a_pack_is_never_lost_on_the_way(shelf: Path, tmp_path: Path) -> None:
    """Killed between the two renames of a replacement, the former pack is back as soon as anything is put there."""
    import_archive(sound(tmp_path))
    (shelf / "coins").rename(shelf / ".former-coins")
    write_pack(shelf / ".cuecast-0123", {"notes.txt": b"new"})
    make_pack("other", shelf, open_pack("colours"))
    assert sorted(p.name for p in shelf.iterdir()) == ["coins", "other"]
    (shelf / ".former-coins").mkdir()
    remove_pack("other")
    assert [p.name for p in shelf.iterdir()] == ["coins"]


def test_a_link_on_the_shelf_is_removed_and_not_what_it_leads_to(shelf: Path, tmp_path: Path) -> None:
    made = coin_pack(tmp_path / "made")
    shelf.mkdir()
    (shelf / "coins").symlink_to(made.folder)
    remove_pack("coins")
    assert (list(shelf.iterdir()), (made.folder / "card.json").is_file()) == ([], True)


def arrays(path: Path, **named: Any) -> bytes:
    np.savez_compressed(path, **named)
    return path.read_bytes()


def test_arrays_are_numbers(shelf: Path, tmp_path: Path) -> None:
    """Objects in an .npz are pickles; and it is an archive in the archive, with a bomb of its own."""
    good = arrays(tmp_path / "good.npz", a=np.arange(5), b=np.float32(1))
    objects = arrays(tmp_path / "objects.npz", a=np.array([{"a": 1}], dtype=object))
    bomb = arrays(tmp_path / "bomb.npz", a=np.zeros(30 << 20, np.uint8))
    for data, said in (
        (objects, r"m\.npz: a\.npy holds objects, not numbers"),
        (bomb, r"m\.npz: its arrays unpack to too much"),
        (b"cut short", r"m\.npz: it holds no arrays that can be read"),
    ):
        files = {"m.npz": data}
        path = write_archive_of(tmp_path / "a.zip", {"card.json": card_text("a", files), **files})
        with pytest.raises(cuecast.PackError, match=said):
            import_archive(path)
        assert everything(shelf) == []
    files = {"m.npz": good}
    import_archive(write_archive_of(tmp_path / "b.zip", {"card.json": card_text("b", files), **files}))
    assert open_pack("b").files["m.npz"].path.read_bytes() == good


def test_a_made_pack_holds_what_differs(tmp_path: Path) -> None:
    base = make_pack("base", tmp_path, None, segmenter="colour", files={"a.onnx": b"1", "b.onnx": b"2"})
    above = make_pack("above", tmp_path, base, files={"a.onnx": b"1", "b.onnx": b"3"})
    assert list(above.own_files) == ["b.onnx"]
    assert {n: f.path.read_bytes() for n, f in above.files.items()} == {"a.onnx": b"1", "b.onnx": b"3"}
    assert above.card["base"] == {"name": "base", "digest": base.digest}
    with pytest.raises(cuecast.PackError, match="files: is made and not given"):
        make_pack("other", tmp_path, base, fields={"files": {}})
    with pytest.raises(cuecast.PackError, match="'a/b' is no name of a concept"):
        make_pack("other", tmp_path, base, concepts={"a/b": tmp_path})
    with pytest.raises(cuecast.PackError, match=r"name: '\.\./x' is no name of a pack"):
        make_pack("../x", tmp_path, base)
    with pytest.raises(cuecast.PackError, match="another pack of that name"):
        make_pack("above", tmp_path, base)
    made = (above.folder / "card.json").stat().st_ino
    assert make_pack("above", tmp_path, base, files={"b.onnx": b"3"}).digest == above.digest
    assert (above.folder / "card.json").stat().st_ino == made
    assert sorted(p.name for p in tmp_path.iterdir()) == ["above", "base"]


def test_a_cue_set_in_an_archive_becomes_a_concept(tmp_path: Path) -> None:
    from cuecast.cuesets.edit import pack_cueset

    cues = pack_cueset(write_cueset(tmp_path / "cues"), tmp_path / "cues.zip")
    pack = coin_pack(tmp_path / "packs", cueset=cues)
    assert list(pack.concepts) == ["red"]
    assert json.loads((pack.folder / "card.json").read_text())["organisation"] == CARD["organisation"]
