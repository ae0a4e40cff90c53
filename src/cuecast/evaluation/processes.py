"""Episodes, or other items, in one process or in several: results in the order of the list, whatever the workers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cuecast.cluster.pool import Lost, on_cluster
from cuecast.core.cluster import Cluster
from cuecast.core.errors import EpisodeError
from cuecast.core.ordered import Progress, Step, check_workers, silent, threads_each
from cuecast.evaluation.episodes import Episode
from cuecast.predictor import Predictor, load

T = TypeVar("T")
Item = TypeVar("Item")

Run: TypeAlias = Callable[[Predictor, Episode, Path], T]
"""What is done with one episode whose paths start from a data root."""


def run_each(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    run: Run[T],
    progress: Progress = silent,
    *,
    workers: int = 1,
    threads: int | None = None,
    cluster: Cluster | None = None,
    what: str = "episodes",
) -> list[T]:
    """What `run(predictor, episode, root)` gives for each episode, in the order of the list.

    run      a function of a module, or a partial of one: worker processes get it by name.
    workers  processes. With more than one, each loads the predictor's pack from its folder.
    threads  CPU threads of an answer in each of these processes; None shares those of the CPU among them.
    cluster  whose processes do it instead; `root` and the pack must be there, too.
    what     what they are called where progress is told.

    Raises what `run` raises, and EpisodeError where a worker ends early or the pack has changed.
    """
    results: list[T] = []
    found = one_by_one(predictor, episodes, root, run, workers=workers, threads=threads, cluster=cluster)
    for result in found:
        results.append(result)
        progress(Step(what, len(results), len(episodes)))
    return results


def one_by_one(
    predictor: Predictor,
    items: Sequence[Item],
    root: str | Path,
    run: Callable[[Predictor, Item, Path], T],
    *,
    workers: int = 1,
    threads: int | None = None,
    cluster: Cluster | None = None,
) -> Iterator[T]:
    """As `run_each`, of any items that a process can be sent; each result when it and those before it are there.

    Raises InputError where there is no worker, and what `run_each` raises.
    """
    check_workers(workers)
    if cluster is not None:
        return _on_cluster(predictor, items, Path(root), run, cluster)
    if workers == 1:
        return (run(predictor, item, Path(root)) for item in items)
    return _in_processes(predictor, items, Path(root), run, workers, threads_each(threads, workers))


def _on_cluster(
    predictor: Predictor,
    items: Sequence[Item],
    root: Path,
    run: Callable[[Predictor, Item, Path], T],
    cluster: Cluster,
) -> Iterator[T]:
    """Results in the order of the list, from the processes of a cluster."""
    work = partial(_run, run, replace(predictor, threads=cluster.threads), root)
    early: dict[int, T] = {}
    after = 0
    for index, result in on_cluster(work, items, cluster):
        if isinstance(result, Lost):
            raise EpisodeError(
                f"number {index + 1} of the list ended each of {result.tries} processes that ran it",
                remedy="run it alone, or give each process more memory (fewer --workers)",
            )
        early[index] = result
        while after in early:
            yield early.pop(after)
            after += 1


def _run(run: Callable[[Predictor, Item, Path], T], predictor: Predictor, root: Path, item: Item) -> T:
    return run(predictor, item, root)


def _in_processes(
    predictor: Predictor,
    items: Sequence[Item],
    root: Path,
    run: Callable[[Predictor, Item, Path], T],
    workers: int,
    threads: int | None,
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
        yield from pool.map(_work, items)
    except BrokenProcessPool as error:
        raise EpisodeError(
            "a worker process ended early, perhaps for lack of memory or a changed pack; run with --workers 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Predictor, Path, Callable[[Predictor, Any, Path], Any]] | None = None
"""What a worker process keeps between items; None in every other process."""


def _start_worker(
    pack: str, digest: str, threads: int | None, root: Path, run: Callable[[Predictor, Any, Path], Any]
) -> None:
    global _worker
    predictor = load(pack, threads=threads)
    if predictor.pack.digest != digest:
        raise EpisodeError(f"pack {pack} changed while it was being evaluated; run again")
    _worker = (predictor, root, run)


def _work(item: Any) -> Any:
    assert _worker is not None
    predictor, root, run = _worker
    return run(predictor, item, root)
