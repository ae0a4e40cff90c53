"""Where weights lie on this machine is told to who sits at it, and to nobody else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cuecast.catalogue.describe import as_record, as_told
from cuecast.catalogue.listing import listed
from cuecast.engine.packs import Pack, open_pack


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """One whose card names a folder of weights, in its texts, too."""
    place, folder = tmp_path / "my weights", tmp_path / "packs" / "large"
    place.mkdir()
    folder.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    card = {
        "version": 1,
        "name": "large",
        "segmenter": "dino",
        "summary": f"A model with weights in {place}.",
        "limits": [f"As {place}/README.md says."],
        "files": {},
        "weights": {
            "folder": str(place),
            "files": {"config.json": hashlib.sha256(b"{}").hexdigest()},
            "licence": "Apache-2.0",
        },
    }
    (folder / "card.json").write_text(json.dumps(card))
    return open_pack(folder)


def test_what_is_told_says_nothing_of_folders(pack: Pack, tmp_path: Path) -> None:
    record = as_told(pack)
    assert str(tmp_path) not in json.dumps(record)
    assert record["summary"] == record["card"]["summary"] == listed(pack).summary == "A model with weights."
    assert record["card"]["limits"] == ["As README.md says."]
    assert record["card"]["weights"].keys() == {"files", "licence"}
    assert as_record(pack)["card"]["weights"]["folder"] == str(tmp_path / "my weights")


def test_a_text_about_a_pack_that_stands_on_it_neither(pack: Pack, tmp_path: Path) -> None:
    folder = tmp_path / "packs" / "above"
    folder.mkdir()
    base = {"name": "large", "digest": pack.digest}
    card = {"version": 1, "name": "above", "segmenter": "dino", "base": base, "files": {}}
    (folder / "card.json").write_text(json.dumps(card))
    place = tmp_path / "my weights"
    above = open_pack(folder)
    assert above.without_places(f"a.json of its weights is not in {place}") == "a.json of its weights is not"
    assert above.without_places(f"{place}: it is gone") == "the folder of its weights: it is gone"
