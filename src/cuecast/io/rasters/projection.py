"""Coordinates from one reference system to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONLAT = "OGC:CRS84"
"""Longitude and latitude on WGS 84, in that order."""


class ProjectionError(ValueError):
    """There is no way from one coordinate system to the other, or not for these coordinates."""


def project(xy: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]:
    """Coordinates (n, 2) x, y of the system `source` in the system `target`.

    Raises ProjectionError: systems of a building site or of another planet know no other, and each has an end.
    """
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError
    from rasterio.warp import transform

    try:
        moved = np.stack(transform(source, target, xy[:, 0], xy[:, 1])[:2], axis=1)
    except (RasterioError, CPLE_BaseError) as error:
        reason = str(error).partition(" from ")[0]  # what follows is both systems in full
        raise ProjectionError(reason) from error
    if not np.isfinite(moved).all():
        raise ProjectionError("some coordinates lie outside of what the projection knows")
    return moved
