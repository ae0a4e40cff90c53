"""Episodes in one process or in several: results in the order of the list, whatever the number of workers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cuecast.errors import EpisodeError
from cuecast.io.episodes import Episode
from cuecast.predictor import Predictor, load

T = TypeVar("T")

Run: TypeAlias = Callable[[Predictor, Episode, Path], T]
"""What is done with one episode whose paths start from a data root."""

Progress = Callable[[int, int], None]
"""Called with (episodes done, episodes in all) after each one."""


def run_each(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    run: Run[T],
    progress: Progress | None = None,
    *,
    workers: int = 1,
    threads: int | None = None,
) -> list[T]:
    """What `run(predictor, episode, root)` gives for each episode, in the order of the list.

    run      a function of a module, or a partial of one: worker processes get it by name.
    workers  processes. With more than one, each loads the predictor's pack from its folder.
    threads  CPU threads of an answer in each of these processes; None shares those of the CPU among them.

    Raises what `run` raises, and EpisodeError where a worker ends early or the pack has changed.
    """
    root = Path(root)
    if workers <= 1:
        runs: Iterator[T] = (run(predictor, episode, root) for episode in episodes)
    else:
        share = max(1, (os.cpu_count() or 1) // workers)
        runs = _in_processes(predictor, episodes, root, run, workers, threads or share)
    results: list[T] = []
    for result in runs:
        results.append(result)
        if progress:
            progress(len(results), len(episodes))
    return results


def _in_processes(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: Path,
    run: Run[T],
    workers: int,
    threads: int,
) -> Iterator[T]:
    """Results in the order of the list, from `workers` processes that each hold the pack."""
    # spawn, not fork: a forked child inherits the locks of the runtime's threads, but not the threads.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(str(predictor.pack.folder), predictor.pack.digest, threads, root, run),
    )
    try:
        yield from pool.map(_work, episodes)
    except BrokenProcessPool as error:
        raise EpisodeError(
            "a worker process ended early, perhaps for lack of memory or a changed pack; run with --workers 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Predictor, Path, Run[Any]] | None = None
"""What a worker process keeps between episodes; None in every other process."""


def _start_worker(pack: str, digest: str, threads: int, root: Path, run: Run[Any]) -> None:
    global _worker
    predictor = load(pack, threads=threads)
    if predictor.pack.digest != digest:
        raise EpisodeError(f"pack {pack} changed while it was being evaluated; run again")
    _worker = (predictor, root, run)


def _work(episode: Episode) -> Any:
    assert _worker is not None
    predictor, root, run = _worker
    return run(predictor, episode, root)
