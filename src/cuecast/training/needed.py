"""What training needs beside the package, the extra `train`, and where refining works. Asking loads none of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cuecast.core.errors import MissingExtraError

LIBRARIES = ("torch", "onnx", "onnxscript", "matplotlib")
"""What the extra `train` installs; a recipe that lacks one of them gets told so."""


def work_folder(out: Path) -> Path:
    """Where refining into the pack's folder `out` keeps what it goes on with."""
    return out.with_name(f".{out.name}.refining")


def missing(library: str) -> MissingExtraError:
    """The error that says so."""
    return MissingExtraError(
        f"training needs {library}, which is not installed; run: pip install 'cuecast[train]'"
    )


def require_training() -> None:
    """Raise MissingExtraError where refining cannot be done here."""
    for library in ("torch", "onnx", "matplotlib"):
        if importlib.util.find_spec(library) is None:
            raise missing(library)
