"""`cuecast mcp`: the tools for language-model agents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import PackOption
from cuecast.core.errors import MissingExtraError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
        raise MissingExtraError(
            f"the MCP server needs {error.name}, which is not installed; run: pip install 'cuecast[mcp]'"
        ) from error
    from cuecast.mcp.roots import open_roots

    server = build_server(open_roots(root or ()), pack)
    if http:
        serve_http(server, host, port)
    else:
        serve_stdio(server)
