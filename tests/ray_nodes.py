"""Nodes of a Ray cluster on this machine, each a raylet with cores of its own, which can be killed."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

# Read when Ray is imported, and by the commands that tests run.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.dirname(__file__), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
)
os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}


class Nodes:
    """A head without cores and the nodes behind it, each of one core."""

    def __init__(self, count: int) -> None:
        pytest.importorskip("ray", reason="Ray is large and not installed: pip install 'cuecast[cluster]'")
        from ray.cluster_utils import Cluster

        # A node that is gone is noticed after three seconds instead of half a minute.
        noticed = {"health_check_period_ms": 1000, "health_check_failure_threshold": 3}
        head = {"num_cpus": 0, "object_store_memory": 10**8, "_system_config": noticed}
        self._cluster = _tried(lambda: Cluster(initialize_head=True, head_node_args=head))
        self.nodes = [self.add() for _ in range(count)]

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add(self) -> Any:
        return _tried(lambda: self._cluster.add_node(num_cpus=1, object_store_memory=10**8))

    def kill(self, node: Any) -> None:
        """SIGKILL to the raylet of a node and to all that it has started."""
        import psutil

        first = raylet(node)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self._cluster.shutdown()


def _tried(start: Callable[[], Any], times: int = 4) -> Any:
    """What starts, some time: on a busy machine Ray's own processes do not wait long enough for each other."""
    for left in range(times - 1, -1, -1):
        try:
            return start()
        except Exception:
            if not left:
                raise
    raise AssertionError("never tried")


def raylet(node: Any) -> Any:
    """The process of a node, as psutil knows it: its children are its workers."""
    import psutil

    return psutil.Process(node.all_processes["raylet"][0].process.pid)


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    made = Nodes(count)
    try:
        yield made
    finally:
        made.close()
