"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pictures with masks beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared real pictures are not beside this checkout")
    return SHARED_DATA
