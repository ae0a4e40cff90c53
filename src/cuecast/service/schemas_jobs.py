"""Models of the wire for jobs, predictions and answers at once; the others are in `schemas`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from cuecast.service.schemas import Marks, Mask, Prediction, Verdict, example, request

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ExportFormat = Literal["masks", "overlays", "coco", "csv", "yolo", "labelme", "report", "ytvis", "cueset"]
MASK = {"size": [2, 3], "counts": {"1": [2, 3, 1]}}


class NewRun(BaseModel):
    """A run over all images, or over `images`. `overwrite` redoes what is finished."""

    model_config = request({}, {"images": ["p4m8xk2v9qtw"], "overwrite": True})
    images: list[Id] | None = Field(None, min_length=1, max_length=100_000)
    overwrite: bool = False


class NewCheck(BaseModel):
    """A check of the marks against each other: nothing is to be said."""

    model_config = request({})


class NewSuggestion(BaseModel):
    """`n` images at most are named."""

    model_config = request({"n": 5})
    n: int = Field(5, ge=1, le=500)


class NewExport(BaseModel):
    """What the zip is to hold: of a video masks, overlays, ytvis, csv and cueset; of a volume those without ytvis.

    `coco_shape`: objects in coco as run lengths, or as polygons.
    """

    model_config = request({"formats": ["masks", "csv", "cueset"]})
    formats: list[ExportFormat] = Field(min_length=1, max_length=20)
    coco_shape: Literal["rle", "polygon"] = "rle"


class NewPreview(BaseModel):
    """Marks on the image as they are drawn; they are not saved."""

    model_config = request({"marks": {"points": [{"xy": [30, 40], "class": 1}]}})
    marks: Marks


class NewPreparation(BaseModel):
    """What a preview will be asked of: an image; without it any that is not marked."""

    model_config = request({"image": "p4m8xk2v9qtw"})
    image: Id | None = None


class PredictionMask(BaseModel):
    """One answer at once. `thresholds`: for each class the score from which a pixel is marked."""

    model_config = example(
        {"verdict": "found", "confidence": 0.93, "seconds": 0.04, "mask": MASK, "thresholds": [0.5]}
    )
    verdict: Verdict
    confidence: float
    seconds: float
    mask: Mask
    thresholds: list[float]


class ObjectRow(BaseModel):
    """One object, with the columns of objects.csv; those in units are null where the pixel size is unknown."""

    model_config = example(
        {
            "image_id": "p4m8xk2v9qtw",
            "image": "slide-7.png",
            "object": 1,
            "class": "cell",
            "class_id": 1,
            "x1": 10,
            "y1": 20,
            "x2": 40,
            "y2": 52,
            "centroid_x": 25.1,
            "centroid_y": 36.0,
            "area": 710,
            "perimeter": 98.2,
            "major_axis": 32.0,
            "minor_axis": 28.4,
            "touches_border": False,
        }
    )
    image_id: str
    image: str
    object: int
    cls: str = Field(alias="class")
    class_id: int
    x1: int
    y1: int
    x2: int
    y2: int
    centroid_x: float
    centroid_y: float
    area: int
    perimeter: float
    major_axis: float
    minor_axis: float
    touches_border: bool
    unit: str | None = None
    x1_units: float | None = None
    y1_units: float | None = None
    x2_units: float | None = None
    y2_units: float | None = None
    centroid_x_units: float | None = None
    centroid_y_units: float | None = None
    area_units: float | None = None
    perimeter_units: float | None = None
    major_axis_units: float | None = None
    minor_axis_units: float | None = None


class PredictionDetail(Prediction):
    """A prediction with the objects of its mask."""

    model_config = example(
        {
            "verdict": "found",
            "confidence": 0.93,
            "counts": {"1": 0},
            "areas": {"1": 0},
            "seconds": 0.12,
            "error": None,
            "stale": False,
            "wrong": False,
            "objects": [],
        }
    )
    objects: list[ObjectRow]


class Review(BaseModel):
    """What a person says of a mask: a wrong one is made anew by the next run after the marks have changed."""

    model_config = request({"wrong": True})
    wrong: bool


class ShownCue(Marks):
    """Marks on one of the `cue` files of a single call, in the order of the files."""

    model_config = request({"boxes": [{"xyxy": [10, 20, 90, 80], "class": 1}]})


FORMATS = {
    "images": ("masks", "overlays", "coco", "csv", "yolo", "labelme", "report", "cueset"),
    "video": ("masks", "overlays", "ytvis", "csv", "cueset"),
    "volume": ("masks", "overlays", "csv", "cueset"),
}
"""Kind of a project -> the formats that its zip may hold."""
