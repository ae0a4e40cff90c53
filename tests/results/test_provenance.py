"""provenance.jsonld, read by rdflib as any program would: from each mask back to picture, cues, pack and people."""

from __future__ import annotations

import json
import socket
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cuesets_made import add_cue
from pictures import mask, picture
from PIL import Image as PILImage

import cuecast
from cuecast.core.errors import InputError, OutputError
from cuecast.core.shards import Shard
from cuecast.core.version import __version__
from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import new_cueset
from cuecast.io.files import file_digest
from cuecast.results.manifest import read_manifest
from cuecast.results.provenance import NAME, hash_name, source_nodes
from cuecast.results.review import Tick, accept, accept_rest, apply_corrections, apply_review, called_wrong
from cuecast.runs.images import BatchOptions, run

rdflib = pytest.importorskip("rdflib")

WITH = BatchOptions(formats=(), provenance=True)
BASE = "http://here/"
PROV = "http://www.w3.org/ns/prov#"
OURS, SCHEMA = "urn:cuecast:", "https://schema.org/"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the context is looked up on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def cueset(tmp_path: Path) -> Path:
    """A set with one cue: what is red is the thing."""
    root = tmp_path / "set"
    new_cueset(root, ["red"])
    add_cue(root, picture(tmp_path / "shown.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    return root


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Pictures of a few names; the third is broken."""
    names = ("a b.png", "ä#1.png", "broken.png", "d.png")
    paths = [picture(tmp_path / "in" / name, i + 2) for i, name in enumerate(names)]
    paths[2].write_text("broken")
    return paths


def segment(cueset: Path, inputs: list[Path], out: Path, options: BatchOptions = WITH) -> None:
    read = read_cueset(cueset)
    concept = cuecast.load("colours").learn(read_examples(read), list(read.classes))
    run(concept, inputs, out, options, lineage=lineage(read))


class Graph:
    """What a file says, with the paths from its folder as http://here/..."""

    def __init__(self, out: Path) -> None:
        self.graph = rdflib.Graph()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rdflib's own
            self.graph.parse(data=(out / NAME).read_text(encoding="utf-8"), format="json-ld", base=BASE)

    def all(self, subject: str, term: str) -> list[str]:
        """The values of a term, each as text, sorted."""
        found = self.graph.objects(rdflib.URIRef(subject), rdflib.URIRef(term))
        return sorted(map(str, found))

    def one(self, subject: str, term: str) -> str:
        (found,) = self.all(subject, term)
        return found

    def masks(self) -> list[str]:
        """All masks by their files."""
        found = self.graph.subjects(rdflib.URIRef(f"{OURS}verdict"))
        return sorted(str(subject).removeprefix(BASE) for subject in found)


def test_each_mask_leads_to_picture_cue_set_pack_and_program(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs, out)
    graph, entries = Graph(out), {e.name: e for e in read_manifest(out / "manifest.jsonl")}
    names = {"a%20b": "a b", "%C3%A4%231": "ä#1", "d": "d"}
    assert graph.masks() == sorted(f"masks/{quoted}.png" for quoted in names)
    for quoted, name in names.items():
        made, entry = f"{BASE}masks/{quoted}.png", entries[name]
        assert graph.one(made, f"{SCHEMA}sha256") == file_digest(out / "masks" / f"{name}.png")
        assert graph.one(made, f"{OURS}verdict") == "found"
        assert float(graph.one(made, f"{OURS}confidence")) == entry.confidence
        shown = graph.one(made, f"{PROV}wasDerivedFrom")
        assert shown == hash_name(file_digest(tmp_path / "in" / f"{name}.png"))
        assert graph.one(shown, f"{SCHEMA}sha256") == file_digest(tmp_path / "in" / f"{name}.png")
        assert graph.one(shown, f"{SCHEMA}name") == entry.image

        activity = graph.one(made, f"{PROV}wasGeneratedBy")
        pack, cues = f"{OURS}pack:{entry.pack}", f"{OURS}cues:{entry.cues}"
        version = f"{OURS}cueset:{read_cueset(cueset).digest()}"
        assert graph.all(activity, f"{PROV}used") == sorted([shown, pack, cues, version])
        assert graph.one(pack, f"{SCHEMA}name") == "colours"
        assert graph.one(version, f"{SCHEMA}version") == str(lineage(read_cueset(cueset)).version)

        program = graph.one(activity, f"{PROV}wasAssociatedWith")
        assert graph.one(program, f"{SCHEMA}softwareVersion") == __version__
        assert graph.all(made, f"{PROV}wasAttributedTo") == [program]
        how = graph.one(activity, f"{PROV}qualifiedAssociation")
        (plan,) = graph.graph.objects(rdflib.BNode(how), rdflib.URIRef(f"{PROV}hadPlan"))
        assert str(plan) == cues


def test_a_picture_goes_by_its_own_bytes_however_it_was_read(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    segment(cueset, inputs[:1], tmp_path / "out", replace(WITH, window=(0.0, 255.0)))
    made = Graph(tmp_path / "out").one(f"{BASE}masks/a%20b.png", f"{PROV}wasDerivedFrom")
    assert made == hash_name(file_digest(inputs[0]))


def test_sha256_is_named_as_rfc_6920_does() -> None:
    digest = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
    assert hash_name(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


def test_stops_shards_and_further_runs_leave_the_same_bytes(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    segment(cueset, inputs, tmp_path / "whole")
    whole = (tmp_path / "whole" / NAME).read_bytes()
    segment(cueset, inputs, tmp_path / "whole")
    assert (tmp_path / "whole" / NAME).read_bytes() == whole
    segment(cueset, inputs[:2], tmp_path / "parts")
    segment(cueset, inputs, tmp_path / "parts", BatchOptions(formats=()))  # kept up without the flag
    assert (tmp_path / "parts" / NAME).read_bytes() == whole
    for number in (2, 1):
        segment(cueset, inputs, tmp_path / "shards", replace(WITH, shard=Shard(number, 2)))
    cuecast.gather(tmp_path / "shards")
    assert (tmp_path / "shards" / NAME).read_bytes() == whole


def test_without_it_nothing_is_written_and_later_no_version_is_claimed(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs[:1], out, BatchOptions(formats=()))
    assert not (out / NAME).exists()
    assert "program" not in (out / "manifest.jsonl").read_text()
    segment(cueset, inputs, out)
    graph = Graph(out)
    known = {name: graph.one(f"{BASE}masks/{name}.png", f"{PROV}wasAttributedTo") for name in ("a%20b", "d")}
    assert graph.all(known["a%20b"], f"{SCHEMA}softwareVersion") == []
    assert graph.all(known["d"], f"{SCHEMA}softwareVersion") == [__version__]


def test_it_says_who_accepted_and_who_called_wrong(cueset: Path, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs, out)
    wrong = {e.name: e.mask_hash or "" for e in read_manifest(out / "manifest.jsonl")}["d"]
    apply_review(out, accept(out, ["a b"]), "Ada L.")
    apply_review(out, [Tick("d", wrong)], "Bo")
    apply_review(out, accept_rest(out), "Cy")
    assert [e.name for e in called_wrong(out)] == ["d"]
    graph = Graph(out)
    people = {}
    for name in ("a%20b", "d", "%C3%A4%231"):
        said = graph.graph.subjects(rdflib.URIRef(f"{PROV}used"), rdflib.URIRef(f"{BASE}masks/{name}.png"))
        (review,) = map(str, said)
        person = graph.one(review, f"{PROV}wasAssociatedWith")
        people[name] = (graph.one(review, f"{OURS}review"), graph.one(person, f"{SCHEMA}name"))
        attributed = graph.all(f"{BASE}masks/{name}.png", f"{PROV}wasAttributedTo")
        assert (person in attributed) == (name != "d")
    assert people == {"a%20b": ("accepted", "Ada L."), "d": ("wrong", "Bo"), "%C3%A4%231": ("accepted", "Cy")}
    before = (out / NAME).read_bytes()
    segment(cueset, inputs, out)
    assert (out / NAME).read_bytes() == before
    with pytest.raises(InputError, match="no mask of 'broken'"):
        accept(out, ["broken"])


def test_what_was_accepted_stays_when_the_cue_set_is_corrected(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs, out)
    apply_review(out, accept(out, ["d"]), "Ada")
    add_cue(cueset, tmp_path / "shown.png", mask=mask(tmp_path / "m.png", [1] * 3 + [0] * 5))
    segment(cueset, inputs, out)
    versions = {e.name: e.cueset_version for e in read_manifest(out / "manifest.jsonl")}
    assert versions == {"a b": 3, "ä#1": 3, "broken": 3, "d": 2}
    assert len(Graph(out).all(f"{BASE}#segment-d", f"{PROV}used")) == 4


def corrected(out: Path, name: str, columns: int) -> bytes:
    """Change a mask by hand; its bytes."""
    path = out / "masks" / f"{name}.png"
    with PILImage.open(path) as before:
        pixels = np.array(before)
    pixels[:, :columns], pixels[:, columns:] = 1, 0
    PILImage.fromarray(pixels).save(path)
    return path.read_bytes()


def test_a_mask_corrected_by_hand_becomes_the_result_with_its_past(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = replace(WITH, formats=("csv", "overlays"))
    segment(cueset, inputs, out, options)
    was = file_digest(out / "masks" / "d.png")
    theirs = corrected(out, "d", 2)
    done = apply_corrections(out, ["d", "a b", "none"], "Ada")
    assert done.corrected == ("d",)
    assert [name for name, _ in done.passed_over] == ["a b", "none"]
    assert "it was not changed" in done.passed_over[0][1]
    segment(cueset, inputs, out, options)
    assert (out / "masks" / "d.png").read_bytes() == theirs
    assert (out / "overlays" / "d.jpg").is_file()
    assert not (out / "edited").exists()
    areas = [line.split(",")[10] for line in (out / "objects.csv").read_text().splitlines()]
    assert areas == ["area", "8", "12", "8"]

    graph, made = Graph(out), f"{BASE}masks/d.png"
    (before,) = [m for m in graph.all(made, f"{PROV}wasDerivedFrom") if m.startswith(BASE)]
    assert graph.one(before, f"{SCHEMA}sha256") == was
    assert graph.one(before, f"{PROV}wasGeneratedBy") == f"{BASE}#segment-d"
    assert graph.one(made, f"{SCHEMA}sha256") == file_digest(out / "masks" / "d.png")
    person = graph.one(graph.one(made, f"{PROV}wasGeneratedBy"), f"{PROV}wasAssociatedWith")
    assert graph.one(person, f"{SCHEMA}name") == "Ada"
    assert graph.all(made, f"{PROV}wasAttributedTo") == [person]

    segment(cueset, inputs, out, replace(options, overwrite=True))
    assert (out / "edited" / "d.png").read_bytes() == theirs
    assert file_digest(out / "masks" / "d.png") == was


def test_what_is_no_mask_of_the_picture_is_passed_over(
    cueset: Path, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs, out)
    PILImage.fromarray(np.full((4, 8), 7, np.uint8)).save(out / "masks" / "d.png")
    PILImage.fromarray(np.zeros((5, 8), np.uint8)).save(out / "masks" / "a b.png")
    done = apply_corrections(out, ["d", "a b"], "Ada")
    assert done.corrected == ()
    assert all("is no mask of (4, 8) with the values [0, 1]" in reason for _, reason in done.passed_over)


def test_a_file_of_somebody_else_is_named(cueset: Path, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(cueset, inputs, out)
    (out / NAME).write_text(json.dumps({"other": 1}))
    before = (out / "manifest.jsonl").read_bytes()
    with pytest.raises(OutputError, match=r"provenance\.jsonld: is no provenance that cuecast has written"):
        apply_review(out, accept_rest(out), "Ada")
    assert (out / "manifest.jsonl").read_bytes() == before


def test_a_folder_is_named_by_all_its_files_but_results(tmp_path: Path) -> None:
    for name in ("f 0.png", "b/f1.png", ".hidden", "out/manifest.jsonl", "out/masks/f.png"):
        picture(tmp_path / "film" / "f.png", 1).replace(_made(tmp_path / "film" / name))
    (whole, *files) = source_nodes("film", tmp_path / "film")
    assert whole["hadMember"] == [f["@id"] for f in files] == ["#source-b/f1.png", "#source-f%200.png"]
    digest = file_digest(tmp_path / "film" / "f 0.png")
    assert files[1] == {"@id": "#source-f%200.png", "@type": "Entity", "name": "f 0.png", "sha256": digest}
    (only,) = source_nodes("f", tmp_path / "film" / "f 0.png")
    assert only == {"@id": "#source", "@type": "Entity", "name": "f", "sha256": digest}


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
