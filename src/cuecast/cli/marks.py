"""The flags that show the thing (--cue, --box, --point, ..., --cues), and what they say of each place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from cuecast.cli.mark_text import (
    FRAMES,
    IMAGES,
    SLICES,
    Places,
    named,
    place_of,
    split_file,
    split_mark,
)
from cuecast.cli.options import ClassOption, ThresholdOption, ValueOption
from cuecast.core.arguments import read_thresholds
from cuecast.core.errors import CueError, ImageError, MaskError

if TYPE_CHECKING:
    from cuecast.core.values import ClassInfo, Example, Mark
    from cuecast.cues import Cue
    from cuecast.cuesets.cueset import CueSet
    from cuecast.predictor import Concept

Texts = list[str] | None
BOX, POINT, SCRIBBLE = "x1,y1,x2,y2[,class]", "x,y[,class]", "x,y;x,y;...[,class]"
POLYGON = SCRIBBLE
"""What stands right of the '=' of a mark: the form of its kind, said here so that help opens without the values."""


@dataclass
class Marked:
    """All that the flags say about one place."""

    place: Any
    mask: Path | None = None
    drawn: dict[str, list[Mark]] = field(default_factory=dict)
    absent: bool = False
    objects: Path | None = None

    @property
    def marks_thing(self) -> bool:
        """Whether anything but 'not this' is marked."""
        return bool(self.mask or any(mark.cls for drawn in self.drawn.values() for mark in drawn))

    def said(self, values: tuple[int, ...] | None) -> dict[str, Any]:
        """The marks as `Cue` and `SliceCue` take them; `values` as `read_values` gives them."""
        return {
            "mask": self.mask,
            "value": values if self.mask else None,
            **self.drawn,
            "absent": self.absent,
            "objects": self.objects,
        }


def _flag(name: str, metavar: str, help_text: str) -> Any:
    letters = ("-c",) if name == "--cue" else ()
    return typer.Option(name, *letters, metavar=metavar, help=help_text)


@dataclass(frozen=True)
class MarkFlags:
    """The flags that mark things on images."""

    places: ClassVar[Places] = IMAGES
    words: ClassVar[dict[str, str]] = {
        "place": IMAGES.form,
        "thing": "thing",
        "dot": "pixel",
        "cue": "An image and the mask of the thing on it: PNG, TIFF, COCO, LabelMe or YOLO-seg. "
        "IMAGE alone takes the mask that lies beside it. May be repeated, as all marks may.",
        "ids": " (PNG or TIFF, one number or colour an object)",
        "absent": "An image on which the thing does not occur.",
        "cues": "A cue set: folder or .zip (`cuecast cues`).",
    }
    """What `grouped` puts in the place of {place}, {thing}, ... in the help of the flags."""

    cue: Annotated[Texts, _flag("--cue", "{place}=MASK", "{cue}")] = None
    cue_objects: Annotated[
        Texts,
        _flag(
            "--cue-objects", "{place}=IDS", "Beside --cue: ids that tell the things of its mask apart{ids}."
        ),
    ] = None
    box: Annotated[Texts, _flag("--box", f"{{place}}={BOX}", "A box round the {thing}.")] = None
    point: Annotated[
        Texts,
        _flag("--point", f"{{place}}={POINT}", "A {dot} of the {thing}; class 0: a {dot} that is not it."),
    ] = None
    scribble: Annotated[
        Texts,
        _flag("--scribble", f"{{place}}={SCRIBBLE}", "A stroke on the {thing}; class 0: on something else."),
    ] = None
    polygon: Annotated[
        Texts,
        _flag(
            "--polygon",
            f"{{place}}={POLYGON}",
            "The outline of one {thing}; outline all: what none covers is background.",
        ),
    ] = None
    absent: Annotated[Texts, _flag("--absent", "{place}", "{absent}")] = None

    @property
    def any(self) -> bool:
        """Whether one of them is given."""
        return any(getattr(self, f.name) for f in fields(MarkFlags) if f.name != "cue_objects")

    def read(
        self, classes: Sequence[ClassInfo] = (), pairs: Sequence[tuple[Path, Path]] = ()
    ) -> list[Marked]:
        """One entry a place, in the order of first mention within --cue, --box, --point, --scribble, --polygon,
        --absent.

        `pairs` are (image, mask) that need no splitting, and come after --cue. `classes` lets marks name their class
        instead of its number. Raises typer.BadParameter where a flag is written wrongly, and ImageError or MaskError
        where a file is not there.
        """
        found: dict[Any, Marked] = {}

        def at(place: Any) -> Marked:
            return found.setdefault(self.places.key(place), Marked(place))

        cues = [(text, *split_file(text, self.places)) for text in self.cue or ()]
        for text, place, mask in (*cues, *map(_existing_pair, pairs)):
            if at(place).mask is not None:
                noun = self.places.noun
                raise typer.BadParameter(
                    f"--cue {text!r}: {noun} {named(place)} has a mask already; give one mask to each {noun}"
                )
            at(place).mask = mask
        self._read_drawn(at, classes)
        for text in self.cue_objects or ():
            place, ids = split_file(text, self.places, "--cue-objects", "IDS")
            _add_objects(at(place), ids, text)
        for text in self.absent or ():
            marked = at(place_of(text, self.places, "--absent"))
            marked.absent = True
            if marked.marks_thing:
                raise typer.BadParameter(
                    f"--absent {text!r}: another flag marks the thing on this {self.places.noun}; drop one of the two"
                )
        return list(found.values())

    def _read_drawn(self, at: Callable[[Any], Marked], classes: Sequence[ClassInfo]) -> None:
        from cuecast.core.values import KINDS

        for name, kind in KINDS.items():
            for text in getattr(self, kind.__name__.lower(), None) or ():
                place, mark = split_mark(text, self.places, kind, classes)
                at(place).drawn.setdefault(name, []).append(mark)


CONCEPT_HELP = "A cue set that comes with the pack; `cuecast packs info PACK` lists them."


def shown_cueset(cues: Path | None, concept: str | None, pack: str) -> Path | None:
    """Where the cue set of --cues lies, or that of the pack's concept; None where neither is given.

    Raises BadParameter for both, PackError for an unknown pack or concept.
    """
    if cues and concept:
        raise typer.BadParameter("--concept and --cues are both cue sets: give one of them")
    if concept:
        from cuecast.engine.packs import open_pack

        return open_pack(pack).concept(concept)
    return cues


@dataclass(frozen=True)
class Shown(MarkFlags):
    """All flags that show the thing: marks, a cue set, and what their classes are called."""

    cues: Annotated[Path | None, typer.Option("--cues", metavar="CUESET", help="{cues}")] = None
    concept: Annotated[str | None, typer.Option(metavar="NAME", help=CONCEPT_HELP)] = None
    class_names: ClassOption = None
    value: ValueOption = None
    threshold: ThresholdOption = None

    def __post_init__(self) -> None:
        self.thresholds()  # a wrong one is told before any work
        if self.cues and self.concept:
            raise typer.BadParameter("--concept and --cues are both cue sets: give one of them")

    def thresholds(self) -> float | dict[str, float] | None:
        """What --threshold says, as `Concept.with_thresholds` takes it; None: nothing. Raises BadParameter."""
        try:
            return read_thresholds(self.threshold or ())
        except ValueError as error:
            raise typer.BadParameter(f"--threshold {error}") from None

    def decided(self, concept: Concept) -> Concept:
        """The concept, marking from --threshold on. Raises BadParameter where a class is none of its own."""
        thresholds = self.thresholds()
        try:
            return concept if thresholds is None else concept.with_thresholds(thresholds)
        except CueError as unknown:
            raise typer.BadParameter(f"--threshold: {unknown}") from None

    def refuse_nothing(self, before: str = "", after: str = "") -> None:
        """Raise BadParameter where nothing shows the thing; `before` and `after` are other ways of showing it."""
        if not (self.any or self.cues or self.concept):
            raise typer.BadParameter(
                f"nothing shows the thing: give {before}--cue {self.places.form}=MASK, --box, --point, --scribble, "
                f"--polygon, or --cues CUESET or --concept NAME{after}"
            )

    def cueset(self, pack: str) -> CueSet | None:
        """The cue set, or that of the pack's concept, read. Raises CueSetError; PackError for an unknown concept."""
        from cuecast.cuesets.cueset import read_cueset

        place = shown_cueset(self.cues, self.concept, pack)
        return read_cueset(place) if place else None

    def examples(
        self,
        cueset: CueSet | None,
        flags: Sequence[Marked],
        window: tuple[float, float] | None,
        page: int | None,
    ) -> list[Cue | Example]:
        """All that teaches: the cues of the set, then those of the flags on other images; see `cues_of`.

        Raises CueSetError, BadParameter and what reading images raises.
        """
        from cuecast.cuesets.cueset import read_examples

        stored = read_examples(cueset, window) if cueset else ()
        values = read_values(self.value, (m.mask for m in flags))
        return [*stored, *cues_of(flags, values, window, page)]

    def classes(self, cueset: CueSet | None) -> list[ClassInfo]:
        """The classes of the cue set where there is one, else those that --class names.

        Raises BadParameter where both name some.
        """
        self.refuse_names()
        return list(cueset.classes) if cueset else class_list(self.class_names or ())

    def version(self, cueset: CueSet | None) -> tuple[int, str] | None:
        """(version, digest) of a cue set that was read, where nothing else shows the thing. Raises CueSetError."""
        if cueset is None or self.any:
            return None
        from cuecast.cuesets.changes import lineage

        origin = lineage(cueset)
        return origin.version, origin.digest

    def refuse_names(self) -> None:
        """Raise BadParameter where --class is given beside a cue set."""
        if (self.cues or self.concept) and self.class_names:
            raise typer.BadParameter(
                "--class: the cue set names its classes already; drop --class, or change cues.json"
            )


_OTHER_CUES = "A cue set made on other pictures: folder or .zip (`cuecast cues`)."


class FrameShown(Shown):
    """`Shown` on frames of a video."""

    places = FRAMES
    words: ClassVar[dict[str, str]] = Shown.words | {
        "place": FRAMES.form,
        "thing": "object",
        "cue": "A frame (its number from 0, or its file) and the mask of the objects on it: each value is one "
        "object. May be repeated, as all marks may.",
        "absent": "A frame on which no object is to be seen.",
        "cues": _OTHER_CUES,
    }


class SliceShown(Shown):
    """`Shown` on slices of a volume."""

    places = SLICES
    words: ClassVar[dict[str, str]] = Shown.words | {
        "place": SLICES.form,
        "dot": "voxel",
        "cue": "A slice and the mask of the thing on it, such as z:40=mask.png; or a volume of labels (.nii, "
        ".nii.gz, .nrrd, .tif) of which this slice is taken. May be repeated, as all marks may.",
        "ids": ", an image or a volume of them",
        "absent": "A slice on which the thing does not occur.",
        "cues": _OTHER_CUES,
    }


def cues_of(
    flags: Iterable[Marked],
    values: tuple[int, ...] | None,
    window: tuple[float, float] | None,
    page: int | None = None,
) -> list[Cue]:
    """Marks on images as cues, their images read the way the queries are; `values` as `read_values` gives them."""
    from cuecast.cues import Cue
    from cuecast.io.images import read_image

    return [Cue(read_image(m.place, page=page, window=window), page=page, **m.said(values)) for m in flags]


def read_values(value: Sequence[int] | None, masks: Iterable[object]) -> tuple[int, ...] | None:
    """The values of --value, None where it is not given. Raises BadParameter where no mask is given that has them."""
    if value and not any(masks):
        raise typer.BadParameter(
            "--value: it chooses among the values of --cue masks, and there is none; drop it"
        )
    return tuple(value) if value else None


def class_list(names: Iterable[str], known: Sequence[ClassInfo] = ()) -> list[ClassInfo]:
    """`known` classes and those of `names` that are not among them, with the ids that follow."""
    from cuecast.core.values import ClassInfo

    out = list(known)
    for name in names:
        if not name.strip():
            raise typer.BadParameter("--class '': a class needs a name")
        if any(c.name == name for c in out[len(known) :]):
            raise typer.BadParameter(f"--class {name!r} is given twice; each class has one name")
        if all(c.name != name for c in out):
            out.append(ClassInfo(max((c.id for c in out), default=0) + 1, name))
    return out


def _add_objects(marked: Marked, ids: Path, text: str) -> None:
    """Add what --cue-objects says (`text`) to its place. Raises BadParameter without a mask or polygons there."""
    from cuecast.core.values import COMPLETE

    if marked.mask is None and not any(marked.drawn.get(name) for name in COMPLETE):
        raise typer.BadParameter(
            f"--cue-objects {text!r}: it tells the things of a mask apart, and there is none; give --cue with the same "
            "image, too (a file of numbers is the mask itself where one class is named: --class NAME)"
        )
    if marked.objects is not None:
        raise typer.BadParameter(f"--cue-objects {text!r}: the objects are given twice; give them once")
    marked.objects = ids


def _existing_pair(pair: tuple[Path, Path]) -> tuple[str, Path, Path]:
    image, mask = pair
    if not image.is_file():
        raise ImageError("there is no such image (from --image)", image, "check the name")
    if not mask.exists():
        raise MaskError("there is no such mask file (from --mask)", mask, "check the name")
    return f"{image}={mask}", image, mask
