"""Fixtures of the file tests."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Generator, Iterator

import pytest


@pytest.fixture
def no_space() -> Iterator[Callable[[int], None]]:
    """A function that lets no file grow beyond so many bytes: writing more fails as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Lift the limit as soon as a test is over: pytest writes its result before fixtures end, maybe to a file."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
