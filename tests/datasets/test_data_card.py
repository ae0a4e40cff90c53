"""The papers of data: what they say, compared with the files, and read by the format's own library."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_folders import labels, save, scene, training_set
from PIL import Image

import cuecast
from cuecast.core.errors import InputError
from cuecast.core.notes import notes_to
from cuecast.cues import Cue
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.datasets.croissant import CONFORMS, data_card, not_stated
from cuecast.datasets.folder import CARD_FIELDS
from cuecast.results.review import Tick, apply_review
from cuecast.runs.images import BatchOptions, run


class Read:
    """Papers as mlcroissant reads them; it raises where they are not valid."""

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library and of those it stands on
            import mlcroissant

            logging.disable(logging.CRITICAL)
            try:
                self.dataset = mlcroissant.Dataset(jsonld=str(path))
            finally:
                logging.disable(logging.NOTSET)
        self.issues = self.dataset.metadata.ctx.issues

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records, by their fields without the name of the set; bytes as text, pictures as arrays."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.CRITICAL)
            try:
                return [
                    {k.removeprefix(f"{name}/"): self._plain(v) for k, v in record.items()}
                    for record in self.dataset.records(name)
                ]
            finally:
                logging.disable(logging.NOTSET)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Image.Image):
            return np.asarray(value)
        return value.decode() if isinstance(value, bytes) else value


def written(folder: Path, place: Path | None = None) -> tuple[dict[str, Any], Read]:
    """The papers of a folder, written into it (or to `place`), and read again."""
    place = place or folder / "croissant.json"
    card = data_card(folder, place)
    place.write_text(json.dumps(card), encoding="utf-8")
    return card, Read(place)


def files(card: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (f for f in card["distribution"] if f["@type"] == "cr:FileObject")


def marked(content: np.ndarray) -> np.ndarray:
    """Where a mask (H, W) marks something; from a folder the library gives it as RGB (H, W, 3)."""
    return (content > 0).any(-1) if content.ndim == 3 else content > 0


FULL = {
    "creator": ["A. Person"], "organisation": "Somewhere", "date": "2026-11-30", "citation": "@misc{blots}",
    "url": "https://example.org/blots", "version": "2.1.0", "note": "small", "upstream": "nature", "commit": "abc",
    "use": "train", "rai": {"personalSensitiveInformation": ["none"], "dataBiases": ["all are soft"]},
}  # fmt: skip


def test_the_papers_of_a_training_set_are_valid_and_true(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", **FULL)
    card, read = written(root)
    assert list(read.issues.errors) == []
    assert list(read.issues.warnings) == []
    assert card["conformsTo"] == list(CONFORMS)
    assert card["license"] == {
        "@type": "sc:CreativeWork", "name": "CC-BY-4.0", "url": "https://spdx.org/licenses/CC-BY-4.0"
    }  # fmt: skip
    assert not_stated(card) == []
    assert {f["contentUrl"]: f["sha256"] for f in files(card)} == {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file() and p.name != "croissant.json"
    }
    about = read.dataset.metadata
    assert (str(about.name), about.version) == ("blots", "2.1.0")
    assert about.data_biases == ["all are soft"]
    assert about.personal_sensitive_information == ["none"]
    assert about.data_collection == "Taken from someone/blots, commit abc. That has it from nature."
    assert about.data_limitations == ["small", "Licence as it was stated: CC BY 4.0 (in the README)"]
    assert card["prov:wasDerivedFrom"] == [{"@id": "https://github.com/someone/blots"}]


def test_pictures_and_masks_are_records_that_belong_together(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    for i in range(4):
        save(root / "masks_instances" / f"{i:02}.png", labels(right=i > 0))
    card, read = written(root)
    pictures = {r["name"]: r["content"] for r in read.records("pictures")}
    assert sorted(pictures) == ["00", "01", "02", "03"]
    assert (pictures["02"] == scene(2)).all()
    masks = {r["name"]: r["content"] for r in read.records("masks")}
    assert (marked(masks["00"]) == (labels(right=False) > 0)).all()
    assert sorted(r["name"] for r in read.records("objects")) == sorted(pictures)
    assert read.records("classes") == [{"id": 1, "name": "left"}, {"id": 2, "name": "right"}]
    of_masks = next(r for r in card["recordSet"] if r["@id"] == "masks")
    assert of_masks["field"][1]["dataType"] == ["cr:SegmentationMask", "sc:ImageObject"]
    assert card["rai:dataBiases"] == ["Pictures that show each class, of 4: left 4, right 3."]


def test_the_papers_of_a_cue_set_are_those_of_its_archive(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    for place in (tmp_path / "cues", tmp_path / "cues.zip"):
        new_cueset(place, ["left", "right"])
        add_cues(place, [Cue(root / "images" / "01.png", mask=root / "masks" / "01.png")])
        add_cues(
            place,
            [
                Cue(root / "images" / "02.png", boxes=[(1, 2, 30, 40)]),
                Cue(root / "images" / "03.png", absent=True),
            ],
        )
    card, read = written(tmp_path / "cues")
    zipped, archive = written(tmp_path / "cues.zip", tmp_path / "cues.croissant.json")
    for found in (read, archive):
        assert list(found.issues.errors) == []
        assert [(r["image"], r["mask"], r["marks"]) for r in found.records("cues")] == [
            ("images/01.png", "masks/01.png", "mask"), ("images/02.png", "", "boxes"), ("images/03.png", "", "absent"),
        ]  # fmt: skip
        (one,) = found.records("masks")
        assert one["name"] == "01"
        assert (marked(one["content"]) == (labels() > 0)).all()
        assert [r["name"] for r in found.records("pictures")] == ["01", "02", "03"]
    assert card["version"] == zipped["version"] == "3.0.0"
    hashes = [{f["name"]: f["sha256"] for f in files(c) if f["name"] != "cues.zip"} for c in (card, zipped)]
    assert hashes[0] == hashes[1]
    assert not any("history" in name for name in hashes[0])
    assert "1 with mask" in card["rai:dataAnnotationProtocol"]


def test_the_papers_of_results_say_who_made_them(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    cue = cuecast.Cue(root / "images" / "00.png", mask=root / "masks" / "00.png")
    concept = cuecast.load("colours").learn([cue], classes=["left"])
    out = tmp_path / "out"
    run(concept, sorted((root / "images").glob("*.png")), out, BatchOptions("p{stem}", formats=("csv",)))
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    apply_review(out, [Tick("p01", lines[1]["mask_hash"])])
    card, read = written(out)
    assert list(read.issues.errors) == []
    assert card["rai:machineAnnotationTools"] == [f"cuecast with the pack {concept.predictor.pack.digest}"]
    assert "A person called 1 of them wrong." in card["rai:dataLimitations"]
    found = {r["name"]: r for r in read.records("results")}
    for line in lines:
        assert found[line["name"]]["mask_hash"] == line["mask_hash"]
        assert found[line["name"]]["verdict"] == line["verdict"]
    assert sorted(r["name"] for r in read.records("masks")) == sorted(found)


def test_pictures_with_masks_beside_them_are_told_apart(tmp_path: Path) -> None:
    root = tmp_path / "p"
    for name in ("a b", "ü[1]", "c~d"):
        save(root / f"{name}.png", scene(len(name)))
        save(root / f"{name}_mask.png", labels())
    card, read = written(root)
    assert list(read.issues.errors) == []
    for records in ("pictures", "masks"):
        assert {r["name"] for r in read.records(records)} == {"a b", "ü[1]", "c~d"}
    assert len({f["@id"] for f in card["distribution"]}) == len(card["distribution"])


def test_equal_data_gives_equal_papers_wherever_it_lies(tmp_path: Path) -> None:
    first = training_set(tmp_path / "one" / "set")
    card = json.dumps(data_card(first))
    shutil.copytree(first, tmp_path / "two" / "set")
    (tmp_path / "two" / "set" / "croissant.json").write_text(card)
    assert json.dumps(data_card(tmp_path / "two" / "set")) == card
    (first / "papers.json").write_text("{}")
    assert json.dumps(data_card(first, first / "papers.json")) == card
    assert json.dumps(data_card(first)) != card


def test_what_is_not_stated_is_named_and_nothing_is_guessed(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", licence=None, source=None, name=None, domain=None)
    card, read = written(root)
    assert list(read.issues.errors) == []
    assert not_stated(card) == ["licence", "url", "creator", "date", "citation"]
    assert card["license"] == {"@type": "sc:CreativeWork", "name": "NOASSERTION"}
    assert card["name"] == "set"
    assert [name for name in card if name.startswith(("rai:", "prov:"))] == ["rai:dataBiases"]


def test_what_is_wrong_with_the_data_is_noted(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set")
    (root / "masks" / "03.png").unlink()
    notes: list[str] = []
    with notes_to(notes.append):
        card = data_card(root)
    assert notes == [f"{root}: 1 things are wrong with it: cuecast data check {root}"]
    assert card["rai:dataCollectionMissingData"] == "1 of 4 pictures have no mask."


def test_a_field_that_the_vocabulary_does_not_have_is_refused(tmp_path: Path) -> None:
    root = training_set(tmp_path / "set", rai={"dataBias": "x"})
    with pytest.raises(
        InputError, match=r"rai\.dataBias is no field of Croissant's vocabulary; dataBiases is"
    ):
        data_card(root)
    training_set(tmp_path / "other", rai="x")
    with pytest.raises(InputError, match="rai is no object"):
        data_card(tmp_path / "other")


@pytest.mark.parametrize(
    ("source", "addresses"),
    [
        ("a/b", ["https://github.com/a/b"]),
        ("a/b, c-d/e.f (BBBC038)", ["https://github.com/a/b", "https://github.com/c-d/e.f"]),
        ("https://zenodo.org/records/1 and a book", ["https://zenodo.org/records/1"]),
        ("drawn by hand", []),
    ],
)
def test_addresses_of_a_source(tmp_path: Path, source: str, addresses: list[str]) -> None:
    card = data_card(training_set(tmp_path / "set", source=source))
    assert [d["@id"] for d in card.get("prov:wasDerivedFrom", [])] == addresses


def test_the_page_names_the_fields_of_the_card() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    for field, about in CARD_FIELDS.items():
        assert f"| `{field}` | {about} |" in page
