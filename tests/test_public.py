"""The public door: its names, and that opening it costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import cuecast

PUBLIC = [
    "Box", "ClassInfo", "Concept", "Cue", "CueError", "CueSetError", "CuecastError", "CuecastWarning", "EpisodeError",
    "Image", "ImageError", "InputError", "MapOptions", "MaskError", "MissingExtraError", "ObjectMask", "OutputError",
    "PackError", "Point", "Polygon", "Prediction", "Predictor", "RefineOptions", "Scribble", "Shard", "SliceCue",
    "Volume", "check_cues", "check_data", "data_card", "gather", "load", "open_volume", "raster_cue", "refine",
    "segment_raster", "segment_volume", "suggest_images", "track",
]  # fmt: skip
HEAVY = ("numpy", "scipy", "skimage", "sklearn", "PIL", "tifffile", "onnxruntime", "typer", "rich", "torch")


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after a statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_public_names_are_these() -> None:
    assert cuecast.__all__ == PUBLIC
    assert dir(cuecast) == sorted([*PUBLIC, "__version__"])


def test_every_public_name_resolves_and_is_documented() -> None:
    for name in PUBLIC:
        assert getattr(cuecast, name).__doc__, name


def test_errors_are_one_tree() -> None:
    errors = [getattr(cuecast, n) for n in PUBLIC if n.endswith("Error")]
    assert len(errors) == 10
    assert all(issubclass(e, cuecast.CuecastError) for e in errors)
    assert {e for e in errors if issubclass(e, cuecast.InputError)} == {
        cuecast.InputError,
        cuecast.ImageError,
        cuecast.MaskError,
        cuecast.CueError,
    }


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Cues'"):
        cuecast.Cues  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    assert not loaded_by("import cuecast") & set(HEAVY)


def test_what_a_use_loads_is_seen() -> None:
    assert "numpy" in loaded_by("import cuecast; cuecast.Image")


def test_a_run_waits_for_no_library_that_it_does_not_need() -> None:
    """Each takes longer to load than a small picture takes, in every command and every process of the service."""
    loaded = loaded_by("import cuecast.runs.images, cuecast.service.workers")
    assert loaded & {"scipy.stats", "scipy.signal", "scipy.optimize", "fastapi", "alembic"} == set()
