"""The service on a port: one process for requests, beside it those for work; until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
import signal
import socket
from collections.abc import Callable
from types import FrameType
from urllib.parse import unquote_plus

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cuecast.core.errors import OutputError
from cuecast.core.version import __version__
from cuecast.engine.packs import open_pack
from cuecast.service import keys
from cuecast.service.app import alone, create_app
from cuecast.service.files import DataFolder
from cuecast.service.settings import Settings
from cuecast.service.store.database import open_database

STOP_SECONDS = 5
"""How long open replies (streams of events among them) may take to end."""


class Server(uvicorn.Server):
    """Says where it is as soon as it can be asked, and ends quietly."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # From here on requests are broken off because that was asked for: no trace of each is wanted.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def run(settings: Settings, say: Callable[[str], None], *, quiet: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. `say` gets the address once it answers.

    quiet  no line a request on stderr.

    Raises OutputError: the address is in use, the data folder or database cannot be used, or another address than
    this machine's own is asked for and there is no key.
    """
    _check(settings)
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        create_app(settings),
        http=protocol(settings.limits.idle_seconds),
        log_config=None,
        access_log=not quiet,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    start_log(quiet)
    server = Server(config, lambda: say(f"cuecast {__version__} at http://{shown}:{port}/ (Ctrl-C stops it)"))
    former = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with listening:
            server.run(sockets=[listening])
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGTERM, former)
    if not server.started:
        raise OutputError(f"http://{shown}:{port}/: the service could not start; the lines above say why")


def _check(settings: Settings) -> None:
    """Raise a CuecastError for what would keep the service from starting, or everybody from using it."""
    open_pack(settings.pack)
    files = DataFolder(settings.data, settings.roots)
    files.make()
    with alone(files.root):
        database = open_database(settings.database_url)
        try:
            with database.reading() as session:
                usable = not settings.needs_key or keys.any_valid(session)
        finally:
            database.close()
    if not usable:
        raise OutputError(
            "an API key is needed to serve like this, and there is none",
            settings.host,
            f"make one with 'cuecast keys create NAME --data {settings.data}', or serve on 127.0.0.1 "
            "without --require-key",
        )


def _listen(settings: Settings) -> socket.socket:
    """A listening socket. Raises OutputError."""
    where = f"{settings.host}:{settings.port}"
    try:
        return listen((settings.host, settings.port))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        remedy = (
            "another program listens there; choose another --port" if taken else "check --host and --port"
        )
        raise OutputError(f"cannot be listened on ({error.strerror or error})", where, remedy) from error


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


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


_KEY = re.compile(r"cue_[A-Za-z0-9]+_[^\s&\"'/?]+")
_PARAMETER = re.compile(r"(?<=[?&;])([^=&;\s\"]+)=([^&;\s\"]*)")
_SECRET = re.compile(r"key|token|secret|passw|auth|credential|signature", re.IGNORECASE)


def start_log(quiet: bool) -> None:
    """Log to stderr: warnings and errors, and unless `quiet` a line a request (its address; never its headers)."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_hide)
    for name, level in (
        ("uvicorn.error", logging.WARNING),
        ("uvicorn.access", logging.WARNING if quiet else logging.INFO),
        ("cuecast", logging.WARNING if quiet else logging.INFO),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def without_secrets(line: str) -> str:
    """A line of the log without API keys and without the values of parameters that are called like secrets."""

    def hidden(found: re.Match[str]) -> str:
        secret = _SECRET.search(unquote_plus(found[1])) or _KEY.search(unquote_plus(found[2]))
        return f"{found[1]}=***" if secret else found[0]

    return _KEY.sub("***", _PARAMETER.sub(hidden, line))


def _hide(record: logging.LogRecord) -> bool:
    record.msg, record.args = without_secrets(record.getMessage()), None
    return True
