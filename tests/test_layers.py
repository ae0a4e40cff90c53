"""Imports only point down the rooms, and never to the package's own door. See docs/index.md, 'The rooms'."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "cuecast"

LAYERS = (
    ("core",),
    ("io", "cluster"),
    ("engine",),
    ("cues",),
    ("cuesets", "results"),
    ("prediction",),
    ("predictor",),
    ("propagation", "mosaic", "cue_quality", "catalogue", "datasets"),
    ("runs", "evaluation"),
    ("client", "training"),
    ("service", "mcp", "napari"),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or not p.name.startswith("__"))


def package_of(path: Path) -> str:
    """The package that a module's relative imports start from: 'cuecast.io' for cuecast/io/files.py."""
    return ".".join(("cuecast", *path.relative_to(ROOT).parts[:-1]))


def part(path: Path) -> str:
    """The first name below `cuecast` of a module: 'io' for cuecast/io/labels/coco.py."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(source: str, package: str = "cuecast") -> set[str]:
    """Dotted names of all imports in a module of `package`, wherever they stand."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def upward(name: str, source: str, package: str = "cuecast") -> list[str]:
    """Imports of room `name` that point up or to another room beside it; 'cuecast' is the package's own door."""
    found = {n for n in imported(source, package) if n.split(".")[0] == "cuecast"}
    rooms = {n.split(".")[1] if "." in n else "cuecast" for n in found}
    return sorted(n for n in rooms - {name} if n not in LEVEL or LEVEL[n] >= LEVEL[name])


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Modules that reach each other, in groups (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(group)

    for node in graph:
        if node not in index:
            visit(node)
    return found


def module_graph() -> dict[str, set[str]]:
    """Each module's imports of other modules of the package, wherever they stand."""
    names = {
        ".".join(p.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): p
        for p in MODULES
    }
    graph = {}
    for name, path in names.items():
        found = imported(path.read_text(encoding="utf-8"), package_of(path))
        graph[name] = {n if n in names else n.rpartition(".")[0] for n in found} & set(names) - {name}
    return graph


def test_an_upward_import_is_seen() -> None:
    assert upward("io", "from cuecast.runs import images\nfrom cuecast.core.values import Image") == ["runs"]
    assert upward("io", "def f():\n    import cuecast.cli.segment") == ["cli"]
    assert upward("io", "from ..cli import table", "cuecast.io") == ["cli"]
    assert upward("io", "from . import files", "cuecast.io") == []
    assert upward("runs", "from cuecast import predictor") == []
    assert upward("results", "from cuecast.cuesets import history") == ["cuesets"]
    assert upward("predictor", "def f():\n    import cuecast") == ["cuecast"]
    assert upward("cli", "from cuecast import __version__") == ["__version__"]


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


def test_no_modules_import_each_other() -> None:
    assert circles(module_graph()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    assert part(path) in LEVEL, f"{part(path)} has no layer: put it into LAYERS"
    assert upward(part(path), path.read_text(encoding="utf-8"), package_of(path)) == []


@pytest.mark.parametrize("path", sorted((ROOT / "core").glob("*.py")), ids=lambda p: p.name)
def test_core_needs_numpy_and_pillow_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    heavy = {"scipy", "skimage", "tifffile", "onnxruntime", "typer", "rich", "torch"}
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    top = {name.split(".")[0] for node in imports for name in imported(ast.unparse(node))}
    assert not top & heavy


def test_torch_is_for_training_alone() -> None:
    below = [p for p in MODULES if part(p) not in ("training", "cli")]
    assert len(below) > 20
    users = [
        p for p in below if "torch" in {n.split(".")[0] for n in imported(p.read_text(encoding="utf-8"))}
    ]
    assert users == []


LINES, PARAMETERS = 80, 12
"""What a function has at most; `self` and `cls` do not count."""


def oversized(source: str) -> list[str]:
    """Functions of a module that are too long to be read at once, or take too much."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = sum(a.arg not in ("self", "cls") for a in given)
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES or count > PARAMETERS:
                found.append(f"{node.name}: {lines} lines, {count} parameters")
    return found


def test_an_oversized_function_is_seen() -> None:
    names = ", ".join(f"a{i}" for i in range(PARAMETERS))
    assert oversized(f"class A:\n def f(self, {names}): ...\ndef g(b, *, {names}): ...") == [
        f"g: 1 lines, {PARAMETERS + 1} parameters"
    ]
    assert oversized("def f():\n" + "    pass\n" * LINES) == [f"f: {LINES + 1} lines, 0 parameters"]


def test_no_function_is_oversized() -> None:
    """A database's first migration writes down every table, once."""
    paths = [p for p in MODULES if "migrations" not in p.parts]
    found = {str(p.relative_to(ROOT)): oversized(p.read_text(encoding="utf-8")) for p in paths}
    assert {name: functions for name, functions in found.items() if functions} == {}
