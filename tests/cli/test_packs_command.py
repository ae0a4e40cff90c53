"""`cuecast packs`: what is listed, what a card says, what a corrupt or unknown pack gets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from commands import one_line

import cuecast
from cuecast.cli import run


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
    assert lines[0].split(maxsplit=1) == ["mine", "Für Münzen."]
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
