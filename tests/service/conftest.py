"""Services in this process, on SQLite or on a real PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pg8000.dbapi
import pytest
from fastapi.testclient import TestClient
from service_client import ADDRESS, Service
from sqlalchemy import text

from cuecast.service.app import create_app
from cuecast.service.settings import Limits, Settings
from cuecast.service.store.database import open_database

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services: `start(roots=..., limits=Limits(...))`; all are stopped after the test."""
    running: list[TestClient] = []

    def starting(**changes: Any) -> Service:
        settings = replace(Settings(tmp_path / "data", pack="colours", workers=0), **changes)
        app = create_app(settings)
        client = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return Service(app, client, settings.data, app.state.database)

    yield starting
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    """A service with SQLite and small limits."""
    return start(limits=Limits(upload_bytes=200_000, body_bytes=50_000, pixels=1_000_000))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server that the tests have started; skips where its programs are not installed."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = tmp_path_factory.mktemp("postgres")
    # The server refuses to run as root: Debian's package has made a user for it, which must get to its folder.
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        for place in (folder, *folder.parents[:3]):
            if place.stat().st_mode & 0o005 != 0o005:
                place.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    data, programs = str(folder / "data"), BINARIES[-1]
    making = [programs / "initdb", "-D", data, "-U", "cuecast", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(making, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=120, **user)
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    # Not by pg_ctl: as a child of this process it ends when we wait for it, whoever collects orphans here.
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen([programs / "postgres", "-D", data, *words], cwd=folder, stderr=log, **user)
    try:
        _await_connections(port, server)
        yield f"postgresql://cuecast@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(60)


def _await_connections(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            pg8000.dbapi.connect("cuecast", host="127.0.0.1", port=port, database="postgres").close()
            return
        except pg8000.dbapi.Error:
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


@pytest.fixture
def empty_postgres(postgres: str) -> str:
    """The server's database, without any table."""
    database = open_database(Settings(Path(), database=postgres).database_url, migrate=False)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()
    return postgres


@pytest.fixture(params=["sqlite", "postgres"])
def stored(request: pytest.FixtureRequest, start: Callable[..., Service]) -> Service:
    """A service on each of the two databases."""
    url = request.getfixturevalue("empty_postgres") if request.param == "postgres" else None
    return start(database=url)
