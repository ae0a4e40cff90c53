"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is slow, and that is no fault of what is tested.
settings.register_profile("cuecast", deadline=None)
settings.load_profile("cuecast")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pictures with masks beside the checkout; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared real pictures are not beside this checkout")
    return SHARED_DATA
