"""The catalogue: who made which pack where, and how many there are of each kind."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_packs import coin_pack, write_pack

from cuecast.catalogue.describe import as_record, as_text, write_card_page, write_catalogue_page
from cuecast.catalogue.listing import as_csv, as_json, counts, listed, shown, size
from cuecast.core.errors import PackError
from cuecast.engine.packs import open_pack

EVIL = "<script>alert(1)</script>"


def test_a_pack_in_a_line(tmp_path: Path) -> None:
    pack = coin_pack(tmp_path / "packs", region="Bavaria")
    found = listed(pack)
    assert (found.name, found.digest, found.base, found.signature) == ("coins", pack.digest, "colours", None)
    assert (found.organisation, found.place, found.sector) == ("Coin Works", "DE, Bavaria", "industry")
    assert (found.licence, found.data_licences, found.scores) == (
        "MIT",
        ("CC-BY-4.0",),
        {"1": 0.5, "5": 0.75},
    )
    assert (found.concepts, found.date, found.builtin, found.problem) == (("red",), "2026-11-30", False, None)
    assert found.bytes == sum((pack.folder / n).stat().st_size for n in pack.own_files) > 100
    assert shown(found, "scores") == "1: 0.500, 5: 0.750"
    assert json.loads(json.dumps(found.as_dict()))["concepts"] == ["red"]


def test_a_card_that_nobody_has_checked_is_listed_all_the_same(tmp_path: Path) -> None:
    odd = {"licence": 3, "data": [{"licence": None}, "x"], "scores": "good", "sector": ["a"], "summary": None}
    found = listed(open_pack(write_pack(tmp_path / "odd", {}, **odd)))
    assert (found.licence, found.data_licences, found.scores, found.sector) == (
        "NOASSERTION",
        ("NOASSERTION",),
        {},
        None,
    )
    base = {"name": "gone", "digest": "0" * 64}
    assert "none is there" in str(listed(open_pack(write_pack(tmp_path / "above", base=base))).problem)
    text = as_text(open_pack(tmp_path / "odd")).splitlines()
    assert "wrong         licence: 3 is no licence" in "\n".join(text)
    assert "wrong         data[0].name: is not stated" in text
    with pytest.raises(PackError, match=r"card\.json: licence: 3 is no licence"):
        write_card_page(open_pack(tmp_path / "odd"), tmp_path / "page.html")
    folder = write_pack(tmp_path / "less", {"a.onnx": b"1"})
    (folder / "a.onnx").unlink()
    assert listed(open_pack(folder)).problem == "a.onnx is missing"


def test_a_pack_in_the_current_folder_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(coin_pack(tmp_path / "packs").folder)
    assert listed(open_pack(".")).name == "coins"


def test_counts_begin_with_the_most_and_a_pack_counts_once_for_each_licence(tmp_path: Path) -> None:
    one = listed(coin_pack(tmp_path / "packs"))
    two = replace(one, name="two", country="CN", region=None, sector=None, data_licences=("MIT", "CC-BY-4.0"))
    three = replace(
        one, name="three", country="CN", organisation=None, data_licences=(), licence="NOASSERTION"
    )
    found = counts([one, two, three])
    assert list(found["place"].items()) == [("CN", 2), ("DE", 1)]
    assert found["sector"] == {"industry": 2, "not stated": 1}
    assert found["data_licences"] == {"CC-BY-4.0": 2, "MIT": 1, "not stated": 1}
    assert found["licence"] == {"MIT": 2, "not stated": 1}
    assert as_json([one, two, three])["counts"] == found


def test_the_table_reads_back(tmp_path: Path) -> None:
    one = replace(
        listed(coin_pack(tmp_path / "packs")), organisation="=cmd(); a, b", data_licences=("MIT", "NONE")
    )
    (row,) = csv.DictReader(io.StringIO(as_csv([one])))
    assert row["organisation"] == "'=cmd(); a, b"
    assert (row["data_licences"], row["concepts"], row["country"]) == ("MIT; NONE", "red", "DE")
    assert json.loads(row["scores"]) == {"1": 0.5, "5": 0.75}
    assert row["region"] == ""


class Words(HTMLParser):
    """The words of a page, and its scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_of_the_catalogue(tmp_path: Path) -> None:
    one = listed(coin_pack(tmp_path / "packs"))
    two = replace(one, name="two", organisation=EVIL, problem="its base is gone", signature="signed by ab")
    page = Words(write_catalogue_page([one, two], tmp_path / "page.html"))
    assert "script" not in page.tags
    for word in ("2 packs", "coins", "on colours", "Concepts: red", "Coin Works", EVIL, "CC-BY-4.0", "0.750",
                 "Cannot be used: its base is gone", "signed by ab", one.digest[:12],
                 "By sector industry 2"):  # fmt: skip
        assert word in page.text, word
    assert "0 packs" in Words(write_catalogue_page([], tmp_path / "none.html")).text


def test_the_page_of_a_card(tmp_path: Path) -> None:
    pack = coin_pack(tmp_path / "packs", summary=EVIL, concepts={"red": {"summary": "Red coins."}})
    page = Words(write_card_page(pack, tmp_path / "page.html"))
    assert "script" not in page.tags
    assert page.tags.count("img") == 1
    for word in (EVIL, "Coin Works", "Red coins on blue cloth.", "Round things only.", "Red coins.", "coin; 1 cue",
                 "0.75", "our own", "CC-BY-4.0", pack.digest, pack.own_files["notes.txt"]):  # fmt: skip
        assert word in page.text, word
    bare = Words(write_card_page(open_pack(write_pack(tmp_path / "bare")), tmp_path / "bare.html")).text
    assert bare.count("ot stated") >= 3


def test_a_card_as_text_and_record(tmp_path: Path) -> None:
    pack = coin_pack(tmp_path / "packs", thresholds={"score": 0.4})
    text = as_text(pack)
    for line in ("licence       MIT", "concept       red: coin, 1 cue.", "  - Round things only.",
                 "engine        thresholds: --json shows them",
                 f"base          colours, digest {pack.card['base']['digest']}"):  # fmt: skip
        assert line in text.splitlines(), line
    record = as_record(pack)
    assert record["concepts"] == [{"name": "red", "summary": "", "classes": ["coin"], "cues": 1}]
    assert record["card"]["thresholds"] == {"score": 0.4}


def test_sizes_in_words() -> None:
    assert [size(n) for n in (0, 400, 99_999, 16_000_000)] == ["0", "0.4 kB", "100.0 kB", "16.0 MB"]
