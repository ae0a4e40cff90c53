"""Refining within seconds: a pack of random weights that looks at small frames, and a few steps on a few samples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cuecast.engine.packs import Pack, open_pack
from cuecast.training import refine_fit
from cuecast.training.export import export_pack
from cuecast.training.network import Network

CARD = {
    "version": 1,
    "name": "raw",
    "segmenter": "matching",
    "licence": "Apache-2.0",
    "preprocessing": {
        "side": 64, "most": 64, "thickness": 4, "tile": 96, "overlap": 32, "texture": 16, "forest_share": 0.2,
        "multiple": 32,
    },
}  # fmt: skip


def raw_pack(shelf: Path) -> Pack:
    """The pack 'raw' in a folder of packs."""
    torch.manual_seed(0)
    return open_pack(export_pack(Network().eval(), shelf / "raw", CARD))


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have refining take a few steps, and ask a few questions."""
    for name, value in {"CROP": 64, "BATCH": 2, "FEWEST_STEPS": 6, "EPOCHS": 0}.items():
        monkeypatch.setattr(refine_fit, name, value)
    monkeypatch.setattr("cuecast.training.refine.MOST_SAMPLES", 4)
    monkeypatch.setattr("cuecast.training.refine_compare.QUERIES", 2)
    monkeypatch.setattr("cuecast.training.refine_compare.ROWS", 1)
    monkeypatch.setattr("cuecast.training.refine.SHOTS", (1,))
