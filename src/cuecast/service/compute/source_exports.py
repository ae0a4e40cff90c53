"""A zip of the results of a video or volume: the tree that `cuecast track` or `cuecast volume` writes, and the cue set.

Everything was written by the run; here it is put together, once it is known to be of one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.core.values import ClassInfo
from cuecast.io.files import MANIFEST, file_digest
from cuecast.results.manifest import ManifestEntry, read_manifest, write_manifest
from cuecast.results.video_manifest import read_frames
from cuecast.runs.video import TABLE, VIDEO, YTVIS
from cuecast.service.compute.cues import MarkedImage, forget_history, write_cueset
from cuecast.service.compute.exports import Progress, link_file, pack
from cuecast.service.compute.scans import labels_file

PARTS = {"overlays": (VIDEO, "overlays"), "ytvis": (YTVIS,), "csv": (TABLE,)}
"""Format -> the files and folders of the results that are of it."""


@dataclass(frozen=True)
class SourcePlan:
    """What an export is made from: `kind` 'video' or 'volume', `frames` frames or slices."""

    formats: Sequence[str]
    kind: str
    frames: int
    classes: tuple[ClassInfo, ...]
    cues: Sequence[MarkedImage]


def export_source(results: Path, plan: SourcePlan, target: Path, progress: Progress) -> Path:
    """Write the zip `target`. Raises InputError where the results are not whole, OutputError."""

    def build(tree: Path) -> None:
        if set(plan.formats) - {"cueset"}:
            _take(results, plan, tree)
        progress(1, 2)
        if "cueset" in plan.formats:
            write_cueset(tree / "cueset", plan.classes, plan.cues)
            forget_history(tree / "cueset")
        progress(2, 2)

    return pack(target, build)


def _take(results: Path, plan: SourcePlan, tree: Path) -> None:
    """Put the results into the tree."""
    tree.mkdir(parents=True)
    entries = _entries(results, plan)
    made = (results / MANIFEST).stat().st_mtime_ns if entries else 0
    whole = len(entries) == plan.frames and all(e.error is None for e in entries)
    parts = [part for name in plan.formats for part in PARTS.get(name, ())]
    for part in parts:
        place = results / part
        # They are written after the manifest: older ones are of the run before.
        whole = whole and not (plan.kind == "video" and place.is_file() and place.stat().st_mtime_ns < made)
        for path in [place] if place.is_file() else sorted(place.glob("*")):
            link_file(path, tree / path.relative_to(results))
    if "masks" in plan.formats:
        whole = whole and _take_masks(results, plan, entries, tree)
    if not whole:
        raise InputError(
            f"the results of this {plan.kind} are not whole, or are being made anew: run it to its end, then export"
        )
    write_manifest(tree / MANIFEST, (replace(e, image=Path(e.image).name) for e in entries))


def _entries(results: Path, plan: SourcePlan) -> list[ManifestEntry]:
    manifest = results / MANIFEST
    if not manifest.is_file():
        return []
    return list(read_frames(manifest).values() if plan.kind == "video" else read_manifest(manifest))


def _take_masks(results: Path, plan: SourcePlan, entries: Sequence[ManifestEntry], tree: Path) -> bool:
    """Put the masks into the tree; whether they are those that the manifest speaks of."""
    if plan.kind == "volume":
        labels = labels_file(results)
        if labels is None:
            return False
        link_file(labels, tree / "masks" / labels.name)
        return {file_digest(labels)} == {e.mask_hash for e in entries}
    for entry in entries:
        source = results / "masks" / f"{entry.name}.png"
        if not source.is_file():
            return False
        target = tree / "masks" / source.name
        link_file(source, target)
        if file_digest(target) != entry.mask_hash:
            return False
    return True
