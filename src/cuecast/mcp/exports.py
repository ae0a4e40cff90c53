"""The masks of a folder of results in other formats, beside them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from PIL import Image as PILImage

from cuecast.core.drawing import overlay
from cuecast.core.errors import MaskError, OutputError
from cuecast.core.values import ClassInfo, Image
from cuecast.cuesets.cueset import CueSet
from cuecast.cuesets.history import versions
from cuecast.io.files import MANIFEST, exclusive
from cuecast.io.labels.coco import Shape
from cuecast.mcp import schemas as s
from cuecast.mcp.desk import Progress
from cuecast.results import gather
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, read_manifest

ExportFormat = Literal["coco", "yolo", "labelme", "csv", "overlays"]


def export_results(
    out: Path,
    cueset: CueSet,
    formats: Sequence[ExportFormat],
    coco_shape: Shape,
    pixel: tuple[float | None, str | None],
    read: Callable[[ManifestEntry], Image],
    report: Progress,
) -> s.Exported:
    """Write the formats, each whole or not at all. `read` gives the image of an entry, for overlays.

    Raises OutputError where the results are not of that cue set, or another run writes there.
    """
    results = Results(out, _classes(out, cueset))
    images = sum(1 for _ in results.done())
    steps = len(formats) + images * ("overlays" in formats)
    done = itertools.count(1)
    files: dict[str, str] = {}
    with exclusive(out):
        for kind in dict.fromkeys(formats):
            if kind == "overlays":
                path = _write_overlays(results, read, lambda: report(next(done), steps))
            elif kind == "coco":
                path = gather.write_coco_file(results, coco_shape)
            elif kind == "csv":
                path = gather.write_table(results, *pixel)
            else:
                path = gather.write_label_files(results, kind)
            files[kind] = str(path)
            report(next(done), steps)
    return s.Exported(images=images, files=files)


def _classes(out: Path, cueset: CueSet) -> tuple[ClassInfo, ...]:
    """The classes in the results, with their names. Raises OutputError where they come from another cue set."""
    digests = {v.digest for v in versions(cueset)}
    used: dict[int, None] = {}
    for entry in entries(out):
        if entry.cueset not in digests:
            raise OutputError(
                f"{out}: {entry.name} was not made with the cue set {cueset.root}; give the one it was made with"
            )
        used.update(dict.fromkeys(entry.areas))
    named = {c.id: c for c in cueset.classes}
    if lost := sorted(c for c in used if c not in named):
        raise OutputError(
            f"{out}: its masks have class {lost[0]}, which {cueset.root} names no more; `segment` again"
        )
    return tuple(named[c] for c in sorted(used))


def _write_overlays(
    results: Results, read: Callable[[ManifestEntry], Image], written: Callable[[], None]
) -> Path:
    for entry in results.done():
        picture = drawn(read(entry), results.file("masks", entry.name), results.classes)
        gather.write_overlay(results.file("overlays", entry.name), picture)
        written()
    return results.out / "overlays"


def drawn(image: Image, mask: Path, classes: Sequence[ClassInfo]) -> PILImage.Image:
    """The image with the mask of that file over it. Raises MaskError where their sizes differ."""
    labels = gather.read_result(mask)
    if image.size != labels.shape:
        raise MaskError(
            f"{mask}: the mask is {labels.shape}, its image {image.name} is {image.size} now; `segment` it again"
        )
    return overlay(image, labels, classes)


def entries(out: Path) -> Iterator[ManifestEntry]:
    """The entries of a folder of results. Raises OutputError where a name would lead out of it."""
    for entry in read_manifest(out / MANIFEST):
        if Path(entry.name).name != entry.name:
            raise OutputError(f"{out}: refused, it names a result {entry.name!r}; do not use this folder")
        yield entry
