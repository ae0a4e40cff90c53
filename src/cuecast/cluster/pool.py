"""A function over many items on a Ray cluster, whatever of it ends meanwhile; it knows no picture and no model.

The function goes to the cluster once and each worker opens it once: an actor of Ray Data's pool. Items go in blocks of
a few, their results come back block by block, as they are done. A worker asks for half of the CPUs that it uses: so a
cluster that loses up to half of its cores still has room for all of them, and a machine of two cores for what Ray needs
itself. What a worker that ended had in hand is done by another, or by itself when it is back. What ends its worker
every time, and so would go round for ever, comes back as `Lost`.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cuecast.core.cluster import AUTO, LOCAL, Cluster
from cuecast.core.errors import CuecastError, InputError, MissingExtraError
from cuecast.core.version import __version__

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 4
"""Times that a block is given out before it is given up, and then each of its items by itself."""
BLOCK = 16
"""Items of a block at most: what a worker that ends has done for nothing."""
ROUNDS = 8
"""Blocks at least that a worker is to get, where there are items enough: the last ones end together."""
SHARE = 0.5
"""Part of the CPUs that it uses for which a worker asks."""
MARK = ".cuecast-here-"
"""What the name of the file begins with by which workers see that a folder is the one that the driver sees."""


@dataclass(frozen=True)
class Lost:
    """In place of the result of an item: no worker that was given it, and it alone, came back."""

    tries: int = TRIES


def on_cluster(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    cluster: Cluster,
    folder: Path | None = None,
) -> Iterator[tuple[int, Result | Lost]]:
    """(index, result) of each item, once, in the order in which they are done; `Lost` of what ends its workers.

    function  what pickle can send, such as the method of a value; relative paths in it mean what they mean here.
    folder    one that is there and that workers must see, too: what they write there is looked for here.

    An exception out of the function stops the work and is raised here. Raises MissingExtraError without the extra
    `cluster`, InputError where there is no such cluster, or a worker of it cannot work: it has another version of
    cuecast, or none, or does not see the folder or this process's own one.
    """
    sent = pickle.dumps(function)
    with connected(cluster) as ray, _marked(folder) as mark:
        needed = _Needed(__version__, os.getcwd(), None if mark is None else str(mark))
        work = ray.put((sent, needed))
        left = set(range(len(items)))
        for alone in (False, True):
            order = sorted(left)
            tasks = [{"item": pickle.dumps((index, items[index]))} for index in order]
            for row in _rows(ray, work, tasks, cluster, alone) if tasks else ():
                index, error, result = pickle.loads(row)
                if error is not None:
                    raise error
                if index in left:
                    left.remove(index)
                    yield index, result
        for index in sorted(left):
            yield index, Lost()


@contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster; as it is where the program has connected it before. Raises as `on_cluster`."""
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if cluster.address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unasked
        quiet["include_dashboard"] = False
    try:
        ray.init(address=cluster.address, **quiet)
    except Exception as error:
        if cluster.address == LOCAL:
            raise InputError(
                f"Ray cannot be started on this machine ({error})", remedy="try again"
            ) from error
        what = (
            "this machine belongs to no Ray cluster" if cluster.address == AUTO else "there is no Ray cluster"
        )
        raise InputError(
            f"{what} ({' '.join(str(error).split())[:200]})",
            f"--cluster {cluster.address}",
            "start one with `ray start --head`, give HOST:PORT of its head node, or --cluster local; where it asks for "
            "a token, export RAY_AUTH_MODE=token",
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def load_ray() -> Any:
    """The library, with Ray Data, which says no more than what is wrong. Raises MissingExtraError."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
        import ray.data
    except ImportError as missing:
        raise MissingExtraError(
            "a cluster needs Ray and Ray Data", remedy="run: pip install 'cuecast[cluster]'"
        ) from missing
    return ray


@contextmanager
def _marked(folder: Path | None) -> Iterator[Path | None]:
    """A file in the folder, for as long as the block goes, that nobody else can have put there."""
    if folder is None:
        yield None
        return
    mark = folder.absolute() / f"{MARK}{secrets.token_hex(8)}"
    mark.touch()
    try:
        yield mark
    finally:
        with suppress(OSError):
            mark.unlink()


def _rows(
    ray: Any, work: Any, tasks: Sequence[dict[str, bytes]], cluster: Cluster, alone: bool
) -> Iterator[bytes]:
    """What the workers say of the tasks, as they say it; of some nothing, where their workers ended every time.

    alone  no worker has another task in hand, which would end with it.
    """
    cores = ray.cluster_resources().get("CPU", 1.0)
    wanted = cluster.workers or max(1, int(cores // cluster.threads))
    block = 1 if alone else max(1, min(BLOCK, len(tasks) // (wanted * ROUNDS)))
    blocks = -(-len(tasks) // block)
    workers = min(wanted, blocks)
    data = ray.data.from_items(list(tasks), override_num_blocks=blocks)
    context = data.context
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    context.execution_options.preserve_order = False
    level = logging.getLogger("ray.data").level
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        done = data.map_batches(
            Worker,
            fn_constructor_args=(work,),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1 if alone else 2),
            num_cpus=cpus_each(cores, workers, cluster.threads),
            max_restarts=-1,
            max_task_retries=TRIES - 1,
            scheduling_strategy="SPREAD",
        )
        for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
            yield from batch["done"]
    except ray.exceptions.RayError as error:
        last = str(error).strip().rpartition("\n")[2]
        remedy = "install the same cuecast[cluster] on all machines, and see the logs of Ray"
        raise InputError(
            f"its workers cannot begin ({last})", f"--cluster {cluster.address}", remedy
        ) from error
    finally:
        logging.getLogger("ray.data").setLevel(level)


def cpus_each(cores: float, workers: int, threads: int) -> float:
    """The CPUs that each of some workers asks for, of a cluster with so many: all fit into half of it."""
    return max(0.001, int(min(threads, cores / workers) * SHARE * 1000) / 1000)


@dataclass(frozen=True)
class _Needed:
    """What a worker must have: the version, the folder in which it works, and the file that marks the results."""

    version: str
    here: str
    mark: str | None

    def refusal(self) -> InputError | None:
        """Why this process cannot be a worker; as a side effect it works in the driver's folder."""
        where = f"node {socket.gethostname()}"
        if self.version != __version__:
            what = f"it has cuecast {__version__}, and this is {self.version}"
            return InputError(what, where, "install the same version on all machines")
        if self.mark is not None and not os.path.exists(self.mark):
            what = f"it does not see the folder of the results, {os.path.dirname(self.mark)}"
            return InputError(what, where, "write to a folder that all machines share, under the same path")
        try:
            os.chdir(self.here)
        except OSError:
            what = f"it does not see {self.here}, from where paths are named"
            return InputError(what, where, "run the command in a folder that all machines share")
        return None


class Worker:
    """One process of the cluster, which holds the function; Ray Data makes it and calls it with blocks of items.

    It is made even where it cannot work, and says why when it is called: Ray would try to make it for ever.
    """

    def __init__(self, work: Any) -> None:
        import ray

        sent, needed = ray.get(work)
        self._error: Exception | None = needed.refusal()
        if self._error is None:
            try:
                self._function = pickle.loads(sent)
            except CuecastError as error:
                self._error = error.within(f"node {socket.gethostname()}")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The results of the items of a block, in its order: each (index, error, result), pickled."""
        return {"done": [self._one(*pickle.loads(row)) for row in batch["item"]]}

    def _one(self, index: int, item: Any) -> bytes:
        if self._error is None:
            try:
                return pickle.dumps((index, None, self._function(item)))
            except Exception as error:  # noqa: BLE001  it is raised again where the driver is
                self._error = error
        try:
            return pickle.dumps((index, self._error, None))
        except (pickle.PicklingError, TypeError, AttributeError):
            return pickle.dumps((index, RuntimeError(repr(self._error)), None))
