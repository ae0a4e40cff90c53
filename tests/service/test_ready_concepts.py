"""Packs and their ready concepts in the service: in place of cues, beside marks, for pictures, films and volumes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from inline_service import RAW, Service, inline_service, png
from PIL import Image
from small_packs import GREEN, coin_pack, picture, write_cueset

from cuecast.catalogue.make import make_pack
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.packs import open_pack


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packs are: 'coins' finds red, by its concept 'red' of the class 'coin'."""
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    coin_pack(tmp_path / "shelf")
    return tmp_path / "shelf"


@pytest.fixture
def service(shelf: Path, tmp_path: Path) -> Iterator[Service]:  # noqa: ARG001
    with inline_service(tmp_path / "data") as service:
        yield service


def as_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def project(service: Service, status: int = 201, **fields: Any) -> Any:
    """Make a project and work in it from then on; or what is said against it."""
    reply = service.client.post("/v1/projects", json={"name": "Coins", **fields})
    assert reply.status_code == status, reply.text
    if status != 201:
        return reply.json()["error"]
    service.project = reply.json()["id"]
    service.p = f"/v1/projects/{service.project}"
    return reply.json()


def change(service: Service, status: int = 200, **fields: Any) -> Any:
    reply = service.client.patch(service.p, json=fields)
    assert reply.status_code == status, reply.text
    return reply.json() if status == 200 else reply.json()["error"]


def once(service: Service, status: int = 200, files: Any = (), **data: Any) -> Any:
    """POST /v1/segment of a picture with seven red columns."""
    sent = [("query", ("q.png", as_png(picture(7)))), *files]
    reply = service.client.post("/v1/segment", files=sent, data=data)
    assert reply.status_code == status, reply.text
    return reply.json() if status == 200 else reply.json()["error"]


def test_a_concept_stands_in_place_of_cues_in_one_call(service: Service) -> None:
    found = once(service, pack="coins", concept="red")
    assert found["mask"]["counts"] == {"1": [0, 7 * 12, 9 * 12]}
    beside = [("cue", ("c.png", as_png(picture(4, GREEN))))]
    marks = '[{"boxes": [{"xyxy": [0, 0, 4, 12], "class": 1}]}]'
    assert once(service, pack="coins", concept="red", files=beside, cues=marks)["verdict"] == "found"
    # The words are those of `cuecast segment --concept`.
    said = once(service, 422, pack="coins", concept="blue")
    assert (said["code"], "no concept 'blue'; its concepts are: red" in said["message"]) == (
        "pack_unknown",
        True,
    )
    assert "its concepts are: none" in once(service, 422, concept="red")["message"]
    said = once(service, 422, pack="gone", concept="red")
    assert said["code"] == "pack_unknown"
    assert "no pack 'gone': known packs are coins" in said["message"]
    said = once(service, 422, pack="coins", concept="red", **{"class": "coin"})
    assert "names its classes already" in said["message"]
    assert "or the name of a `concept`" in once(service, 422, pack="coins")["message"]
    assert "`concept` is a name" in once(service, 422, pack="coins", concept="a\x00b")["message"]


def test_a_project_needs_no_mark_where_a_ready_concept_teaches(service: Service) -> None:
    made = project(service, pack="coins", concept="red")
    assert (made["pack"], made["concept"], [c["name"] for c in made["classes"]]) == ("coins", "red", ["coin"])
    image = service.upload("a.png", png(3))
    service.upload("b.png", png(5))
    assert service.done("runs")["result"]["counts"]["found"] == 2
    assert {n: p["areas"]["1"] for n, p in service.predictions().items()} == {"a.png": 12, "b.png": 20}
    reply = service.client.post(f"{service.p}/segment", content=png(2), headers=RAW)
    assert reply.json()["mask"]["counts"]["1"] == [0, 8, 24]
    preview = service.post(f"images/{image}/preview", {"marks": {}}, 200)
    assert preview["mask"]["counts"]["1"] == [0, 12, 20]
    assert service.done("suggestions")["result"]["failures"] == []
    checked = service.done("checks")["result"]
    assert checked["ok"]
    export = service.done("exports", {"formats": ["masks", "cueset"]})
    assert export["result"]["name"]
    kept = read_cueset(service.state.files.cues(service.project))
    assert [e.image for e in kept.entries] == ["images/red/a.png"]


def test_marks_join_a_ready_concept(service: Service) -> None:
    project(service, pack="coins", concept="red")
    service.upload("a.png", png(3))
    green = service.upload("g.png", as_png(picture(4, GREEN)))
    assert service.done("runs")["result"]["counts"] == {"found": 1, "doubtful": 0, "absent": 1, "failed": 0}
    counts = [0, 48, 192 - 48]
    service.mark(green, {"version": 0, "mask": {"size": [12, 16], "counts": {"1": counts}}})
    assert service.predictions()["a.png"]["stale"]
    assert service.done("runs")["result"]["counts"]["found"] == 2
    assert service.predictions()["g.png"]["areas"] == {"1": 48}
    # Without the concept the mark alone teaches; without it, too, nothing does.
    assert change(service, concept=None)["concept"] is None
    assert service.predictions()["g.png"]["stale"]
    assert service.done("runs")["result"]["counts"] == {"found": 1, "doubtful": 0, "absent": 1, "failed": 0}
    service.client.delete(f"{service.p}/images/{green}/marks")
    assert "choose a ready concept" in service.post("runs", status=409)["error"]["message"]


def test_what_cannot_be_chosen_is_refused_and_nothing_changes(service: Service, shelf: Path) -> None:
    assert "no pack 'gone'" in project(service, 422, pack="gone")["message"]
    assert project(service, 422, pack="coins", concept="blue")["code"] == "pack_unknown"
    assert project(service, 422, pack="../coins")["code"] == "invalid_request"
    before = service.client.get("/v1/projects").json()["total"]
    project(service)
    assert service.client.get("/v1/projects").json()["total"] == before + 1
    assert "its concepts are: none" in change(service, 422, concept="red")["message"]
    changed = change(service, pack="coins", concept="red")
    assert [c["name"] for c in changed["classes"]] == ["coin"]
    # The concept is not one of the service's own pack, and its class stays while it teaches.
    assert change(service, 422, pack=None)["code"] == "pack_unknown"
    assert change(service, 409, classes=[{"name": "other"}])["code"] == "class_in_use"
    assert service.get("")["concept"] == "red"
    assert change(service, pack=None, concept=None)["pack"] is None
    # A pack that has gone since is named by the run.
    change(service, pack="coins", concept="red")
    service.upload("a.png", png(3))
    (shelf / "coins").rename(shelf.parent / "away")
    job = service.post("runs")
    service.work()
    assert "no pack 'coins'" in service.job(job)["error"]["message"]


def test_a_pack_that_was_replaced_is_used_at_once(service: Service, shelf: Path, tmp_path: Path) -> None:
    project(service, pack="coins", concept="red")
    service.upload("a.png", png(3))
    assert service.done("runs")["result"]["counts"]["found"] == 1
    base = open_pack("colours")
    cues = write_cueset(tmp_path / "green", GREEN)
    make_pack("coins", shelf, base, concepts={"red": cues}, replace=True)
    assert service.done("runs")["result"]["counts"]["absent"] == 1


def test_a_film_and_a_volume_take_a_concept(service: Service, shelf: Path, tmp_path: Path) -> None:
    grey = write_cueset(tmp_path / "greys", (200, 200, 200))
    make_pack("grey", shelf, open_pack("colours"), concepts={"light": grey})
    stack = np.full((3, 12, 16), 30, np.uint8)
    frames = []
    for i, columns in enumerate((3, 5, 7)):
        stack[i, :, :columns] = 200
        frames.append(Image.fromarray(picture(columns)))
    film, volume = io.BytesIO(), io.BytesIO()
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:], duration=100)
    tifffile.imwrite(volume, stack, photometric="minisblack", metadata={"axes": "ZYX"})
    for kind, name, data, pack, concept in (
        ("video", "film.gif", film, "coins", "red"),
        ("volume", "stack.tif", volume, "grey", "light"),
    ):
        project(service, kind=kind, pack=pack, concept=concept)
        sent = service.client.post(
            f"{service.p}/source", params={"name": name}, content=data.getvalue(), headers=RAW
        )
        assert sent.status_code == 201, sent.text
        assert service.done("runs")["result"]["counts"]["found"] == 3, kind
        areas = [p["areas"]["1"] for p in service.predictions().values()]
        assert areas == [36, 60, 84], kind
