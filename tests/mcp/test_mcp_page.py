"""docs/mcp.md names every tool, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from cuecast.mcp.server import INSTRUCTIONS, TOOLS

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"


def test_the_page_lists_the_tools_in_their_order() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Tools\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [entry.name for entry in TOOLS]


def test_the_instructions_name_tools_that_there_are() -> None:
    named = set(re.findall(r"`([a-z]+_?[a-z]*)`", INSTRUCTIONS)) - {"finished"}
    assert named <= {entry.name for entry in TOOLS}
    assert len(named) > 8
