"""What is asked of a Ray cluster, as a plain value: how it is found, and how much of it is taken."""

from __future__ import annotations

from dataclasses import dataclass

from cuecast.core.errors import InputError
from cuecast.core.shards import Shard

AUTO, LOCAL = "auto", "local"


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster that is to do the work.

    address  'auto': the one that this machine belongs to, or $RAY_ADDRESS names; 'local': one that is started on this
             machine and ends with the work; else HOST:PORT of a head node.
    workers  processes of it, each of which holds what the work needs; None: one for every `threads` of its cores.
    threads  CPU threads of an answer in each.

    Raises InputError where this cannot be asked for.
    """

    address: str = AUTO
    workers: int | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if not self.address or "://" in self.address:
            raise InputError(
                f"{self.address!r} is no address of a cluster",
                remedy="give auto, local or HOST:PORT, on a machine that sees the same files as the cluster's",
            )
        if self.threads < 1 or (self.workers is not None and self.workers < 1):
            raise InputError(
                f"{self.workers} workers with {self.threads} threads do nothing", remedy="give 1 or more"
            )


def check_undivided(cluster: Cluster | None, shard: Shard | None) -> None:
    """Raise InputError where a cluster is to do a shard."""
    if cluster and shard:
        raise InputError(
            "a shard is done by one machine, and a cluster does all", remedy="ask for one of them"
        )
