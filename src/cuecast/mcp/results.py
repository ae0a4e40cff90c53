"""Folders of results: their masks in other formats beside them, and their measurements page by page."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import Image as PILImage

from cuecast.core.drawing import overlay
from cuecast.core.errors import InputError, MaskError, OutputError
from cuecast.core.values import ClassInfo, Image
from cuecast.cuesets.cueset import CueSet
from cuecast.cuesets.history import versions
from cuecast.io.files import MANIFEST, exclusive, read_cell
from cuecast.io.labels.coco import Shape
from cuecast.mcp import schemas as s
from cuecast.results import gather
from cuecast.results.gather import Results
from cuecast.results.manifest import ManifestEntry, read_manifest
from cuecast.results.tables import COLUMNS
from cuecast.runs.actions import Progress, Step

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
                path = _write_overlays(results, read, lambda: report(Step("files", next(done), steps)))
            else:
                path = results.write(kind, gather.Writing(coco_shape, *pixel))
            files[kind] = str(path)
            report(Step("files", next(done), steps))
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


def measure_results(table: Path, image: str | None, limit: int, offset: int) -> s.Measured:
    """The sums by class, and the rows from `offset` on, of all images or of one. Raises InputError."""
    sums: dict[str, _Sum] = {}
    rows: list[s.ObjectRow] = []
    count = 0
    for row, unit in _rows(table):
        if image is not None and row.image != image:
            continue
        sums.setdefault(row.cls, _Sum(unit)).add(row, unit)
        if offset <= count < offset + limit:
            rows.append(row)
        count += 1
    end = offset + len(rows)
    return s.Measured(
        table=str(table),
        classes=[total.result(name) for name, total in sorted(sums.items())],
        objects=count,
        rows=rows,
        next_offset=end if end < count else None,
    )


@dataclass(eq=False)
class _Sum:
    """The objects of one class so far. `unit` is None as soon as two of them differ in it."""

    unit: str | None
    count: int = 0
    area: int = 0
    in_units: float = 0.0
    smallest: int | None = None
    largest: int = 0
    border: int = 0
    images: set[str] = field(default_factory=set)

    def add(self, row: s.ObjectRow, unit: str | None) -> None:
        self.unit = self.unit if unit == self.unit else None
        self.count += 1
        self.area += row.area
        self.in_units += row.area_in_units or 0.0
        self.smallest = row.area if self.smallest is None else min(self.smallest, row.area)
        self.largest = max(self.largest, row.area)
        self.border += row.touches_border
        self.images.add(row.image)

    def result(self, name: str) -> s.ClassMeasured:
        return s.ClassMeasured(
            cls=name,
            objects=self.count,
            images=len(self.images),
            area=self.area,
            mean_area=self.area / self.count,
            smallest=self.smallest or 0,
            largest=self.largest,
            touching_border=self.border,
            unit=self.unit,
            area_in_units=self.in_units if self.unit else None,
        )


def _rows(table: Path) -> Iterator[tuple[s.ObjectRow, str | None]]:
    """Each row, and the unit it states. Raises InputError."""
    try:
        with open(table, encoding="utf-8", errors="replace", newline="") as lines:
            reader = csv.DictReader(lines)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise InputError(
                    f"{table}: is not an objects.csv (its columns differ); `export` it again as csv"
                )
            for written in reader:
                cells = {column: read_cell(cell) for column, cell in written.items()}
                yield _row(cells), cells["unit"] or None
    except FileNotFoundError as error:
        raise InputError(
            f"{table}: is not there; go on with `segment` until it is finished, or `export` as csv"
        ) from error
    except OSError as error:
        raise InputError(f"{table}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, TypeError, csv.Error) as error:
        raise InputError(f"{table}: cannot be read ({error}); `export` it again as csv") from error


def _row(cells: dict[str, str]) -> s.ObjectRow:
    return s.ObjectRow(
        image=cells["image"],
        object=int(cells["object"]),
        cls=cells["class"],
        box=[int(cells[c]) for c in ("x1", "y1", "x2", "y2")],
        centroid=[round(float(cells[c]), 2) for c in ("centroid_x", "centroid_y")],
        area=int(cells["area"]),
        perimeter=round(float(cells["perimeter"]), 3),
        major_axis=round(float(cells["major_axis"]), 3),
        minor_axis=round(float(cells["minor_axis"]), 3),
        touches_border=cells["touches_border"] == "true",
        area_in_units=float(cells["area_units"]) if cells["area_units"] else None,
    )
