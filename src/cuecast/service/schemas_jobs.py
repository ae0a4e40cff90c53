"""Models of the wire for jobs, predictions and answers at once; the others are in `schemas`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from cuecast.core.objects import ObjectMode
from cuecast.results import tables
from cuecast.service.schemas import Marks, Mask, Name, PackName, Prediction, Reply, Request, Verdict

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ExportFormat = Literal[
    "masks", "overlays", "coco", "csv", "yolo", "labelme", "cvat", "label-studio", "qupath", "imagej", "via",
    "datumaro", "voc", "objects", "report", "provenance", "ytvis", "cueset",
]  # fmt: skip


class ObjectWay(Request):
    """What is one object: `connected`, a connected component; `split`: things that touch are told apart by what the
    cues show of objects; `auto`: they are where the cues show that things touch. Smaller objects, and less sure ones,
    are left out, of masks, too.
    """

    objects: ObjectMode = "auto"
    min_area: int = Field(0, ge=0, le=2**40)
    min_confidence: float = Field(0.0, ge=0, le=1)


class NewRun(ObjectWay):
    """A run over all images, or over `images`. `overwrite` redoes what is finished. Of images alone: `objects`, and
    which are left out.
    """

    images: list[Id] | None = Field(None, min_length=1, max_length=100_000)
    overwrite: bool = False


class NewCheck(Request):
    """A check of the marks against each other: nothing is to be said."""


class NewSuggestion(Request):
    """`n` images at most are named."""

    n: int = Field(5, ge=1, le=500)


class NewExport(Request):
    """What the zip is to hold: of a video masks, overlays, ytvis, csv, provenance and cueset; of a volume those without
    ytvis. `provenance` comes with the masks, and needs a run of this version of cuecast.

    `coco_shape`: objects in coco as run lengths, or as polygons. `checked`: the images, frames or slices that
    are checked alone, in the formats of images, with the masks that a person has drawn or called right; they are the
    cues of its cue set, too. It needs no run.
    """

    formats: list[ExportFormat] = Field(min_length=1, max_length=20)
    checked: bool = False
    coco_shape: Literal["rle", "polygon"] = "rle"


class NewRefinement(Request):
    """A pack to be made better on the pictures of a project that are marked wholly, called right, or said to be without
    the thing.

    `base`: the pack that it stands on; null: the project's. `minutes`: time that it may take, about. `group` 'prefix':
    pictures whose names are alike up to their last number belong together. `card`: fields of its card.
    """

    name: PackName
    base: PackName | None = None
    minutes: float = Field(20.0, ge=0.1, le=1440)
    group: Literal["prefix"] | None = None
    card: dict[str, Any] = Field(default_factory=dict, max_length=30)


class KeepRefined(Request):
    """`anyway`: also where it is not better than its base. `replace`: it takes the place of another of its name."""

    anyway: bool = False
    replace: bool = False


class NewPreview(ObjectWay):
    """Marks on the image as they are drawn; they are not saved."""

    marks: Marks


class NewPreparation(Request):
    """What a preview will be asked of: an image; without it any that is not marked."""

    image: Id | None = None


class PredictionMask(Reply):
    """One answer at once. `thresholds`: for each class the score from which a pixel is marked; `counts`: class id ->
    number of objects. Where things that touch were told apart, the mask has `objects`.
    """

    verdict: Verdict
    confidence: float
    seconds: float
    mask: Mask
    counts: dict[str, int]
    thresholds: list[float]


@dataclass(frozen=True, kw_only=True)
class ObjectRow(tables.ObjectRow):
    """One object, with the columns of objects.csv; those in units are null where the pixel size is unknown."""

    __pydantic_config__: ClassVar = Reply.model_config

    image_id: str


class PredictionDetail(Prediction):
    """A prediction with the objects of its mask."""

    objects: list[ObjectRow]


class Review(Request):
    """What a person says of a mask: a wrong one is made anew by the next run after the marks have changed."""

    wrong: bool


class NewKept(Request):
    """The name under which the present results are kept."""

    name: Name


class KeptRun(Reply):
    """Results that were kept: of how many images, taught by how many, and how many have which verdict."""

    id: str
    name: str
    created: datetime
    images: int
    cues: int
    verdicts: dict[str, int]


class Side(Reply):
    """What a run says of an image. counts and areas: class id -> number of objects, pixels."""

    verdict: Verdict | None
    confidence: float | None
    counts: dict[str, int]
    areas: dict[str, int]


class Truth(Reply):
    """How well each run fits what is known of an image: mean IoU over the classes, in [0, 1]."""

    before: float
    after: float


class Compared(Reply):
    """An image in a kept run (`before`) and in the one beside it (`after`); null where one has not looked at it.

    `likeness` of the two masks: mean IoU over the classes, in [0, 1]. `truth` is there where the whole mask is known,
    from marks or because it was called right, and neither run had learnt from the image.
    """

    image_id: str
    image: str
    before: Side | None
    after: Side | None
    likeness: float | None
    truth: Truth | None


class ShownCue(Marks):
    """Marks on one of the `cue` files of a single call, in the order of the files."""


FORMATS = {
    "images": (
        "masks", "overlays", "coco", "csv", "yolo", "labelme", "cvat", "label-studio", "qupath", "imagej", "via",
        "datumaro", "voc", "objects", "report", "provenance", "cueset",
    ),
    "video": ("masks", "overlays", "ytvis", "csv", "provenance", "cueset"),
    "volume": ("masks", "overlays", "csv", "provenance", "cueset"),
}  # fmt: skip
"""Kind of a project -> the formats that its zip may hold."""
