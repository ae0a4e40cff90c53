"""Bodies as they come in: whole or refused, in time, and so many of one client at once."""

from __future__ import annotations

import ast
import asyncio
import errno
import hashlib
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from inline_service import inline_service
from service_client import Service, ok, png, refused
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message

from cuecast.service import keys
from cuecast.service.keys import format_key, hash_secret, new_secret
from cuecast.service.problem import Problem
from cuecast.service.security import bounded
from cuecast.service.settings import Limits
from cuecast.service.uploads import Slots

SRC = Path(__file__).parents[2] / "src"


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let the system write so many bytes into one file and no more: of a larger piece it takes the part that fits."""
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)


@pytest.mark.parametrize("path", ["images?name=a.png", "cueset"])
def test_a_disk_that_fills_in_the_middle_is_told(start: Callable[..., Service], path: str) -> None:
    service = start()
    project = service.project()
    with files_end_at(3 << 19):
        answer = service.client.post(f"/v1/projects/{project}/{path}", content=png() + bytes(2 << 20))
    said = refused(answer, 507, "cannot_write")
    assert "free space" in said
    assert str(service.data) not in said
    assert list((service.data / "uploads").iterdir()) == []


def test_a_disk_that_fills_under_a_form_is_told(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        form = {"query": ("b.png", png() + bytes(2 << 20)), "cue": ("a.png", png())}
        cues = '[{"points": [{"xy": [1, 1], "class": 1}]}]'
        with files_end_at(3 << 19):
            answer = service.client.post("/v1/segment", files=form, data={"cues": cues})
        said = refused(answer, 507, "cannot_write")
        assert str(tmp_path) not in said
        assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_what_is_stored_is_what_was_hashed(start: Callable[..., Service]) -> None:
    service = start()
    project = service.project()
    body = png() + bytes(5 << 20)  # what follows an image's end is passed over
    image = ok(service.client.post(f"/v1/projects/{project}/images?name=a.png", content=body), 201)
    kept = (service.data / "projects" / project / "images" / f"{image['id']}.png").read_bytes()
    assert (hashlib.sha256(kept).hexdigest(), len(kept)) == (image["digest"], image["bytes"])


def test_no_write_goes_without_its_count() -> None:
    """An unbuffered write may take a part: it is used in one place, which looks at the count."""
    found = []
    for path in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and is_raw(node):
                found.append(path.relative_to(SRC).as_posix())
    assert found == ["cuecast/results/manifest.py"]


def is_raw(call: ast.Call) -> bool:
    """Whether a call writes without a buffer, or opens a file so: `open(..., buffering=0)`, also by another's hand."""
    called, words = ast.unparse(call), [ast.unparse(a) for a in call.args]
    function = ast.unparse(call.func)
    raw = function in ("os.write", "os.pwrite", "os.writev", "os.sendfile") or function.endswith("FileIO")
    opened = function.endswith("open") or "open" in words
    return raw or (opened and ("buffering=0" in called or (words[-1:] == ["0"] and function != "os.open")))


@pytest.mark.parametrize("number", sorted({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}))
def test_a_full_disk_is_507_wherever_it_is_met(
    service: Service, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    project = service.project()
    image = service.image(project)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), f"{service.data}/cache/x")

    monkeypatch.setattr("cuecast.service.pictures.replacing", full)
    said = refused(service.client.get(f"/v1/projects/{project}/images/{image}/view"), 507, "cannot_write")
    assert str(service.data) not in said


def test_a_cache_that_cannot_be_written_is_told_without_its_place(service: Service) -> None:
    project = service.project()
    image = service.image(project)
    (service.data / "cache").rmdir()
    (service.data / "cache").write_bytes(b"")
    said = refused(service.client.get(f"/v1/projects/{project}/images/{image}/view"), 507, "cannot_write")
    assert said.startswith("cache/")


# ---- time


def received(limits: Limits, *messages: Message | None) -> list[Message]:
    """What comes of these messages through `bounded`; None: nothing more comes."""
    waiting = iter(messages)

    async def receive() -> Message:
        message = next(waiting)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def read() -> list[Message]:
        counted = bounded(receive, "/v1/projects", Headers(), limits)
        return [await counted() for _ in messages]

    return asyncio.run(read())


def component(size: int, more: bool = True) -> Message:
    return {"type": "http.request", "body": bytes(size), "more_body": more}


def test_a_body_that_stops_coming_is_given_up() -> None:
    with pytest.raises(HTTPException, match="408: the body stopped coming") as raised:
        received(Limits(idle_seconds=0.01), component(1), None)
    assert raised.value.headers == {"Connection": "close"}


def test_a_body_that_comes_in_drops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each drop comes in time, and all of them too slowly."""
    clock(monkeypatch, 1)
    limits = Limits(idle_seconds=5, body_rate=10)
    assert len(received(limits, *[component(10)] * 40)) == 40
    with pytest.raises(HTTPException, match="408"):
        received(limits, *[component(1)] * 40)


def test_who_has_sent_all_may_wait_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, 1000)
    gone = {"type": "http.disconnect"}
    assert received(Limits(), component(0, more=False), gone, gone)[-1] == gone
    with pytest.raises(HTTPException, match="408"):
        received(Limits(), component(0), gone)


def clock(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    """Let so many seconds pass between two looks at the clock."""
    ticks = count(0, step)
    monkeypatch.setattr("cuecast.service.security.monotonic", lambda: next(ticks))


def test_an_upload_that_stops_gives_its_slot_back(start: Callable[..., Service]) -> None:
    service = start(limits=Limits(idle_seconds=0.05, uploads=1, uploads_each=1))
    path = f"/v1/projects/{service.project()}/images?name=a.png"
    sent: list[Message] = []

    async def stall() -> None:
        waiting = iter([component(1)])

        async def receive() -> Message:
            if (message := next(waiting, None)) is not None:
                return message
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path.partition("?")[0],
            "raw_path": path.partition("?")[0].encode(),
            "query_string": b"name=a.png",
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/octet-stream")],
            "client": ("127.0.0.1", 1),
        }
        await service.app(scope, receive, send)

    assert service.client.portal is not None
    service.client.portal.call(stall)
    assert sent[0]["status"] == 408
    assert list((service.data / "uploads").iterdir()) == []
    ok(service.client.post(path, content=png()), 201)


def test_slots_in_all_and_of_each_client() -> None:
    slots = Slots(3, 2)
    with slots.take("key a"):
        with slots.take("key a"):
            with pytest.raises(Problem, match="2 uploads of yours"), slots.take("key a"):
                pass
            with (
                slots.take("key b"),
                pytest.raises(Problem, match="too many uploads at once"),
                slots.take("key c"),
            ):
                pass
        with slots.take("key a"), slots.take("key b"):
            pass
    with pytest.raises(KeyError), slots.take("key a"):
        raise KeyError
    for _ in range(5):
        with slots.take("key a"), slots.take("key a"):
            pass


# ---- a part of a file


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        ("bytes=99999999-", 416, "range_not_satisfiable"),
        ("bytes=abc", 400, "bad_request"),
        ("bytes=", 400, "bad_request"),
        ("lines=1-2", 400, "bad_request"),
        ("bytes=5-2", 400, "bad_request"),
    ],
)
@pytest.mark.parametrize("what", ["view", "thumbnail"])
def test_a_bad_range_is_refused_in_the_one_shape(
    service: Service, what: str, wanted: str, status: int, code: str
) -> None:
    project = service.project()
    path = f"/v1/projects/{project}/images/{service.image(project)}/{what}"
    answer = service.client.get(path, headers={"Range": wanted})
    assert refused(answer, status, code)
    assert answer.headers["content-type"] == "application/json"
    assert ("content-range" in answer.headers) == (status == 416)
    part = service.client.get(path, headers={"Range": "bytes=0-7"})
    assert (part.status_code, len(part.content)) == (206, 8)


def test_slots_are_of_a_key_and_without_one_of_an_address(
    start: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()
    with service.database.writing() as session:
        secret = new_secret()
        key = keys.add(session, "lab", hash_secret(secret)).id
    taken: list[str] = []
    take = Slots.take
    monkeypatch.setattr(Slots, "take", lambda slots, client: taken.append(client) or take(slots, client))
    path = f"/v1/projects/{service.project()}/images?name=a.png"
    ok(service.client.post(path, content=png()), 201)
    bearer = {"Authorization": f"Bearer {format_key(key, secret)}"}
    ok(service.client.post(path, content=png(shade=1), headers=bearer), 201)
    assert taken == ["address testclient", f"key {key}"]
