"""`cuecast refine`: a pack made better on pictures of one's own; `cuecast train`: run a training recipe."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cuecast.cli.marks import class_list
from cuecast.cli.options import ClassOption, PackOption, grouped
from cuecast.cli.output import Printed, progress, say
from cuecast.core.errors import InputError
from cuecast.training.needed import LIBRARIES, missing

if TYPE_CHECKING:
    from cuecast.training.refine import Refined


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Python file that defines main(argv).")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="ARGUMENTS", help="Handed to the recipe; --help lists its own."),
    ] = None,
) -> None:
    """Train a pack with a recipe.

    Runs the recipe's main() with all that follows it, as in: cuecast train recipes/general.py --help. On several
    processes: torchrun --nproc-per-node 2 -m cuecast train recipes/general.py --accumulate 2 ...
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
    if error.name and error.name.split(".")[0] in LIBRARIES:
        return missing(error.name)
    return error


@grouped
def refine(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...",
            help="A cue set, or a folder of images with masks or label files in masks/, labels/ or annotations/.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="PACK", help="Folder of the new pack; its last part is the name."
        ),
    ],
    *,
    pack: PackOption = "general",
    class_names: ClassOption = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="folder|prefix|FILE.csv",
            help="Pictures that belong together, such as those of one patient: by folder, by the name up to its last "
            "number, or by lines image,group. Those of one group never both teach and judge.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.5, metavar="N", help="Time it may take, about: more is learned in more.")
    ] = 20.0,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Write the pack where it is not better than its base, too.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a pack of that name.")
    ] = False,
    ready: Annotated[
        bool,
        typer.Option(
            "--ready/--no-ready",
            help="Ready concepts in the pack, which hold pictures of DATA: whoever gets the pack gets these.",
        ),
    ] = True,
    printed: Printed,
) -> None:
    """Refine a pack on pictures of one's own, with proof.

    Some pictures teach, and the others judge the new pack beside its base: with 1, 3, 5 and 10 cues, and on pictures
    without the thing. A pack that is not better is not written (exit 1). The pack holds what differs from its base, and
    a ready concept of each class: cuecast segment IMAGES --pack PACK --concept CLASS -o OUT. Stopped at any moment, the
    same command goes on.
    """
    try:
        from cuecast.training.refine import RefineOptions
        from cuecast.training.refine import refine as run
        from cuecast.training.torchrun import join
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    classes = class_list(class_names) if class_names else None
    options = RefineOptions(pack, classes, group, minutes, anyway=anyway, replace=replace, ready=ready)
    first = join().first
    with progress(printed.quiet or not first) as report:
        refined = run(data, output, options, report)
    if first:
        say(refined.as_dict(), _told(refined), printed.as_json)


def _told(refined: Refined) -> str:
    """The table of what was measured, and what there is now."""
    found = refined.comparison
    lines = [f"{'cues':>8}  {'base':>6}  {'refined':>7}"]
    lines += [f"{n:>8}  {a:>6.3f}  {b:>7.3f}" for n, (a, b) in found.by_shots.items()]
    if found.quiet:
        lines.append(
            f"{'absent':>8}  {found.quiet[0]:>6.0%}  {found.quiet[1]:>7.0%}  of pictures without the thing"
        )
    lines.append(
        f"gain {found.gain:+.3f} IoU on {found.pictures} pictures that it was not trained on; chance of none: "
        f"{found.doubt:.1%}"
    )
    lines += [f"{n} pictures taught: {v:.3f}" for n, v in refined.curve.items() if n]
    if refined.outlook is not None:
        lines.append(f"twice as many pictures would add about {refined.outlook:.3f}")
    lines.append(f"pack      {refined.pack.folder}")
    lines += [f"concept   {name}" for name in refined.pack.concepts]
    return "\n".join(lines)
