"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# One thread of the numerical libraries a process: on pictures as small as the tests', several mostly wait for one
# another, and the workers of pytest have the cores already. Set before any of them is imported; processes inherit it.
for library in ("OPENBLAS", "OMP"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# A busy machine is slow, and that is no fault of what is tested.
settings.register_profile("cuecast", deadline=None)
settings.load_profile("cuecast")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real pictures with masks beside the checkout; skips where it is absent."""
    return _shared("data", "real pictures")


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of small inputs that once went wrong beside the checkout; skips where it is absent."""
    return _shared("cases", "inputs that once went wrong")


def _shared(name: str, what: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the shared {what} are not beside this checkout")
    return folder
