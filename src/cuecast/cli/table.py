"""The table of commands. A new one is one function and one line here."""

from __future__ import annotations

from typing import Annotated

import typer

from cuecast.cli import cues, data, packs
from cuecast.cli.consensus import consensus
from cuecast.cli.convert import convert
from cuecast.cli.doctor import doctor
from cuecast.cli.evaluate import bench, draw, evaluate_pack
from cuecast.cli.gather import gather
from cuecast.cli.map import segment_map
from cuecast.cli.segment import review, segment
from cuecast.cli.serve import keys_app, mcp, serve
from cuecast.cli.track import frames, track
from cuecast.cli.train import refine, train
from cuecast.cli.volume import volume
from cuecast.cli.watch import watch

app = typer.Typer(
    name="cuecast",
    help="Show it once, segment it everywhere: mark a thing on one image, get its mask on all the others.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done but some inputs failed.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def _cuecast(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from cuecast.core.version import __version__

        typer.echo(f"cuecast {__version__}")
        raise typer.Exit


app.command()(segment)
app.command()(watch)
app.command()(track)
app.command()(frames)
app.command()(volume)
app.command("map")(segment_map)
app.command()(gather)
app.command()(review)
app.command()(convert)
app.command()(consensus)
app.add_typer(cues.app, name="cues")
app.command()(cues.suggest)
app.add_typer(packs.app, name="packs")
app.add_typer(data.app, name="data")
app.command("eval")(evaluate_pack)
app.command("episodes")(draw)
app.command()(bench)
app.command()(refine)
# What follows the recipe is the recipe's own, its --help included.
app.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})(train)
app.command()(mcp)
app.command()(serve)
app.add_typer(keys_app, name="keys")
app.command()(doctor)
