"""Work shared among threads, its results in the order of what was asked; and how one tells of its progress."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from cuecast.core.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Step:
    """`done` of `total` things are done, in their order; `what` names them: 'images', 'tiles', 'answers', 'files'.

    entry    what was found on the one that was done last: its line of a manifest, where there is one; `resumed`: it was
             finished before.
    """

    what: str
    done: int
    total: int
    entry: Any = None
    resumed: bool = False


Progress = Callable[[Step], None]
"""What is told of each step. An exception out of it stops the work, and what is finished stays."""


def silent(_: Step) -> None:
    """Tell nobody."""


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[Any]:
    """numpy's and scipy's products on one thread, in this process; as before afterwards.

    ONNX Runtime has a thread a core, which wait for work with the core held: beside them more threads of BLAS cost a
    third of an answer's time and gain nothing. Where several threads are inside, the limit is that of the first.
    """
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limit


def in_order(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`map`, with `workers` threads: results in the order of the items, at most 2 x `workers` under way.

    Raises InputError where there is no worker.
    """
    check_workers(workers)
    if workers == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= 2 * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def check_workers(workers: int) -> None:
    """Raise InputError where there is no worker to do anything."""
    if workers < 1:
        raise InputError(f"{workers} workers do nothing", remedy="give 1 or more")


def usable_cores() -> int:
    """Logical cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_each(threads: int | None, workers: int) -> int | None:
    """CPU threads of one answer: as asked, else all (None) for one worker, else an equal share of the cores."""
    if threads is not None or workers <= 1:
        return threads
    return max(1, (os.cpu_count() or 1) // workers)
