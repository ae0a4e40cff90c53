"""A cluster for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ray_nodes import Nodes, nodes

from cuecast.cluster.pool import connected
from cuecast.core.cluster import Cluster


@pytest.fixture(scope="package")
def two() -> Iterator[Nodes]:
    """Two nodes of one core each, and this process connected to them."""
    with nodes(2) as made, connected(Cluster(made.address)):
        yield made
