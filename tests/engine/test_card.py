"""Cards of packs: what is right is taken, what is wrong is named by its field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from small_packs import CARD

from cuecast.core.errors import PackError
from cuecast.engine.card import (
    FIELDS,
    NUMBERS,
    check_card,
    concept_name,
    concept_names,
    concept_problem,
    licence_problem,
    problems,
    stated,
)
from cuecast.engine.packs import WHEEL_PACKS, open_pack

DOCS = Path(__file__).parents[2] / "docs" / "packs.md"
LEAST: dict[str, Any] = {"version": 1, "name": "mine", "segmenter": "colour", "files": {}}
HASH = "0" * 64


def test_the_least_card_and_a_full_one_are_sound() -> None:
    check_card(LEAST, "mine")
    base = {"name": "general", "digest": HASH}
    files = {"decode.onnx": HASH, "concepts/red/cues.json": HASH}
    concepts = {"red": {"summary": "Red coins.", "scores": {"mean": {"1": 0.5}}}}
    full = LEAST | CARD | {"base": base, "files": files, "concepts": concepts, "region": "Bavaria"}
    check_card(full, "mine")
    assert concept_names(full) == ["red"]


def test_what_is_left_out_has_its_default() -> None:
    assert (stated(LEAST, "licence"), stated(LEAST, "data"), stated(LEAST, "country")) == (
        "NOASSERTION",
        [],
        None,
    )
    assert stated(LEAST | {"limits": None}, "limits") == []


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("coin (10 baht)", "coin 10 baht"),
        ("a/b: left\tside", "a b left side"),
        ("细胞核", "细胞核"),
        ("-.-", ""),
        ("x" * 63 + " y", "x" * 63),
        ("nucleus", "nucleus"),
    ],
)
def test_a_class_lends_its_name_to_a_concept(said: str, name: str) -> None:
    assert concept_name(said) == name
    assert not name or concept_problem(name) is None


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": "a/b"}, "name: 'a/b' is no name of a pack"),
    ({"name": "CON"}, "name: 'CON' is no name"),
    ({"name": 3}, "name: 3 is no name"),
    ({"version": 2}, "version: 2 is not 1: update cuecast"),
    (
        {"segmenter": "sam"},
        "segmenter: 'sam' is unknown, known are colour, dino, matching, sam2, sam3, seggpt",
    ),
    ({"organization": "Us"}, "organization: is no field of a card; 'organisation' is"),
    ({"base": {"name": "general"}}, "base.digest: is not stated"),
    ({"base": {"name": "general", "digest": "0"}}, "base.digest: is no SHA-256"),
    ({"files": {"a.onnx": "0"}}, "files.a.onnx: is no SHA-256"),
    ({"files": {"card.json": HASH}}, "files.card.json: is never listed"),
    ({"files": []}, "files: is list '[]', an object is expected"),
    ({"licence": "MIT License"}, "licence: 'MIT License' is no SPDX expression; write an SPDX expression"),
    ({"data": [{"name": "a", "licence": "MIT"}, {"name": "b"}]}, "data[1].licence: is not stated"),
    ({"data": [{"name": "a", "licence": "CC BY 4.0"}]}, "data[0].licence: SPDX knows no licence 'CC BY 4.0'"),
    (
        {"data": [{"name": "a", "licence": "MIT", "license": "MIT"}]},
        "data[0].license: is not known; name, licence",
    ),
    ({"data": {"a": "MIT"}}, "data: is dict, a list is expected"),
    ({"date": "30.11.2026"}, "date: '30.11.2026' is no date; write it as 2026-11-30"),
    ({"country": "Germany"}, "country: 'Germany' is no country"),
    ({"sector": ["industry"]}, "sector: is list"),
    ({"limits": "none"}, "limits: is str, a list is expected"),
    ({"limits": [3]}, "limits[0]: is int '3', a text is expected"),
    ({"scores": {"mean": {"1": [0.5]}}}, "scores.mean.1: is neither a number nor a text"),
    ({"concepts": {"red": {}}}, "concepts.red: has no cue set: 'concepts/red/cues.json'"),
    ({"files": {"concepts/ red/cues.json": HASH}}, "files.concepts/ red: ' red' is no name of a concept"),
    ({"files": {"concepts/a/b/cues.json": HASH}}, "files.concepts/a/b/cues.json: is of no concept"),
    ({"files": {"concepts/notes.txt": HASH}}, "files.concepts/notes.txt: is of no concept"),
    ({"backbone": {"weights": "x"}}, "backbone.licence: is not stated"),
    ({"preprocessing": [1]}, "preprocessing: is list"),
]


@pytest.mark.parametrize(("fields", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_wrong_field_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(PackError) as refused:
        check_card(LEAST | fields, "mine")
    assert f"mine: card.json: {said}" in str(refused.value)
    assert "docs/packs.md" in str(refused.value)


@pytest.mark.parametrize("name", ["version", "name", "segmenter", "files"])
def test_what_is_needed_is_asked_for(name: str) -> None:
    card = {k: v for k, v in LEAST.items() if k != name}
    assert (name, "is not stated") in list(problems(card))


@pytest.mark.parametrize(
    "licence",
    ["MIT", "Apache-2.0 AND CC-BY-4.0", "GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-Ours", "NONE",
     "MIT OR DocumentRef-a:LicenseRef-b", "NOASSERTION"],
)  # fmt: skip
def test_licences_that_spdx_takes(licence: str) -> None:
    assert licence_problem(licence) is None


@pytest.mark.parametrize(
    "licence", ["", " ", "MIT OR", "(MIT", "other-permissive", "LicenseRef-", None, 3, "MIT MIT"]
)
def test_licences_that_spdx_does_not_take(licence: object) -> None:
    assert "write an SPDX expression" in str(licence_problem(licence))


@pytest.mark.parametrize("folder", sorted(WHEEL_PACKS.glob("*/card.json")), ids=lambda p: p.parent.name)
def test_the_cards_of_the_package_are_sound(folder: Path) -> None:
    assert list(problems(json.loads(folder.read_text(encoding="utf-8")))) == []
    open_pack(folder.parent).verify()  # its files, and those of what it stands on


def test_the_page_says_of_each_field_what_the_table_says() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for name, field in FIELDS.items():
        assert f"| `{name}` | {field.about} |" in page, name
    assert FIELDS.keys() >= set(NUMBERS)
