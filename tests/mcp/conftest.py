"""What the tests of the agents' tools share."""

from __future__ import annotations

from pathlib import Path

import pytest
from agent import make_pictures


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with pictures, below which an agent may read and write."""
    folder = tmp_path.resolve() / "work"
    make_pictures(folder)
    return folder
