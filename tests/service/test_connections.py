"""Connections of the server: what is sent goes at once, heads that do not come are not waited for."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from cuecast.service.serving import listen, protocol

SECONDS = 0.05
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]


async def app(_: Any, __: Any, send: Any) -> None:
    """Answers 'done' after longer than a head may take."""
    await asyncio.sleep(4 * SECONDS)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def talk(what: Talk, keep_alive: int = 5) -> Any:
    """What a client finds that talks to `app` over one connection."""

    async def main() -> Any:
        config = uvicorn.Config(app, timeout_keep_alive=keep_alive, log_config=None)
        config.load()
        state, kind = ServerState(), protocol(SECONDS)
        with listen(("127.0.0.1", 0)) as listening:
            make = lambda: kind(config, state, {})  # noqa: E731
            server = await asyncio.get_running_loop().create_server(make, sock=listening)
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                return await asyncio.wait_for(what(reader, writer), 30)
            finally:
                writer.close()
                server.close()

    return asyncio.run(main())


def test_small_answers_do_not_wait_for_the_other_side() -> None:
    with listen(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("sent", [b"", b"G", GET[:-2]])
def test_a_head_that_does_not_come_whole_is_not_waited_for(sent: bytes) -> None:
    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(sent)
        return await reader.read()

    assert talk(stall) == b""


def test_a_head_that_comes_in_drops_is_not_waited_for() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(GET[:-2])
        closed = asyncio.ensure_future(reader.read())
        while not closed.done():  # each drop comes in time
            writer.write(b"X: 1\r\n")
            await asyncio.wait([closed], timeout=SECONDS / 5)
        # A drop that meets a closed connection makes the system say 'reset' in place of the end.
        assert closed.exception() or closed.result() == b""
        return b"closed"

    assert talk(drip) == b"closed"


def test_an_answer_may_take_longer_and_a_second_request_has_its_own_time() -> None:
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[bytes]:
        answers = []
        for _ in range(2):
            writer.write(GET)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            answers.append(await reader.readexactly(4))
            await asyncio.sleep(2 * SECONDS)  # uvicorn's own time for idle connections is longer
        writer.write(b"G")
        answers.append(await reader.read())
        return answers

    assert talk(ask) == [b"done", b"done", b""]


def test_what_is_no_http_is_refused_in_the_one_shape() -> None:
    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"\x16\x03\x01\x02\x00\r\n\r\n")
        return await reader.read()

    head, _, body = talk(ask).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert set(json.loads(body)["error"]) == {"code", "message", "details"}
