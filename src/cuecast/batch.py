"""A concept over many images: masks, overlays, tables and a report in one folder.

The folder's manifest is also the state from which a stopped run goes on: an image is skipped where its line
still holds (same concept, same image file, same mask file). Files that gather all images are made at the end
from the masks on disk, in the manifest's order, so neither a stop nor the number of workers shows in them.
At most 2 x workers images are in memory.
"""

from __future__ import annotations

import hashlib
import os
import string
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as PILImage

from cuecast.errors import CuecastError, ImageError, OutputError
from cuecast.io.files import replacing
from cuecast.io.images import read_image
from cuecast.io.lock import exclusive
from cuecast.io.manifest import ManifestAppender, ManifestEntry, appending, entry_at, index_manifest
from cuecast.predictor import Concept
from cuecast.types import Verdict

Format = Literal["overlays", "coco", "csv", "report", "yolo", "labelme"]
FORMATS: tuple[Format, ...] = ("overlays", "coco", "csv", "report", "yolo", "labelme")
DEFAULT_FORMATS: tuple[Format, ...] = ("overlays", "coco", "csv", "report")
NAME_FIELDS = ("stem", "parent", "index")
MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is run. Only `page`, `window` and the concept change masks.

    name        template of output names: {stem}, {parent} (the image's folder) and {index} (from 1; {index:04d}).
    workers     images worked on at once; never changes a byte.
    overwrite   redo what is finished, and replace results of another concept.
    formats     what is written besides masks and manifest.
    pixel_size  edge of one pixel in `unit` for objects.csv; None takes what the image file states.
    page        page of multi-page images, from 0.
    window      (low, high) that becomes 0 to 255 in 16-bit and float images.
    max_pixels  larger images are refused; None is the limit of `read_image`.
    opacity     of the masks in overlays and report.
    """

    name: str = "{stem}"
    workers: int = 1
    overwrite: bool = False
    formats: Sequence[Format] = DEFAULT_FORMATS
    pixel_size: float | None = None
    unit: str | None = None
    page: int | None = None
    window: tuple[float, float] | None = None
    max_pixels: int | None = None
    opacity: float = 0.45


@dataclass(frozen=True)
class Progress:
    """One image is done: the `done`-th of `total`, in input order. `resumed`: it was finished before."""

    done: int
    total: int
    entry: ManifestEntry
    resumed: bool


Callback = Callable[[Progress], None]


@dataclass(frozen=True)
class BatchSummary:
    """What a batch came to. `counts` has 'found', 'doubtful', 'absent' and 'failed' of this run's inputs.

    failures  (image, error) of each image that failed, in input order.
    resumed   how many had been finished before.
    files     what was written for all images together: 'manifest', 'report', 'coco', 'csv', 'masks'... -> path.
    """

    out: Path
    counts: Mapping[str, int]
    failures: tuple[tuple[str, str], ...]
    resumed: int
    seconds: float
    files: Mapping[str, Path] = field(default_factory=dict)


def run(
    concept: Concept,
    inputs: Sequence[Path],
    out: Path,
    options: BatchOptions | None = None,
    progress: Callback | None = None,
) -> BatchSummary:
    """Segment `inputs` and write the results into the folder `out`.

    An image that cannot be read is named in the manifest and the rest is done. Raises OutputError before any
    work where two inputs would have the same output name or `out` holds another concept's results, and later
    where there is no space or permission; what was finished by then is kept, and the same call goes on.
    """
    raise NotImplementedError
