"""`cuecast serve`: the studio and the HTTP API, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import PackOption, QuietFlag
from cuecast.core.errors import MissingExtraError

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


def serve(
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
    idle_seconds: Annotated[
        float,
        typer.Option(
            "--idle-seconds",
            min=1,
            metavar="N",
            help="How long a client may pause in the middle of sending a request, before it is given up.",
        ),
    ] = 30,
    uploads_each: Annotated[
        int,
        typer.Option(
            "--uploads-each",
            min=1,
            metavar="N",
            help="Uploads that one API key, or one address without a key, may send at once.",
        ),
    ] = 16,
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
        limits=Limits(idle_seconds=idle_seconds, uploads_each=uploads_each),
    )
    run(settings, typer.echo, quiet=quiet)


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError:
    """The error for a library of the service that is not installed. Raises `error` itself for a module of ours."""
    if (error.name or "").partition(".")[0] == "cuecast":
        raise error
    return MissingExtraError(
        f"the service needs {error.name}, which is not installed; run: pip install 'cuecast[service]'"
    )
