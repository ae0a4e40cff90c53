"""What the marks say of each other, and which images to mark next: `cuecast cues check` and `suggest` for a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cuecast.core.errors import without_name
from cuecast.core.values import ClassInfo
from cuecast.cue_quality.check import check_cues, too_few
from cuecast.cue_quality.suggest import suggest_images
from cuecast.cue_quality.trials import complete_cues
from cuecast.cuesets.cueset import check_cueset, read_examples
from cuecast.predictor import Predictor
from cuecast.service.compute.cues import MarkedImage, read_marked, write_cueset

Progress = Callable[[int, int], None]
"""Called with (done, in all) after each answer; an exception out of it stops the work."""


def check_project(
    predictor: Predictor,
    folder: Path,
    classes: Sequence[ClassInfo],
    scale: str,
    cues: Sequence[MarkedImage],
    progress: Progress,
) -> dict[str, Any]:
    """The JSON of `cuecast cues check --json` over these marks; `image` is the image's name in the project.

    folder  an empty one, for the cue set that is checked.
    """
    cueset = write_cueset(folder, classes, cues)
    findings = check_cueset(folder)
    ok = not any(f.level == "error" for f in findings)
    result, note = None, None
    if ok:
        examples = read_examples(cueset)
        if len(complete_cues(examples)) < 2:
            note = too_few(examples)
        else:
            result = check_cues(predictor, examples, cueset.classes, scale, progress).as_dict()
    for named in _named(result):
        named["image"] = _plain(named["image"])
    return {
        "ok": ok,
        "findings": [{**asdict(f), "entry": _plain(f.entry)} for f in findings],
        "leave_one_out": result,
        "note": note,
    }


def suggest_project(
    predictor: Predictor,
    classes: Sequence[ClassInfo],
    scale: str,
    cues: Sequence[MarkedImage],
    images: Mapping[str, Path],
    count: int,
    progress: Progress,
) -> dict[str, Any]:
    """The JSON of `cuecast suggest --json` over the images (name -> file); `image` is the name."""
    concept = predictor.learn([read_marked(c, classes) for c in cues], classes, scale)
    marked = {c.name for c in cues}
    pool = {str(path): name for name, path in images.items() if name not in marked}
    found = suggest_images(concept, list(pool), count, progress=progress).as_dict()
    for failure in found["failures"]:
        failure["error"] = without_name(failure["error"], failure["image"])
    for named in (*found["suggestions"], *found["failures"]):
        named["image"] = pool[named["image"]]
    return {**found, "marked": sorted(marked)}


def _named(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The parts of a check that name an image."""
    return [] if result is None else [*result["cues"], *result["flags"], *result["agreements"]]


def _plain(entry: str) -> str:
    return entry.removeprefix("images/")
