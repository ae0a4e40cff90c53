"""benchmarks/foundation.py: what it measures with tiny models, and that its figures are those of the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from foundation_models import needed
from scripts import load_script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/foundation.py")


def told(cues: int, seconds: float, general: float) -> dict[str, Any]:
    return {
        "cues": cues,
        "parameters": 371_000_000,
        "learn_processor_seconds": 1.25,
        "processor_seconds": seconds,
        "general_processor_seconds": general,
        "ratio": seconds / general,
        "peak_bytes": 2_540_000_000,
    }


def test_a_table_has_a_line_for_each_model_and_number_of_cues(script: ModuleType) -> None:
    models = {
        "seggpt": {"1": told(1, 40.0, 0.5), "5": told(5, 200.0, 0.5)},
        "sam2-tiny": {"1": told(1, 6.0, 0.4)},
    }
    assert script.table({"models": models}).splitlines()[2:] == [
        "| `sam2`, SAM 2.1 Hiera tiny | 371 M | 1 | 1.2 | 6.0 | 15 | 2.5 GB |",
        "| `seggpt`, ViT-L | 371 M | 1 | 1.2 | 40.0 | 80 | 2.5 GB |",
        "| `seggpt`, ViT-L | 371 M | 5 | 1.2 | 200.0 | 400 | 2.5 GB |",
        "| `general` in the same runs | | 1 | | 0.45 | 1 | |",
        "| `general` in the same runs | | 5 | | 0.50 | 1 | |",
    ]


def test_the_documentation_has_the_figures(script: ModuleType) -> None:
    record = json.loads((ROOT / "benchmarks" / "results" / "foundation.json").read_text())
    assert not record["tiny"]
    assert script.table(record) in (ROOT / "docs" / "foundation.md").read_text(encoding="utf-8")


def test_published_sizes_are_those_that_are_timed(script: ModuleType) -> None:
    """Parameters without any weight: 21.6 M, 85.7 M and 303 M of DINOv3, 39 M and 224 M of SAM 2.1, 371 M of SegGPT."""
    torch, transformers = needed()
    published = {
        "dinov3-s": 21.6,
        "dinov3-b": 85.7,
        "dinov3-l": 303.1,
        "sam2-tiny": 39.0,
        "sam2-large": 224.4,
        "seggpt": 370.7,
    }
    for name, wanted in published.items():
        model = script.MODELS[name]
        with torch.device("meta"):
            made = getattr(transformers, model.loader)(getattr(transformers, model.config)(**model.settings))
        assert sum(p.numel() for p in made.parameters()) / 1e6 == pytest.approx(wanted, rel=0.005), name


def test_a_model_is_written_and_measured_in_processes_of_its_own(
    script: ModuleType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    needed()
    kept = tmp_path / "kept.json"
    asked = ["--tiny", "--rounds", "2", "--side", "64", "--cues", "1", "-o", str(kept)]
    script.main(["--models", "seggpt", *asked])
    assert "| `seggpt`, ViT-L | 0 M | 1 |" in capfd.readouterr().out
    record = json.loads(kept.read_text())
    assert record["tiny"]
    line = record["models"]["seggpt"]["1"]
    assert line["peak_bytes"] > 100e6
    assert line["processor_seconds"] > 0 < line["general_processor_seconds"]
