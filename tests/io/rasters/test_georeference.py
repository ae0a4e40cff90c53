"""Where pixels lie, and how large they are."""

from __future__ import annotations

import numpy as np
import pytest

from cuecast.io.rasters.georeference import PIXELS, Ellipsoid, Georeference

WGS84 = Ellipsoid(6378137.0, 1 / 298.257223563)
SPHERE = Ellipsoid(6371000.0, 0.0)


def areas(place: Georeference, xs: list[int], ys: list[int]) -> np.ndarray:
    return place.pixel_areas(np.array(xs), np.array(ys))


def test_from_pixels_to_the_map_and_back() -> None:
    place = Georeference((0.5, 0.25, 100.0, 0.1, -0.5, 200.0), "CRS", metres=1.0)
    xy = np.array([[0.0, 0.0], [4.0, 2.0]])
    assert place.to_map(xy).tolist() == [[100.0, 200.0], [102.5, 199.4]]
    assert place.to_pixels(place.to_map(xy)) == pytest.approx(xy)


def test_projected_pixels_have_the_determinant_as_area() -> None:
    feet = Georeference((2.0, 0.0, 0.0, 0.0, -3.0, 0.0), "CRS", metres=0.3048)
    assert areas(feet, [0, 9], [0, 5]) == pytest.approx([6 * 0.3048**2] * 2)
    turned = Georeference((3.0, 4.0, 0.0, 4.0, -3.0, 0.0), "CRS", metres=1.0)
    assert areas(turned, [0], [0]) == pytest.approx([25.0])


def test_on_a_sphere_a_pixel_is_a_slice_between_two_latitudes() -> None:
    step = 0.001
    place = Georeference((step, 0.0, 10.0, 0.0, -step, 60.0), "CRS", ellipsoid=SPHERE)
    ys = [0, 30000]
    for got, y in zip(areas(place, [0, 0], ys), ys, strict=True):
        north, south = np.radians(60 - y * step), np.radians(60 - (y + 1) * step)
        assert got == pytest.approx(
            6371000.0**2 * np.radians(step) * (np.sin(north) - np.sin(south)), rel=1e-9
        )


def test_all_pixels_of_the_earth_are_its_surface() -> None:
    """The surface of the WGS 84 ellipsoid is 510 065 621.724 km2 (NIMA TR8350.2, table 3.3 by its radii)."""
    step = 0.05
    place = Georeference((step, 0.0, -180.0, 0.0, -step, 90.0), "CRS", ellipsoid=WGS84)
    rows = np.arange(3600)
    column = place.pixel_areas(np.zeros_like(rows), rows).sum()
    assert column * 7200 / 1e6 == pytest.approx(510065621.724, rel=1e-6)


def test_a_part_differs_in_its_anchor_by_what_was_cut_off() -> None:
    whole = Georeference((0.1, 0.0, 10.05, 0.0, -0.1, 47.3), "CRS", metres=1.0)
    part = Georeference((0.1, 0.0, 10.05 + 0.1 * 33, 0.0, -0.1, 47.3 - 0.1 * 71), "CRS", metres=1.0)
    assert (part.anchor[0] - whole.anchor[0], part.anchor[1] - whole.anchor[1]) == (71, 33)
    assert Georeference().anchor == (0, 0)


def test_without_a_place_areas_are_unknown_or_of_the_pixel_size() -> None:
    assert Georeference().transform == PIXELS
    assert np.isnan(areas(Georeference(), [0], [0])).all()
    assert Georeference().area_unit is None
    slide = Georeference(pixel_size=0.5, unit="um")
    assert (areas(slide, [3], [4])[0], slide.area_unit) == (0.25, "um")
    assert slide.scaled(4.0, 4.0).pixel_size == 2.0
