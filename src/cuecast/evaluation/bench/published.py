"""Figures that others published of their own methods, on pictures like ours: quoted, not measured here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One figure, with its source. `dice` in [0, 1]; `parameters` in millions."""

    method: str
    data: str
    shots: int
    dice: float
    parameters: float
    source: str


PUBLISHED = (
    Published(
        method="UniverSeg",
        data="WBC (white blood cells, held out)",
        shots=64,
        dice=0.91,
        parameters=1.18,
        source="Butoi et al., UniverSeg: Universal Medical Image Segmentation, ICCV 2023, arXiv:2304.06131",
    ),
)
"""Other pictures, other cues, another working size than in our rows: never to be subtracted from them."""
