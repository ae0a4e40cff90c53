"""What a module's public functions lack: a docstring, or in it the shapes of arrays. See tests/test_docs.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

OF_OTHERS = {
    "forward", "process_bind_param", "process_result_value", "upgrade", "downgrade", "file_response", "handle_exit",
    "startup", "connection_made", "connection_lost", "data_received",
}  # fmt: skip
"""Methods and functions that a library asks for by these names, and documents."""
ARRAYS = re.compile(r"\b(NDArray|Array|Floats|Bools)\b")
SHAPE = re.compile(r"\([A-Za-z0-9_' .+*/<=>-]+,[^)]*\)|shape|^See `")


class Public(NamedTuple):
    """A public function, method or class: where it is, its docstring, and its annotations as text."""

    where: str
    name: str
    doc: str
    annotations: str


def public(source: str, where: str = "") -> Iterator[Public]:
    """What is public in a module: no name with an underscore, nothing inside of functions, no setters, no overloads."""
    yield from _public(ast.parse(source).body, where)


def _public(body: list[ast.stmt], where: str, of: str = "") -> Iterator[Public]:
    for node in body:
        if not isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        ) or node.name.startswith("_"):
            continue
        name, doc = f"{where}:{node.lineno} {node.name}", ast.get_docstring(node) or ""
        if isinstance(node, ast.ClassDef):
            yield Public(name, node.name, doc, "")
            yield from _public(node.body, where, doc)
            continue
        decorators = [ast.unparse(d) for d in node.decorator_list]
        plain = len(node.body) == 1 or "property" in " ".join(decorators)
        if plain and re.search(rf"\b{node.name}\b", of):
            doc = doc or of  # told with the fields of its class
        if not any(re.search(r"overload$|\.setter$", d) for d in decorators):
            given = [a for a in ast.walk(node.args) if isinstance(a, ast.arg)]
            found = [a.annotation for a in given] + [node.returns]
            yield Public(name, node.name, doc, " ".join(ast.unparse(a) for a in found if a))


def lacking(source: str, where: str = "") -> list[str]:
    """What in a module lacks a docstring, or in it the shapes of its arrays.

    A method needs none where another class of the module documents one of that name: the protocol it fulfils.
    """
    found = list(public(source, where))
    known = OF_OTHERS | {p.name for p in found if p.doc}
    undocumented = [f"{p.where}: no docstring" for p in found if not p.doc and p.name not in known]
    return undocumented + [
        f"{p.where}: no shape"
        for p in found
        if p.doc and ARRAYS.search(p.annotations) and not SHAPE.search(p.doc)
    ]
