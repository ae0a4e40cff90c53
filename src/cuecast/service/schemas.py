"""The models of the wire: what requests hold and replies are. Their examples, in examples.json, are those of
/openapi.json.

Names and units of marks are those of a cue set's cues.json (docs/cues.md): pixels of the image, x before y, boxes
half-open. Times are UTC. Models of jobs' requests and results are in `schemas_jobs`.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cuecast.core.consensus import Way
from cuecast.core.marks import EXAMPLE
from cuecast.core.values import MAX_CLASS_ID
from cuecast.cuesets.models import Coordinate, Rules, Width, mark_models, with_lists

# No control characters: they have no place in names, and PostgreSQL takes no NUL.
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"),
]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Threshold = Annotated[float, Field(gt=0, le=1)]
ImageId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ClassId = Annotated[int, Field(ge=1, le=65534)]
MarkClass = Annotated[int, Field(ge=0, le=65534, description="0: 'not this'")]
Xy = tuple[Coordinate, Coordinate]
Scale = Literal["frame", "pixel"]
Kind = Literal["images", "video", "volume"]
Series = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="which of several DICOM series: the UID, its end, or the description",
    ),
]
Channel = Annotated[
    int | None,
    Field(ge=0, le=2**31 - 1, description="which of several channels or times of a volume, from 0"),
]
Verdict = Literal["found", "doubtful", "absent"]
JobKind = Literal["run", "check", "suggest", "export", "refine"]
PackName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"),
    Field(description="an installed pack, by its name"),
]
ConceptName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@cache
def _examples() -> dict[str, list[Any]]:
    """Name of a model -> its examples."""
    found: dict[str, list[Any]] = json.loads(Path(__file__).with_name("examples.json").read_text("utf-8"))
    return found


def _exemplify(schema: dict[str, Any], model: type[BaseModel]) -> None:
    if model.__name__ in _examples():
        schema["examples"] = _examples()[model.__name__]


class Reply(BaseModel):
    """What is sent."""

    model_config = ConfigDict(allow_inf_nan=False, populate_by_name=True, json_schema_extra=_exemplify)


class Request(Reply):
    """What is asked: a field that is not known is refused, for a slip in a name would else be taken for a field left
    out."""

    model_config = ConfigDict(extra="forbid")


def request(example: Any) -> ConfigDict:
    """The settings of a request with an example that is made elsewhere."""
    return Request.model_config | ConfigDict(json_schema_extra={"examples": [example]})


class ErrorBody(BaseModel):
    """What was refused, and what to do."""

    code: str
    message: str
    details: Any = None


class Error(Reply):
    """Every error."""

    error: ErrorBody


# ---- marks


_RULES = Rules(
    forms={
        "xyxy": tuple[Coordinate, Coordinate, Coordinate, Coordinate],
        "xy": Xy,
        "path": Xy,
        "width": Width,
        "cls": ClassId,
    },
    negative=MarkClass,
    config=request,
    most=100_000,
)


Runs = list[Annotated[int, Field(ge=0, le=2**40)]]


class Mask(Request):
    """A label map as run lengths, one list a class: down the columns, starting with pixels that are not of it.

    Classes do not overlap. The key 'ignore' holds what counts neither as a thing nor as background. `objects`, left out
    where nobody has told things apart, are the run lengths of one object each, which do not overlap.
    """

    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        description="height and width, those of the image"
    )
    counts: dict[
        Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,4}|ignore)$")],
        Runs,
    ]
    objects: Annotated[list[Runs], Field(max_length=MAX_CLASS_ID)] | None = Field(
        default=None, exclude_if=lambda value: value is None
    )


class Version(Request):
    """What a document of marks begins with."""

    version: int = Field(default=0, ge=0, le=2**31 - 1)
    absent: bool = False


if TYPE_CHECKING:
    Drawn = Version
else:
    Drawn = with_lists(Version, mark_models(_RULES, __name__), most=10_000)


class Marks(Drawn):
    """What is marked on one image. `version` is the one a change is based on; 0: nothing was ever marked.

    `teaches` is there, and false, where the whole mask is known and the image is no cue: a person called what was found
    right.
    """

    model_config = request({"version": 0, **EXAMPLE, "mask": None})
    mask: Mask | None = None
    teaches: bool = Field(default=True, exclude_if=lambda value: value)

    def document(self) -> dict[str, Any]:
        """What of them is the document of a cue."""
        return self.model_dump(mode="json", by_alias=True, exclude={"version", "teaches"})


# ---- projects


class NewClass(Request):
    """A class to be made, or, with its id, one that stays.

    `threshold` is the score from which its pixels are marked; null: by the pack and the areas in the cues. A class that
    stays keeps what is left out.
    """

    id: ClassId | None = None
    name: Name
    colour: Colour | None = None
    threshold: Threshold | None = None


class Class(Reply):
    """One thing that is looked for. `id` is its value in masks; `threshold` is there where one was given."""

    id: int
    name: str
    colour: str
    threshold: float | None = Field(default=None, exclude_if=lambda value: value is None)


class NewProject(Request):
    """A project to be made. Without classes it gets one, 'thing'.

    `scale` is 'frame' for images where it is left out; of a video or volume it is 'pixel', and nothing else. `pack`:
    null is the service's. `concept`: one that comes with the pack and teaches beside the marks; the project gets its
    classes.
    """

    name: Name
    kind: Kind = "images"
    scale: Scale | None = None
    pack: PackName | None = None
    concept: ConceptName | None = None
    classes: list[NewClass] = Field(default_factory=list, max_length=1000)


class ProjectChange(Request):
    """What is to change. `classes` is the full list: one that is left out goes, unless marks use it. `pack` null is the
    service's, `concept` null none; `pixel_size` with its `unit` is the edge of a pixel of all images, null what each
    image file states. What is left out stays."""

    name: Name | None = None
    scale: Scale | None = None
    pack: PackName | None = None
    concept: ConceptName | None = None
    pixel_size: Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)] | None = None
    unit: Annotated[Name, Field(max_length=20)] | None = None
    classes: list[NewClass] | None = Field(default=None, min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _check_unit(self) -> ProjectChange:
        if (self.pixel_size is None) != (self.unit is None) or (
            len(self.model_fields_set & {"pixel_size", "unit"}) == 1
        ):
            raise ValueError(
                "pixel_size and unit belong together: give both, as in 0.25 and 'um', or null for both"
            )
        return self


class JobError(Reply):
    """Why a job failed."""

    code: str
    message: str


class Job(Reply):
    """Work in the queue, going on or done: `done` of `total` images, or of what its `stage` counts: of a refinement
    'base', 'lessons', 'fit', 'refined', 'curve', 'last'."""

    id: str
    project: str
    kind: JobKind
    state: JobState
    done: int
    total: int
    stage: str | None = None
    error: JobError | None = None
    result: dict[str, Any] | None = None
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None


class Source(Reply):
    """The video or volume of a project: `frames` frames, or slices along its first axis, in the order of its images.

    `seconds`: when the last frame is shown; `note`: what a person should know of it, such as where it breaks off.
    `series` or `channel`: which of several volumes of its folder or file it is, as it was chosen.
    """

    name: str
    bytes: int
    digest: str
    frames: int
    width: int
    height: int
    seconds: float | None
    note: str | None
    series: str | None = None
    channel: int | None = None


class Project(Reply):
    """One concept with its images. `cues` is the number of images that teach, `checked` of those whose mask a person
    has drawn or called right, `job` the newest that is not over.

    `source` is the video or volume whose frames or slices its images are, once it is there. `pack`: null is the
    service's; `concept`: one of the pack's that teaches beside the marks. `pixel_size`, in `unit`, is the edge of a
    pixel where a person has said it.
    """

    id: str
    name: str
    kind: Kind
    scale: Scale
    pack: str | None
    concept: str | None
    pixel_size: float | None = None
    unit: str | None = None
    classes: list[Class]
    source: Source | None = None
    images: int
    cues: int
    checked: int
    created: datetime
    updated: datetime
    job: Job | None = None


# ---- images


class Prediction(Reply):
    """What the last run found. counts and areas: class id -> number of objects, pixels.

    `stale`: the marks have changed since; `wrong`: a person said so.
    """

    verdict: Verdict | None
    confidence: float | None
    counts: dict[str, int]
    areas: dict[str, int]
    seconds: float | None
    error: str | None
    stale: bool
    wrong: bool


class Image(Reply):
    """An image of a project. `digest` is the SHA-256 of its file, `marks` how it is marked as a cue; `checked`: a
    person has drawn its whole mask, or called the one that was found right.

    `index` is the number of a frame or slice, from 0, and `seconds` when it is shown; of images both are null. `people`
    have marked all of it, each by himself; `agreement` is the mean IoU of all pairs of them, in [0, 1].
    """

    id: str
    name: str
    width: int
    height: int
    bytes: int
    digest: str
    index: int | None = None
    seconds: float | None = None
    marks: Literal["mask", "sparse", "absent"] | None = None
    marks_version: int = 0
    checked: bool = False
    people: list[str] = []
    agreement: float | None = None
    prediction: Prediction | None = None


class Person(Reply):
    """One who marks images beside others: of how many `images` all, the mean IoU with the others, and by STAPLE: class
    id -> `sensitivity` and `specificity`; all in [0, 1]."""

    name: str
    images: int
    agreement: float | None
    sensitivity: dict[str, float]
    specificity: dict[str, float]


class PairOfPeople(Reply):
    """How far two people agree: the mean IoU over the `images` that both have marked."""

    person: str
    other: str
    images: int
    agreement: float


class People(Reply):
    """Who has marked images of a project by himself, and how far they agree: the mean over the `images` that two at
    least have marked. `you`: the name that your key has, under which alone you mark; null: under any."""

    people: list[Person]
    pairs: list[PairOfPeople]
    images: int
    agreement: float | None
    you: str | None


class ManyImages(Request):
    """What is to be done to each of these images.

    'delete': as DELETE does. 'absent': say that the thing is not on it. 'accept': make what the last run found its
    marks, with its objects, or say that the thing is not on it where nothing was found. 'between', of frames and
    slices: make marks of those of the nearest ones before and behind that are not among these and are marked wholly.
    'consensus': make one truth of what people have marked, in one of the ways of docs/consensus.md; with `replace` in
    place of the image's own marks, too.
    """

    action: Literal["delete", "absent", "accept", "between", "consensus"]
    images: list[ImageId] = Field(min_length=1, max_length=500)
    way: Way = "majority"
    replace: bool = False


class NotDone(Reply):
    """An image that stayed as it is, and why: `code` and `message` as of an error."""

    image: str
    code: str
    message: str


class ManyDone(Reply):
    """What came of it: to how many it was done, those of them that are not gone as they are now, and the others."""

    done: int
    images: list[Image]
    refused: list[NotDone]


class ValueWindow(Reply):
    """Through which values a volume is looked at: `low` becomes black and `high` white in what is segmented. `usual`:
    name -> (low, high), where its values look like those of computed tomography.
    """

    low: float
    high: float
    usual: dict[str, tuple[float, float]]


class NewFolder(Request):
    """A folder of the server, below one of its roots, whose images are referred to where they lie.

    For a project of a video or volume: its file, the folder of its frames, or that of a DICOM series. `series` and
    `channel` choose one of several volumes.
    """

    path: str = Field(min_length=1, max_length=4096)
    recursive: bool = False
    series: Series = None
    channel: Channel = None


class NotAdded(Reply):
    """A file that could not be added."""

    name: str
    error: str


class FolderAdded(Reply):
    """What came of a folder: at most 500 of the images are listed, `count` says how many are new."""

    added: list[Image]
    count: int
    failed: list[NotAdded]
    note: str | None = Field(None, description="How many other files the folder holds, that are no pictures")


class CuesetAdded(Reply):
    """What came of a cue set: numbers of images and cues, the project's classes now, and how masks were understood."""

    images: int
    cues: int
    classes: list[Class]
    notes: list[str] = []


class Folder(Reply):
    """A folder below the server's roots: names of its folders, number of its images. path '' lists the roots."""

    path: str
    parent: str | None
    folders: list[str]
    images: int


# ---- lists and the service itself

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list. `next` is the cursor of the next part, null at the end; `total` counts the whole list."""

    items: list[Item]
    next: str | None
    total: int


class PackAbout(Reply):
    """What lists say of a pack; null where its card says nothing. `problem` says why it cannot be used."""

    name: str
    summary: str
    digest: str = Field(description="SHA-256 of all of it")
    signature: str | None = Field(description="who has signed it, in words")
    base: str | None = Field(description="the pack that it stands on")
    segmenter: str
    licence: str = Field(description="an SPDX expression; NOASSERTION: not stated")
    data_licences: list[str] = Field(description="of the pictures that it was trained on")
    organisation: str | None
    country: str | None = Field(description="two letters of ISO 3166")
    region: str | None
    sector: str | None
    task: str | None
    date: str | None
    scores: dict[str, float] = Field(description="means, by number of cues")
    bytes: int = Field(description="of its own files")
    builtin: bool = Field(description="it came with the package")
    problem: str | None


class Pack(PackAbout):
    """A pack, with the names of the concepts that come with it."""

    concepts: list[str]


class PackConcept(Reply):
    """A concept that comes with a pack: a cue set, and what its classes are called."""

    name: str
    summary: str
    classes: list[str]
    cues: int


class PackDetail(PackAbout):
    """A pack with its concepts and its whole card, as docs/packs.md describes it."""

    concepts: list[PackConcept]
    card: dict[str, Any]


class InfoLimits(Reply):
    """Bounds on requests."""

    upload_bytes: int
    pixels: int
    queue: int
    unpacked_bytes: int = Field(description="that a file packed more than `ratio` times may come to")
    ratio: int


class Info(Reply):
    """What this service is and can do."""

    version: str
    pack: str
    packs: list[str]
    roots: list[str]
    limits: InfoLimits
    formats: list[str]


class Health(Reply):
    """The service answers."""

    status: Literal["ok"] = "ok"
