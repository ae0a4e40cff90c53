"""Where exported masks come from, and who accepted them: the file that the commands write, and keys as people."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png

from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.predictor import load
from cuecast.results.provenance import NAME
from cuecast.runs.images import BatchOptions, run
from cuecast.service import keys


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a.png to c.png with 1 to 3 red columns; a.png is marked; run."""
    with inline_service(tmp_path / "data") as service:
        for red, name in enumerate("abc", start=1):
            service.ids[name] = service.upload(f"{name}.png", png(red, red))
        service.mark(service.ids["a"], columns(1))
        service.done("runs")
        yield service


def exported(service: Service, *formats: str, **more: Any) -> zipfile.ZipFile:
    job = service.done("exports", {"formats": formats, **more})
    return zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job['id']}/file").content))


def told(packed: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """The things of the provenance in a zip, by their names."""
    with packed:
        return {node["@id"]: node for node in json.loads(packed.read(NAME))["@graph"]}


def call_right(service: Service, name: str, red: int, by: str | None = None) -> None:
    """Say of an image, with the key of this name, that so many columns of it are the thing."""
    secret, headers = keys.new_secret(), {}
    if by is not None:
        with service.state.database.writing() as session:
            row = keys.add(session, by, keys.hash_secret(secret))
        headers = {"Authorization": f"Bearer {keys.format_key(row.id, secret)}"}
    place = f"{service.p}/images/{service.ids[name]}/marks"
    saved = service.client.put(place, json={"teaches": False, **columns(red)}, headers=headers)
    assert saved.status_code == 200, saved.text


def test_it_is_the_file_of_the_command(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exported(service, "provenance", "cueset") as packed:
        packed.extractall(tmp_path / "export")
    files = {p.relative_to(tmp_path / "export").as_posix() for p in (tmp_path / "export").rglob("*.png")}
    assert {"masks/a.png", "masks/b.png", "masks/c.png"} < files  # what it speaks of
    cueset = read_cueset(tmp_path / "export" / "cueset")
    for red, name in enumerate("abc", start=1):
        (tmp_path / f"{name}.png").write_bytes(png(red, red))
    monkeypatch.chdir(tmp_path)
    concept = load("colours").learn(read_examples(cueset), cueset.classes)
    options = BatchOptions(formats=(), provenance=True)
    run(concept, [Path(f"{n}.png") for n in "abc"], Path("out"), options, lineage=lineage(cueset))
    ours, theirs = (json.loads((tmp_path / out / NAME).read_text()) for out in ("export", "out"))
    # Of a.png a person has drawn just what was found; what the version is called is the project's.
    ours["@graph"].remove(next(n for n in ours["@graph"] if n["@id"] == "#review-a"))
    version = next(n for n in ours["@graph"] if n["@id"].startswith("urn:cuecast:cueset:"))
    next(n for n in theirs["@graph"] if n["@id"] == version["@id"])["version"] = version["version"]
    assert ours == theirs


def test_who_has_accepted_a_mask_is_named_by_the_key(service: Service) -> None:
    call_right(service, "b", 2, "Ada")
    call_right(service, "c", 2, "Bob")  # three were found
    found = told(exported(service, "provenance"))
    assert found["masks/b.png"]["wasAttributedTo"][1:] == ["#person-Ada"]
    assert found["#person-Ada"]["name"] == "Ada"
    said = {
        n: (node["review"], node.get("wasAssociatedWith")) for n, node in found.items() if "review" in node
    }
    # Of a.png, a cue, a person without a key has drawn what was found; of c.png something else.
    assert said == {"#review-a": ("accepted", None), "#review-b": ("accepted", "#person-Ada")}
    assert "#person-Bob" not in found


def test_what_a_person_has_drawn_is_of_no_pack(service: Service) -> None:
    call_right(service, "c", 2, "Bob")
    packed = exported(service, "provenance", checked=True)
    assert "masks/c.png" in packed.namelist()
    found = told(packed)
    assert [n for n in found if n.startswith(("urn:", "#segment"))] == []
    mask = found["masks/c.png"]
    assert mask["wasAttributedTo"] == ["#person-Bob"]
    assert found[mask["wasDerivedFrom"]]["name"] == "c.png"
    assert found["#review-c"]["review"] == "accepted"
    assert "wasAttributedTo" not in found["masks/a.png"]  # a cue, drawn by nobody of whom is known


def test_results_that_do_not_say_it_are_run_again(service: Service) -> None:
    (service.results / NAME).unlink()
    job = service.post("exports", {"formats": ["provenance"]})
    service.work()
    assert "run the project again" in service.job(job)["error"]["message"]
    service.done("runs")
    assert "masks/b.png" in told(exported(service, "provenance"))
