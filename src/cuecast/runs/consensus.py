"""Labels of several people: how far they agree on each picture, and one truth made of them.

OUT/masks/           the truth, or what else the format is called; what it does not decide is left out (255)
OUT/agreement.csv    a line a picture, a pair of people and a class
OUT/agreement.json   all that is known of people and pictures
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from functools import cached_property
from itertools import combinations
from pathlib import Path, PurePosixPath

from cuecast.core.consensus import (
    Labels,
    Marked,
    Staple,
    Votes,
    Way,
    deciding,
    matches,
    mean_iou,
    told_apart,
)
from cuecast.core.errors import InputError, OutputError
from cuecast.core.objects import Annotations, objects_of
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import IGNORE, ClassInfo
from cuecast.io.files import replacing, write_row, write_text
from cuecast.io.formats import Format
from cuecast.io.labels import plain_name
from cuecast.io.labels.folders import Pictures, plain_stem
from cuecast.io.labels.sheets import Shape, Sheet
from cuecast.io.labels.unsaid import Unsaid
from cuecast.runs.convert import LabelSource, Place, check_free

TABLE, RECORD = "agreement.csv", "agreement.json"


@dataclass(frozen=True)
class ConsensusRequest:
    """People by name, each with a label file or a folder of such, and the folder that is written.

    out      None: nothing is written.
    form     in which the truth is written.
    given, images, classes, shape  as of `cuecast.runs.convert.ConvertRequest`.
    """

    people: Mapping[str, Path]
    out: Path | None
    form: Format
    way: Way = "majority"
    given: Format | None = None
    images: Sequence[str | Path] = ()
    classes: Sequence[str] = ()
    shape: Shape = "rle"
    overwrite: bool = False


@dataclass(frozen=True)
class PairRow:
    """How far two people agree on one class of a picture; the fields are the columns of agreement.csv.

    A class that neither has marked there has no line. Areas in pixels, of those on which both say something;
    `objects` have `matched` one of the other person's where their IoU is 0.5 at least, and `objects_f1` is of these.
    """

    image: str
    cls: str = field(metadata={"alias": "class"})
    person: str
    other: str
    iou: float
    dice: float
    area: int
    other_area: int
    both: int
    objects: int
    other_objects: int
    matched: int
    objects_f1: float


COLUMNS = tuple(str(f.metadata.get("alias", f.name)) for f in fields(PairRow))


@dataclass(frozen=True)
class Picture:
    """A picture, who has marked it, the mean IoU of all pairs, and the share of its pixels on which people differ."""

    image: str
    people: tuple[str, ...]
    agreement: float
    disputed: float


@dataclass(frozen=True)
class Person:
    """Of how many pictures a person is one of several who marked them, the mean IoU with the others, and by STAPLE:
    class -> sensitivity and specificity, all in [0, 1]."""

    name: str
    images: int
    agreement: float
    sensitivity: Mapping[str, float]
    specificity: Mapping[str, float]


@dataclass(frozen=True)
class Consensus:
    """What came of it. `pairs`: (person, other, mean IoU); `alone`: pictures that one person alone has marked, by name;
    `failures`: (file or image, error)."""

    way: Way
    agreement: float | None
    people: tuple[Person, ...]
    pairs: tuple[tuple[str, str, float], ...]
    pictures: tuple[Picture, ...]
    alone: Mapping[str, str]
    failures: tuple[tuple[str, str], ...]
    out: Path | None = None


def consensus(request: ConsensusRequest, progress: Progress = silent) -> Consensus:
    """How far people agree and, where there is a folder for it, one truth.

    Pictures are the same by name (their stems, or their whole names where two of one person have one stem). What cannot
    be read, and what one person alone has marked, is named in the result, and the rest is done. Raises InputError
    where no picture was marked by two; OutputError where something is there already, or cannot be written.
    """
    if len(request.people) < 2:
        raise InputError(
            "one person alone agrees with nobody", remedy="give the labels of two people at least"
        )
    if request.out is not None:
        _check_out(request.out, request.overwrite)
        request.form.check_library(f"writing {request.form.title}")
    work = _Work(request, Pictures.of(request.images))
    if not work.shared:
        why = "; ".join(error for _, error in work.failures[:3])
        raise InputError(
            f"no picture was marked by two people{f': {why}' if why else ''}",
            remedy="check that the pictures have the same names in all labels",
        )
    work.compare(progress)
    if not work.polls:
        raise InputError(f"no picture can be compared: {work.failures[0][1]}")
    reliable = Staple.fit(work.polls.values())
    done = work.result(reliable)
    if request.out is not None:
        decide = reliable if request.way == "staple" else deciding(request.way, ())
        place = request.out / (request.form.place or request.form.name)
        folder = place if request.form.a_file_each else place.parent
        folder.mkdir(parents=True, exist_ok=True)
        unsaid = Unsaid(request.form.cannot)
        sheets = work.sheets(decide, unsaid, progress)
        request.form.load().write_labels(place, sheets, work.classes, request.shape)
        _write_table(request.out / TABLE, work.rows)
        write_text(request.out / RECORD, json.dumps(as_dict(done), indent=1, ensure_ascii=False) + "\n")
        unsaid.tell(request.out, request.form.title)
    return done


def as_dict(done: Consensus) -> dict[str, object]:
    """All of it as JSON holds it."""
    return {
        "way": done.way,
        "agreement": done.agreement,
        "people": [asdict(p) for p in done.people],
        "pairs": [{"person": a, "other": b, "agreement": iou} for a, b, iou in done.pairs],
        "images": [asdict(p) for p in done.pictures],
        "alone": dict(done.alone),
        "failures": [{"input": i, "error": e} for i, e in done.failures],
    }


@dataclass(eq=False)
class _Work:
    """One consensus while it is made."""

    request: ConsensusRequest
    pictures: Pictures
    rows: list[PairRow] = field(default_factory=list)
    polls: dict[str, Votes] = field(default_factory=dict)
    pairs: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    found: list[Picture] = field(default_factory=list)

    @cached_property
    def sources(self) -> dict[str, LabelSource]:
        """Person -> labels. Raises InputError."""
        r = self.request
        return {who: LabelSource(path, r.given, self.pictures, r.classes) for who, path in r.people.items()}

    @property
    def failures(self) -> list[tuple[str, str]]:
        """Of all sources."""
        return [failure for source in self.sources.values() for failure in source.failures]

    @cached_property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes of all, by name, in the order of first mention."""
        colours: dict[str, str] = {}
        for source in self.sources.values():
            for info in source.classes:
                colours.setdefault(info.name, info.colour)
        return tuple(ClassInfo(i, name, colour) for i, (name, colour) in enumerate(colours.items(), 1))

    @cached_property
    def places(self) -> dict[str, dict[str, Place]]:
        """Picture, as names are compared -> person -> where it is found."""
        found: dict[str, dict[str, Place]] = {}
        for who, source in self.sources.items():
            for place in source.places:
                people = found.setdefault(plain_name(self.stem(place)), {})
                if who in people:
                    said = f"{who} has another label file of the same picture: {people[who].file}"
                    source.failures.append((f"{place.file}: {place.name}", said))
                people.setdefault(who, place)
        return found

    @cached_property
    def whole(self) -> bool:
        """Whether pictures are told apart by their folders, too."""
        each = [[_stem(place) for place in source.places] for source in self.sources.values()]
        return any(len({plain_name(stem) for stem in stems}) < len(stems) for stems in each)

    def stem(self, place: Place) -> str:
        """What a picture is called in all labels, and its truth."""
        folders = PurePosixPath(place.entry.name.replace("\\", "/")).parts[:-1] if self.whole else ()
        return "_".join([*folders, _stem(place)])

    @cached_property
    def shared(self) -> dict[str, dict[str, Place]]:
        """Those of `places` that two people at least have marked."""
        return {key: people for key, people in self.places.items() if len(people) > 1}

    @cached_property
    def alone(self) -> dict[str, str]:
        """Picture -> the one person who has marked it."""
        return {
            place.name: who
            for people in self.places.values()
            if len(people) == 1
            for who, place in people.items()
        }

    def read(self, key: str) -> dict[str, Marked]:
        """Person -> what is marked. Raises MaskError, ImageError."""
        found = {}
        for who, place in self.shared[key].items():
            objects = self.sources[who].annotations(place, self.classes)
            found[who] = Marked(objects.label_map(), objects.object_map())
        return found

    def votes(self, marked: Mapping[str, Marked]) -> Votes:
        """Of all people, in their order. Raises MaskError where sizes differ."""
        return Votes.of([marked[who].labels if who in marked else None for who in self.request.people])

    def compare(self, progress: Progress) -> None:
        """Find how far people agree on each picture, and keep how they voted."""
        names = {c.id: c.name for c in self.classes}
        for number, (key, people) in enumerate(self.shared.items(), start=1):
            name = next(iter(people.values())).name
            with next(iter(self.sources.values())).failing(name):
                marked = self.read(key)
                votes = self.votes(marked)
                ious = []
                places = {who: n for n, who in enumerate(self.request.people)}
                for (one, a), (other, b) in combinations(marked.items(), 2):
                    shared = votes.overlaps(places[one], places[other])
                    ious.append(mean_iou(shared))
                    self.pairs.setdefault((one, other), []).append(ious[-1])
                    for cls, o in shared.items():
                        m = matches(a, b, cls)
                        figures = (o.iou, o.dice, o.one, o.other, o.both, m.found, m.true, m.matched(), m.f1)
                        self.rows.append(PairRow(name, names[cls], one, other, *figures))
                self.found.append(Picture(name, tuple(marked), sum(ious) / len(ious), votes.disputed))
                self.polls[key] = Votes(votes.said, votes.count, votes.which[:0])
            progress(Step("images", number, len(self.shared)))

    def sheets(
        self, decide: Callable[[Labels], Labels], unsaid: Unsaid, progress: Progress
    ) -> Iterator[Sheet]:
        """The truth of each picture, one after the other."""
        for number, key in enumerate(self.polls, start=1):
            marked = self.read(key)
            truth = self.votes(marked).drawn(decide)
            place = next(iter(self.shared[key].values()))
            objects = objects_of(told_apart(truth, list(marked.values())), truth)
            left_out = truth == IGNORE
            found = Annotations(place.name, truth.shape, objects, left_out if left_out.any() else None)
            unsaid.add(found)
            yield Sheet(self.stem(place), found, place.picture)
            progress(Step("consensus", number, len(self.polls)))

    def result(self, reliable: Staple) -> Consensus:
        """All that is known, by how reliable people are."""
        names = {c.id: c.name for c in self.classes}
        people = []
        for place, who in enumerate(self.request.people):
            values = [v for pair, found in self.pairs.items() if who in pair for v in found]
            if not values:
                continue
            rates = [
                {names[c]: rate for c, rate in each.items() if c}
                for each in (reliable.sensitivity(place), reliable.specificity(place))
            ]
            images = sum(who in p.people for p in self.found)
            people.append(Person(who, images, sum(values) / len(values), *rates))
        return Consensus(
            way=self.request.way,
            agreement=sum(p.agreement for p in self.found) / len(self.found),
            people=tuple(people),
            pairs=tuple((a, b, sum(v) / len(v)) for (a, b), v in self.pairs.items()),
            pictures=tuple(self.found),
            alone=self.alone,
            failures=tuple(self.failures),
            out=self.request.out,
        )


def _stem(place: Place) -> str:
    """The name of a picture without folders and suffix."""
    return plain_stem(PurePosixPath(place.entry.name.replace("\\", "/")).name)


def _check_out(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise OutputError("is a file, and a folder is written", out, "give a folder")
    check_free(out, overwrite)


def _write_table(path: Path, rows: Iterable[PairRow]) -> None:
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.write(write_row(COLUMNS))
        out.writelines(write_row(astuple(row)) for row in rows)
