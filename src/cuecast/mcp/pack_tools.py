"""The tools that say which packs there are."""

from __future__ import annotations

from dataclasses import dataclass

from cuecast.catalogue.describe import as_told
from cuecast.catalogue.listing import listed
from cuecast.engine.card import stated
from cuecast.engine.packs import list_packs
from cuecast.mcp import schemas as s
from cuecast.mcp.desk import Desk


@dataclass(frozen=True, eq=False)
class PackTools:
    """Each public method is a tool; its docstring is the tool's description."""

    desk: Desk

    def list_packs(self) -> s.Packs:
        """List the packs (trained networks) that can be named, and the folders that may be used."""
        return s.Packs(
            packs=[
                s.PackListed.model_validate(listed(p).as_dict() | {"default": p.name == self.desk.pack})
                for p in list_packs()
            ],
            roots=[str(folder) for folder in self.desk.roots.folders],
        )

    def show_pack(self, pack: s.PackName = None) -> s.PackShown:
        """Show what the card of a pack says: what it is for and not for, its data and licences, scores, concepts."""
        found = self.desk.find(pack)
        record = as_told(found) | {"default": found.name == self.desk.pack}
        return s.PackShown.model_validate(record | {"limits": stated(record["card"], "limits")})
