"""The pictures that a pack is refined on: read, put into groups that belong together, and parted into two.

Pictures of one patient, film or scan are alike in more than the thing. Where some of them teach and others judge, the
judgement is too good; so a group stays on one side, and pictures that are nearly the same join their groups.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from cuecast.core.alike import alike, look_at
from cuecast.core.errors import InputError, cause
from cuecast.core.notes import give_note
from cuecast.core.values import IGNORE, ClassInfo, Example, Marks
from cuecast.cues import Cue, named_classes
from cuecast.cuesets.cueset import INDEX, read_cueset, read_examples
from cuecast.io.files import read_json
from cuecast.io.images import read_image
from cuecast.io.labels.masks import find_mask
from cuecast.io.places import list_images
from cuecast.predictor import class_infos

HELD_OUT = 0.3
"""Share of the pictures that judge, at least."""
FEWEST = 6
"""Pictures that show a class, from which on it can be refined: four that teach and two that judge."""
SMALLEST_SHARE = 0.0005
"""A class counts as shown in a picture from this share of its pixels on."""
GROUPS = ("folder", "prefix")


@dataclass(frozen=True, eq=False)
class Shown:
    """One picture of the data. `name` within `source`, `example` with its mask or 'absent', its `group`.

    marked  the classes that its source marks: of others it does not say whether they are there. See `read_data`.
    place   the number of its source in the order in which they were given, from 0.
    """

    name: str
    source: str
    example: Example
    group: str
    marked: frozenset[int] = frozenset()
    place: int = 0

    @property
    def key(self) -> str:
        """Its name among all sources, wherever these lie: data that has been moved is parted and drawn as before."""
        return f"{self.place}/{self.name}"

    def share(self, cls: int) -> float:
        """The share of the known pixels that show a class."""
        mask = self.example.marks.mask
        if mask is None:
            return 0.0
        return float((mask == cls).sum() / max(1, (mask != IGNORE).sum()))

    def shows(self, cls: int) -> bool:
        """Whether it shows enough of the class to be asked for it."""
        return self.share(cls) >= SMALLEST_SHARE

    def lacks(self, cls: int) -> bool:
        """Whether not one pixel is of the class, and its source would say so."""
        return cls in self.marked and self.share(cls) == 0


@dataclass(frozen=True, eq=False)
class Data:
    """Pictures that teach and pictures that judge; `classes` are those which both show often enough.

    left_out  for each class that they do not, why.
    alike     pairs of pictures that are nearly the same, by name.
    """

    classes: tuple[ClassInfo, ...]
    teaching: tuple[Shown, ...]
    judging: tuple[Shown, ...]
    left_out: tuple[str, ...] = ()
    alike: tuple[tuple[str, str], ...] = ()

    @cached_property
    def digest(self) -> str:
        """Of all that was read and how it was parted: equal data is refined alike."""
        h = 0
        for side, pictures in (("t", self.teaching), ("j", self.judging)):
            for p in pictures:
                h = zlib.crc32(f"{side}{p.name}{p.group}".encode() + p.example.content, h)
        return f"{zlib.crc32(repr(self.classes).encode(), h):08x}"

    def part(self, share: float) -> tuple[Shown, ...]:
        """The first share of the teaching pictures, by whole pictures; larger parts hold the smaller ones."""
        return self.teaching[: max(2, round(share * len(self.teaching)))]


def read_data(
    sources: Sequence[str | Path],
    classes: Sequence[ClassInfo | str] | None = None,
    group: str | Path | None = None,
) -> Data:
    """Read pictures with their masks, as `read_pictures` takes them, and part them.

    Raises InputError, CueError, MaskError, ImageError, CueSetError.
    """
    return _parted(*read_pictures(sources, classes, group))


def read_pictures(
    sources: Sequence[str | Path],
    classes: Sequence[ClassInfo | str] | None = None,
    group: str | Path | None = None,
) -> tuple[list[Shown], tuple[ClassInfo, ...], tuple[tuple[str, str], ...]]:
    """(pictures with their masks, the classes, pairs of pictures that are nearly the same, by name).

    sources  cue sets (folder or .zip), or folders of images with masks or label files beside them or in masks/, labels/
             or annotations/, in any of the formats that cues may have. An image without one is passed over and counted.
    classes  names of class 1, 2, ... in every source; default: those that each source states itself (a cue set, label
             files, or "classes" in a card.json beside images/), in which a name means the same class in all of them.
    group    which pictures belong together: 'folder', 'prefix' (a name up to its last number: p07_003.png is of p07),
             a CSV file with lines image,group, or None: each picture stands alone. Nearly equal pictures always belong
             together.

    Raises InputError, CueError, MaskError, ImageError, CueSetError.
    """
    given = class_infos(classes)
    read = [read_source(Path(source), given) for source in sources]
    if not given:
        named = _name_unnamed([found for found, own in read if not own])
        read = [(found, own or named) for found, own in read]
    infos = given or _merged_classes([own for _, own in read])
    shown = [
        replace(p, place=place)
        for place, (found, own) in enumerate(read)
        for p in _renumbered(found, own, infos)
    ]
    shown = _grouped(shown, group)
    shown, pairs = _with_twins_joined(shown)
    return shown, infos, pairs


def _name_unnamed(read: Sequence[Sequence[Shown]]) -> tuple[ClassInfo, ...]:
    """Names of the classes that are shown in sources which state none: 'thing' where it is one, numbered 1."""
    present = sorted({c for found in read for s in found for c in s.example.marks.class_ids})
    return tuple(ClassInfo(c, "thing" if present == [1] else f"class {c}") for c in present)


def _merged_classes(stated: Sequence[Sequence[ClassInfo]]) -> tuple[ClassInfo, ...]:
    """The classes of all sources by name, numbered anew where the sources' numbers do not agree."""
    numbers: dict[str, set[int]] = {}
    for own in stated:
        for info in own:
            numbers.setdefault(info.name, set()).add(info.id)
    agreed = all(len(n) == 1 for n in numbers.values()) and len(set().union(*numbers.values())) == len(
        numbers
    )
    return tuple(
        ClassInfo(min(n) if agreed else i, name) for i, (name, n) in enumerate(numbers.items(), start=1)
    )


def _renumbered(
    shown: Iterable[Shown], own: Sequence[ClassInfo], infos: Sequence[ClassInfo]
) -> Iterator[Shown]:
    """Pictures of a source with the numbers that its classes have among all of them."""
    ids = {i.name: i.id for i in infos}
    new = {i.id: ids[i.name] for i in own}
    marked = frozenset(new.values())
    if all(a == b for a, b in new.items()):
        yield from (replace(s, marked=marked) for s in shown)
        return
    for s in shown:
        mask = s.example.marks.mask
        if mask is not None:
            changed = np.where(mask == IGNORE, IGNORE, 0).astype(np.int32)
            for a, b in new.items():
                changed[mask == a] = b
            marks = replace(s.example.marks, mask=changed, objects=None)
            s = replace(s, example=Example(s.example.image, marks))
        yield replace(s, marked=marked)


def read_source(path: Path, classes: tuple[ClassInfo, ...]) -> tuple[list[Shown], tuple[ClassInfo, ...]]:
    """The pictures of one source, without groups, and its classes: those given, or that it states, if it does."""
    if not path.exists():
        raise InputError("there is no such folder or cue set", path, "give one of pictures with masks")
    if path.suffix.lower() == ".zip" or (path / INDEX).is_file():
        cueset = read_cueset(path)
        examples = read_examples(cueset)
        usable = [e for e in examples if e.marks.mask is not None or e.marks.absent]
        if len(usable) < len(examples):
            give_note(
                f"{path}: {len(examples) - len(usable)} cues are boxes, points or scribbles, which say nothing of most "
                "pixels; refining takes masks and 'absent' and leaves these out"
            )
        return [Shown(e.image.name, str(path), e, "") for e in usable], classes or cueset.classes
    images = list_images([path / "images" if (path / "images").is_dir() else path], recursive=True)
    pairs = [(image, mask) for image in images if (mask := find_mask(image))]
    if not pairs:
        raise InputError(
            f"none of its {len(images)} images has a mask",
            path,
            "put masks or label files of the same names into masks/ beside images/",
        )
    if len(pairs) < len(images):
        give_note(f"{path}: {len(images) - len(pairs)} of {len(images)} images have no mask and are left out")
    classes = classes or card_classes(path) or class_infos(named_classes([Cue(i, mask=m) for i, m in pairs]))
    top = path / "images" if (path / "images").is_dir() else path
    found = [
        Shown(image.relative_to(top).as_posix(), str(path), _read_pair(image, mask, classes), "")
        for image, mask in pairs
    ]
    return found, classes


def card_classes(folder: Path) -> tuple[ClassInfo, ...]:
    """What a card.json beside images/ calls its classes, {"1": name} or {name: 1}; none where it does not say."""
    card = folder / "card.json"
    stated = read_json(card, InputError).get("classes") if card.is_file() else None
    if not isinstance(stated, Mapping):
        return ()
    pairs = [(k, v) if str(k).isdigit() else (v, k) for k, v in stated.items()]
    if not all(str(number).isdigit() for number, _ in pairs):
        return ()
    return tuple(ClassInfo(int(number), str(name)) for number, name in sorted(pairs, key=lambda p: int(p[0])))


def _read_pair(image: Path, mask: Path, classes: tuple[ClassInfo, ...]) -> Example:
    """An image with its mask; one that marks nothing says that nothing is there."""
    from cuecast.io.labels.masks import read_mask

    read = read_image(image)
    labels = read_mask(mask, image=read, classes=classes or None)
    return Example(read, Marks(read.size, labels, absent=not (labels > 0).any()))


def _grouped(shown: Sequence[Shown], group: str | Path | None) -> list[Shown]:
    if group is None:
        return [replace(s, group=s.key) for s in shown]
    if str(group) in GROUPS:
        rule: Callable[[str], str] = _folder_of if str(group) == "folder" else _prefix_of
        return [replace(s, group=f"{s.place}/{rule(s.name)}") for s in shown]
    stated = _read_groups(Path(group))
    out = []
    for s in shown:
        name = next((n for n in (s.name, Path(s.name).name, Path(s.name).stem) if n in stated), None)
        if name is None:
            raise InputError(f"no line is of {s.name}", group, "give each picture a line: image,group")
        out.append(replace(s, group=stated[name]))
    return out


def _folder_of(name: str) -> str:
    return Path(name).parent.as_posix()


def _prefix_of(name: str) -> str:
    """The name up to its last number: 'p07' of 'p07_003.png', 'scan' of 'scan12.tif'."""
    stem = Path(name).stem
    found = re.match(r"(.*?)[\s_.-]*\d+\D*$", stem)
    return (Path(name).parent / (found[1] if found and found[1] else stem)).as_posix()


def _read_groups(path: Path) -> Mapping[str, str]:
    """image,group lines of a CSV; a first line 'image,group' is a heading."""
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"it is neither 'folder' nor 'prefix' nor a CSV file that can be read ({cause(error)})",
            path,
            "give --group folder, prefix, or a file of lines image,group",
        ) from error
    rows = [[cell.strip() for cell in row] for row in rows if row]
    if bad := next((i for i, row in enumerate(rows, start=1) if len(row) < 2 or not row[1]), None):
        raise InputError(f"line {bad} is not image,group", path, "write an image and its group, a line each")
    return {row[0]: row[1] for row in rows if row[:2] != ["image", "group"]}


def _with_twins_joined(shown: Sequence[Shown]) -> tuple[list[Shown], tuple[tuple[str, str], ...]]:
    """The pictures with groups joined where they hold nearly the same picture, and the pairs that are."""
    from scipy.cluster.hierarchy import DisjointSet

    joined = DisjointSet(
        dict.fromkeys(s.group for s in shown)
    )  # in their order: a set's is another each time
    pairs = []
    for i, j in alike([look_at(s.example.image.pixels) for s in shown]):
        joined.merge(shown[i].group, shown[j].group)
        pairs.append((shown[i].name, shown[j].name))
    return [replace(s, group=str(joined[s.group])) for s in shown], tuple(pairs)


def _parted(shown: Sequence[Shown], infos: Sequence[ClassInfo], pairs: tuple[tuple[str, str], ...]) -> Data:
    """Part by whole groups, in an order that names alone decide, and keep the classes that both sides show."""
    groups: dict[str, list[Shown]] = defaultdict(list)
    for s in shown:
        groups[s.group].append(s)
    order = sorted(groups, key=lambda g: zlib.crc32(g.encode()))
    judging = _judges(groups, order, [i.id for i in infos], HELD_OUT * len(shown))
    sides = [[s for g in order if (g in judging) is side for s in groups[g]] for side in (False, True)]
    kept, left_out = [], []
    for info in infos:
        teach, judge = (sum(s.shows(info.id) for s in side) for side in sides)
        if teach >= FEWEST - 2 and judge >= 2:
            kept.append(info)
        else:
            left_out.append(
                f"class {info.name!r} is shown in {_counted(teach + judge, 'picture')} of "
                f"{_counted(len(groups), 'group')}"
            )
    if not kept:
        said = "; ".join(left_out) or "they show no class"
        raise InputError(
            f"too few pictures to refine on: {said}",
            shown[0].source if shown else None,
            f"give at least {FEWEST} pictures of a class, from three groups or more (--group), each with its mask",
        )
    return Data(tuple(kept), tuple(sides[0]), tuple(sides[1]), tuple(left_out), pairs)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _judges(
    groups: Mapping[str, Sequence[Shown]], order: Iterable[str], classes: Sequence[int], wanted: float
) -> set[str]:
    """Groups that judge: at least `wanted` pictures, of every class two where four remain to teach it."""
    left = {c: sum(s.shows(c) for g in groups.values() for s in g) for c in classes}
    judged = dict.fromkeys(classes, 0)
    chosen: set[str] = set()
    count = 0
    for name in order:
        own = {c: sum(s.shows(c) for s in groups[name]) for c in classes}
        # The last pictures of a class teach: a class without them is lost.
        if any(n and left[c] - n < FEWEST - 2 and left[c] >= FEWEST - 2 for c, n in own.items()):
            continue
        if count < wanted or any(own[c] and judged[c] < 2 for c in classes):
            chosen.add(name)
            count += len(groups[name])
            for c, n in own.items():
                left[c] -= n
                judged[c] += n
    return chosen


def only_classes(shown: Shown, classes: Sequence[int]) -> Example:
    """A picture with the marks of these classes alone; all others are background."""
    image, mask = shown.example.image, shown.example.marks.mask
    if mask is None:
        mask = np.zeros(image.size, np.int32)
    mask = np.where(np.isin(mask, [*classes, 0, IGNORE]), mask, 0).astype(np.int32)
    return Example(image, Marks(image.size, mask, absent=not (mask > 0).any()))
