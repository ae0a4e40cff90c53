"""`cuecast keys`: the API keys of a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.options import JsonFlag
from cuecast.cli.serve import DatabaseOption, DataOption, missing_extra

if TYPE_CHECKING:
    from cuecast.service.store.database import Database
    from cuecast.service.store.models import Key

app = typer.Typer(
    help="Make, list and revoke the API keys of a service (`cuecast serve`).",
    rich_markup_mode=None,
)

DEFAULT_DATA = Path("cuecast-data")


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom or what the key is for.")],
    data: DataOption = DEFAULT_DATA,
    database: DatabaseOption = None,
) -> None:
    """Make a key and print it, this once: the service keeps only a hash.

    It counts from now on, also for a service that is running. Send it as 'Authorization: Bearer KEY'.
    """
    with _opened(data, database) as opened:
        from cuecast.service.security import format_key, hash_secret, new_secret
        from cuecast.service.store import keys

        secret = new_secret()
        with opened.writing() as session:
            row = keys.add(session, name, hash_secret(secret))
        typer.echo(format_key(row.id, secret))
    typer.echo("This is the only time the key is shown; keep it as you keep a password.", err=True)


@app.command("list")
def list_(
    data: DataOption = DEFAULT_DATA, database: DatabaseOption = None, as_json: JsonFlag = False
) -> None:
    """List the keys: id, state, when made and last used, name."""
    with _opened(data, database) as opened:
        from cuecast.service.store import keys

        with opened.reading() as session:
            rows = [_record(row) for row in keys.all_keys(session)]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        state = f"revoked {row['revoked']}" if row["revoked"] else f"used {row['last_used'] or 'never'}"
        typer.echo(f"{row['id']}  made {row['created']}  {state}  {row['name']}")


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `cuecast keys list` shows it.")],
    data: DataOption = DEFAULT_DATA,
    database: DatabaseOption = None,
) -> None:
    """Make a key useless, at once."""
    with _opened(data, database) as opened:
        from cuecast.service.store import keys

        with opened.writing() as session:
            row = keys.revoke(session, key)
        typer.echo(f"{row.id} ({row.name}) is revoked")


@contextmanager
def _opened(data: Path, database: str | None) -> Iterator[Database]:
    """The database of a data folder, made where it is not there."""
    try:
        from cuecast.service.files import DataFolder
        from cuecast.service.settings import Settings
        from cuecast.service.store.database import open_database
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    settings = Settings(data=data, database=database)
    DataFolder(settings.data).make()
    opened = open_database(settings.database_url)
    try:
        yield opened
    finally:
        opened.close()


def _record(row: Key) -> dict[str, Any]:
    def stamp(field: str) -> str | None:
        value = getattr(row, field)
        return value.isoformat(timespec="seconds").replace("+00:00", "Z") if value else None

    times = {field: stamp(field) for field in ("created", "last_used", "revoked")}
    return {"id": row.id, "name": row.name, **times}
