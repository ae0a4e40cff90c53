"""Every public function says what it does, and of arrays which shape they have; the reference is built from that."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "cuecast"
OF_OTHERS = {
    "forward", "process_bind_param", "process_result_value", "upgrade", "downgrade", "file_response", "handle_exit",
    "startup", "connection_made", "connection_lost", "data_received",
}  # fmt: skip
"""Methods and functions that a library asks for by these names, and documents."""
ARRAYS = re.compile(r"\b(NDArray|Array|Floats|Bools)\b")
SHAPE = re.compile(r"\([A-Za-z0-9_' .+*/<=>-]+,[^)]*\)|shape")


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


def test_every_public_function_is_documented_and_arrays_with_their_shapes() -> None:
    found = [
        line
        for path in sorted(SOURCE.rglob("*.py"))
        for line in lacking(path.read_text(encoding="utf-8"), path.relative_to(SOURCE).as_posix())
    ]
    assert found == []


def test_what_is_lacking_is_seen() -> None:
    source = """
def plain(): ...
def _hidden(): ...
def shaped(a: NDArray[np.bool_]):
    'a (H, W) bool.'
def unshaped(a: Floats) -> int:
    'The sum.'
class Box:
    'A box; width: its sides along x.'
    @property
    def width(self): ...
    @property
    def area(self): ...
    def forward(self, x): ...
class Source(Protocol):
    'Where frames are from.'
    def frame(self):
        'One frame.'
class Files:
    'Frames of files.'
    def frame(self): ...
"""
    said = [line.partition(" ")[2] for line in lacking(source)]
    assert said == ["plain: no docstring", "area: no docstring", "unshaped: no shape"]


def test_the_pages_are_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings")
    words = ["-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference.html").read_text(encoding="utf-8")
    assert 'id="cuecast.predictor.Concept.segment"' in page
    assert 'id="cuecast.core.metrics.iou"' in page
