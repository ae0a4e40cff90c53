"""The service on a port: one process for requests, beside it those for work; until a signal ends it."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from cuecast.core.errors import OutputError
from cuecast.core.version import __version__
from cuecast.engine.packs import open_pack
from cuecast.service.app import alone, create_app
from cuecast.service.connections import listen, protocol
from cuecast.service.files import DataFolder
from cuecast.service.logs import start_log
from cuecast.service.settings import Settings
from cuecast.service.store import keys
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
            f"{settings.host}: an API key is needed to serve like this, and there is none; make one with "
            f"'cuecast keys create NAME --data {settings.data}', or serve on 127.0.0.1 without --require-key"
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
        raise OutputError(f"{where}: cannot be listened on ({error.strerror or error}); {remedy}") from error


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
