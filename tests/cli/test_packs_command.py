"""`cuecast packs`: what is listed, what a card says, what a corrupt or unknown pack gets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import one_line
from PIL import Image
from small_packs import CARD, coin_pack, picture, write_cueset

import cuecast
from cuecast.catalogue.make import make_pack
from cuecast.cli import run
from cuecast.engine.packs import open_pack


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packs in $CUECAST_PACKS with one pack `mine` that has a file."""
    folder = tmp_path / "packs" / "mine"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"12345")
    card = {
        "version": 1,
        "name": "mine",
        "segmenter": "colour",
        "summary": "Für Münzen.",
        "files": {"weights.bin": hashlib.sha256(b"12345").hexdigest()},
        "scores": {"dev": {"iou": 0.5}},
        "limits": ["round things only"],
    }
    (folder / "card.json").write_text(json.dumps(card))
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "packs"))
    return folder


def test_list_tells_name_and_summary(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["packs", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    digest = cuecast.load("mine").pack.digest
    assert lines[0].split(maxsplit=3) == ["mine", digest[:12], "unsigned", "Für Münzen."]
    assert any(line.startswith("colours ") for line in lines)
    assert run(["packs", "list", "--json"]) == 0
    listed = {p["name"]: p for p in json.loads(capsys.readouterr().out)}
    assert listed["mine"]["folder"] == str(own)
    assert listed["colours"]["digest"] == cuecast.load("colours").pack.digest


def test_info_by_name_and_by_folder(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["packs", "info", "mine"]) == 0
    text = capsys.readouterr().out
    assert "checksums right" in text
    assert '  dev: {"iou": 0.5}' in text
    assert "  - round things only" in text
    assert run(["packs", "info", str(own), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"]["limits"] == ["round things only"]


def test_corrupt_and_unknown_packs_fail_in_one_line(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "weights.bin").write_bytes(b"1234")
    assert run(["packs", "info", "mine"]) == 1
    assert "weights.bin is corrupt, its checksum is not the card's" in one_line(capsys.readouterr().err)
    assert run(["packs", "info", "yours"]) == 1
    assert "no pack 'yours'" in one_line(capsys.readouterr().err)


def test_a_pack_is_made_mailed_and_used_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """made -> exported -> imported elsewhere -> segments by its concept -> listed -> removed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUECAST_PACKS", "here")
    write_cueset(tmp_path / "cues")
    Path("card.json").write_text(json.dumps(CARD))
    made = ["packs", "make", "coins", "--base", "colours", "--concept", "red=cues", "--card", "card.json"]
    assert run(made) == 0
    assert run(made) == 0
    assert run(made[:-2]) == 1
    assert "another pack of that name" in one_line(capsys.readouterr().err)
    assert run(["packs", "export", "coins", "-o", "coins.zip"]) == 0
    assert capsys.readouterr().err.startswith("cuecast: note: coins stands on colours")
    monkeypatch.setenv("CUECAST_PACKS", "there")
    assert run(["packs", "import", "coins.zip"]) == 0
    assert Path("there/coins/card.json").is_file()
    capsys.readouterr()
    assert run(["packs", "import", "coins.zip"]) == 0
    assert "the very same: its files stay" in capsys.readouterr().err
    Image.fromarray(picture(7)).save("query.png")
    shown = ["--pack", "coins", "--concept", "red"]
    assert run(["segment", "query.png", *shown, "-o", "out", "-q"]) == 0
    mask = np.array(Image.open("out/masks/query.png"))
    assert (mask > 0).sum() == 7 * 12
    capsys.readouterr()
    assert run(["packs", "list"]) == 0
    assert "coins" in capsys.readouterr().out.splitlines()[0]
    assert run(["packs", "info", "coins", "-o", "card.html"]) == 0
    assert "concept       red: coin, 1 cue." in capsys.readouterr().out
    assert "Red coins on blue cloth" in Path("card.html").read_text()
    assert run(["packs", "remove", "coins"]) == 0
    assert not Path("there/coins").exists()


def test_a_concept_is_a_cue_set_that_is_not_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "packs"))
    coin_pack(tmp_path / "packs")
    Image.fromarray(picture(7)).save(tmp_path / "query.png")
    segment = ["segment", str(tmp_path / "query.png"), "-o", str(tmp_path / "out"), "--pack", "coins"]
    assert run([*segment, "--concept", "blue"]) == 1
    assert "no concept 'blue'; its concepts are: red" in one_line(capsys.readouterr().err)
    assert run([*segment, "--concept", "red", "--cues", "x"]) == 2
    assert "give one of them" in one_line(capsys.readouterr().err)
    suggest, check = ["suggest", str(tmp_path / "query.png")], ["cues", "check"]
    for words in ([*suggest, "--cues", "x"], [*check, "x"]):
        assert run([*words, "--concept", "red", "--pack", "coins"]) == 2
        assert "give one of them" in one_line(capsys.readouterr().err)
    for words in (suggest, check):
        assert run(words) == 2
        assert "--concept NAME of a pack" in one_line(capsys.readouterr().err)
        assert run([*words, "--concept", "blue", "--pack", "coins"]) == 1
        assert "no concept 'blue'; its concepts are: red" in one_line(capsys.readouterr().err)
    assert run([*segment, "--concept", "red", "--class", "coin"]) == 2
    assert run([*segment, "--concept", "red", "--pack", "colours"]) == 1
    assert "its concepts are: none" in capsys.readouterr().err.splitlines()[-1]


def test_the_catalogue_is_said_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "packs"))
    coin_pack(tmp_path / "packs")
    assert run(["packs", "catalogue"]) == 0
    text = capsys.readouterr().out
    assert "Coin Works" in text
    assert "by country or region: " in text
    assert run(["packs", "catalogue", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["place"]["DE"] == 1
    for name, word in (("a.html", "<h1>Packs</h1>"), ("a.csv", "coins"), ("a.json", '"Coin Works"')):
        assert run(["packs", "catalogue", "-o", str(tmp_path / name)]) == 0
        assert word in (tmp_path / name).read_text(encoding="utf-8")
    assert run(["packs", "catalogue", "-o", "a.pdf"]) == 2
    assert run(["packs", "export", "coins", "-o", "a.tar"]) == 2
    assert run(["packs", "info", "coins", "-o", "a.txt"]) == 2


def test_a_concept_is_found_in_films_volumes_and_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command that takes cues takes a concept; nothing is marked here."""
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUECAST_PACKS", "packs")
    grey = (200, 200, 200)
    coin_pack(tmp_path / "packs")
    make_pack(
        "grey", tmp_path / "packs", open_pack("colours"), concepts={"red": write_cueset(Path("greys"), grey)}
    )
    Path("film").mkdir()
    stack = np.full((3, 12, 16), 30, np.uint8)
    for i, columns in enumerate((3, 5, 7)):
        Image.fromarray(picture(columns)).save(f"film/{i}.png")
        stack[i, :, :columns] = 200
    tifffile.imwrite("stack.tif", stack, photometric="minisblack", metadata={"axes": "ZYX"})
    profile = {
        "driver": "GTiff",
        "width": 16,
        "height": 12,
        "count": 3,
        "dtype": "uint8",
        "crs": "EPSG:32632",
    }
    place = rasterio.Affine(1, 0, 500_000, 0, -1, 5_000_000)
    with rasterio.open("map.tif", "w", transform=place, **profile) as raster:
        raster.write(picture(7).transpose(2, 0, 1))
    shown = ["--concept", "red", "-q"]
    assert run(["suggest", "film", *shown, "--pack", "coins"]) == 0
    assert run(["cues", "check", *shown, "--pack", "coins"]) == 0
    assert run(["track", "film", *shown, "--pack", "coins", "-o", "tracked"]) == 0
    found = [(np.array(Image.open(p)) > 0).sum() for p in sorted(Path("tracked/masks").glob("*.png"))]
    assert found == [36, 60, 84]
    assert run(["map", "map.tif", *shown, "--pack", "coins", "-o", "mapped"]) == 0
    with rasterio.open("mapped/mask.tif") as mask:
        assert (mask.read(1) == 1).sum() == 84
    assert run(["volume", "stack.tif", *shown, "--pack", "grey", "--window", "0,255", "-o", "scanned"]) == 0
    assert (tifffile.imread(next(Path("scanned/masks").iterdir())) > 0).sum(axis=(1, 2)).tolist() == [
        36,
        60,
        84,
    ]
