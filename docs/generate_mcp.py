"""Writes the arguments of the tools into docs/mcp.md from their schemas: `python docs/generate_mcp.py`.

What stands between the two marks on the page is replaced. A test compares it with what this gives.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio

from cuecast.core.values import FARTHEST
from cuecast.mcp.desk import open_roots
from cuecast.mcp.server import build_server

PAGE = Path(__file__).with_name("mcp.md")
BEGIN = "<!-- written by docs/generate_mcp.py from the schemas of the tools: begin -->\n"
END = "<!-- end -->\n"

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_BOUNDS = {
    "minimum": "{} or more",
    "maximum": "{} at most",
    "exclusiveMinimum": "above {}",
    "minItems": "{} or more entries",
    "maxItems": "{} entries at most",
}


def sections() -> str:
    """All tools with their arguments and answers, then the objects that arguments hold."""
    with tempfile.TemporaryDirectory() as folder:
        tools = anyio.run(build_server(open_roots((Path(folder),)), "general").list_tools)
    objects: dict[str, Any] = {}
    parts = []
    for tool in tools:
        objects.update(tool.input_schema.get("$defs", {}))
        parts.append("\n".join(_tool(tool)))
    given = [name for name in ("CueGiven", *objects) if name in objects]
    parts += ["\n".join(_object(name, objects[name])) for name in dict.fromkeys(given)]
    return "\n" + "\n".join(parts)


def page() -> str:
    """The whole page, with the sections as they are now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + sections() + "\n" + END + rest.partition(END)[2]


def _tool(tool: Any) -> Iterator[str]:
    yield f"### {tool.name}\n"
    yield f"{tool.description}\n"
    yield from _table(tool.input_schema, "argument")
    answer = tool.output_schema
    defs = answer.get("$defs", {})
    described = [f"`{name}` ({_kind(field, defs)})" for name, field in answer["properties"].items()]
    yield f"Answer: {', '.join(described)}.\n"


def _object(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"{schema['description']}\n"
    yield from _table(schema, "field")


def _table(schema: dict[str, Any], what: str) -> Iterator[str]:
    fields, needed = schema["properties"], schema.get("required", ())
    if not fields:
        yield f"No {what}s.\n"
        return
    yield f"| {what} | kind | if left out | what |\n| --- | --- | --- | --- |"
    for name, field in fields.items():
        default = "needed" if name in needed else f"`{json.dumps(field.get('default'))}`"
        about = " ".join(field.get("description", "").split()) or _of_items(field)
        yield f"| `{name}` | {_cell(_kind(field, {}))} | {default} | {_cell(about)} |"
    yield ""


def _kind(field: dict[str, Any], defs: dict[str, Any]) -> str:
    """A schema in words: 'list of CueGiven (1 or more entries)'."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"object with {', '.join(defs[name]['properties'])}" if name in defs else name
    if "anyOf" in field:
        return " or ".join(_kind(each, defs) for each in field["anyOf"])
    if "enum" in field:
        return " or ".join(f'"{value}"' for value in field["enum"])
    if field.get("type") == "array" and field.get("minItems", 0) == field.get("maxItems"):
        return f"[{', '.join([_kind(field['items'], defs)] * field['minItems'])}]"
    if field.get("type") == "array":
        words = f"list of {_kind(field['items'], defs)}" if "items" in field else "list"
    elif field.get("type") == "object":
        words = "object"
    else:
        words = _WORDS.get(field.get("type", ""), field.get("type", "any"))
    # Bounds far from any image keep damage out; they are nothing to plan by.
    stated = {key: field[key] for key in _BOUNDS if key in field and abs(field[key]) < FARTHEST}
    bounds = [_BOUNDS[key].format(f"{value:g}") for key, value in stated.items()]
    return f"{words} ({', '.join(bounds)})" if bounds else words


def _of_items(field: dict[str, Any]) -> str:
    inner = field.get("items", {})
    return f"{inner['description']} each" if "description" in inner else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
