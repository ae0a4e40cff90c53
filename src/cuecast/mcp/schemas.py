"""What the tools take and answer. Their descriptions are what an agent reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from cuecast.core.arguments import BY_ITSELF, THRESHOLD
from cuecast.core.errors import CueSetError, OutputError
from cuecast.core.objects import ObjectMode
from cuecast.cuesets.models import Coordinate, Rules, Width, mark_models, with_lists
from cuecast.results.tables import ObjectRow
from cuecast.runs.actions import ClassSum

LIMIT, MOST = 50, 500
"""Length of a list in an answer: unless asked for, and at most."""

XY = Annotated[
    list[Coordinate], Field(min_length=2, max_length=2, description="[x, y] in pixels of the image")
]
XYXY = Annotated[
    list[Coordinate], Field(min_length=4, max_length=4, description="[x1, y1, x2, y2], half-open, in pixels")
]
ClassRef = Annotated[int | str, Field(description="Class: its id or its name")]
Negative = Annotated[int | str, Field(description="Class: its id or its name; 0 means 'not this'")]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Most entries of the list in this answer")]
Offset = Annotated[int, Field(ge=0, description="Entries to pass over: `next_offset` of the answer before")]
Picture = Annotated[bool, Field(description="Also return a small picture, 512 pixels at most")]
GivenCueSet = Annotated[
    str | None,
    Field(
        description="A cue set: its folder or .zip, below the roots; null where a `concept` shows the thing"
    ),
]
ConceptName = Annotated[
    str | None,
    Field(
        description="In place of `cueset`: a concept that comes with the pack, by its name in `list_packs`"
    ),
]
CueSetPath = Annotated[str, Field(description="A cue set: its folder or .zip, below the roots")]
ResultsPath = Annotated[str, Field(description="Folder of results, as `segment` wrote it")]
ImagePaths = Annotated[list[str], Field(min_length=1, description="Image files and folders of images")]
Recursive = Annotated[bool, Field(description="Look into subfolders, too")]
PackName = Annotated[str | None, Field(description="Pack, by its name in `list_packs`; null: the server's")]
ScaleName = Annotated[
    Literal["frame", "pixel"],
    Field(
        description="frame: things keep their share of the frame (photographs); "
        "pixel: things keep their size in pixels (one microscope, one scanner, one map)"
    ),
]


Score = Annotated[float, Field(gt=0, le=1)]
Threshold = Annotated[
    Score | dict[str, Score] | None,
    Field(description=f"{THRESHOLD} A number, or an object of names of classes; null: {BY_ITSELF}"),
]


@dataclass(frozen=True)
class Shown:
    """What shows the thing: a cue set, or a concept that comes with the pack. Raises CueSetError unless it is one."""

    cueset: GivenCueSet = None
    concept: ConceptName = None
    pack: PackName = None

    def __post_init__(self) -> None:
        if self.cueset is not None and self.concept is not None:
            raise CueSetError("`concept` and `cueset` are both cue sets: give one of them")
        if self.cueset is None and self.concept is None:
            raise CueSetError(
                "nothing shows the thing: give `cueset`, or `concept` (`list_packs` names those of each pack)"
            )


@dataclass(frozen=True)
class PixelSize:
    """The edge of a pixel, for areas and lengths in units. Raises OutputError where one of the two is missing."""

    pixel_size: Annotated[
        float | None, Field(gt=0, description="Edge of one pixel in `unit`; null: what the file states")
    ] = None
    unit: Annotated[str | None, Field(description="Unit of `pixel_size`: um, mm, m, ...")] = None

    def __post_init__(self) -> None:
        if (self.pixel_size is None) != (self.unit is None):
            raise OutputError("pixel_size and unit belong together: give both, as in 0.25 and 'um'")


@dataclass(frozen=True)
class Written(PixelSize):
    """What results are called, the edge of a pixel, and whether they say where they come from."""

    name: Annotated[str, Field(description="Names of outputs: {stem}, {suffix}, {parent}, {index}")] = (
        "{stem}"
    )
    provenance: Annotated[
        bool,
        Field(
            description="Write provenance.jsonld: of each mask the picture, cue set, pack, program and reviewer, as "
            "W3C PROV"
        ),
    ] = False


@dataclass(frozen=True)
class ObjectWay:
    """What is one object, and which are left out."""

    objects: Annotated[
        ObjectMode,
        Field(
            description="What is one object. connected: a connected component; split: things that touch are told apart "
            "by what the cues show of objects; auto: they are where the cues show that things touch"
        ),
    ] = "auto"
    min_area: Annotated[int, Field(ge=0, description="Leave out objects of fewer pixels, of masks, too")] = 0
    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="Leave out objects of less confidence, of masks, too")
    ] = 0.0


class Given(BaseModel):
    """Base of what an agent sends: an unknown field is an error, not a slip without effect."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, allow_inf_nan=False)


_RULES = Rules(
    forms={
        "xyxy": XYXY,
        "xy": XY,
        "path": XY,
        "width": Annotated[Width, Field(description="Width of the stroke in pixels")],
        "cls": ClassRef,
    },
    negative=Negative,
    config=lambda _: Given.model_config,
    suffix="Mark",
)


class CueFiles(Given):
    """The files of a cue."""

    image: str = Field(description="Path of the image")
    mask: str | None = Field(
        default=None, description="Path of its mask: PNG or TIFF (0 is background), COCO, LabelMe or YOLO-seg"
    )
    value: list[int] | None = Field(
        default=None,
        description="Values of the mask that are the thing; null: each value is a class, or in a set of one class "
        "one object of it (numbers of cellpose, StarDist, napari)",
    )
    objects: str | None = Field(
        default=None,
        description="Path of ids that tell the mask's things apart: an image of its size, a number or colour an object",
    )


if TYPE_CHECKING:
    Drawn = CueFiles
else:
    Drawn = with_lists(CueFiles, mark_models(_RULES, __name__))


class CueGiven(Drawn):
    """What is shown on one image. A mask and polygons are complete; boxes and strokes are not."""

    absent: bool = Field(default=False, description="The thing is nowhere on this image")
    page: int | None = Field(default=None, ge=0, description="Page of a multi-page TIFF, from 0")


class PackInfo(BaseModel):
    """A pack: the files of a trained network."""

    name: str
    summary: str
    default: bool
    task: str | None = Field(description="What it is meant for")
    sector: str | None
    licence: str = Field(description="An SPDX expression; NOASSERTION: not stated")
    base: str | None = Field(description="The pack that it stands on")
    digest: str
    signature: str | None = Field(description="Who has signed it")
    problem: str | None = Field(description="Why it cannot be used; null: nothing is known")


class PackListed(PackInfo):
    """A pack in a list, with the names of the concepts that come with it."""

    concepts: list[str]


class PackConcept(BaseModel):
    """A concept that comes with a pack: a cue set, and what its classes are called."""

    name: str
    summary: str
    classes: list[str]
    cues: int


class PackShown(PackInfo):
    """What the card of a pack says."""

    concepts: list[PackConcept]
    organisation: str | None
    country: str | None
    region: str | None
    date: str | None
    data_licences: list[str] = Field(description="Of the pictures that it was trained on")
    scores: dict[str, float] = Field(description="Means, by number of cues")
    limits: list[str] = Field(default=[], description="What it is known not to do")


class Noted(BaseModel):
    """An answer that says how the inputs of the call were understood."""

    notes: list[str] = Field(
        default=[], description="How inputs were understood, and what of them was passed over"
    )


class Beside(BaseModel):
    """Mean IoU of a base and of the pack that was refined from it."""

    base: float
    refined: float


class Refined(Noted):
    """How far a refinement is, and when it is finished how the pack compares with its base."""

    output: str = Field(description="Folder of the pack")
    finished: bool = Field(description="The pack is there; if not, call again with the same arguments")
    step: str | None = Field(default=None, description="What it is at, `done` of `total`")
    done: int = 0
    total: int = 0
    better: bool | None = Field(
        default=None, description="Better than its base on images that did not teach it"
    )
    faults: list[str] = Field(default=[], description="Why it is not better")
    gain: float | None = Field(default=None, description="Mean IoU gained")
    by_shots: dict[str, Beside] = Field(default={}, description="Number of cues -> mean IoU")
    curve: dict[str, float] = Field(default={}, description="Images that taught -> mean IoU; 0: the base")
    twice_as_many_would_add: float | None = Field(
        default=None, description="Mean IoU to be expected of more images"
    )
    concepts: list[str] = Field(default=[], description="Ready concepts of the pack")


class PackKept(BaseModel):
    """A pack that is installed now."""

    name: str
    digest: str
    concepts: list[str]


class PackDropped(BaseModel):
    """The folder that is gone."""

    dropped: str


class PackFile(BaseModel):
    """A pack as a file."""

    name: str
    digest: str
    file: str


class Packs(BaseModel):
    """The packs that can be named, and the folders that may be used."""

    packs: list[PackListed]
    roots: list[str]


class ClassName(BaseModel):
    """A class of a cue set: its value in masks, its name and its colour."""

    id: int
    name: str
    colour: str


class CueShown(BaseModel):
    """A cue of a set: the name of its image in the set, and what is marked."""

    image: str
    kinds: list[str]


class CueSetState(Noted):
    """A cue set as it is now. `version` counts its changes; `undo_cues` takes the last one back."""

    cueset: str
    version: int
    changed: str = Field(description="What the last change did")
    digest: str
    classes: list[ClassName]
    count: int = Field(description="Cues in the set")
    cues: list[CueShown] = Field(description="The cues from `offset` on")
    next_offset: int | None


class Taken(BaseModel):
    """An answer that is made from a value of the library by the names of its fields."""

    model_config = ConfigDict(from_attributes=True)


class FileFinding(BaseModel):
    """What is wrong with a file of a cue set, and what to do."""

    level: Literal["error", "warning"]
    where: str
    reason: str
    remedy: str


class CueScored(Taken):
    """A complete cue, and the IoU in [0, 1] that all other cues reach on it."""

    number: int
    image: str
    iou: float | None


class CueFlagged(Taken):
    """A cue that probably hurts, why, and what to do."""

    number: int
    image: str
    kind: str
    reason: str
    remedy: str


class CuesChecked(BaseModel):
    """Whether a cue set can be learnt from, which of its cues hurt, and whether more would help."""

    usable: bool = Field(description="No error in its files")
    findings: list[FileFinding]
    iou: float | None = Field(
        description="Mean leave-one-out IoU; null where fewer than two cues are complete"
    )
    lowest: list[CueScored] = Field(description="The complete cues, the one that fits worst first")
    flags: list[CueFlagged]
    more_helps: bool | None
    advice: str
    left_out: int = Field(description="Entries of the three lists that were left out for length")


class ImageSuggested(Taken):
    """An image that is worth marking, and why."""

    image: str
    verdict: str
    confidence: float
    why: list[str]


class ImagesSuggested(BaseModel):
    """What to mark next, best first."""

    suggestions: list[ImageSuggested]
    looked_at: int
    of: int = Field(description="Images that were given; of more than `at_most` every n-th is looked at")
    failed: list[str] = Field(description="What could not be read, the first few")
    note: str | None = Field(
        default=None, description="How many other files the folders hold, that are no images"
    )


class Verdicts(BaseModel):
    """How many images came out how. 'doubtful' ones want a person's look, or a cue."""

    found: int = 0
    doubtful: int = 0
    absent: int = 0
    failed: int = 0


class ImageResult(BaseModel):
    """What was found on one image."""

    name: str = Field(description="Name of its files in the results: masks/NAME.png, overlays/NAME.jpg")
    image: str
    verdict: Literal["found", "doubtful", "absent", "failed"]
    confidence: float | None = Field(description="Expected IoU of the mask, in [0, 1]")
    objects: int | None
    counts: dict[str, int] = Field(description="Class id -> number of objects")
    areas: dict[str, int] = Field(description="Class id -> marked pixels")
    error: str | None


class ResultList(BaseModel):
    """Results, those that want a look first: doubtful, failed, absent, found; the least sure first in each."""

    results: str
    counts: Verdicts
    images: list[ImageResult]
    next_offset: int | None


class Segmented(ResultList, Noted):
    """What a call of `segment` came to."""

    finished: bool = Field(description="All images are done; if not, call again with the same arguments")
    done: int
    total: int
    resumed: int = Field(description="Images that had been finished before this call")
    files: dict[str, str] = Field(description="What was written -> its path")
    note: str | None = Field(
        default=None, description="How many other files the folders hold, that are no images"
    )


class ObjectShown(BaseModel):
    """One object: a row of objects.csv, without what is in units but its area."""

    image: str
    object: int
    cls: str = Field(alias="class")
    box: list[int]
    centroid: list[float]
    area: int
    perimeter: float
    major_axis: float
    minor_axis: float
    touches_border: bool
    area_in_units: float | None
    confidence: float | None = Field(description="Expected IoU of the object, in [0, 1]")

    model_config = ConfigDict(populate_by_name=True)

    @classmethod
    def of(cls, row: ObjectRow) -> Self:
        """A row without the digits that nobody reads."""
        alike = {name: getattr(row, name) for name in ("image", "object", "cls", "area", "touches_border")}
        lengths = {name: round(getattr(row, name), 3) for name in ("perimeter", "major_axis", "minor_axis")}
        return cls(
            **alike,
            **lengths,
            box=[row.x1, row.y1, row.x2, row.y2],
            centroid=[round(row.centroid_x, 2), round(row.centroid_y, 2)],
            area_in_units=row.area_units,
            confidence=None if row.confidence is None else round(row.confidence, 4),
        )


class Measured(BaseModel):
    """The measurements of a folder of results: by class over all images, and object by object."""

    table: str = Field(description="Path of objects.csv, which has every column")
    classes: tuple[ClassSum, ...]
    objects: int = Field(description="Rows that fit, on all pages")
    rows: list[ObjectShown]
    next_offset: int | None


class Exported(BaseModel):
    """The files that were written."""

    images: int
    files: dict[str, str]


class Previewed(BaseModel):
    """The answer for one image; nothing of it was written."""

    image: str
    verdict: Literal["found", "doubtful", "absent"]
    confidence: float
    objects: int
    areas: dict[str, int] = Field(description="Class id -> marked pixels")
    size: list[int] = Field(description="[height, width] in pixels")
    seconds: float
