"""Packs that stand on another: what is theirs, what is the base's, and how it is found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from small_packs import coin_pack, picture, write_cueset, write_pack

import cuecast
from cuecast.catalogue.make import make_pack
from cuecast.engine.packs import WHEEL_PACKS, list_packs, open_pack

GENERAL = (WHEEL_PACKS / "general" / "card.json").is_file()


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def test_files_and_numbers_are_the_bases_where_they_are_not_stated(tmp_path: Path) -> None:
    numbers = {"thresholds": {"score": 0.4, "found": 0.7}, "area": {"spread": 1.0, "freedom": 0.5}}
    files = {"a.onnx": b"1", "b.onnx": b"2"}
    base = make_pack("base", tmp_path, segmenter="colour", files=files, fields=numbers)
    card = {"thresholds": {"score": 0.6}, "area": None}
    wanted = {"name": "base", "digest": base.digest}
    folder = write_pack(tmp_path / "above", {"b.onnx": b"3"}, base=wanted, **card)
    above = open_pack(folder)
    assert above.thresholds.score == 0.6
    assert above.area_prior is None
    assert base.area_prior is not None
    assert above.files["a.onnx"].path == base.folder / "a.onnx"
    assert above.files["b.onnx"].path == folder / "b.onnx"
    above.verify()
    top = make_pack("top", tmp_path, above)
    assert top.files == above.files
    assert top.thresholds.score == 0.6
    (base.folder / "a.onnx").write_bytes(b"0")
    with pytest.raises(cuecast.PackError, match=r"base: a\.onnx is corrupt"):
        open_pack("top" if (tmp_path / "shelf").exists() else top.folder).verify()


def test_the_digest_covers_the_base(tmp_path: Path) -> None:
    first = make_pack("base", tmp_path / "1", segmenter="colour", files={"a.onnx": b"1"})
    second = make_pack("base", tmp_path / "2", segmenter="colour", files={"a.onnx": b"2"})
    above = [make_pack("above", base.folder.parent, base) for base in (first, second)]
    assert above[0].own_files == above[1].own_files == {}
    assert above[0].digest != above[1].digest


def test_a_base_is_found_by_name_and_digest(tmp_path: Path, shelf: Path) -> None:
    base = coin_pack(tmp_path / "made")
    above = make_pack("above", tmp_path / "made", base)
    moved = tmp_path / "moved" / "above"
    moved.parent.mkdir()
    above.folder.rename(moved)
    with pytest.raises(
        cuecast.PackError, match=rf"the pack coins with the digest {base.digest[:12]}, and none is"
    ):
        cuecast.load(moved)
    other = coin_pack(shelf, summary="Another.")
    with pytest.raises(
        cuecast.PackError, match=rf"and another one is there \({other.digest[:12]} in .*coins\)"
    ):
        cuecast.load(moved)
    listed = {p.name for p in list_packs()}
    assert "coins" in listed
    # The very one beside it counts, whatever lies on the search path.
    base.folder.rename(moved.parent / "coins")
    assert open_pack(moved).base is not None
    assert cuecast.load(moved).pack.digest == above.digest


def test_a_base_is_known_by_its_digest_where_its_folder_has_another_name(tmp_path: Path) -> None:
    base = coin_pack(tmp_path / "packs")
    renamed = base.folder.rename(tmp_path / "packs" / "v2_final")
    (tmp_path / "packs" / "data").mkdir()
    (tmp_path / "packs" / "data" / "card.json").write_text('{"licence": "no pack at all"}')
    above = make_pack("above", tmp_path / "packs", open_pack(renamed))
    assert above.card["base"]["name"] == "coins"
    found = open_pack(above.folder).base
    assert found is not None
    assert found.folder == renamed


def test_a_base_of_another_segmenter_is_refused(tmp_path: Path) -> None:
    wanted = {"name": "colours", "digest": open_pack("colours").digest}
    folder = write_pack(tmp_path / "above", base=wanted, segmenter="matching")
    with pytest.raises(cuecast.PackError, match="another segmenter than its base colours"):
        cuecast.load(folder)


@pytest.mark.parametrize(
    "base", ["general", ["general"], {"name": "general"}, {"name": "../x", "digest": "0" * 64}]
)
def test_a_base_that_is_written_wrongly_is_named(tmp_path: Path, base: object) -> None:
    with pytest.raises(cuecast.PackError, match=r"card\.json: base"):
        open_pack(write_pack(tmp_path / "above", base=base))


def test_a_broken_pack_does_not_hide_the_others(shelf: Path) -> None:
    coin_pack(shelf)
    (shelf / "broken").mkdir()
    (shelf / "broken" / "card.json").write_text("{")
    with pytest.warns(cuecast.CuecastWarning, match=r"broken: card\.json cannot be read.*left out"):
        assert {"coins", "colours"} <= {p.name for p in list_packs()}


def test_concepts_by_name(tmp_path: Path) -> None:
    green = write_cueset(tmp_path / "green", (30, 160, 30), "leaf")
    pack = make_pack(
        "two", tmp_path, open_pack("colours"), concepts={"红色": write_cueset(tmp_path / "r"), "leaf": green}
    )
    assert list(pack.concepts) == ["leaf", "红色"]
    predictor = cuecast.load(pack.folder)
    assert [c.name for c in predictor.concept("leaf").classes] == ["leaf"]
    found = predictor.concept("红色").segment(picture(3)).mask
    assert np.array_equal(found, np.arange(16)[None].repeat(12, 0) < 3)
    with pytest.raises(cuecast.PackError, match=r"it has no concept 'moss'; its concepts are: leaf, 红色"):
        predictor.concept("moss")
    assert json.loads((pack.folder / "card.json").read_text())["base"]["name"] == "colours"


@pytest.mark.skipif(not GENERAL, reason="the pack general is not in this checkout")
def test_what_is_the_same_is_in_memory_once(tmp_path: Path) -> None:
    """One copy of both networks, and a picture is encoded once for both packs."""
    base = open_pack("general")
    stated = base.card["thresholds"]["score"]
    given = {"thresholds": {**base.card["thresholds"], "score": stated - 0.1}}
    above = make_pack("above", tmp_path, base, fields=given)
    assert above.bytes == 0
    one, two = (cuecast.load(p.folder, threads=1) for p in (base, above))
    assert one.segmenter.viewer is two.segmenter.viewer
    assert one.segmenter.decoder._session is two.segmenter.decoder._session
    assert (one.pack.thresholds.score, two.pack.thresholds.score) == (stated, stated - 0.1)
    other = cuecast.load(above.folder, threads=2)
    assert other.segmenter.viewer is not one.segmenter.viewer


@pytest.mark.skipif(not GENERAL, reason="the pack general is not in this checkout")
@pytest.mark.parametrize("name", ["decode.onnx", "encode.onnx", "matcher.npz"])
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    base = open_pack("general")
    wanted = {"name": base.name, "digest": base.digest}
    folder = write_pack(tmp_path / "above", {name: b"no such thing"}, base=wanted, segmenter="matching")
    with pytest.raises(cuecast.PackError, match=rf"{name}: .*install the pack again"):
        cuecast.load(folder, threads=1)
