"""The log of the service: a line a request, and never a secret."""

from __future__ import annotations

import io
import logging

import pytest

from cuecast.service.serving import start_log, without_secrets

SECRET = "Zm9vYmFyYmF6cXV4"


@pytest.mark.parametrize(
    "address",
    [
        f"/v1/projects?key={SECRET}",
        f"/v1/projects?limit=5&api_key={SECRET}&cursor=x",
        f"/v1/jobs/j/events?access%5Ftoken={SECRET}",
        f"/v1/jobs/j/events?%6Bey={SECRET}",
        f"/v1/jobs/j/events?q=1;Authorization=Bearer+{SECRET}",
        f"/v1/projects?q=cue_abcdefghijkl_{SECRET}",
        f"/v1/projects?q=cue%5Fabcdefghijkl%5F{SECRET}",
        f"/v1/projects/cue_abcdefghijkl_{SECRET}/images",
    ],
)
def test_keys_are_taken_out_wherever_they_stand(address: str) -> None:
    line = f'127.0.0.1:50000 - "GET {address} HTTP/1.1" 401'
    found = without_secrets(line)
    assert SECRET not in found
    assert "***" in found
    assert found.startswith('127.0.0.1:50000 - "GET /v1/')
    assert found.endswith(' HTTP/1.1" 401')


@pytest.mark.parametrize(
    "address", ["/v1/projects?limit=5&cursor=abc", "/v1/projects/p/images?name=cue_a.png"]
)
def test_other_addresses_stay(address: str) -> None:
    assert without_secrets(f'- "GET {address} HTTP/1.1" 200') == f'- "GET {address} HTTP/1.1" 200'


def test_lines_of_requests_go_through_it() -> None:
    names = ("uvicorn.error", "uvicorn.access", "cuecast")
    former = {
        n: (logging.getLogger(n).handlers, logging.getLogger(n).propagate, logging.getLogger(n).level)
        for n in names
    }
    try:
        start_log(quiet=False)
        (handler,) = logging.getLogger("uvicorn.access").handlers
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(written := io.StringIO())
        said = ("127.0.0.1:5", "GET", f"/v1/projects?key={SECRET}", "1.1", 200)
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *said)
        logging.getLogger("cuecast.service").warning("refused %s", f"cue_abc_{SECRET}")
    finally:
        for name, (handlers, propagate, level) in former.items():
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
    assert SECRET not in written.getvalue()
    assert written.getvalue().count("***") == 2
