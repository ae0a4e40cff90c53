"""`gather`: what the shards of a job have done, put together as one undivided run leaves it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.errors import OutputError
from cuecast.core.ordered import Progress, silent, usable_cores
from cuecast.cuesets.changes import Lineage
from cuecast.io.files import PLAN, SHARDS
from cuecast.mosaic.tiles import block_of
from cuecast.predictor import Concept
from cuecast.results.folder import Summary
from cuecast.results.shards import Parts, read_document
from cuecast.runs import images, raster, several
from cuecast.runs.shard import kept_concept, read_options


@dataclass(frozen=True)
class Job:
    """A kind of job: what its things are called, how its shards are gathered, by what of a name they were made."""

    noun: str
    gather: Callable[[Concept, Parts, Progress], Summary]
    group: Callable[[str], str] = str


def gather(out: str | Path, progress: Progress = silent) -> Summary:
    """Put together the shards of the job in the folder `out`: tables, label files, report, one manifest.

    The files are, byte for byte, those of one undivided run; only the seconds in the manifest are each run's own. What
    failed in a shard is among the failures, as in an undivided run. Stopped at any moment, the same call goes on.

    Raises OutputError where there are no shards, where one of them is not whole (each is named, and nothing is
    written), and where files cannot be written.
    """
    out = Path(out)
    job = JOBS[job_of(out)]
    parts = Parts(out, read_document(out), job.group)
    parts.check()
    _check_place(parts)
    return job.gather(kept_concept(out / SHARDS), parts, progress)


def job_of(out: str | Path) -> str:
    """The kind of the job whose shards are in `out`, a key of `JOBS`. Raises OutputError where there are none."""
    found = read_document(Path(out)).get("job")
    if found not in JOBS:
        raise OutputError(
            f"is a plan of a job of the kind {found!r}", Path(out) / SHARDS / PLAN, "use a newer version"
        )
    return str(found)


def _check_place(parts: Parts) -> None:
    """Raise OutputError where inputs were named from another folder than this one."""
    before = parts.document.get("folder")
    relative = next((path for _, path in parts.inputs if not os.path.isabs(path)), None)
    if relative is not None and before not in (None, os.getcwd()):
        raise OutputError(
            f"its inputs are named from {before}, such as {relative}",
            parts.out,
            f"gather from there: cd {before}",
        )


def _images(concept: Concept, parts: Parts, progress: Progress) -> Summary:
    options = images.BatchOptions(**read_options(parts.document["options"]), workers=usable_cores())
    version = parts.document.get("cueset")
    lineage = Lineage(version[0], version[1], lambda _: None) if version else None
    return images.gather_shards(concept, parts, options, lineage, progress)


def _raster(concept: Concept, parts: Parts, progress: Progress) -> Summary:
    options = raster.MapOptions(**read_options(parts.document["options"]))
    return raster.gather_shards(concept, parts, options, progress)


def _several(kind: str) -> Callable[[Concept, Parts, Progress], Summary]:
    return lambda _, parts, progress: several.gather_shards(kind, parts, progress)


JOBS: Mapping[str, Job] = {
    "images": Job("image", _images),
    "raster": Job("tile", _raster, block_of),
    "films": Job("film", _several("films")),
    "volumes": Job("volume", _several("volumes")),
}
"""Kind of a job, as its plan states it."""
