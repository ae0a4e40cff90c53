"""Cue sets: the cues of one concept with their images, in a folder or .zip that can be mailed.

    cues.json, images/, masks/, objects/
    {"version": 1, "classes": [{"id": 1, "name": "cell", "colour": "#e6194b"}],
     "cues": [{"image": "images/a.jpg", "mask": "masks/a.png"},
              {"image": "images/b.jpg", "boxes": [{"xyxy": [10, 20, 90, 80], "class": 1}], ...},
              {"image": "images/c.jpg", "absent": true}]}

Marks are as in `cuecast.core.marks`. Optional in a cue: "objects": "objects/a.png" (ids that tell the
things of its mask apart, 16-bit), "value" (the label values of a mask that count as the thing) and "page" (of a
multi-page TIFF, from 0). Images and marks are the truth; nothing that a
pack computes from them is kept here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from cuecast.core.drawing import draw_marks, thumbnail
from cuecast.core.errors import CueError, CueSetError, InputError, MissingExtraError, without_name
from cuecast.core.marks import marks_json, read_marks
from cuecast.core.notes import give_note, notes_to
from cuecast.core.values import ClassInfo, Example, Image, Marks
from cuecast.cues import CueEntry
from cuecast.io.bundle import CUESET, Bundle, open_bundle, unsafe
from cuecast.io.images import read_image
from cuecast.io.labels.numbered import values_hint

VERSION = 1
INDEX = CUESET.marker


@dataclass(frozen=True)
class CueSet:
    """A cue set that has been read: `root` is its folder or .zip."""

    root: Path
    classes: tuple[ClassInfo, ...]
    entries: tuple[CueEntry, ...]
    bundle: Bundle

    def hashes(self) -> dict[str, str]:
        """Name -> SHA-256 of each file that cues.json names. Raises CueSetError."""
        return {n: hashlib.sha256(self.bundle.read(n)).hexdigest() for n in files_of(self.entries)}

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of cues.json and of each file that it names, not of its history. Raises CueSetError."""
        yield INDEX, to_json(self.classes, self.entries).encode()
        for name in files_of(self.entries):
            yield name, self.bundle.read(name)

    def digest(self) -> str:
        """SHA-256 over what cues.json says and the files it names: equal for a folder and its .zip."""
        return digest_of(to_json(self.classes, self.entries), self.hashes())


def files_of(entries: Iterable[CueEntry]) -> list[str]:
    """The names of all files of these cues, each once, sorted."""
    return sorted({name for entry in entries for name in entry.files})


def digest_of(text: str, hashes: Mapping[str, str]) -> str:
    """The digest of a cue set from its cues.json (as `to_json` writes it) and the hashes of its files."""
    h = hashlib.sha256(text.encode())
    for name, digest in sorted(hashes.items()):
        h.update(name.encode() + b"\0" + bytes.fromhex(digest))
    return h.hexdigest()


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a cue set: which entry, why, and what to do. A 'warning' can be lived with."""

    level: Literal["error", "warning"]
    entry: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.reason}; {self.remedy}"


def read_cueset(path: str | Path) -> CueSet:
    """Read cues.json of a folder or .zip; `read_examples` reads images and masks. Raises CueSetError."""
    errors: list[Finding] = []
    cueset = read_classes_and_cues(Path(path), errors.append)
    if errors:
        more = (
            f" (and {len(errors) - 1} more: 'cuecast cues check {path}' lists them)"
            if len(errors) > 1
            else ""
        )
        raise CueSetError(f"{errors[0]}{more}", path)
    return cueset


def read_examples(cueset: CueSet, window: tuple[float, float] | None = None) -> list[Example]:
    """The cues as a predictor learns them, in the set's order; `window` as in `read_image`.

    Raises CueSetError or InputError.
    """
    return [read_example(cueset, entry, window) for entry in cueset.entries]


def read_example(cueset: CueSet, entry: CueEntry, window: tuple[float, float] | None = None) -> Example:
    """One cue with its image and mask. Raises as `read_examples`; the message names set and image."""
    with cueset.bundle.local(entry.image) as path:
        image = replace(read_image(path, page=entry.page, window=window), name=entry.image, path=None)
    return entry_example(cueset, entry, image)


def entry_example(cueset: CueSet, entry: CueEntry, image: Image) -> Example:
    """One cue on its image, which has been read. Raises as `read_examples`.

    Notes and errors name the files as the set does, not where they were unpacked.
    """
    places: dict[str, Path] = {}

    def named(text: str) -> str:
        for name, path in places.items() if cueset.bundle.is_zip else ():
            text = text.replace(str(path), f"{cueset.root}: {name}")
        return text

    with ExitStack() as stack, notes_to(lambda text: give_note(named(text))):
        for name in filter(None, (entry.mask, entry.objects)):
            places[name] = stack.enter_context(cueset.bundle.local(name))
        mask, objects = (str(places[name]) if name else None for name in (entry.mask, entry.objects))
        try:
            example = replace(entry, mask=mask, objects=objects).on(image, cueset.classes)
        except InputError as error:
            raise error.reworded(named) from error
    check_classes(example.marks, cueset.classes, entry.image)
    return example


def to_json(classes: Sequence[ClassInfo], entries: Sequence[CueEntry]) -> str:
    """cues.json with one line a cue: easy to read, to compare and to correct by hand."""
    head = json.dumps([c.document for c in classes], ensure_ascii=False)
    cues = ",\n".join(f"    {json.dumps(_entry_json(e), ensure_ascii=False)}" for e in entries)
    body = f"[\n{cues}\n  ]" if entries else "[]"
    return f'{{\n  "version": {VERSION},\n  "classes": {head},\n  "cues": {body}\n}}\n'


def _entry_json(entry: CueEntry) -> dict[str, Any]:
    """Only what the cue has: empty fields are left out."""
    head: dict[str, Any] = {"image": entry.image, "mask": entry.mask, "objects": entry.objects}
    head |= {"value": entry.value, "page": entry.page}
    everything = {**head, **marks_json(entry.drawn()), "absent": entry.absent}
    return {k: v for k, v in everything.items() if v not in (None, [], False) or (k == "page" and v == 0)}


def read_classes_and_cues(path: Path, report: Callable[[Finding], None]) -> CueSet:
    """The cue set, leaving out what is wrong in cues.json and reporting it."""
    bundle = open_bundle(path, CUESET)
    if INDEX not in bundle.members:
        raise CueSetError(
            f"no {INDEX} in it", path, f"give a cue set, or make one with 'cuecast cues new {path}'"
        )
    try:
        raw = json.loads(bundle.read(INDEX))
    except (ValueError, RecursionError) as error:
        raise CueSetError(
            f"{INDEX} is not JSON ({error})", path, "correct it or get an intact copy"
        ) from error
    if not isinstance(raw, dict) or not isinstance(raw.get("cues"), list):
        raise CueSetError(f"{INDEX} holds no list 'cues'", path, "see the page on cue sets for its form")
    if raw.get("version") != VERSION:
        raise CueSetError(
            f"{INDEX} has version {raw.get('version')!r}, not {VERSION}", path, "update cuecast"
        )
    classes = _classes(raw.get("classes"), report)
    entries = []
    for number, item in enumerate(raw["cues"], start=1):
        try:
            entries.append(_entry(item, bundle))
        except CueSetError as error:
            label = item.get("image") if isinstance(item, dict) else None
            place = f"cue {number} ({label})" if label else f"cue {number}"
            report(Finding("error", place, error.what, error.remedy or ""))
    return CueSet(path, classes, tuple(entries), bundle)


def _classes(raw: Any, report: Callable[[Finding], None]) -> tuple[ClassInfo, ...]:
    """The classes; of one that is wrong, where that can be had, id and name: its cues are not wrong for it."""
    remedy = 'write "classes": [{"id": 1, "name": "cell", "colour": "#e6194b"}]'
    infos = []
    try:
        for item in raw:
            try:
                infos.append(ClassInfo.of(item))
            except CueError as error:
                report(Finding("error", INDEX, error.what, error.remedy or remedy))
                with suppress(CueError):
                    infos.append(ClassInfo(int(item["id"]), str(item["name"])))
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        report(Finding("error", INDEX, f"the classes cannot be read ({error})", remedy))
        return ()
    if wrong := class_problem(infos):
        report(Finding("error", INDEX, wrong, remedy))
    return tuple(infos)


def class_problem(infos: Sequence[ClassInfo]) -> str | None:
    """What is wrong with the classes of a set; None where nothing is."""
    if not infos:
        return "there is no class"
    if any(not c.name.strip() for c in infos):
        return "a class has no name"
    for c in infos:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", c.colour):
            return f"class {c.name!r} has colour {c.colour!r}, which is not of the form #rrggbb"
        if sum(c.id == o.id or c.name == o.name for o in infos) > 1:
            return f"class {c.name!r} (id {c.id}) is there twice"
    return None


def _entry(item: Any, bundle: Bundle) -> CueEntry:
    """One cue from its JSON. Raises CueSetError with reason and remedy, without the entry's name."""
    form = "see the page on cue sets for the form of a cue"
    if not isinstance(item, dict) or "image" not in item:
        raise CueSetError("it names no image", remedy=form)
    for key in ("image", "mask", "objects"):
        name = item.get(key)
        if (key == "image" or name is not None) and (reason := unsafe(name)):
            remedy = "copy the file into the cue set"
            raise CueSetError(f"{key} {name!r} is refused, {reason}", remedy=remedy)
        if name and name not in bundle.members:
            remedy = "copy the file there, or take out this cue"
            raise CueSetError(f"{key} {name} is not in the cue set", remedy=remedy)
    try:
        entry = CueEntry(
            image=item["image"],
            mask=item.get("mask"),
            value=_values(item.get("value")),
            **read_marks(item),
            absent=_flag(item.get("absent")),
            page=None if item.get("page") is None else int(item["page"]),
            objects=item.get("objects"),
        )
    except (TypeError, KeyError, ValueError, OverflowError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise CueSetError(f"its marks cannot be read ({why})", remedy=form) from error
    if not entry.kinds:
        remedy = 'mark the thing, or write "absent": true if it is not there'
        raise CueSetError("it marks nothing", remedy=remedy)
    return entry


def _values(raw: Any) -> tuple[int, ...] | None:
    values = [raw] if isinstance(raw, int) else raw
    if values is None:
        return None
    if not isinstance(values, list) or not values or not all(type(v) is int for v in values):
        raise ValueError(f"value {raw!r} should be a whole number or a list of them")
    return tuple(values)


def _flag(raw: Any) -> bool:
    if raw not in (None, True, False):
        raise ValueError(f"absent {raw!r} should be true or false")
    return bool(raw)


def check_classes(marks: Marks, classes: Sequence[ClassInfo], name: str) -> None:
    """Raise CueError where marks on image `name` are of a class that is not among `classes`."""
    known = {c.id for c in classes}
    for cls in marks.class_ids:
        if cls not in known:
            raise CueError(
                f"class {cls} is marked and the cue set knows {sorted(known)}",
                name,
                f"name that class in the set, {values_hint(marks.mask, cls)}",
            )


SHEET_RGB = (28, 30, 34)
TEXT_RGB = (226, 228, 232)


def check_cueset(path: str | Path) -> list[Finding]:
    """Everything that keeps a cue set from being learnt, and what looks like a slip; empty where all is well.

    Raises CueSetError only where there is no cue set at all or its archive is refused.
    """
    findings: list[Finding] = []
    cueset = read_classes_and_cues(Path(path), findings.append)
    marked: set[int] = set()
    meaning: dict[str, list[CueEntry]] = {}
    for entry in cueset.entries:
        try:
            example = read_example(cueset, entry)
        except (InputError, CueSetError, MissingExtraError) as error:
            remedy = error.remedy or "correct or take out this cue"
            findings.append(Finding("error", entry.image, without_name(error.reason, entry.image), remedy))
            continue
        marked |= set(example.marks.class_ids)
        meaning.setdefault(example.image.digest, []).append(entry)
    findings += _contradictions(meaning.values())
    if not findings:
        findings += _unmarked(cueset, marked)
    return findings + _unused(cueset)


def overview(cueset: CueSet, side: int = 320) -> PILImage.Image:
    """A contact sheet of the cues: each image with its marks over it, its name and its kind below.

    `side` is the longer side of a picture in pixels. Raises as `read_examples`.
    """
    cells = max(1, len(cueset.entries))
    columns = min(cells, max(1, round((cells * 1.4) ** 0.5)))
    rows = -(-cells // columns)
    height = max(10.0, side / 22)
    font = ImageFont.load_default(height)
    pad, caption = max(4, side // 32), round(height * 2.9)
    sheet = PILImage.new(
        "RGB", (columns * (side + pad) + pad, rows * (side + caption + pad) + pad), SHEET_RGB
    )
    draw = ImageDraw.Draw(sheet)
    for number, entry in enumerate(cueset.entries):
        example = read_example(cueset, entry)
        tile = thumbnail(draw_marks(example.image, example.marks, cueset.classes), side)
        x, y = pad + number % columns * (side + pad), pad + number // columns * (side + caption + pad)
        sheet.paste(tile, (x + (side - tile.width) // 2, y + (side - tile.height) // 2))
        for line, text in enumerate((entry.image.removeprefix("images/"), ", ".join(entry.kinds))):
            draw.text((x, y + side + 2 + line * height * 1.35), _fit(text, font, side), TEXT_RGB, font)
    if not cueset.entries:
        draw.text((pad, pad), "no cues yet", TEXT_RGB, font)
    return sheet


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, its middle left out where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    for keep in range(len(text) // 2, 0, -1):
        short = f"{text[:keep]}...{text[-keep:]}"
        if font.getlength(short) <= width:
            return short
    return "..."


def _contradictions(groups: Iterable[list[CueEntry]]) -> list[Finding]:
    """Cues on the same picture of which one says 'absent' and another marks the thing."""
    out = []
    for entries in groups:
        absent = next((e for e in entries if e.absent), None)
        marked = next((e for e in entries if absent and e.contradicts(absent)), None)
        if absent and marked:
            reason = f"it says 'absent', and {marked.image}, the same picture, marks the thing"
            out.append(Finding("error", absent.image, reason, f"take one of the two out of {INDEX}"))
    return out


def _unmarked(cueset: CueSet, marked: set[int]) -> list[Finding]:
    if not marked:
        return [Finding("error", INDEX, "no cue shows the thing", "add one with 'cuecast cues add'")]
    return [
        Finding("warning", INDEX, f"no cue shows class {c.name!r}", "add one, or take the class out")
        for c in cueset.classes
        if c.id not in marked
    ]


def _unused(cueset: CueSet) -> list[Finding]:
    used = {INDEX, *files_of(cueset.entries)}
    return [
        Finding("warning", name, f"{INDEX} does not name this file", "delete it, or add it as a cue")
        for name in sorted(cueset.bundle.members)
        if name not in used and name.startswith(("images/", "masks/", "objects/"))
    ]
