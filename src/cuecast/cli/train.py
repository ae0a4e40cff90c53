"""`cuecast train`: run a training recipe, which is a Python file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cuecast.core.errors import InputError, MissingExtraError

TRAINING_LIBRARIES = ("torch", "onnx", "onnxscript", "matplotlib")
"""What the extra `train` installs; a recipe that lacks one of them gets told so."""


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Python file that defines main(argv).")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENTS", help="Handed to the recipe; --help lists its own."),
    ] = None,
) -> None:
    """Train a pack with a recipe.

    Runs the recipe's main() with all that follows it, as in: cuecast train recipes/general.py --help
    """
    module = _load(recipe)
    main = getattr(module, "main", None)
    if not callable(main):
        raise InputError(
            "this is not a recipe, it defines no main(argv)", recipe, "see recipes/general.py for one"
        )
    try:
        main(list(arguments or ()))
    except ModuleNotFoundError as error:
        raise _missing(error) from error


def _load(recipe: Path) -> Any:
    """Import the file as a module. Raises InputError; MissingExtraError where torch or such is missing."""
    if recipe.suffix != ".py" or not recipe.is_file():
        raise InputError("there is no such recipe", recipe, "give a Python file such as recipes/general.py")
    name = f"cuecast_recipe_{recipe.stem}"
    spec = importlib.util.spec_from_file_location(name, recipe)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except SyntaxError as error:
        raise InputError(f"not valid Python ({error})", recipe, "correct it") from error
    return module


def _missing(error: ModuleNotFoundError) -> Exception:
    """The error to raise for it: what to install, where it is one of the training libraries."""
    if error.name and error.name.split(".")[0] in TRAINING_LIBRARIES:
        return MissingExtraError(
            f"training needs {error.name}, which is not installed; run: pip install 'cuecast[train]'"
        )
    return error
