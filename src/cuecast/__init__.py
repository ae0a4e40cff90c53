"""cuecast: show it once, segment it everywhere.

    import cuecast
    predictor = cuecast.load("general")
    concept = predictor.learn([cuecast.Cue("a.jpg", mask="a_mask.png")])
    prediction = concept.segment("b.jpg")

Importing the package loads no heavy library: names are resolved on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cuecast.core.version import __version__ as __version__

if TYPE_CHECKING:
    from cuecast.core.errors import (
        CuecastError,
        CuecastWarning,
        CueError,
        CueSetError,
        EpisodeError,
        ImageError,
        InputError,
        MaskError,
        MissingExtraError,
        OutputError,
        PackError,
    )
    from cuecast.core.objects import ObjectMask
    from cuecast.core.shards import Shard
    from cuecast.core.values import Box, ClassInfo, Image, Point, Polygon, Scribble
    from cuecast.cue_quality.check import check_cues
    from cuecast.cue_quality.suggest import suggest_images
    from cuecast.cues import Cue
    from cuecast.datasets.check import check_data
    from cuecast.datasets.croissant import data_card
    from cuecast.io.volumes import Volume, open_volume
    from cuecast.mosaic.cues import raster_cue
    from cuecast.prediction import Prediction
    from cuecast.predictor import Concept, Predictor, load
    from cuecast.propagation.track import track
    from cuecast.propagation.volume import segment_volume
    from cuecast.propagation.volume_slices import SliceCue
    from cuecast.runs.gather import gather
    from cuecast.runs.raster import MapOptions, segment_raster
    from cuecast.training.refine import RefineOptions, refine

_HOME = {
    "Box": "core.values",
    "ClassInfo": "core.values",
    "Concept": "predictor",
    "Cue": "cues",
    "CueError": "core.errors",
    "CueSetError": "core.errors",
    "CuecastError": "core.errors",
    "CuecastWarning": "core.errors",
    "EpisodeError": "core.errors",
    "Image": "core.values",
    "ImageError": "core.errors",
    "InputError": "core.errors",
    "MapOptions": "runs.raster",
    "MaskError": "core.errors",
    "MissingExtraError": "core.errors",
    "ObjectMask": "core.objects",
    "OutputError": "core.errors",
    "PackError": "core.errors",
    "Point": "core.values",
    "Polygon": "core.values",
    "Prediction": "prediction",
    "Predictor": "predictor",
    "RefineOptions": "training.refine",
    "Scribble": "core.values",
    "Shard": "core.shards",
    "SliceCue": "propagation.volume_slices",
    "Volume": "io.volumes",
    "check_cues": "cue_quality.check",
    "check_data": "datasets.check",
    "data_card": "datasets.croissant",
    "gather": "runs.gather",
    "load": "predictor",
    "open_volume": "io.volumes",
    "raster_cue": "mosaic.cues",
    "refine": "training.refine",
    "segment_raster": "runs.raster",
    "segment_volume": "propagation.volume",
    "suggest_images": "cue_quality.suggest",
    "track": "propagation.track",
}

__all__ = [
    "Box",
    "ClassInfo",
    "Concept",
    "Cue",
    "CueError",
    "CueSetError",
    "CuecastError",
    "CuecastWarning",
    "EpisodeError",
    "Image",
    "ImageError",
    "InputError",
    "MapOptions",
    "MaskError",
    "MissingExtraError",
    "ObjectMask",
    "OutputError",
    "PackError",
    "Point",
    "Polygon",
    "Prediction",
    "Predictor",
    "RefineOptions",
    "Scribble",
    "Shard",
    "SliceCue",
    "Volume",
    "check_cues",
    "check_data",
    "data_card",
    "gather",
    "load",
    "open_volume",
    "raster_cue",
    "refine",
    "segment_raster",
    "segment_volume",
    "suggest_images",
    "track",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"cuecast.{_HOME[name]}"), name)
    raise AttributeError(f"module 'cuecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
