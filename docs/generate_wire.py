"""Write studio/src/service.ts: the page's types of what goes over the wire, from the service's OpenAPI document, and
the suffixes of what it takes, from the tables of formats.

    python docs/generate_wire.py

A test compares the file with what this would write. The service always sends every field, so none is optional.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuecast.io.formats import suffixes_of
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.service.app import create_app
from cuecast.service.settings import Settings

PAGE = Path(__file__).parents[1] / "studio" / "src" / "service.ts"

SENT = (
    *("Error", "Info", "Job", "Project", "Image", "Marks", "PredictionMask", "Folder", "FolderAdded", "Pack"),
    *("ManyDone", "KeptRun", "Compared", "LabelsRead", "ValueWindow", "People"),
)  # fmt: skip
"""What the page receives or sends; what they hold is written, too."""
WIDTH = 110
"""Of a line, as the page's formatter has it."""
_WORDS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def page() -> str:
    """The whole file."""
    schemas = create_app(Settings(Path("data"), workers=0)).openapi()["components"]["schemas"]
    head = "/** What the service sends and takes. Written by docs/generate_wire.py from its OpenAPI document. */\n"
    types = ("\n".join(_interface(n, schemas[n])) for n in _with_parts(SENT, schemas))
    return "\n".join([head, *types, *_suffixes()])


def _suffixes() -> Iterator[str]:
    yield "/** Suffixes of the files that are taken, by the kind of project, in lower case. */"
    yield "export const SUFFIXES = {"
    taken = {
        "images": sorted(IMAGE_SUFFIXES),
        "video": suffixes_of("videos"),
        "volume": suffixes_of("volumes"),
    }
    for kind, suffixes in taken.items():
        line = f"  {kind}: {json.dumps(list(suffixes))},"
        listed = "\n".join(f"    {json.dumps(suffix)}," for suffix in suffixes)
        yield line if len(line) <= WIDTH else f"  {kind}: [\n{listed}\n  ],"
    yield "} as const;\n"


def _with_parts(names: tuple[str, ...], schemas: dict[str, Any]) -> list[str]:
    """The names and those of the schemas that these hold, sorted."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [other for other in schemas if f'schemas/{other}"' in json.dumps(schemas[name])]
    return sorted(found)


def _interface(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"/** {_line(schema['description'])} */"
    yield f"export interface {name} {{"
    for field, form in schema["properties"].items():
        if "description" in form:
            yield f"  /** {_line(form['description'])} */"
        yield f"  {field}: {_type(form)};"
    yield "}\n"


def _line(text: str) -> str:
    return " ".join(text.split())


def _type(form: dict[str, Any]) -> str:
    if "$ref" in form:
        return str(form["$ref"]).rpartition("/")[2]
    if "anyOf" in form:
        return " | ".join(map(_type, form["anyOf"]))
    if "enum" in form:
        return " | ".join(json.dumps(value) for value in form["enum"])
    if "prefixItems" in form:
        return f"[{', '.join(map(_type, form['prefixItems']))}]"
    if form.get("type") == "array":
        inner = _type(form["items"])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if form.get("type") == "object":
        values = list(form.get("patternProperties", {}).values()) or [form["additionalProperties"]]
        return f"Record<string, {_type(values[0]) if isinstance(values[0], dict) else 'unknown'}>"
    return _WORDS[form["type"]] if "type" in form else "unknown"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
