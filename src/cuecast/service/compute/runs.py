"""A run: the marks of a project become a concept, the concept masks of its images, in the project's own folders.

What a run does, and what it keeps of earlier ones, is `cuecast.runs.images`'s; here its folders are made ready for it.
Killed at any moment, the same run goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.values import ClassInfo
from cuecast.cuesets.changes import Lineage, lineage
from cuecast.cuesets.cueset import read_examples
from cuecast.predictor import Predictor
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry
from cuecast.runs.images import BatchOptions, BatchSummary, Callback, run
from cuecast.service.compute.cues import MarkedImage, write_cueset
from cuecast.service.compute.results import is_of, note_wrong, prune


@dataclass(frozen=True)
class Folders:
    """The folders of one project: its cue set, its results, and its images by the names they have there."""

    cues: Path
    results: Path
    inputs: Path


@dataclass(frozen=True)
class RunPlan:
    """What a run is made from.

    images     name -> file of every image of the project; others are taken out of the results.
    digests    name of results -> digest of the image's file, where it is known.
    wanted     the names that are to be done, in this order.
    wrong      names whose mask a person called wrong.
    overwrite  redo what is finished.
    """

    classes: tuple[ClassInfo, ...]
    scale: str
    cues: Sequence[MarkedImage]
    images: Mapping[str, Path]
    digests: Mapping[str, str]
    wanted: Sequence[str]
    wrong: Sequence[str] = ()
    overwrite: bool = False


def run_project(
    predictor: Predictor,
    folders: Folders,
    plan: RunPlan,
    pruned: Callable[[], object],
    progress: Callback,
    together: int = 1,
) -> BatchSummary:
    """Do a run. An exception out of `progress` stops it; what is finished stays, and the next run goes on.

    `together` images are in work at once. `pruned` is called where something that does not fit the marks any more has
    been taken out of the results.

    Raises CueError where the marks teach nothing, and what reading them and writing results raises.
    """
    cueset = write_cueset(folders.cues, plan.classes, plan.cues)
    concept = predictor.learn(read_examples(cueset), cueset.classes, plan.scale)
    origin = lineage(cueset)
    results = Results(folders.results, concept.classes)
    inputs = {name: place_input(folders.inputs, name, path) for name, path in plan.images.items()}
    stems = {path.stem for path in inputs.values()}

    def fits(entry: ManifestEntry) -> bool:
        if entry.name not in stems or not is_of(entry, plan.digests.get(entry.name)):
            return False
        return _of_this_line(entry, predictor, plan.scale, origin)

    if prune(results, fits):
        pruned()
    note_wrong(results, [inputs[name].stem for name in plan.wrong if name in inputs])
    _sweep(folders.inputs, set(inputs))
    options = BatchOptions(workers=together, overwrite=plan.overwrite, formats=("uncertainty",))
    paths = [inputs[name] for name in plan.wanted]
    return run(concept, paths, folders.results, options, progress, origin)


def place_input(folder: Path, name: str, path: Path) -> Path:
    """The image under its name in the project, so that all results carry it: a link, or a copy where none can be."""
    place = folder / name
    if place.is_symlink() and os.readlink(place) == str(path):
        return place
    folder.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    try:
        place.symlink_to(path)
    except OSError:  # Windows without the right to make links
        shutil.copyfile(path, place)
    return place


def _of_this_line(entry: ManifestEntry, predictor: Predictor, scale: str, origin: Lineage) -> bool:
    """Whether a line was made with this pack and scale, and with a version of this cue set."""
    if entry.pack != predictor.pack.digest or entry.scale != scale or entry.cueset is None:
        return False
    return origin.changes(entry.cueset) is not None


def _sweep(folder: Path, names: set[str]) -> None:
    """Take away the links of images that are in the project no more."""
    for place in folder.iterdir() if folder.is_dir() else ():
        if place.name not in names:
            with suppress(OSError):
                place.unlink()
