"""`cuecast packs`: which packs there are, and what a pack's card says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.options import JsonFlag
from cuecast.cli.output import say

if TYPE_CHECKING:
    from cuecast.engine.packs import Pack

app = typer.Typer(
    help="List packs and read their cards. Looked for in $CUECAST_PACKS, the user's cache and the wheel.",
    rich_markup_mode=None,
)


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List the packs that can be used by name."""
    from cuecast.engine.packs import list_packs

    packs = list(list_packs())
    width = max((len(p.name) for p in packs), default=0)
    lines = [f"{p.name:<{width}}  {p.card.get('summary', '')}" for p in packs]
    say([_brief(p) for p in packs], "\n".join(lines), as_json)


@app.command()
def info(
    pack: Annotated[str, typer.Argument(metavar="PACK", help="Name or folder of a pack.")],
    as_json: JsonFlag = False,
) -> None:
    """Show a pack's card, and check its files against the card's checksums.

    Exit code 1 says that the pack is unknown or corrupt.
    """
    from cuecast.engine.packs import open_pack

    opened = open_pack(pack)
    opened.verify()
    record = {**_brief(opened), "card": opened.card}
    say(record, _text(opened), as_json)


def _brief(pack: Pack) -> dict[str, Any]:
    return {
        "name": pack.name,
        "summary": pack.card.get("summary", ""),
        "licence": pack.card.get("licence"),
        "folder": str(pack.folder),
        "digest": pack.digest,
    }


def _text(pack: Pack) -> str:
    """The card to read: simple values first, then each section indented."""
    size = sum((pack.folder / name).stat().st_size for name in pack.card.get("files", {}))
    lines = [
        f"{'folder':<14}{pack.folder}",
        f"{'digest':<14}{pack.digest}",
        f"{'files':<14}{size / 1e6:.1f} MB, checksums right",
    ]
    for key, value in pack.card.items():
        if key == "files":
            continue
        if isinstance(value, (dict, list)):
            lines += [f"{key}:", *(f"  {line}" for line in _entries(value))] if value else []
        else:
            lines.append(f"{key:<14}{value}")
    return "\n".join(lines)


def _entries(value: dict[str, Any] | list[Any]) -> list[str]:
    if isinstance(value, dict):
        return [f"{k}: {_inline(v)}" for k, v in value.items()]
    return [f"- {_inline(v)}" for v in value]


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
