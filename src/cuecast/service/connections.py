"""Connections over HTTP: no wait before small answers, a bound on the time in which the head of a request comes."""

from __future__ import annotations

import asyncio
import json
import socket

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol(header_seconds: float) -> type[H11Protocol]:
    """The class of uvicorn's connections, each closed where a head does not come whole within so many seconds."""
    return type("BoundedConnection", (Connection,), {"header_seconds": header_seconds})


class Connection(H11Protocol):
    """uvicorn's, with the bound of its class on heads; what is no HTTP is refused in the one shape of errors."""

    header_seconds: float = 30.0
    _heading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's signature
        """Answer what cannot be read as HTTP."""
        said = "this is no HTTP request that can be read; send another"
        body = json.dumps({"error": {"code": "bad_request", "message": said, "details": None}}).encode()
        head = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=head, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        """Count the time from the first moment in which a head is waited for until it is there.

        Between two requests uvicorn's own time for connections that are kept open counts instead.
        """
        waiting = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        if not waiting:
            self._stop()
        elif self._heading is None:
            self._heading = self.loop.call_later(self.header_seconds, self._give_up)

    def _stop(self) -> None:
        if self._heading is not None:
            self._heading.cancel()
            self._heading = None

    def _give_up(self) -> None:
        # Without a word: a browser keeps connections open that it has asked nothing on.
        self._heading = None
        if not self.transport.is_closing():
            self.transport.close()


def listen(address: tuple[str, int]) -> socket.socket:
    """A listening socket whose connections send what they have at once. Raises OSError.

    asyncio asks for that by itself only where a socket names its protocol, and `socket.create_server` names none:
    each answer on a connection that is kept open then waited 40 ms for the other side's receipt.
    """
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
    listening = socket.create_server(address, family=found[0], backlog=512)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
