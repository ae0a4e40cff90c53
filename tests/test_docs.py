"""Documentation runs: every Python block and every command, with the pack `colours`."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest
from docstrings import lacking
from mcp.client import stdio  # it keeps the stderr of its import: that of capsys has no file number
from snippets import blocks, make_pictures

from cuecast.cli import run

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"`(cuecast(?:\.[A-Za-z_]\w*)+)|`(?:(?:src/)?cuecast/)?([a-z_]+/[a-z_/]+\.py)`")
"""A dotted name, or a file of the package, as pages and docstrings speak of them."""
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def commands(page: Path) -> list[list[str]]:
    """The cuecast command lines of a page's console blocks, as words."""
    text = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ cuecast ")]
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the pictures that the pages speak of."""
    make_pictures(tmp_path)
    monkeypatch.chdir(tmp_path)
    # A server that a page starts is that of this source, as the page's own code is.
    given = {**stdio.get_default_environment(), "PYTHONPATH": os.pathsep.join(sys.path)}
    monkeypatch.setattr(stdio, "get_default_environment", lambda: given)
    return tmp_path


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p, "python") or commands(p)], ids=lambda p: p.name
)
@pytest.mark.usefixtures("folder")
def test_a_page_runs(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """First its Python, then its commands, all in one folder."""
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block.replace('"general"', '"colours"'), str(page), "exec"), names)
    for words in commands(page):
        words = ["colours" if w == "general" else w for w in words]
        takes_pack = words[0] in ("segment", "watch", "suggest", "eval") or words[:2] == ["cues", "check"]
        pack = ["--pack", "colours"] if takes_pack and "--pack" not in words else []
        assert run([*words, *pack]) == 0, (words, capsys.readouterr().err)


def test_the_pages_hold_code() -> None:
    assert sum(len(blocks(p, "python")) for p in PAGES) >= 5
    assert sum(len(commands(p)) for p in PAGES) >= 8


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = [t for t in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / t).exists()]
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / t).resolve() for t in LINK.findall(index.read_text(encoding="utf-8"))}
    pages = {p.resolve() for p in PAGES[1:]} - {index.resolve()}
    assert pages <= linked, f"add to docs/index.md: {[p.name for p in pages - linked]}"


def test_every_public_function_is_documented_and_arrays_with_their_shapes() -> None:
    """A public name has no underscore in front. Say '(H, W)' or the like where arrays are taken or given."""
    source = ROOT / "src" / "cuecast"
    found = [
        line
        for path in sorted(source.rglob("*.py"))
        for line in lacking(path.read_text(encoding="utf-8"), path.relative_to(source).as_posix())
    ]
    assert found == []


def misnamed(text: str) -> list[str]:
    """Names of the package's modules, files and what is in them that lead nowhere."""
    source, found = ROOT / "src", []
    for dotted, file in NAMED.findall(text):
        if file:
            there = any((root / file).exists() for root in (ROOT, ROOT / "src" / "cuecast"))
        else:
            place, inside = source, dotted.split(".")
            while inside and (place / inside[0]).is_dir():
                place /= inside.pop(0)
            module = place / f"{inside[0]}.py" if inside and (place / f"{inside[0]}.py").exists() else None
            body = module or place / "__init__.py"
            names = inside[1:] if module else inside
            there = body.exists() and all(
                re.search(rf"\b{n}\b", body.read_text(encoding="utf-8")) for n in names
            )
        found += [] if there else [dotted or file]
    return found


def test_names_of_the_code_lead_somewhere() -> None:
    assert misnamed("`cuecast.core.metrics.iou`, `cuecast.Cue`, `cuecast.io.files`, `core/metrics.py`") == []
    assert misnamed("`cuecast.core.metrics.unheard`, `cuecast.core.gone`, `core/gone.py`") == [
        "cuecast.core.metrics.unheard",
        "cuecast.core.gone",
        "core/gone.py",
    ]
    texts = [
        *PAGES,
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "recipes").glob("*"),
        *(ROOT / "benchmarks").glob("*.py"),
    ]
    found = {str(p): misnamed(p.read_text(encoding="utf-8")) for p in texts if p.suffix in (".md", ".py")}
    assert {name: names for name, names in found.items() if names} == {}
