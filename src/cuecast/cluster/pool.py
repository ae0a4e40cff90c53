"""A function over many items on a Ray cluster, whatever of it ends meanwhile; it knows no picture and no model.

The function goes to the cluster once and each worker opens it once: an actor of Ray Data's pool. Items go in blocks of
a few, their results come back block by block, as they are done. A worker asks for half of the CPUs that it uses: so a
cluster that loses up to half of its cores still has room for all of them, and a machine of two cores for what Ray needs
itself. What a worker that ended had in hand is done by another, or by itself when it is back. Ray would try for ever
what ends its worker every time: `Tries` counts, and such an item comes back as `Lost`.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from cuecast.core.cluster import AUTO, LOCAL, Cluster
from cuecast.core.errors import CuecastError, InputError, MissingExtraError
from cuecast.core.version import __version__

Item = TypeVar("Item")
Result = TypeVar("Result")

TRIES = 3
"""Times that an item is begun by itself, after its block has ended a worker, before it is given up."""
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
    """In place of the result of an item: so many workers that began it have ended."""

    tries: int = TRIES + 1

    def told(self, do: str) -> str:
        """Why there is no result, and what can be done; `do` as in 'look at it without --cluster'."""
        return (
            f"each of {self.tries} processes that looked at it ended; {do} without --cluster, or give each process "
            "more memory (fewer --workers)"
        )


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
        tasks = [{"item": pickle.dumps(pair)} for pair in enumerate(items)]
        for row in _rows(ray, ray.put((sent, needed)), tasks, cluster) if tasks else ():
            index, error, result = pickle.loads(row)
            if error is not None:
                raise error
            yield index, result


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


@contextmanager
def sized(cluster: Cluster | None) -> Iterator[Cluster | None]:
    """The cluster with the number of its workers stated, connected for as long as the block goes; None of none."""
    if cluster is None:
        yield None
        return
    with connected(cluster) as ray:
        yield replace(cluster, workers=_size(ray, cluster))


def _size(ray: Any, cluster: Cluster) -> int:
    return cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1.0) // cluster.threads))


def load_ray() -> Any:
    """The library, with Ray Data, which says no more than what is wrong. Raises MissingExtraError."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault(
        "RAY_BACKEND_LOG_LEVEL", "fatal"
    )  # it warns of arguments of workers, which are kept here
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


def _rows(ray: Any, work: Any, tasks: Sequence[dict[str, bytes]], cluster: Cluster) -> Iterator[bytes]:
    """What the workers say of the tasks, as they say it."""
    cores = ray.cluster_resources().get("CPU", 1.0)
    wanted = _size(ray, cluster)
    block = max(1, min(BLOCK, len(tasks) // (wanted * ROUNDS)))
    blocks = -(-len(tasks) // block)
    workers = min(wanted, blocks)
    tries = ray.remote(num_cpus=0, scheduling_strategy=_here(ray))(Tries).remote()
    data = ray.data.from_items(list(tasks), override_num_blocks=blocks)
    data.context.enable_progress_bars = False
    data.context.execution_options.preserve_order = False
    level = logging.getLogger("ray.data").level
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        done = data.map_batches(
            Worker,
            fn_constructor_args=(work, tries),
            batch_size=None,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=cpus_each(cores, workers, cluster.threads),
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


def _here(ray: Any) -> Any:
    """For what must live as long as the driver: on its node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)


class Tries:
    """Counts what was begun and has not ended. It lives beside the driver, and no worker's end makes it forget."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, name: str) -> int:
        """How often it was begun, this time included."""
        self._begun[name] += 1
        return self._begun[name]

    def end(self, name: str) -> None:
        """It came to an end, and begins anew."""
        del self._begun[name]


def cpus_each(cores: float, workers: int, threads: int) -> float:
    """The CPUs that each of some workers asks for, of a cluster with so many: all fit into half of it."""
    return max(0.001, int(min(threads, cores / workers) * SHARE * 1000) / 1000)


def map_batches(function: Callable[[dict[str, Any]], dict[str, Any]], dataset: Any, cluster: Cluster) -> Any:
    """The dataset of Ray Data with `function` over its batches, which workers hold as those of `on_cluster` do theirs.

    Nothing is done yet: that is for whoever asks for the rows. Where a worker cannot work, its error comes out there.
    `workers` of the cluster None: as many as there is work and room for; the address is not used.
    """
    ray = load_ray()
    most = {"size": cluster.workers} if cluster.workers else {"min_size": 1, "max_size": None}
    work = ray.put((pickle.dumps(function), _Needed(__version__)))
    return dataset.map_batches(
        BatchWorker,
        fn_constructor_args=(work,),
        batch_size=BLOCK,
        compute=ray.data.ActorPoolStrategy(**most),
        num_cpus=cluster.threads * SHARE,
    )


@dataclass(frozen=True)
class _Needed:
    """What a worker must have: the version, the folder in which it works, and the file that marks the results."""

    version: str
    here: str | None = None
    mark: str | None = None

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
            os.chdir(self.here or os.curdir)
        except OSError:
            what = f"it does not see {self.here}, from where paths are named"
            return InputError(what, where, "run the command in a folder that all machines share")
        return None


class Worker:
    """One process of the cluster, which holds the function; Ray Data makes it and calls it with blocks of items.

    It is made even where it cannot work, and says why when it is called: Ray would try to make it for ever.
    """

    def __init__(self, work: Any, tries: Any = None) -> None:
        import ray

        sent, needed = ray.get(work)
        self._tries = tries
        self._error: Exception | None = needed.refusal()
        if self._error is None:
            try:
                self._function = pickle.loads(sent)
            except CuecastError as error:
                self._error = error.within(f"node {socket.gethostname()}")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The results of the items of a block, in its order: each (index, error, result), pickled."""
        rows = [pickle.loads(row) for row in batch["item"]]
        again = self._begin(f"block {rows[0][0]}") > 1
        return {"done": [self._careful(*row) if again else self._one(*row) for row in rows]}

    def _begin(self, name: str) -> int:
        import ray

        begun: int = ray.get(self._tries.begin.remote(name))
        return begun

    def _careful(self, index: int, item: Any) -> bytes:
        """The same of an item whose block has ended a worker, which may be its fault."""
        if self._begin(str(index)) > TRIES:
            return pickle.dumps((index, None, Lost()))
        row = self._one(index, item)
        self._tries.end.remote(str(index))
        return row

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


class BatchWorker(Worker):
    """The same for whole batches, of a dataset that is somebody's own."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """What the function makes of a batch. Raises why this worker cannot work."""
        if self._error is not None:
            raise self._error
        found: dict[str, Any] = self._function(batch)
        return found
