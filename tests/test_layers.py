"""Imports only point down: L5 commands, service and training ... L0 types. See docs/index.md, 'The layers'."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "cuecast"

LAYERS = (
    ("types", "geometry", "errors", "arguments", "notes", "marks", "cut"),
    (
        "io",
        "ordered",
        "objects",
        "metrics",
        "clicks",
        "render",
        "verdict",
        "matcher",
        "ridge",
        "place",
        "forest",
        "refiner",
        "correction",
        "reliability",
        "tiling",
        "misfit",
        "descriptor",
        "closeness",
        "pieces",
    ),
    ("segmenters",),
    ("cues", "prediction", "predictor"),
    (
        "batch",
        "evaluate",
        "interactive",
        "processes",
        "peers",
        "bench",
        "crossval",
        "suggest",
        "propagation",
        "mosaic",
    ),
    ("cli", "training", "service", "mcp", "client"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or not p.name.startswith("__"))


def part(path: Path) -> str:
    """The first name below `cuecast` of a module: 'io' for cuecast/io/coco.py."""
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
    """Imports of part `name` that point up."""
    own = {n.split(".")[1] for n in imported(source, package) if n.startswith("cuecast.")} - {"__version__"}
    return sorted({n for n in own if LEVEL[n] > LEVEL[name]})


def test_an_upward_import_is_seen() -> None:
    assert upward("io", "from cuecast.batch import run\nfrom cuecast.types import Image") == ["batch"]
    assert upward("io", "def f():\n    import cuecast.cli.segment") == ["cli"]
    assert upward("io", "from ..cli import table", "cuecast.io") == ["cli"]
    assert upward("io", "from . import coco", "cuecast.io") == []
    assert upward("batch", "from cuecast import predictor") == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    assert part(path) in LEVEL, f"{part(path)} has no layer: put it into LAYERS"
    package = ".".join(("cuecast", *path.relative_to(ROOT).parts[:-1]))
    assert upward(part(path), path.read_text(encoding="utf-8"), package) == []


@pytest.mark.parametrize("name", LAYERS[0])
def test_the_lowest_layer_needs_numpy_alone(name: str) -> None:
    tree = ast.parse((ROOT / f"{name}.py").read_text(encoding="utf-8"))
    heavy = {"scipy", "skimage", "PIL", "tifffile", "onnxruntime", "typer", "rich", "torch"}
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
