"""What is wrong with data before it teaches or goes out: broken pairs, doubles, leaks between folders, licences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from cuecast.core.alike import alike
from cuecast.core.errors import InputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.datasets.folder import DataFolder, Kind, open_data
from cuecast.datasets.licences import USES, Level, Use, judge_licence
from cuecast.datasets.pictures import WALKS, DataFinding, Seen, Trouble
from cuecast.engine.card import CARD, NOT_STATED

TROUBLES: tuple[Trouble, ...] = get_args(Trouble)


@dataclass(frozen=True)
class CheckedFolder:
    """What a folder holds: how many pictures could be read, and how many of them with a mask."""

    path: str
    kind: Kind
    licence: str
    pictures: int
    masks: int


@dataclass(frozen=True)
class DataCheck:
    """What came of a check, folder by folder in the order in which they were given; leaks come last."""

    use: Use
    folders: tuple[CheckedFolder, ...]
    findings: tuple[DataFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings can be lived with."""
        return all(f.level != "error" for f in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {"ok": self.ok, **asdict(self)}


def check_data(
    folders: str | Path | Sequence[str | Path],
    use: Use = "training",
    without: Collection[Trouble] = (),
    progress: Progress = silent,
) -> DataCheck:
    """Check folders of data, and whether one picture is in two of them.

    folders  cue sets (folder or .zip), training sets, results, or folders of pictures with masks.
    use      what the data is for, by which its licence is judged: 'measuring', 'training' or 'shipping'.
    without  kinds of findings that are left out, see `Trouble`.

    Raises InputError for what is no folder of data or is given twice, CueSetError, OutputError for a damaged manifest.
    """
    paths = [folders] if isinstance(folders, (str, Path)) else list(folders)
    _check_arguments(paths, use, without)
    checked, found, looks = [], [], []
    for number, data in enumerate([open_data(path) for path in paths], start=1):
        findings: list[DataFinding] = []
        pictures = list(_told(data, findings, progress))
        _check_card(data, pictures, use, partial(_note, findings, data.path))
        found.append(findings)
        looks += [(number - 1, picture) for picture in pictures]
        masks = sum(p.marks is not None for p in pictures)
        checked.append(CheckedFolder(str(data.path), data.kind, data.licence[0], len(pictures), masks))
    leaks = _doubles(looks, [str(path) for path in paths], found)
    every = [f for findings in (*found, leaks) for f in findings if f.kind not in without]
    return DataCheck(use, tuple(checked), tuple(every))


def _check_arguments(paths: Sequence[str | Path], use: str, without: Collection[str]) -> None:
    if use not in USES:
        raise InputError(f"use {use!r} is unknown", remedy=f"choose from {', '.join(USES)}")
    for kind in without:
        if kind not in TROUBLES:
            raise InputError(f"{kind!r} is no kind of finding", remedy=f"choose from {', '.join(TROUBLES)}")
    taken: set[Path] = set()
    for path in paths:
        if Path(path).resolve() in taken:
            raise InputError("this folder is given twice", path, "give each folder once")
        taken.add(Path(path).resolve())


def _note(
    findings: list[DataFinding],
    folder: Path,
    level: Level,
    kind: Trouble,
    entry: str,
    reason: str,
    remedy: str,
) -> None:
    findings.append(DataFinding(level, kind, str(folder), entry, reason, remedy))


def _told(data: DataFolder, findings: list[DataFinding], progress: Progress) -> Iterator[Seen]:
    """The pictures of a folder, told of one by one; how many more there are is not known."""
    done, what = 0, f"pictures of {data.path}"
    for picture in WALKS[data.kind](data, partial(_note, findings, data.path)):
        done += 1
        progress(Step(what, done, done + 1))
        yield picture
    progress(Step(what, done, done))


def _check_card(data: DataFolder, pictures: Sequence[Seen], use: Use, report: Any) -> None:
    """What the card says of licence, use and number."""
    expression, _ = data.licence
    for judged in judge_licence(expression, use):
        remedy = f"leave it out of {use}" if judged.level == "error" else f"mind it before {use}"
        if judged.licence in (NOT_STATED, "NONE"):
            remedy = f"ask for one, and state it in {CARD}"
        report(judged.level, "licence", CARD, f"{judged.licence}: {judged.reason}", remedy)
    if use == "shipping" and False in (data.card.get("ship"), data.card.get("may_ship")):
        report(
            "error",
            "licence",
            CARD,
            "it says itself that nothing made from it may be shipped",
            "leave it out",
        )
    count = data.card.get("count")
    if isinstance(count, int) and count != len(pictures):
        reason = f"it says {count} pictures, and {len(pictures)} can be read"
        report("warning", "card", CARD, reason, "correct the number, or get what is missing")


def _doubles(
    looks: Sequence[tuple[int, Seen]], names: Sequence[str], found: Sequence[list[DataFinding]]
) -> list[DataFinding]:
    """Note pictures that a folder holds twice in its findings; those that are in two folders are given back.

    Of several that are alike each is named once, beside the first.
    """
    leaks, told = [], set()
    for i, j, same in sorted(_pairs([picture for _, picture in looks])):
        (first, one), (second, other) = looks[i], looks[j]
        if (first, j) in told:
            continue
        told.add((first, j))
        word = "the same picture" if same else "nearly the same picture"
        if first == second:
            differ = " with another mask" if same and one.marks != other.marks else ""
            reason = f"it is {word} as {one.name}{differ}"
            remedy = "keep one of the two"
            found[first].append(DataFinding("error", "duplicate", names[first], other.name, reason, remedy))
        else:
            reason = f"it is {word} as {one.name} of {names[first]}"
            remedy = "take it out of one of the two: what teaches must not judge"
            leaks.append(DataFinding("error", "leak", names[second], other.name, reason, remedy))
    return leaks


def _pairs(pictures: Sequence[Seen]) -> Iterator[tuple[int, int, bool]]:
    """(i, j, whether they are the very same) of pictures that are alike, i < j; one of each kind at least."""
    same: dict[str, list[int]] = {}
    for number, picture in enumerate(pictures):
        earlier = same.setdefault(picture.digest, [])
        yield from ((other, number, True) for other in earlier)
        earlier.append(number)
    for i, j in alike([p.look for p in pictures]):
        if pictures[i].digest != pictures[j].digest:
            yield i, j, False
