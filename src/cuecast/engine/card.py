"""card.json of a pack: its fields, what each may hold, and what stands for one that is left out.

`FIELDS` is the one table: checks on import and export, the defaults, and docs/packs.md (a test compares) go by it. To
load a pack only what the engine needs is looked at; `check_card` looks at all, and names the field that is wrong.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from cuecast.core.errors import PackError
from cuecast.io.bundle import unsafe
from cuecast.io.kinds import IMAGE_SUFFIXES

CARD = "card.json"
SIGNATURE = "signature.json"
"""The file beside the card that says who signed the pack's digest."""
CARD_VERSION = 1
NOT_STATED = "NOASSERTION"
"""What SPDX writes for a licence that nobody states."""
CONCEPTS = "concepts"
"""The folder of a pack's cue sets."""
NUMBERS = ("preprocessing", "thresholds", "area", "calibration", "sparse_calibration")
"""Fields of the engine: a pack that stands on another has those of its base where it does not state them."""

Found = Iterator[tuple[str, str]]
"""What is wrong with a value: where in it ('' for itself, '.licence', '[2]'), and what."""
Check = Callable[[Any], Found]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_CONCEPT = re.compile(r"\w(?:[\w .-]{0,62}\w)?")
_HASH = re.compile(r"[0-9a-f]{64}")
_OWN_LICENCE = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
"""Names that Windows keeps for itself, whatever follows the dot."""


@dataclass(frozen=True)
class Field:
    """A field of the card: what it may hold, what stands for it where it is left out, and what it means."""

    check: Check
    about: str
    default: Any = None
    needed: bool = False


def name_problem(name: object) -> str | None:
    """Why a pack cannot have this name; None where it can."""
    fits = isinstance(name, str) and _NAME.fullmatch(name) and not _DEVICES.match(name)
    return None if fits else f"{name!r} is no name of a pack: up to 64 letters, digits, '_' and '-' are"


def concept_problem(name: str) -> str | None:
    """Why a concept cannot have this name; None where it can."""
    form = "up to 64 letters and digits are, with ' _-.' between them"
    return None if _CONCEPT.fullmatch(name) else f"{name!r} is no name of a concept: {form}"


def concept_name(said: str) -> str:
    """A name that a concept can have, near to what is said: 'coin (10 baht)' is 'coin 10 baht'. Empty where no letter
    or digit is in it."""
    return " ".join(re.sub(r"[^\w .-]+", " ", said).split()).strip(" .-")[:64].strip(" .-")


def file_problem(name: object) -> str | None:
    """Why a pack cannot hold a file of this name; None where it can, on any system."""
    if reason := unsafe(name, "pack"):
        return reason
    for part in str(name).split("/"):
        if any(c in '<>:"|?*' for c in part) or part != part.rstrip(". ") or _DEVICES.match(part):
            return f"{part!r} is no name of a file on every system"
    return None if PurePosixPath(str(name)).suffix.lower() in SUFFIXES else f"packs hold {KINDS_OF_FILES}"


SUFFIXES = IMAGE_SUFFIXES | {".onnx", ".npz", ".json", ".txt", ".md", ".csv"}
KINDS_OF_FILES = "networks (.onnx), arrays (.npz), tables, texts and pictures, and no code"


def check_card(card: Mapping[str, Any], where: object) -> None:
    """Raise PackError that names the first field that is wrong; `where` is the pack, as messages name it."""
    for place, what in problems(card):
        raise PackError(f"{CARD}: {place}: {what}", where, "correct the card; docs/packs.md lists its fields")


def problems(card: Mapping[str, Any]) -> Found:
    """Everything that is wrong with a card: the field, as in 'data[2].licence', and what."""
    for name in card:
        if name not in FIELDS:
            near = difflib.get_close_matches(str(name), FIELDS, 1)
            yield str(name), f"is no field of a card{f'; {near[0]!r} is' if near else ''}"
    for name, field in FIELDS.items():
        if name not in card:
            if field.needed:
                yield name, "is not stated"
        elif card[name] is not None or field.needed:
            yield from ((f"{name}{place}", what) for place, what in field.check(card[name]))
    yield from _concepts_have_cues(card)


def stated(card: Mapping[str, Any], name: str) -> Any:
    """What a card says in a field, or its default."""
    value = card.get(name)
    return FIELDS[name].default if value is None else value


def concept_names(card: Mapping[str, Any]) -> list[str]:
    """The concepts of a pack: folders in `concepts` whose cue set is among its files, in order."""
    files = card.get("files")
    parts = [n.split("/") for n in (files if isinstance(files, dict) else ()) if isinstance(n, str)]
    return sorted(p[1] for p in parts if len(p) == 3 and p[0] == CONCEPTS and p[2] == "cues.json")


def licence_problem(value: Any) -> str | None:
    """Why a text is no SPDX expression; None where it is one."""
    from license_expression import ExpressionError, get_spdx_licensing

    form = "write an SPDX expression, such as 'Apache-2.0', 'CC-BY-4.0 AND MIT' or 'LicenseRef-Ours'"
    if not isinstance(value, str) or not value.strip():
        return f"{value!r} is no licence; {form}"
    if value in (NOT_STATED, "NONE"):
        return None
    spdx = get_spdx_licensing()
    try:
        unknown = [k for k in spdx.unknown_license_keys(value) if not _OWN_LICENCE.fullmatch(k)]
    except (ExpressionError, AttributeError):  # the library trips over some unfinished expressions
        return f"{value!r} is no SPDX expression; {form}"
    return f"SPDX knows no licence {', '.join(map(repr, unknown))}; {form}" if unknown else None


def _is(kind: type | tuple[type, ...], word: str) -> Check:
    def check(value: Any) -> Found:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            yield "", f"is {type(value).__name__} {str(value)[:40]!r}, {word} is expected"

    return check


_text, _object = _is(str, "a text"), _is(dict, "an object")


def _said(problem: Callable[[Any], str | None]) -> Check:
    def check(value: Any) -> Found:
        if what := problem(value):
            yield "", what

    return check


def _each(check: Check) -> Check:
    def checked(value: Any) -> Found:
        if not isinstance(value, list):
            yield "", f"is {type(value).__name__}, a list is expected"
            return
        for i, item in enumerate(value):
            yield from ((f"[{i}]{place}", what) for place, what in check(item))

    return checked


def _with(needed: Mapping[str, Check], optional: Mapping[str, Check], others: bool = False) -> Check:
    """An object with these entries; with `others`, of any more."""

    def check(value: Any) -> Found:
        if not isinstance(value, dict):
            yield from _object(value)
            return
        for name, inner in {**needed, **optional}.items():
            if name in value:
                yield from ((f".{name}{place}", what) for place, what in inner(value[name]))
            elif name in needed:
                yield f".{name}", "is not stated"
        for name in value if not others else ():
            if name not in needed and name not in optional:
                yield f".{name}", f"is not known; {', '.join((*needed, *optional))} are"

    return check


def _version(value: Any) -> Found:
    if value != CARD_VERSION or isinstance(value, bool):
        yield "", f"{value!r} is not {CARD_VERSION}: update cuecast"


def _segmenter(value: Any) -> Found:
    from cuecast.engine.segmenter import SEGMENTERS

    if value not in SEGMENTERS:
        yield "", f"{value!r} is unknown, known are {', '.join(sorted(SEGMENTERS))}: update cuecast"


def _hash(value: Any) -> Found:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        yield "", "is no SHA-256: 64 of the digits 0-9 and a-f are expected"


def _files(value: Any) -> Found:
    if not isinstance(value, dict):
        yield from _object(value)
        return
    for name, digest in value.items():
        if reason := "is never listed" if name in (CARD, SIGNATURE) else file_problem(name):
            yield f".{name}", reason
        yield from ((f".{name}", what) for _, what in _hash(digest))
    if double := first_double({CARD: "", SIGNATURE: ""} | value):
        yield f".{double}", "differs from another file by capitals alone, or is a file and a folder"


def first_double(names: Mapping[str, Any]) -> str | None:
    """The first name that would be another's file, or its folder, where capitals do not count."""
    from unicodedata import normalize

    folded = {normalize("NFC", name).casefold(): name for name in names}
    if len(folded) < len(names):
        return next(n for n in names if n not in folded.values())
    folders = {str(p) for name in folded for p in PurePosixPath(name).parents if p.parts}
    return next((name for key, name in folded.items() if key in folders), None)


def _weight_files(value: Any) -> Found:
    if not isinstance(value, dict) or not value:
        yield "", "is no object of names with their SHA-256"
        return
    for name, digest in value.items():
        if PurePosixPath(name).name != name or PurePosixPath(name).suffix not in (".json", ".safetensors"):
            yield f".{name}", "is no name of a .json or .safetensors in that folder"
        yield from ((f".{name}", what) for _, what in _hash(digest))


def _date(value: Any) -> Found:
    try:
        datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        yield "", f"{value!r} is no date; write it as 2026-11-30"


def _country(value: Any) -> Found:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{2}", value):
        yield "", f"{value!r} is no country; write the two letters of ISO 3166, such as 'CN' or 'DE'"


def _scores(value: Any) -> Found:
    """Labels with a number or text, or with labels that have one."""
    if not isinstance(value, dict):
        yield from _object(value)
        return
    for name, entry in value.items():
        for label, leaf in entry.items() if isinstance(entry, dict) else (("", entry),):
            if not isinstance(leaf, (int, float, str)) and leaf is not None:
                yield f".{name}{label and f'.{label}'}", "is neither a number nor a text"


def _concepts(value: Any) -> Found:
    if not isinstance(value, dict):
        yield from _object(value)
        return
    about = _with({}, {"summary": _text, "scores": _scores})
    for name, entry in value.items():
        if what := concept_problem(name):
            yield f".{name}", what
        yield from ((f".{name}{place}", what) for place, what in about(entry))


def _concepts_have_cues(card: Mapping[str, Any]) -> Found:
    """Concepts that are described are there, and names of their folders are names."""
    there, told = concept_names(card), card.get("concepts")
    for name in told if isinstance(told, dict) else ():
        if name not in there:
            yield f"concepts.{name}", f"has no cue set: '{CONCEPTS}/{name}/cues.json' is not among the files"
    for name in there:
        if what := concept_problem(name):
            yield f"files.{CONCEPTS}/{name}", what
    files = card.get("files")
    for name in files if isinstance(files, dict) else ():
        if str(name).startswith(f"{CONCEPTS}/") and str(name).split("/")[1] not in there:
            yield f"files.{name}", f"is of no concept: each is a folder in '{CONCEPTS}' with a cues.json"


_licence = _said(licence_problem)
_base = _with({"name": _said(name_problem), "digest": _hash}, {})
_data = _with(
    {"name": _text, "licence": _licence},
    {"domain": _text, "source": _text, "note": _text, "count": _is((int, str), "a number")},
)
_weights = _with(
    {"folder": _text, "files": _weight_files}, {"model": _text, "licence": _licence, "source": _text}
)
_backbone = _with({"weights": _text, "licence": _licence}, {"source": _text})

FIELDS: dict[str, Field] = {
    "version": Field(_version, "of this form of card: 1", needed=True),
    "name": Field(_said(name_problem), "the pack's name, and its folder's", needed=True),
    "segmenter": Field(
        _segmenter,
        "which engine reads the files: `matching`, `colour`, `seggpt`, `dino`, `sam2`, `sam3`",
        needed=True,
    ),
    "base": Field(_base, "`name` and `digest` of the pack that it stands on"),
    "files": Field(_files, "file name -> SHA-256 of each file that it holds itself", {}, needed=True),
    "weights": Field(
        _weights,
        "weights outside of the pack: `folder`, `files` (name -> SHA-256), `model`, `licence` (SPDX), `source`",
    ),
    "summary": Field(_text, "in a line, what it is", ""),
    "licence": Field(_licence, "of the pack, as an SPDX expression", NOT_STATED),
    "date": Field(_date, "when it was made: year-month-day"),
    "organisation": Field(_text, "who made it, and answers for it"),
    "country": Field(_country, "where that is: two letters of ISO 3166"),
    "region": Field(_text, "or a region, where no country says it"),
    "sector": Field(_text, "the field of use: `healthcare`, `power`, `industry`, `documents`, ..."),
    "task": Field(_text, "what it is meant for"),
    "data": Field(
        _each(_data), "picture sets that it was trained on: `name`, `licence` (SPDX), `source`, ...", []
    ),
    "training": Field(_object, "how it was trained", {}),
    "backbone": Field(_backbone, "`weights`, `licence` (SPDX) and `source` of pretrained weights in it"),
    "scores": Field(
        _scores, "what was measured (`measured`), the mean by number of cues (`mean`), and sets", {}
    ),
    "limits": Field(_each(_text), "what it is known not to do, and must not be used for", []),
    "concepts": Field(_concepts, "what there is to say of a ready concept: `summary`, `scores`", {}),
    "preprocessing": Field(_object, "numbers of the engine, see below", {}),
    "thresholds": Field(_object, "what turns scores into masks and verdicts, see below", {}),
    "area": Field(_object, "how far the area in the cues moves the threshold, see below"),
    "calibration": Field(_object, "how the confidence is computed, see below"),
    "sparse_calibration": Field(_object, "the same for concepts taught by sparse cues, see below", {}),
}
"""All fields, in the order in which a card is read."""
