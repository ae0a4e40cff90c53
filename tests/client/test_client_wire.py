"""Retries, and errors of the service as those of the library."""

from __future__ import annotations

import subprocess
import sys
import time
from email.utils import formatdate
from typing import Any

import pytest
from server import saying

from cuecast import client
from cuecast.client import wire
from cuecast.client.refined import refine
from cuecast.client.wire import ERRORS, Wire
from cuecast.core import errors
from cuecast.core.errors import CuecastError, InputError, MissingExtraError, PackError
from cuecast.core.ordered import Step, silent
from cuecast.service import problem

BUSY = (429, {"Retry-After": "7"}, {"error": {"code": "queue_full", "message": "later", "details": None}})
FINE = (200, {}, {"status": "ok"})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were slept: the clock goes on by them, and nobody waits."""
    slept: list[float] = []
    monkeypatch.setattr(wire.time, "sleep", slept.append)
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
    assert pauses[2] == wire.PAUSE


def test_patience_ends(pauses: list[float]) -> None:
    with saying(BUSY) as (url, asked), pytest.raises(CuecastError, match=r"^later$"):
        ask(url, patience=5)
    assert (len(asked), pauses) == (1, [])


def test_strange_and_long_pauses_are_bounded() -> None:
    assert wire._pause("tomorrow") == wire.PAUSE
    assert wire._pause("-3") == 0
    assert wire._pause("9999") == wire.LONGEST
    assert wire._pause(None) == wire.PAUSE


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


def job(state: str, **more: Any) -> tuple[int, dict[str, str], Any]:
    """The reply that says how far a refinement is."""
    told = {"id": "j1", "state": state, "stage": "fit", "done": 3, "total": 9, "error": None, "result": None}
    return 200, {}, told | more


MEASURED = {"pack": "sector", "better": False, "faults": ["it gains +0.001 IoU"], "state": "open"}


def test_a_refinement_is_waited_for_and_kept() -> None:
    refused = {"error": {"code": "not_better", "message": "it is not better than its base"}}
    kept = job("done", result=MEASURED | {"state": "kept"})
    replies = (job("queued"), job("running"), job("done", result=MEASURED), (409, {}, refused), kept, kept)
    steps: list[Step] = []
    with saying(*replies) as (url, asked):
        connection = Wire(url, None, 10, 0)
        made = refine(connection, "p1", {"name": "sector"}, steps.append, lambda _: None)
        assert (made.better, made.faults) == (False, ("it gains +0.001 IoU",))
        assert [(s.what, s.done, s.total) for s in steps] == [("fit", 3, 9)] * 2
        with pytest.raises(PackError, match="not better than its base"):
            made.keep()
        assert made.keep(anyway=True) == "sector"
        made.drop()
        connection.close()
    assert [path for path, _ in asked] == [
        "POST /v1/projects/p1/refinements",
        "GET /v1/jobs/j1",
        "GET /v1/jobs/j1",
        "POST /v1/jobs/j1/keep",
        "POST /v1/jobs/j1/keep",
        "POST /v1/jobs/j1/drop",
    ]


def test_a_refinement_that_fails_or_is_stopped() -> None:
    failed = job("failed", error={"code": "too_few_pictures", "message": "6 accepted pictures"})
    with saying(job("running"), failed) as (url, _), pytest.raises(InputError, match="6 accepted"):
        refine(Wire(url, None, 10, 0), "p1", {"name": "sector"}, silent, lambda _: None)

    def stop(_: Step) -> None:
        raise KeyboardInterrupt

    with saying(job("running"), job("running"), job("running")) as (url, asked):
        with pytest.raises(KeyboardInterrupt):
            refine(Wire(url, None, 10, 0), "p1", {"name": "sector"}, stop, lambda _: None)
        assert asked[-1][0] == "POST /v1/jobs/j1/cancel"
