"""What differs between two versions of a cue set, and which pictures that may matter to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CueSetError, InputError
from cuecast.core.values import Image
from cuecast.cuesets.cueset import INDEX, CueSet, to_json
from cuecast.cuesets.history import Version, kept, kept_name, versions
from cuecast.engine.descriptor import LENGTH, any_close, describe
from cuecast.io.bundle import Bundle
from cuecast.io.images import read_image

_FILES = ("image", "mask", "objects")
"""Keys of a cue that name files."""


@dataclass(frozen=True, eq=False)
class Changes:
    """The pictures whose cues differ, or `everything`: the classes differ, or the past is kept no more."""

    images: tuple[Image, ...] = ()
    everything: bool = False

    def near(self, image: Image) -> bool:
        """Whether they may change the answer for `image`: it is close to one of the pictures, or is one."""
        if self.everything:
            return True
        return any_close(describe(image.pixels), self._descriptors)

    @cached_property
    def _descriptors(self) -> NDArray[np.float32]:
        """(N, LENGTH) float32, one row an image."""
        rows = [describe(image.pixels) for image in self.images]
        return np.array(rows, np.float32).reshape(-1, LENGTH)


@dataclass(frozen=True, eq=False)
class Lineage:
    """A version of a cue set, and how it differs from those before it.

    changes  digest -> what differs between that version and this one; None for what is no version of the set.
    """

    version: int
    digest: str
    changes: Callable[[str], Changes | None]


def lineage(cueset: CueSet, window: tuple[float, float] | None = None) -> Lineage:
    """The present version of a cue set that has been read; `window` as in `read_image`. Raises CueSetError."""
    log = versions(cueset)
    return Lineage(
        log[-1].version, log[-1].digest, cache(lambda digest: changes_since(cueset, digest, log, window))
    )


def changes_since(
    cueset: CueSet, digest: str, log: Sequence[Version], window: tuple[float, float] | None = None
) -> Changes | None:
    """What differs between the version of that digest and now; None where it never was a version of this set.

    `log` is `versions(cueset)`; `window` as in `read_image`.
    """
    former = next((v for v in reversed(log) if v.digest == digest), None)
    if former is None:
        return None
    if former.digest == log[-1].digest:
        return Changes()
    place = kept(cueset.bundle, log[-1].files, kept_name(INDEX, former.cues), former.cues)
    if place is None:
        return Changes(everything=True)
    old_classes, old = _content(cueset.bundle.read(place).decode(), former)
    new_classes, new = _content(to_json(cueset.classes, cueset.entries), log[-1])
    if old_classes != new_classes:
        return Changes(everything=True)
    try:
        return Changes(tuple(_pictures(cueset.bundle, log[-1], old ^ new, window)))
    except (CueSetError, InputError):
        return Changes(everything=True)


def _content(text: str, version: Version) -> tuple[Any, set[tuple[str, tuple[str, str, int | None], str]]]:
    """The classes, and the cues as (marks, (image, its hash, page), hashes of mask and objects)."""
    raw = json.loads(text)
    cues = set()
    for cue in raw["cues"]:
        marks = json.dumps({k: v for k, v in cue.items() if k not in _FILES}, sort_keys=True)
        image = (cue["image"], version.files[cue["image"]], cue.get("page"))
        cues.add((marks, image, "".join(version.files.get(cue.get(key, ""), "-") for key in _FILES[1:])))
    return raw["classes"], cues


def _pictures(
    bundle: Bundle,
    present: Version,
    cues: set[tuple[str, tuple[str, str, int | None], str]],
    window: tuple[float, float] | None,
) -> Iterator[Image]:
    """The images of those cues, each once, in a fixed order. Raises CueSetError or InputError."""
    for name, digest, page in sorted({image for _, image, _ in cues}, key=repr):
        place = kept(bundle, present.files, name, digest)
        if place is None:
            raise CueSetError(f"{name} of an earlier version is not kept", bundle.path)
        with ExitStack() as stack:
            yield read_image(stack.enter_context(bundle.local(place)), page=page, window=window)
