"""The programs in examples/ run, with the pack `colours`, and say what is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from snippets import make_pictures

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *args: str, cwd: Path) -> str:
    """Stdout of an example."""
    command = [sys.executable, str(EXAMPLES / name), *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_pictures(tmp_path)
    return tmp_path


def test_every_example_is_tested() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert [p.name for p in sorted(EXAMPLES.glob("*.py")) if f'run("{p.name}"' not in here] == []


def test_folder(folder: Path) -> None:
    out = run("folder.py", "photos/001.png", "marks/001.png", "photos", "out", "colours", cwd=folder)
    assert out.splitlines() == [
        f"001.png  found  1.00  {64 * 48} pixels",
        f"002.png  found  1.00  {64 * 32} pixels",
        f"003.png  found  1.00  {64 * 64} pixels",
        "004.png  absent  1.00  0 pixels",
    ]
    assert (np.asarray(Image.open(folder / "out" / "002.png")) == 1).sum() == 64 * 32


def test_correct(folder: Path) -> None:
    """The first click finds the red, the second blue as well, the third takes the red back. Clicks of the thing alone
    whose answer is half of the picture or more are doubtful."""
    clicks = ("10,10", "90,10", "20,20,0")
    out = run("correct.py", "photos/001.png", *clicks, "--pack", "colours", cwd=folder)
    # What was clicked stays as it was clicked: pixel (10, 10) is of the thing though red no longer is.
    assert out.splitlines() == [
        f"1 clicks: {64 * 48} pixels, doubtful",
        f"2 clicks: {64 * 96} pixels, doubtful",
        f"3 clicks: {64 * 48 + 1} pixels, found",
    ]


def test_measure(folder: Path) -> None:
    out = run("measure.py", "photos/001.png", "marks/001.png", "photos/002.png", "colours", cwd=folder)
    assert out.startswith(f"thing  area {64 * 32}  box (0, 0, 32, 64)  length ")
    assert out.endswith("touches the border\n")
    assert out.count("\n") == 1


def test_demo(tmp_path: Path) -> None:
    out = run("demo.py", "--pack", "colours", "--out", "results", cwd=tmp_path)
    for scene in ("coins", "tissue"):
        assert f"-o results/{scene}" in out
        assert len(list((tmp_path / "results" / scene / "masks").glob("*.png"))) == 3
        assert (tmp_path / "results" / scene / "report.html").is_file()
