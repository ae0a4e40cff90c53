"""manifest.jsonl of a video: one line a frame, what each object's verdict is, and what the answer depends on.

The lines are those of `cuecast.results.manifest` with more fields, so the same functions append and index them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cuecast.core.errors import OutputError
from cuecast.core.values import Verdict
from cuecast.results.manifest import ManifestEntry, index_manifest


@dataclass(frozen=True)
class FrameEntry(ManifestEntry):
    """What is known of one frame. `image` names the video, `image_hash` is the digest of all its frames.

    frame        number of the frame, from 0.
    shown        when it is shown, in seconds from the first frame on; None where that is not known.
    verdicts     class id -> verdict on that object.
    confidences  class id -> confidence of that verdict.
    marked       whether a person marked it.

    `cues` is the digest of all that the answer depends on besides pack and frames: see `Sweep`.
    """

    frame: int = 0
    shown: float | None = None
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    confidences: Mapping[int, float] = field(default_factory=dict)
    marked: bool = False


_FIELDS = frozenset(f.name for f in fields(FrameEntry))


def read_frames(path: Path) -> dict[int, FrameEntry]:
    """Number of a frame -> its last line, ascending; empty where there is no file.

    Raises OutputError where the file is no manifest of a video.
    """
    found: dict[int, FrameEntry] = {}
    offsets = index_manifest(path)
    if not offsets:
        return found
    with open(path, "rb") as stream:
        for offset in offsets.values():
            stream.seek(offset)
            entry = _entry(path, stream.readline())
            found[entry.frame] = entry
    return dict(sorted(found.items()))


def _entry(path: Path, line: bytes) -> FrameEntry:
    raw: dict[str, Any] = {k: v for k, v in json.loads(line).items() if k in _FIELDS}
    if "frame" not in raw:
        raise OutputError(
            f"{path}: is the manifest of single images, not of a video; choose another output folder"
        )
    for name in ("areas", "verdicts", "confidences"):
        raw[name] = {int(k): v for k, v in raw.get(name, {}).items()}
    raw["size"] = tuple(raw["size"]) if raw.get("size") else None
    return FrameEntry(**raw)
