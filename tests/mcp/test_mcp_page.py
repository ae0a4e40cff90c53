"""docs/mcp.md names every tool, and no other, with its arguments; and a job can be done from it alone."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

from agent import Agent, drive, server

from cuecast.mcp.server import INSTRUCTIONS, TOOLS

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"


def test_the_page_lists_the_tools_in_their_order() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("\n## Tools\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [entry.name for entry in TOOLS]


def test_the_instructions_name_tools_that_there_are() -> None:
    named = set(re.findall(r"`([a-z]+_?[a-z]*)`", INSTRUCTIONS)) - {"finished"}
    assert named <= {entry.name for entry in TOOLS}
    assert len(named) > 8


def section(title: str) -> str:
    return PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_arguments_on_the_page_are_those_of_the_tools() -> None:
    written = runpy.run_path(str(PAGE.with_name("generate_mcp.py")))["page"]()
    assert PAGE.read_text(encoding="utf-8") == written, "run python docs/generate_mcp.py"
    told = section("Arguments and answers")
    assert re.findall(r"^### ([a-z_]+)$", told, re.MULTILINE) == [entry.name for entry in TOOLS]
    cells = [line.split(" | ") for line in told.splitlines() if line.startswith("| `")]
    assert len(cells) > 50
    assert all(len(c) == 4 and len(c[-1]) > 4 for c in cells), "every argument says what it is"


def test_the_job_on_the_page_can_be_done(root: Path) -> None:
    calls = re.findall(r"^`(\w+)`\n\n```json\n(.*?)```", section("A whole job"), re.MULTILINE | re.DOTALL)
    assert len(calls) == 8
    told = {}

    async def job(agent: Agent) -> None:
        for tool, arguments in calls:
            said = await agent.call(tool, **json.loads(arguments))
            assert not said.is_error, (tool, said.content)
            told[tool] = said.structured_content

    drive(server(root), job)
    assert told["segment"]["counts"] == {"found": 3, "doubtful": 0, "absent": 1, "failed": 0}
    assert told["measure"]["classes"][0]["objects"] == 3
    assert set(told["export"]["files"]) == {"yolo", "csv"}
