"""Retries, and errors of the service as those of the library."""

from __future__ import annotations

import subprocess
import sys
import time
from email.utils import formatdate

import pytest
from server import saying

from cuecast import client
from cuecast.client import remote
from cuecast.client.remote import ERRORS, Wire
from cuecast.core import errors
from cuecast.core.errors import CuecastError, MissingExtraError
from cuecast.service import problem

BUSY = (429, {"Retry-After": "7"}, {"error": {"code": "queue_full", "message": "later", "details": None}})
FINE = (200, {}, {"status": "ok"})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were slept: the clock goes on by them, and nobody waits."""
    slept: list[float] = []
    monkeypatch.setattr(remote.time, "sleep", slept.append)
    return slept


def ask(url: str, patience: float = 60, key: str | None = None) -> object:
    connection = Wire(url, key, 30, patience)
    try:
        return connection.ask("GET", "/healthz")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://x:y", None, "no address of a service"),
        ("http://\n", None, "no address of a service"),
        ("http://127.0.0.1:9", "schlüssel", "the key holds a character that none has"),
        ("http://127.0.0.1:9", "cue_a\nb", "the key holds a character that none has"),
        ("http://127.0.0.1:9", "cue_a\n", "cannot be reached"),
    ],
)
def test_what_is_no_address_or_key_is_named(url: str, key: str | None, said: str) -> None:
    with pytest.raises(CuecastError, match=said):
        ask(url, patience=0, key=key)


def test_a_busy_service_is_asked_again_when_it_says(pauses: list[float]) -> None:
    soon = (503, {"Retry-After": formatdate(time.time() + 20, usegmt=True)}, "")
    with saying(BUSY, soon, (503, {}, ""), FINE) as (url, asked):
        assert ask(url, key="cue_a_b") == {"status": "ok"}
    assert asked == [("GET /healthz", "Bearer cue_a_b")] * 4
    assert pauses[0] == 7
    assert 18 <= pauses[1] <= 20
    assert pauses[2] == remote.PAUSE


def test_patience_ends(pauses: list[float]) -> None:
    with saying(BUSY) as (url, asked), pytest.raises(CuecastError, match=r"^later$"):
        ask(url, patience=5)
    assert (len(asked), pauses) == (1, [])


def test_strange_and_long_pauses_are_bounded() -> None:
    assert remote._pause("tomorrow") == remote.PAUSE
    assert remote._pause("-3") == 0
    assert remote._pause("9999") == remote.LONGEST
    assert remote._pause(None) == remote.PAUSE


@pytest.mark.parametrize(("code", "kind"), sorted(ERRORS.items()))
def test_an_error_keeps_its_kind_and_its_sentence(code: str, kind: type[CuecastError]) -> None:
    said = {"error": {"code": code, "message": "what: where; remedy", "details": None}}
    with saying((422, {}, said)) as (url, _), pytest.raises(kind, match=r"^what: where; remedy$") as caught:
        ask(url)
    assert type(caught.value) is kind


def test_other_errors_are_plain() -> None:
    said = {"error": {"code": "unauthorized", "message": "no", "details": None}}
    with saying((401, {}, said)) as (url, _), pytest.raises(CuecastError) as caught:
        ask(url)
    assert type(caught.value) is CuecastError


def test_the_codes_are_those_of_the_service() -> None:
    assert {code: kind for kind, _, code in problem.STATUS}.items() <= ERRORS.items()
    assert all(issubclass(kind, errors.CuecastError) for kind in ERRORS.values())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((502, {}, "<html>"), "answers 502 Bad Gateway, and not as a cuecast service does"),
        ((404, {}, {"detail": "x"}), "answers 404 Not Found"),
        ((200, {}, "<html>"), "not as a cuecast service does; check the address"),
    ],
)
def test_something_else_answers(reply: tuple[int, dict[str, str], object], said: str) -> None:
    with saying(reply) as (url, _), pytest.raises(CuecastError, match=said):
        ask(url)


def test_nobody_answers() -> None:
    with saying(FINE) as (url, _):
        pass
    with pytest.raises(CuecastError, match=r"cannot be reached .*that 'cuecast serve' runs there"):
        ask(url)


def test_no_address() -> None:
    with pytest.raises(CuecastError, match="write it as http://HOST:PORT"):
        client.connect("host:8000")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cuecast\[client\]'"):
        client.connect()


def test_the_client_needs_nothing_of_the_service() -> None:
    code = "import sys, cuecast.client.remote; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "cuecast" in loaded
    assert not loaded & {"fastapi", "starlette", "sqlalchemy", "alembic", "uvicorn", "pydantic", "httpx2"}
