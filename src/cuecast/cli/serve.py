"""`cuecast serve` and its `keys`: the studio and the HTTP API, until Ctrl-C; `cuecast mcp`: the tools for agents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.options import JsonFlag, PackOption, QuietFlag, grouped
from cuecast.cli.output import say
from cuecast.core.errors import MissingExtraError

if TYPE_CHECKING:
    from cuecast.service.store.database import Database
    from cuecast.service.store.models import Key

LOOPBACK = ("127.0.0.1", "localhost", "::1")

keys_app = typer.Typer(
    help="Make, list and revoke the API keys of a service (`cuecast serve`).",
    rich_markup_mode=None,
)

DataOption = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", help="The data folder: projects, marks, results. Made if missing."),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="CUECAST_DATABASE",
        help="postgresql://user@host/name; default: SQLite in the data folder. $CUECAST_DATABASE keeps a password "
        "out of the list of processes.",
    ),
]


@dataclass(frozen=True)
class ServiceLimits:
    """What one client may take."""

    idle_seconds: Annotated[
        float,
        typer.Option(
            "--idle-seconds",
            min=1,
            metavar="N",
            help="How long a client may pause in the middle of sending a request, before it is given up.",
        ),
    ] = 30
    uploads_each: Annotated[
        int,
        typer.Option(
            "--uploads-each",
            min=1,
            metavar="N",
            help="Uploads that one API key, or one address without a key, may send at once.",
        ),
    ] = 16


@grouped
def serve(
    *,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on. Any but this machine's own needs an API key."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    data: DataOption = Path("cuecast-data"),
    root: Annotated[
        list[Path] | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Folder of the server whose images may be used where they lie; may be repeated.",
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "-j", min=1, metavar="N", help="Processes that work on jobs.")
    ] = 1,
    database: DatabaseOption = None,
    pack: PackOption = "general",
    require_key: Annotated[
        bool,
        typer.Option("--require-key", help="Ask for an API key on this machine's own address, too."),
    ] = False,
    hostname: Annotated[
        list[str] | None,
        typer.Option(
            "--hostname",
            metavar="NAME",
            help="A name by which the service is reached, besides its address; may be repeated.",
        ),
    ] = None,
    limits: ServiceLimits,
    quiet: QuietFlag = False,
) -> None:
    """Serve the studio, a page for marking, running and correcting, and the HTTP API.

    Prints its address and serves until Ctrl-C. What was marked and segmented stays in the data folder.
    """
    try:
        from cuecast.service.serving import run
        from cuecast.service.settings import Limits, Settings
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error

    missing = [str(r) for r in root or () if not r.is_dir()]
    if missing:
        raise typer.BadParameter(f"--root {missing[0]}: there is no such folder; check the spelling")
    settings = Settings(
        data=data,
        host=host,
        port=port,
        roots=tuple(root or ()),
        workers=workers,
        database=database,
        pack=pack,
        require_key=require_key,
        hostnames=tuple(hostname or ()),
        limits=Limits(idle_seconds=limits.idle_seconds, uploads_each=limits.uploads_each),
    )
    run(settings, typer.echo, quiet=quiet)


def missing_extra(
    error: ModuleNotFoundError, what: str = "the service", extra: str = "service"
) -> MissingExtraError:
    """The error for a library that is not installed and `what` needs. Raises `error` itself for a module of ours."""
    if (error.name or "").partition(".")[0] == "cuecast":
        raise error
    return MissingExtraError(
        f"{what} needs {error.name}, which is not installed; run: pip install 'cuecast[{extra}]'"
    )


def mcp(
    root: Annotated[
        list[Path] | None,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Folder below which files may be read and written; may be repeated. Default: the current folder.",
        ),
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve HTTP on this machine instead of standard input and output.")
    ] = False,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Address for --http, one of this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, metavar="PORT", help="Port for --http.")] = 8001,
    pack: PackOption = "general",
    packs: Annotated[
        bool, typer.Option("--packs", help="Let the agent install packs and give them out, too.")
    ] = False,
) -> None:
    """Let a language-model agent mark, segment, check, measure and export, by the Model Context Protocol.

    Over standard input and output, as agents start their servers; with --http at http://HOST:PORT/mcp. The agent
    reads and writes below the given folders and nowhere else.
    """
    if host not in LOOPBACK:
        raise typer.BadParameter(
            f"--host {host}: refused, this server asks for no key and answers this machine alone; "
            "leave --host out, and reach it from elsewhere through a tunnel, such as ssh -L"
        )
    try:
        from cuecast.mcp.server import build_server, serve_http, serve_stdio
    except ModuleNotFoundError as error:
        raise missing_extra(error, "the MCP server", "mcp") from error
    from cuecast.mcp.desk import open_roots

    server = build_server(open_roots(root or ()), pack, installs=packs)
    if http:
        serve_http(server, host, port)
    else:
        serve_stdio(server)


DEFAULT_DATA = Path("cuecast-data")


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whom or what the key is for.")],
    data: DataOption = DEFAULT_DATA,
    database: DatabaseOption = None,
    admin: Annotated[
        bool, typer.Option("--admin", help="It may also take packs in and give them out (/v1/packs).")
    ] = False,
) -> None:
    """Make a key and print it, this once: the service keeps only a hash.

    It counts from now on, also for a service that is running. Send it as 'Authorization: Bearer KEY'.
    """
    with _opened(data, database) as opened:
        from cuecast.service import keys
        from cuecast.service.keys import format_key, hash_secret, new_secret

        secret = new_secret()
        with opened.writing() as session:
            row = keys.add(session, name, hash_secret(secret), admin=admin)
        typer.echo(format_key(row.id, secret))
    typer.echo("This is the only time the key is shown; keep it as you keep a password.", err=True)


@keys_app.command("list")
def list_(
    data: DataOption = DEFAULT_DATA, database: DatabaseOption = None, as_json: JsonFlag = False
) -> None:
    """List the keys: id, state, when made and last used, name."""
    with _opened(data, database) as opened:
        from cuecast.service import keys

        with opened.reading() as session:
            rows = [_record(row) for row in keys.all_keys(session)]
    lines = [
        f"{row['id']}  made {row['created']}  "
        + (f"revoked {row['revoked']}" if row["revoked"] else f"used {row['last_used'] or 'never'}")
        + f"  {row['name']}{'  (admin)' if row['admin'] else ''}"
        for row in rows
    ]
    say(rows, "\n".join(lines), as_json)


@keys_app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `cuecast keys list` shows it.")],
    data: DataOption = DEFAULT_DATA,
    database: DatabaseOption = None,
) -> None:
    """Make a key useless, at once."""
    with _opened(data, database) as opened:
        from cuecast.service import keys

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
    return {"id": row.id, "name": row.name, "admin": row.admin, **times}
