"""Cue sets as tests make them: one cue at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuecast.core.values import ClassInfo
from cuecast.cues import Cue
from cuecast.cuesets.cueset import CueSet
from cuecast.cuesets.edit import add_cues


def add_cue(
    path: str | Path, image: Any, *, classes: Sequence[ClassInfo] = (), replace: bool = False, **marks: Any
) -> CueSet:
    """`add_cues` for one cue: `marks` are the other fields of `Cue`."""
    return add_cues(path, [Cue(image, **marks)], classes, replace=replace)
