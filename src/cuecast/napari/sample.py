"""Pictures with marks to try the plugin on: photographs that come inside scikit-image. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LayerData = tuple[Any, dict[str, Any], str]
"""What napari makes a layer of: data, arguments, kind."""

GLAND = (
    (112, 4), (135, 9), (158, 16), (176, 24), (196, 42), (203, 64), (211, 89), (212, 120), (210, 144),
    (203, 171), (192, 192), (175, 206), (158, 210), (141, 203), (126, 189), (112, 166), (99, 142),
    (88, 117), (83, 89), (83, 62), (90, 37), (100, 18),
)  # fmt: skip
"""The outline of a gland, (x, y), on the lower right of the slide."""


def coins() -> list[LayerData]:
    """Two rows of coins in grey, and boxes round two coins of the first one."""
    photograph = _photograph("coins.png")
    boxes = [_rectangle(192, 22, 240, 73), _rectangle(80, 37, 121, 75)]
    return [
        (photograph[150:224], {"name": "coins, to look in", "translate": (90, 0)}, "image"),
        (photograph[0:84], {"name": "coins", "rgb": False}, "image"),
        (boxes, _outlined("coins boxes", "rectangle"), "shapes"),
    ]


def glands() -> list[LayerData]:
    """Two parts of a stained slide in colours, and the outline of a gland on the first one."""
    slide = _photograph("ihc.png")
    outline = np.array(GLAND, float)[:, ::-1] - 0.5
    return [
        (slide[0:256, 0:256], {"name": "glands, to look in", "translate": (0, 360)}, "image"),
        (slide[298:512, 170:512], {"name": "glands"}, "image"),
        ([outline], _outlined("gland outline", "polygon"), "shapes"),
    ]


def _photograph(name: str) -> NDArray[np.uint8]:
    import skimage
    from PIL import Image

    with Image.open(Path(skimage.__file__).parent / "data" / name) as picture:
        return np.asarray(picture)


def _rectangle(x1: int, y1: int, x2: int, y2: int) -> NDArray[np.float64]:
    """Corners (4, 2) of a box of half-open pixels, as napari counts."""
    return np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)]) - 0.5


def _outlined(name: str, kind: str) -> dict[str, Any]:
    return {
        "name": name,
        "shape_type": kind,
        "face_color": "transparent",
        "edge_color": "yellow",
        "edge_width": 2,
    }
