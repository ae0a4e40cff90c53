"""objects.csv of a video: one line for each object in each frame, seen or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cuecast.io.files import replacing, write_row


@dataclass(frozen=True)
class FrameRow:
    """One object in one frame; the fields are the columns. Empty cells where the object is not seen.

    seconds     when the frame is shown, from the first one on; empty where that is not known.
    x1 ... y2   box in pixels, half-open, round all its pieces.
    centroid_x  mean of its pixels' centres; the centre of the first pixel is (0.5, 0.5).
    area        pixels.
    pieces      connected pieces (8-neighbourhood).
    """

    frame: int
    seconds: float | None
    name: str
    object: str
    class_id: int
    verdict: str
    confidence: float
    x1: int | None = None
    y1: int | None = None
    x2: int | None = None
    y2: int | None = None
    centroid_x: float | None = None
    centroid_y: float | None = None
    area: int = 0
    pieces: int = 0
    touches_border: bool | None = None


COLUMNS: Sequence[str] = tuple("class" if f.name == "object" else f.name for f in fields(FrameRow))


def write_frames_csv(path: str | Path, rows: Iterable[FrameRow]) -> Path:
    """Write the rows as they come, whole file or nothing; returns its path. Raises OutputError."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(COLUMNS))
        out.writelines(write_row(_cell(v) for v in astuple(row)) for row in rows)
    return Path(path)


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
