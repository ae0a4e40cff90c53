"""What a long benchmark has measured so far, kept after each step, so that a run that was stopped goes on."""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cuecast
from cuecast.evaluate import source_commit
from cuecast.io.files import write_text


def finished(target: Path | None, how: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The records below `key` that an earlier call has made in the same way."""
    if target is None or not target.exists():
        return []
    kept = json.loads(target.read_text(encoding="utf-8"))
    if any(kept.get(k) != v for k, v in how.items()):
        raise SystemExit(f"{target}: it was made in another way; choose another -o, or delete it")
    records: list[dict[str, Any]] = kept[key]
    return records


def keep(
    target: Path | None,
    how: Mapping[str, Any],
    key: str,
    records: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any],
) -> None:
    """Print the newest record, and write all of them with the figures that they come to."""
    print(json.dumps(records[-1]), file=sys.stderr, flush=True)
    if target is not None:
        whole = {**how, "commit": source_commit(), **figures, key: records}
        write_text(target, json.dumps(whole, indent=1) + "\n")


Job = Callable[[cuecast.Predictor, Any], dict[str, Any]]
"""What is measured: a function of the script, or a partial of one, of the predictor and one of the jobs."""


def measured(
    job: Job, jobs: Iterable[Any], pack: str, workers: int, threads: int | None
) -> Iterator[dict[str, Any]]:
    """What `job` gives for each of `jobs`, in their order, from processes that each load the pack."""
    if workers <= 1:
        predictor = cuecast.load(pack, threads=threads)
        yield from (job(predictor, each) for each in jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _start, (job, pack, threads or 1)) as pool:
        yield from pool.map(_work, jobs)


_worker: tuple[Job, cuecast.Predictor] | None = None
"""What a worker process keeps from job to job; None in every other process."""


def _start(job: Job, pack: str, threads: int) -> None:
    global _worker
    _worker = job, cuecast.load(pack, threads=threads)


def _work(each: Any) -> dict[str, Any]:
    assert _worker is not None
    job, predictor = _worker
    return job(predictor, each)
