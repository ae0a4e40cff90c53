"""An agent's side of the tools: it calls them through the SDK's own client, and the pictures it works on."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult
from pictures import mask, picture

from cuecast.mcp.desk import open_roots
from cuecast.mcp.server import build_server


@dataclass
class Agent:
    """A connected client. `progress` gathers (done, in all) of the last call."""

    client: Client
    progress: list[tuple[float, float | None]] = field(default_factory=list)

    async def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured answer of a tool that succeeds."""
        result = await self.call(tool, **arguments)
        assert not result.is_error, result.content[0]
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def error(self, tool: str, **arguments: Any) -> str:
        """The sentence of a tool that fails."""
        result = await self.call(tool, **arguments)
        assert result.is_error, result.structured_content
        text = result.content[0].text  # type: ignore[union-attr]
        return text.removeprefix(f"Error executing tool {tool}: ")

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        self.progress.clear()

        async def note(done: float, total: float | None, message: str | None) -> None:  # noqa: ARG001
            self.progress.append((done, total))

        return await self.client.call_tool(tool, arguments, progress_callback=note)


Job = Callable[[Agent], Awaitable[None]]


def drive(server: MCPServer[Any] | StdioServerParameters | str, job: Job) -> None:
    """Connect to a server, in this process, by a command or at a URL, and let an agent do its job."""

    failed: list[Exception] = []

    async def main() -> None:
        async with Client(server) as client:
            try:
                await job(Agent(client))
            except Exception as error:  # noqa: BLE001  raised below, outside the client's groups of tasks
                failed.append(error)

    anyio.run(main)
    if failed:
        raise failed[0]


def server(root: Path) -> MCPServer[Any]:
    """A server in this process, with the pack `colours`."""
    return build_server(open_roots((root,)), "colours")


def make_pictures(root: Path) -> None:
    """photos/a.png to d.png with 3, 2, 0 and 4 red columns of 4 pixels; marks/a.png is the mask of the first."""
    for name, columns in (("a", 3), ("b", 2), ("c", 0), ("d", 4)):
        picture(root / "photos" / f"{name}.png", columns)
    mask(root / "marks" / "a.png", [1, 1, 1, 0, 0, 0, 0, 0])


CUE = {"image": "photos/a.png", "mask": "marks/a.png"}


async def whole_job(agent: Agent, root: Path) -> None:
    """Mark, look, segment, check, suggest, measure, export: the answers are those of `make_pictures`."""
    made = await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
    assert made["cueset"] == str(root / "set")
    assert made["cues"] == [{"image": "images/a.png", "kinds": ["mask"]}]

    seen = await agent.call("preview", cueset="set", image="photos/b.png", picture=True)
    assert seen.structured_content is not None
    assert seen.structured_content["areas"] == {"1": 8}
    assert [c.type for c in seen.content] == ["text", "image"]

    done = await agent.ask("segment", cueset="set", images=["photos"], output="out")
    assert done["counts"] == {"found": 3, "doubtful": 0, "absent": 1, "failed": 0}
    assert [(i["name"], i["verdict"]) for i in done["images"]] == [
        ("c", "absent"),
        ("a", "found"),
        ("b", "found"),
        ("d", "found"),
    ]
    assert (done["finished"], done["done"], done["total"], done["resumed"]) == (True, 4, 4, 0)
    assert agent.progress[-1] == (4, 4)
    assert (root / "out" / "masks" / "b.png").is_file()
    again = await agent.ask("segment", cueset="set", images=["photos"], output="out")
    assert again["resumed"] == 4

    added = await agent.ask("add_cues", cueset="set", cues=[{"image": "photos/c.png", "absent": True}])
    assert (added["version"], added["count"]) == (3, 2)
    checked = await agent.ask("check_cues", cueset="set")
    assert (checked["usable"], checked["findings"]) == (True, [])
    named = await agent.ask("suggest_images", cueset="set", images=["photos"], count=1)
    assert [Path(n["image"]).name for n in named["suggestions"]] == ["d.png"]

    measured = await agent.ask("measure", results="out", limit=2)
    assert [(c["class"], c["objects"], c["images"], c["area"]) for c in measured["classes"]] == [
        ("red", 3, 3, 36)
    ]
    assert [(r["image"], r["box"]) for r in measured["rows"]] == [
        ("a.png", [0, 0, 3, 4]),
        ("b.png", [0, 0, 2, 4]),
    ]
    assert (measured["objects"], measured["next_offset"]) == (3, 2)

    files = await agent.ask("export", results="out", cueset="set", formats=["yolo", "labelme"])
    assert files["files"] == {"yolo": str(root / "out" / "yolo"), "labelme": str(root / "out" / "labelme")}
    assert (root / "out" / "yolo" / "b.txt").is_file()
    await agent.ask("export", results="out", cueset="set", formats=["coco"], coco_shape="polygon")
    coco = json.loads((root / "out" / "annotations.coco.json").read_text())
    assert all(isinstance(a["segmentation"], list) for a in coco["annotations"])
    assert (root / "out" / "labelme" / "d.json").is_file()

    back = await agent.ask("undo_cues", cueset="set")
    assert (back["version"], back["count"]) == (4, 1)
