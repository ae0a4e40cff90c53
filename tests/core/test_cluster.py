"""What is asked of a cluster."""

from __future__ import annotations

import pytest

from cuecast.core.cluster import Cluster
from cuecast.core.errors import InputError


def test_an_address_is_that_of_a_node() -> None:
    assert [Cluster(a).address for a in ("auto", "local", "h:6379")] == ["auto", "local", "h:6379"]
    for text in ("", "ray://h:10001"):
        with pytest.raises(InputError, match="no address of a cluster; give auto, local or HOST:PORT"):
            Cluster(text)


@pytest.mark.parametrize("size", [(0, 1), (1, 0)])
def test_nobody_does_nothing(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="do nothing"):
        Cluster("auto", *size)
