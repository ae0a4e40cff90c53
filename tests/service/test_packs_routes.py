"""Packs over HTTP: anyone is told which there are; an admin takes them in and gives them out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from service_client import Service, ok, refused
from small_packs import card_text, coin_pack, write_archive_of

from cuecast.catalogue.archive import write_archive
from cuecast.catalogue.make import make_pack
from cuecast.engine.packs import open_pack
from cuecast.service import keys
from cuecast.service.keys import format_key, hash_secret, new_secret
from cuecast.service.settings import Limits

BODY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service finds and puts packs."""
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def key(service: Service, *, admin: bool) -> dict[str, str]:
    """The header of a new key."""
    secret = new_secret()
    with service.database.writing() as session:
        row = keys.add(session, "me", hash_secret(secret), admin=admin)
    return {"Authorization": f"Bearer {format_key(row.id, secret)}"}


def test_packs_are_listed_and_described(service: Service, shelf: Path) -> None:
    pack = coin_pack(shelf)
    listed = ok(service.client.get("/v1/packs"))
    assert (listed["total"], listed["next"]) == (len(listed["items"]), None)
    found = {p["name"]: p for p in listed["items"]}
    assert (found["coins"]["digest"], found["coins"]["concepts"]) == (pack.digest, ["red"])
    assert (found["coins"]["base"], found["colours"]["builtin"]) == ("colours", True)
    detail = ok(service.client.get("/v1/packs/coins"))
    assert detail["concepts"] == [{"name": "red", "summary": "", "classes": ["coin"], "cues": 1}]
    assert detail["card"]["limits"] == ["Round things only."]
    assert str(shelf) not in str(detail)
    assert "pack 'coin' is not there" in refused(service.client.get("/v1/packs/coin"), 404, "not_found")
    refused(service.client.get("/v1/packs/..%2Fshelf"), 404, "not_found")


def test_where_weights_lie_is_not_told(service: Service, shelf: Path, tmp_path: Path) -> None:
    place = tmp_path / "weights of mine"
    place.mkdir()
    (place / "config.json").write_text("{}")
    entry = {
        "folder": str(place),
        "files": {"config.json": hashlib.sha256(b"{}").hexdigest()},
        "licence": "MIT",
    }
    fields = {"summary": f"Large, with weights in {place}.", "weights": entry}
    make_pack("large", shelf, fields=fields, segmenter="dino")
    detail = ok(service.client.get("/v1/packs/large"))
    assert detail["card"]["weights"] == {"files": entry["files"], "licence": "MIT"}
    assert "weights of mine" not in str(detail) + str(ok(service.client.get("/v1/packs")))


def test_a_broken_pack_stands_in_nobodys_way(service: Service, shelf: Path) -> None:
    coin_pack(shelf)
    (shelf / "broken").mkdir()
    (shelf / "broken" / "card.json").write_text("{")
    assert "coins" in ok(service.client.get("/v1/info"))["packs"]
    assert [p["name"] for p in ok(service.client.get("/v1/packs"))["items"]][:1] == ["coins"]
    refused(service.client.get("/v1/packs/nothing"), 404, "not_found")
    refused(service.client.get("/v1/packs/broken"), 404, "not_found")
    shutil.rmtree(shelf / "broken")
    make_pack("above", shelf, open_pack("coins"))
    away = shelf / "coins"
    away.rename(shelf.parent / "coins")
    found = {p["name"]: p["problem"] for p in ok(service.client.get("/v1/packs"))["items"]}
    assert "none is there" in found["above"]
    assert "none is there" in ok(service.client.get("/v1/packs/above"))["problem"]
    refused(
        service.client.get("/v1/packs/above/archive", headers=key(service, admin=True)), 422, "pack_invalid"
    )


def test_a_pack_goes_from_one_service_to_another(service: Service, shelf: Path, tmp_path: Path) -> None:
    pack = coin_pack(shelf)
    admin = key(service, admin=True)
    sent = service.client.get("/v1/packs/coins/archive", headers=admin)
    assert sent.status_code == 200
    assert sent.headers["content-type"] == "application/zip"
    assert sent.content == write_archive(pack, tmp_path / "coins.zip").read_bytes()
    assert list((service.data / "uploads").iterdir()) == []
    pack.folder.rename(tmp_path / "away")
    taken = ok(service.client.post("/v1/packs", content=sent.content, headers=admin | BODY), 201)
    assert (taken["name"], taken["digest"]) == ("coins", pack.digest)
    assert open_pack("coins").folder == shelf / "coins"
    ok(service.client.post("/v1/packs", content=sent.content, headers=admin | BODY), 201)
    other = write_archive(
        coin_pack(tmp_path / "made", summary="Another."), tmp_path / "other.zip"
    ).read_bytes()
    said = refused(service.client.post("/v1/packs", content=other, headers=admin | BODY), 409, "pack_exists")
    assert str(tmp_path) not in said
    replaced = service.client.post("/v1/packs?replace=true", content=other, headers=admin | BODY)
    assert ok(replaced, 201)["summary"] == "Another."
    make_pack("above", shelf, open_pack("coins"))
    again = service.client.post("/v1/packs?replace=true", content=sent.content, headers=admin | BODY)
    assert "above stands on it" in refused(again, 409, "pack_exists")


def test_only_an_admin_takes_in_and_gives_out(start: Callable[..., Service], shelf: Path) -> None:
    for service in (start(), start(require_key=True, data=shelf.parent / "other")):
        plain = key(service, admin=False)
        for headers in (plain, *([{}] if not service.app.state.settings.needs_key else [])):
            get = service.client.get("/v1/packs/colours/archive", headers=headers)
            assert "keys create --admin" in refused(get, 403, "admin_key_needed")
            post = service.client.post("/v1/packs", content=b"PK", headers=headers | BODY)
            refused(post, 403, "admin_key_needed")
    assert not shelf.exists()


def test_what_does_harm_is_refused_and_nothing_stays(service: Service, shelf: Path, tmp_path: Path) -> None:
    admin = key(service, admin=True) | BODY
    bad = {"run.py": b"x"}
    evil = {"../evil.txt": b"x"}
    for members, word in (
        ({"card.json": card_text("a", bad), **bad}, "no code"),
        ({"card.json": card_text("a", evil), **evil}, "lead out"),
        ({"card.json": card_text("a", {}, licence="MIT License")}, "licence: 'MIT License'"),
        ({"card.json": card_text("a", {}, base={"name": "gone", "digest": "0" * 64})}, "none is there"),
        ({"b.txt": b"x"}, "no card.json"),
    ):
        sent = write_archive_of(tmp_path / "a.zip", members).read_bytes()
        said = refused(service.client.post("/v1/packs", content=sent, headers=admin), 422, "pack_invalid")
        assert word in said
        assert str(tmp_path) not in said
    said = refused(service.client.post("/v1/packs", content=b"no zip", headers=admin), 422, "pack_invalid")
    assert "the archive: neither a folder nor a readable .zip" in said
    assert list(shelf.glob("*")) == []
    assert list((service.data / "uploads").iterdir()) == []


def test_the_limit_of_bodies_is_that_of_files(
    start: Callable[..., Service], shelf: Path, tmp_path: Path
) -> None:
    service = start(limits=Limits(upload_bytes=60_000, body_bytes=1000))
    admin = key(service, admin=True) | BODY
    parts = b"".join(hashlib.sha512(bytes([i])).digest() for i in range(100))
    pack = make_pack("big", tmp_path / "made", open_pack("colours"), files={"a.onnx": parts})
    sent = write_archive(pack, tmp_path / "big.zip").read_bytes()
    assert 1000 < len(sent) < 60_000
    ok(service.client.post("/v1/packs", content=sent, headers=admin), 201)
    refused(service.client.post("/v1/packs", content=bytes(70_000), headers=admin), 413, "too_large")
    assert [p.name for p in shelf.iterdir()] == ["big"]
