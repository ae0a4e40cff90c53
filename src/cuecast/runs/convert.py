"""Labels from one format into another: whatever is read, in whatever is written, by the one table of formats.

What a format cannot say of objects is said once, with counts; what cannot be read is named, and the rest is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path

from cuecast.core.errors import CuecastError, InputError, MaskError, OutputError
from cuecast.core.objects import Annotations
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo
from cuecast.io.formats import FORMATS, Format
from cuecast.io.images import read_image
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.labels import LabelFile, Listed, Picked, check_stated, listed, open_label_file
from cuecast.io.labels.folders import Pictures, label_files, plain_stem
from cuecast.io.labels.sheets import Shape, Sheet
from cuecast.io.labels.unsaid import Unsaid


@dataclass(frozen=True)
class ConvertRequest:
    """Labels, and where they are to be written in which format.

    source   label file, or folder of such: of masks, where it holds no other.
    target   file, or folder for formats of a file an image; see `target_format` for `form`.
    form     what is written.
    given    format of the source, where neither suffixes nor content are to tell.
    images   files and folders of the pictures, where the labels do not lie beside them: needed where labels state no
             size.
    classes  names, in the order of their numbers: others are left out; () takes all.
    shape    see `cuecast.io.labels.sheets`.
    """

    source: Path
    target: Path
    form: Format
    given: Format | None = None
    images: Sequence[str | Path] = ()
    classes: Sequence[str] = ()
    shape: Shape = "rle"
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What came of it. `objects`: class -> number; `failures`: (file or image, error); `unsaid`: what the format cannot
    say, see `SAYINGS` -> how often it would have had to."""

    target: Path
    format: str
    images: int
    objects: Mapping[str, int]
    failures: tuple[tuple[str, str], ...] = ()
    unsaid: Mapping[str, int] = field(default_factory=dict)


def target_format(target: Path, name: str | None = None) -> Format:
    """The format that is to be written: by its name, else by the suffix of the target or by what stands before that
    (x.coco.json), or by the name of the folder. Raises InputError."""
    written = {form.name: form for form in FORMATS["labels"] if form.writes}
    if name is not None:
        return _known(name, written)
    before = Path(target.stem).suffix.lstrip(".").lower()
    for said in (before, target.name.lower()):
        if said in written:
            return written[said]
    suffix = target.suffix.lower()
    fitting = [f for f in written.values() if suffix == f.suffixes[0] and not f.parts]
    if len(fitting) == 1:
        return fitting[0]
    what = f"can be {listed(f.name for f in fitting)}" if fitting else "does not tell a format"
    raise InputError(f"its name {what}", target, f"say which (--format); written are {', '.join(written)}")


def source_format(name: str) -> Format:
    """The format of that name that is read. Raises InputError."""
    return _known(name, {form.name: form for form in FORMATS["labels"] if form.reads})


def _known(name: str, forms: Mapping[str, Format]) -> Format:
    if name not in forms:
        raise InputError(f"the format {name!r} is unknown", remedy=f"choose from {', '.join(forms)}")
    return forms[name]


def convert(request: ConvertRequest, progress: Progress = silent) -> Converted:
    """Read all labels of the source and write them, whole files or none.

    Files and images that cannot be used are named in the result, and the others are done. Raises InputError, and
    MaskError where there is nothing to read; OutputError where something is there already, or cannot be written.
    """
    request.form.check_library(f"writing {request.form.title}")
    source = LabelSource(request.source, request.given, Pictures.of(request.images), request.classes)
    work = _Conversion(request, source, Unsaid(request.form.cannot))
    place, sheets = work.checked_target(), work.sheets(progress)
    if (first := next(sheets, None)) is None:
        why = "; ".join(error for _, error in source.failures[:3])
        raise MaskError(
            f"nothing in it can be read: {why}" if why else "lists no image",
            request.source,
            "check the format (--from), or export it again",
        )
    request.form.load().write_labels(place, chain([first], sheets), source.classes, request.shape)
    work.unsaid.tell(request.target, request.form.title)
    names = {c.id: c.name for c in source.classes}
    return Converted(
        target=request.target,
        format=request.form.name,
        images=work.done,
        objects={name: work.objects[cls] for cls, name in names.items()},
        failures=tuple(source.failures),
        unsaid=work.unsaid.counts,
    )


@dataclass(frozen=True)
class Place:
    """An image of a label file: its `number` there, and what it is called here."""

    file: Path
    number: int
    entry: Listed
    picture: Path | None

    @property
    def name(self) -> str:
        """As the label file writes it; with the suffix of the picture where it writes none."""
        if self.picture is None or Path(self.entry.name).suffix.lower() in IMAGE_SUFFIXES:
            return self.entry.name
        return f"{self.entry.name}{self.picture.suffix}"


@dataclass(eq=False)
class LabelSource:
    """The labels of one file or folder while they are read; what cannot be read is gathered in `failures`.

    given   format of the source; None: as suffixes and content tell.
    wanted  names of the classes; () takes all.
    """

    path: Path
    given: Format | None
    pictures: Pictures
    wanted: Sequence[str] = ()
    failures: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def places(self) -> list[Place]:
        """All images of all label files. A file that cannot be read is a failure. Raises InputError."""
        found = []
        for path in label_files(self.path, self.given):
            with self.failing(path):
                entries = self.open(path).listed
                found += [Place(path, i, e, self.pictures.find(e.name, path)) for i, e in enumerate(entries)]
        return found

    @cached_property
    def classes(self) -> tuple[ClassInfo, ...]:
        """Those that are asked for, else all, in the order of first mention, with the colours that are stated."""
        colours: dict[str, str] = {}
        names: dict[str, None] = dict.fromkeys(self.wanted)
        for path, places in groupby(self.places, lambda place: place.file):
            file = self.open(path)
            stated: Sequence[ClassInfo] = getattr(file, "classes", ())
            colours |= {c.name: c.colour for c in stated if c.name not in colours}
            if not self.wanted:
                names |= dict.fromkeys(file.names or self._numbered(places))
        return tuple(ClassInfo(i, name, colours.get(name, "")) for i, name in enumerate(names, start=1))

    def open(self, path: Path) -> LabelFile:
        """One of its files. Raises MaskError."""
        return open_label_file(path, self.given)

    def _numbered(self, places: Iterable[Place]) -> list[str]:
        """Names for the classes of a file that states none, which are found by reading it."""
        ids: set[int] = set()
        for place in places:
            try:
                ids |= {obj.cls for obj in self._read(place, None).objects}
            except CuecastError:  # it is told when the image is done
                continue
        return [_name_of(cls) for cls in sorted(ids)]

    def _read(self, place: Place, classes: Sequence[ClassInfo] | None) -> Annotations:
        """The objects of an image as its file has them. Raises MaskError and ImageError."""
        file, size = self.open(place.file), place.entry.size
        if size is None or (self.pictures.given and place.picture is not None):
            if place.picture is None:
                raise MaskError(
                    f"states no size of {place.entry.name}, and the picture is not found",
                    place.file,
                    "give the folder of the pictures (--images)",
                )
            size = read_image(place.picture).size
        picked = Picked(place.number, place.name, size, place.picture)
        check_stated(place.file, place.entry.size, picked)
        return replace(file.annotations(picked, classes), name=place.name)

    def annotations(self, place: Place, classes: Sequence[ClassInfo]) -> Annotations:
        """The objects of an image, of `classes`: its own, or those of several sources. Raises MaskError, ImageError."""
        if self.open(place.file).names or self.wanted:
            found = self._read(place, classes)
        else:
            ids = {c.name: c.id for c in classes}
            found = self._read(place, None)
            objects = tuple(replace(o, cls=ids[_name_of(o.cls)]) for o in found.objects)
            found = replace(found, objects=objects)
        known = {c.id for c in classes}
        if unknown := sorted({o.cls for o in found.objects} - known):
            raise MaskError(
                f"has the class number {unknown[0]}, and {len(known)} classes are named",
                place.file,
                "name all (--class), or none",
            )
        return found

    def failing(self, what: object) -> _Failing:
        """A context in which what goes wrong with `what` becomes a failure."""
        return _Failing(str(what), self.failures)


@dataclass(eq=False)
class _Conversion:
    """One conversion while it is done."""

    request: ConvertRequest
    source: LabelSource
    unsaid: Unsaid
    objects: Counter[int] = field(default_factory=Counter)
    done: int = 0

    def sheets(self, progress: Progress) -> Iterator[Sheet]:
        """The images that can be read, one after the other."""
        for number, (place, stem) in enumerate(zip(self.source.places, self._stems(), strict=True), start=1):
            with self.source.failing(f"{place.file}: {place.name}"):
                found = self.source.annotations(place, self.source.classes)
                self.done += 1
                self.objects.update(o.cls for o in found.objects)
                self.unsaid.add(found)
                yield Sheet(stem, found, place.picture)
            progress(Step("images", number, len(self.source.places)))

    def _stems(self) -> list[str]:
        """Names of files for the images: their stems, with their folders where two have one stem."""
        if len(self.source.places) == 1 and self._is_file:
            return [self.request.target.stem]
        names = [Path(place.entry.name) for place in self.source.places]
        stems = [plain_stem(str(name)) for name in names]
        count = Counter(stem.casefold() for stem in stems)
        full = [
            stem if count[stem.casefold()] == 1 else "_".join([*name.parts[:-1], stem])
            for name, stem in zip(names, stems, strict=True)
        ]
        twice = [name for name, n in Counter(map(str.casefold, full)).items() if n > 1]
        if twice and self.request.form.a_file_each:
            raise OutputError(f"two images would both be written as {twice[0]}; convert them one by one")
        return full

    @property
    def _is_file(self) -> bool:
        """Whether the target is a file of a format of one an image."""
        form = self.request.form
        return form.a_file_each and not form.parts and self.request.target.suffix.lower() in form.suffixes

    def checked_target(self) -> Path:
        """Where the format is written: a file, or a folder. Raises OutputError where something is there."""
        target, form = self.request.target, self.request.form
        if self._is_file:
            if len(self.source.places) > 1:
                raise OutputError(
                    f"is one file, and {form.title} has one an image, of which there are {len(self.source.places)}",
                    target,
                    "give a folder",
                )
        elif form.a_file_each and target.exists() and not target.is_dir():
            raise OutputError(
                f"is a file, and {form.title} is written into a folder", target, "give a folder"
            )
        check_free(target, self.request.overwrite)
        return target.parent if self._is_file else target


def check_free(target: Path, overwrite: bool) -> None:
    """Raise OutputError where there is a file, or something in the folder, that may not be written over."""
    there = any(target.iterdir()) if target.is_dir() else target.exists()
    if there and not overwrite:
        raise OutputError("is there already", target, "choose another name, or --overwrite to write over it")


@dataclass(frozen=True)
class _Failing:
    """What goes wrong inside with one input becomes a failure; the disk's errors do not."""

    what: str
    failures: list[tuple[str, str]]

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, CuecastError) or isinstance(error, OutputError):
            return False
        self.failures.append((self.what, str(error)))
        return True


def _name_of(cls: int) -> str:
    """The name of a class that has none."""
    return f"class {cls}"
