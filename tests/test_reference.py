"""The reference of the library is built from the docstrings, and what they lack is seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from docstrings import lacking

ROOT = Path(__file__).parents[1]


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
