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

if TYPE_CHECKING:
    from cuecast.crossval.check import check_cues
    from cuecast.cues import Cue
    from cuecast.errors import (
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
    from cuecast.io.volumes import Volume, open_volume
    from cuecast.mosaic import MapOptions, raster_cue, segment_raster
    from cuecast.prediction import Prediction
    from cuecast.predictor import Concept, Predictor, load
    from cuecast.propagation.track import track
    from cuecast.propagation.volume import segment_volume
    from cuecast.propagation.volume_slices import SliceCue
    from cuecast.suggest import suggest_images
    from cuecast.types import Box, ClassInfo, Image, ObjectMask, Point, Polygon, Scribble

__version__ = "0.1.0"

_HOME = {
    "Box": "types",
    "ClassInfo": "types",
    "Concept": "predictor",
    "Cue": "cues",
    "CueError": "errors",
    "CueSetError": "errors",
    "CuecastError": "errors",
    "CuecastWarning": "errors",
    "EpisodeError": "errors",
    "Image": "types",
    "ImageError": "errors",
    "InputError": "errors",
    "MapOptions": "mosaic",
    "MaskError": "errors",
    "MissingExtraError": "errors",
    "ObjectMask": "types",
    "OutputError": "errors",
    "PackError": "errors",
    "Point": "types",
    "Polygon": "types",
    "Prediction": "prediction",
    "Predictor": "predictor",
    "Scribble": "types",
    "SliceCue": "propagation.volume_slices",
    "Volume": "io.volumes",
    "check_cues": "crossval.check",
    "load": "predictor",
    "open_volume": "io.volumes",
    "raster_cue": "mosaic",
    "segment_raster": "mosaic",
    "segment_volume": "propagation.volume",
    "suggest_images": "suggest",
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
    "Scribble",
    "SliceCue",
    "Volume",
    "check_cues",
    "load",
    "open_volume",
    "raster_cue",
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
