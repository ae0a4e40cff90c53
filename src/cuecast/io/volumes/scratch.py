"""Room to work in: arrays that live on disk where they are large; and the optional libraries of volumes."""

from __future__ import annotations

import importlib
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cuecast.core.errors import MissingExtraError, OutputError
from cuecast.io.files import check_space

IN_MEMORY = 256 * 2**20
"""Arrays of more bytes than this live in an unnamed file of the folder for temporary files (TMPDIR)."""


def scratch(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """A zeroed array to write to; where it is large, in a file that vanishes with it, or with the process.

    Raises OutputError where that file does not fit on its disk.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype)
    folder = Path(tempfile.gettempdir())
    check_space(folder, size, "set TMPDIR to a folder on a larger disk")
    with tempfile.TemporaryFile(prefix="cuecast-", dir=folder) as stream:
        _reserve(stream.fileno(), size, folder)
        return np.memmap(stream, dtype, "r+", shape=shape)


def _reserve(handle: int, size: int, folder: Path) -> None:
    """Make a file `size` bytes long, on disk: a hole that cannot be filled later would end the process."""
    try:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            os.truncate(handle, size)
    except OSError as error:
        raise OutputError(
            f"{folder}: {size / 1e6:,.0f} MB cannot be had there ({error.strerror}); set TMPDIR to a folder on a "
            "larger disk"
        ) from error


def library(name: str, extra: str, purpose: str) -> Any:
    """The optional library `name`, imported. Raises MissingExtraError with the extra of cuecast that brings it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {name.split('.')[0]}, which is not installed: pip install 'cuecast[{extra}]'"
        ) from error
