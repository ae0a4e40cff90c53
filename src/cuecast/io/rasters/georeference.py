"""Where the pixels of a raster lie: on a map, on a slide of known pixel size, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x = a * column + b * row + c and y = d * column + e * row + f, pixel corners."""

PIXELS: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Ellipsoid:
    """Equatorial radius in metres, and the flattening."""

    radius: float
    flattening: float


@dataclass(frozen=True)
class Controls:
    """What places a raster on a map where it has no transform: it would have to be rectified.

    points  (row, column, x, y, z) of ground control points, in `crs` (WKT; None where it is not stated).
    rpcs    (name, value) of rational polynomial coefficients.
    """

    points: tuple[tuple[float, float, float, float, float], ...] = ()
    crs: str | None = None
    rpcs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Georeference:
    """transform   from pixels to map coordinates; `PIXELS` where the raster has no place on a map.
    crs         coordinate reference system as WKT; None where there is none: coordinates are pixels then, and
                the transform is kept for the files alone.
    metres      metres in a unit of a projected CRS; None for degrees, and without a CRS.
    ellipsoid   of a CRS in degrees, whose transform is in degrees.
    pixel_size  edge of a pixel in `unit`, for rasters without a CRS that state it (microscopes).
    controls    of a raster without a transform, kept for the files alone; None where there are none.
    """

    transform: Affine = PIXELS
    crs: str | None = None
    metres: float | None = None
    ellipsoid: Ellipsoid | None = None
    pixel_size: float | None = None
    unit: str | None = None
    controls: Controls | None = None

    @property
    def area_unit(self) -> str | None:
        """The unit whose square areas are in: 'm' on a map, `unit` on a slide, None where nothing is known."""
        return "m" if self.metres or self.ellipsoid else self.unit

    @property
    def anchor(self) -> tuple[int, int]:
        """(row, column) of the first pixel, counted from the map's origin in pixels; (0, 0) where none can be counted.

        A part cut out of a raster differs in it by just the rows and columns that were cut off.
        """
        a, b, c, d, e, f = self.transform
        if self.crs is None or b or d:
            return 0, 0
        # Halves and whole numbers are what transforms have; neither is near where this jumps.
        return int(np.floor(f / e + 0.75)), int(np.floor(c / a + 0.75))

    def to_map(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixel coordinates (n, 2) x, y -> map coordinates (n, 2)."""
        a, b, c, d, e, f = self.transform if self.crs else PIXELS
        x, y = xy[:, 0], xy[:, 1]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)

    def to_pixels(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map coordinates (n, 2) x, y -> pixel coordinates (n, 2)."""
        a, b, c, d, e, f = self.transform if self.crs else PIXELS
        det = a * e - b * d
        x, y = xy[:, 0] - c, xy[:, 1] - f
        return np.stack([(e * x - b * y) / det, (a * y - d * x) / det], axis=1)

    def pixel_areas(self, xs: NDArray[np.intp], ys: NDArray[np.intp]) -> NDArray[np.float64]:
        """Area of each pixel (column, row) in `area_unit` squared; NaN where that is None.

        Projected: the determinant of the transform, in metres. Degrees: the surface element of the ellipsoid at the
        pixel's centre, M(lat) * N(lat) * cos(lat) times the determinant in radians; M and N are the radii of
        curvature (Snyder 1987, 'Map Projections: A Working Manual', p. 24). Its error is that of a pixel's curvature:
        below 1e-9 for pixels under an arc second.
        """
        a, b, _, d, e, f = self.transform
        det = abs(a * e - b * d)
        if self.metres:
            return np.full(len(xs), det * self.metres**2)
        if self.ellipsoid is None:
            return np.full(len(xs), self.pixel_size**2 if self.pixel_size else np.nan)
        latitude = np.radians(d * (xs + 0.5) + e * (ys + 0.5) + f)
        e2 = self.ellipsoid.flattening * (2 - self.ellipsoid.flattening)
        curve = 1 - e2 * np.sin(latitude) ** 2
        element: NDArray[np.float64] = self.ellipsoid.radius**2 * (1 - e2) / curve**2 * np.cos(latitude)
        areas: NDArray[np.float64] = element * det * np.radians(1.0) ** 2
        return areas

    def scaled(self, across: float, down: float) -> Georeference:
        """The place of a smaller version of the raster, whose pixels are so many times as wide and as high."""
        a, b, c, d, e, f = self.transform
        if self.transform == PIXELS:
            size = self.pixel_size * across if self.pixel_size else None
            return Georeference(PIXELS, pixel_size=size, unit=self.unit)
        turned = (a * across, b * down, c, d * across, e * down, f)
        return Georeference(turned, self.crs, self.metres, self.ellipsoid)


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
