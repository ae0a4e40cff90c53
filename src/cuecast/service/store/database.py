"""The database: SQLite by default, PostgreSQL by URL; transactions and migrations.

    database = open_database(settings.database_url)
    with database.reading() as session: ...       # nothing is changed
    with database.writing() as session: ...       # committed when the block ends, or nothing of it

SQLite runs in WAL mode with synchronous=FULL: what was committed survives a power cut. A writing transaction takes
the write lock when it begins (BEGIN IMMEDIATE) and waits for it: one that began reading could not wait. So decode
images and move large files before `writing()`, not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from cuecast.core.errors import MissingExtraError, OutputError

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another."""

MIGRATIONS = Path(__file__).with_name("migrations")


@dataclass(frozen=True)
class Database:
    """An open database, safe to share between threads; each process opens its own."""

    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads one state of the database. Rows stay usable after the block."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are committed when the block ends; an error in the block takes them all back."""
        engine = self.engine.execution_options(writing=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(url: str, *, migrate: bool = True) -> Database:
    """Open the database at a SQLAlchemy URL, bringing its tables up to date unless told not to.

    Raises OutputError where it cannot be reached or is of a newer version, MissingExtraError without its driver.
    """
    shown = _shown(url)
    try:
        engine = _engine(url)
        if migrate:
            _migrate(engine, shown)
        else:
            engine.connect().close()
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingExtraError(
            f"the driver is not installed ({error})", shown, "run: pip install 'cuecast[postgres]'"
        ) from error
    except ArgumentError as error:
        raise OutputError("not the URL of a database", shown, "write postgresql://user@host/name") from error
    except DBAPIError as error:
        raise OutputError(
            f"the database cannot be opened ({error.orig})", shown, "check that it runs and may be written"
        ) from error
    return Database(engine)


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "--database"


def _engine(url: str) -> Engine:
    # As many connections as there are threads for requests, and a few for what runs beside them.
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10, max_overflow=40, pool_pre_ping=True)
    engine = create_engine(url, pool_size=10, max_overflow=40, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    """Set up a new SQLite connection. Transactions are begun by `_begin`, not by the driver."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(engine: Engine, shown: str) -> None:
    """Bring the tables up to date, in one transaction that only one process at a time is in."""
    from alembic import command  # not loaded by the processes that only work with the database
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.execution_options(writing=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7234985123)")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise OutputError(
                f"made by a newer version of cuecast ({error})", shown, "update cuecast"
            ) from error
