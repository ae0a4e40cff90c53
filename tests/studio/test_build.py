"""The built page is that of the sources, byte for byte, and holds nothing that its policy would refuse."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCES = CHECKOUT / "studio"
BUILT = CHECKOUT / "src/cuecast/service/studio"
SINGLE = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


def digests(paths: list[Path], base: Path) -> dict[str, str]:
    return {p.relative_to(base).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def files_below(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


@pytest.fixture(scope="module")
def record() -> dict[str, dict[str, str]]:
    """build.json: path -> SHA-256 of the sources, and of the files that were built from them."""
    read: dict[str, dict[str, str]] = json.loads((BUILT / "build.json").read_text(encoding="utf-8"))
    return read


def test_built_from_these_sources(record: dict[str, dict[str, str]]) -> None:
    sources = [SOURCES / name for name in SINGLE] + files_below(SOURCES / "src")
    assert record["sources"] == digests(sources, SOURCES), "the sources have changed: run 'make studio'"


def test_built_files_are_those_of_the_build(record: dict[str, dict[str, str]]) -> None:
    built = [p for p in files_below(BUILT) if p.name != "build.json"]
    assert record["files"] == digests(built, BUILT), "the built files were changed by hand: run 'make studio'"


def test_page_is_small_and_needs_no_other_server() -> None:
    files = files_below(BUILT)
    assert sum(p.stat().st_size for p in files) < 500_000
    html = (BUILT / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!/studio/)([^"]*)"', html) == []
    # The policy refuses inline scripts and styles.
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", html)
    for path in files:
        if path.suffix in {".js", ".css"}:
            found = set(re.findall(r"https?://[\w.-]+", path.read_text(encoding="utf-8")))
            assert found <= {"http://www.w3.org"}, f"{path.name} names {found}"


def test_lock_names_no_registry() -> None:
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock


def test_rebuilding_gives_the_same_bytes(record: dict[str, dict[str, str]], tmp_path: Path) -> None:
    if not shutil.which("npm") or not (SOURCES / "node_modules").is_dir():
        pytest.skip("npm, or what 'npm ci' installs in studio/, is not here")
    shutil.copytree(SOURCES, tmp_path / "studio", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "studio/node_modules").symlink_to(SOURCES / "node_modules")
    subprocess.run(["npm", "run", "--silent", "build"], cwd=tmp_path / "studio", check=True, timeout=600)
    rebuilt = json.loads((tmp_path / "src/cuecast/service/studio/build.json").read_text(encoding="utf-8"))
    assert rebuilt == record
