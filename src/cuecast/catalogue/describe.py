"""What a pack's card says, by the habits of model cards: as text, as data, and as a page; and the page of all packs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from cuecast.catalogue.listing import COUNTED, HEADS, Listed, counts, listed, shown, size
from cuecast.core.errors import CuecastError
from cuecast.core.notes import give_note
from cuecast.cuesets.cueset import overview, read_cueset
from cuecast.engine.card import FIELDS, NUMBERS, check_card, problems
from cuecast.engine.packs import Pack
from cuecast.io.pages import asset, environment, write_page

ROOM = "cuecast.catalogue"
TILE = 160
"""The longer side of a cue's picture on the page, in pixels."""
MOST_CUES = 12
"""Cues of a concept from which on the page shows no pictures of them."""
_OWN_PLACE = ("version", "name", "summary", "files", *NUMBERS)


@dataclass(frozen=True)
class ConceptListed:
    """A concept that comes with a pack: the names of its classes, and how many cues teach it."""

    name: str
    summary: str
    classes: tuple[str, ...]
    cues: int


def concepts_of(pack: Pack) -> list[ConceptListed]:
    """The concepts that come with a pack. Raises CueSetError where one cannot be read."""
    told = pack.card.get("concepts")
    told = told if isinstance(told, dict) else {}
    found = []
    for name, folder in pack.concepts.items():
        cueset = read_cueset(folder)
        classes = tuple(c.name for c in cueset.classes)
        about = told.get(name)
        summary = str(about.get("summary", "")) if isinstance(about, dict) else ""
        found.append(ConceptListed(name, summary, classes, len(cueset.entries)))
    return found


def as_record(pack: Pack) -> dict[str, Any]:
    """All there is to say of a pack, as JSON takes it. Raises CueSetError."""
    concepts = [asdict(c) | {"classes": list(c.classes)} for c in concepts_of(pack)]
    wrong = [f"{place}: {what}" for place, what in problems(pack.card)]
    return {
        **listed(pack).as_dict(),
        "folder": str(pack.folder),
        "concepts": concepts,
        "card": pack.card,
        "wrong": wrong,
    }


def as_told(pack: Pack) -> dict[str, Any]:
    """The same for who does not sit at this machine: without where the pack and its weights lie. Raises CueSetError."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: told(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [told(inner) for inner in value]
        return pack.without_places(value) if isinstance(value, str) else value

    record = as_record(pack)
    del record["folder"]
    if weights := record["card"].get("weights"):
        bare = {name: value for name, value in weights.items() if name != "folder"}
        record["card"] = record["card"] | {"weights": bare}
    return {name: told(value) for name, value in record.items()}


def as_text(pack: Pack) -> str:
    """The card to read: simple values first, then each section indented; figures of the engine are named alone."""
    about = listed(pack)
    lines = [
        f"{'pack':<14}{about.name}",
        f"{'summary':<14}{about.summary}",
        f"{'folder':<14}{pack.folder}",
        f"{'digest':<14}{about.digest}",
        f"{'signature':<14}{about.signature or 'none'}",
        f"{'files':<14}{size(about.bytes)}, checksums right",
    ]
    if about.base:
        lines.append(f"{'base':<14}{about.base}, digest {pack.card['base']['digest']}")
    sections = [(name, pack.card[name]) for name in _in_order(pack.card) if name != "base"]
    plain = [(n, v) for n, v in sections if not isinstance(v, (dict, list))]
    lines += [f"{name:<14}{value}" for name, value in plain if value is not None]
    for concept in concepts_of(pack):
        classes, unit = ", ".join(concept.classes), "cue" if concept.cues == 1 else "cues"
        lines.append(
            f"{'concept':<14}{concept.name}: {classes}, {concept.cues} {unit}. {concept.summary}".rstrip()
        )
    for name, value in sections:
        if isinstance(value, (dict, list)) and value and name != "concepts":
            lines += [f"{name}:", *(f"  {line}" for line in _entries(value))]
    lines += [f"{'wrong':<14}{place}: {what}" for place, what in problems(pack.card)]
    if engine := [name for name in NUMBERS if pack.card.get(name)]:
        lines.append(f"{'engine':<14}{', '.join(engine)}: --json shows them")
    return "\n".join(lines)


def write_card_page(pack: Pack, path: Path) -> Path:
    """The card as a page, with pictures of the concepts' cues. Raises PackError where a field of the card is wrong,
    CueSetError, OutputError."""
    check_card(pack.card, f"pack {pack.folder}")
    about = listed(pack)
    return _write(
        path,
        "card.html",
        title=about.name,
        pack=about,
        card={name: pack.card.get(name) or FIELDS[name].default for name in FIELDS},
        size=size(about.bytes),
        concepts=[(c, _picture(pack, c)) for c in concepts_of(pack)],
        scores=_score_table(pack.card.get("scores") or {}),
    )


def write_catalogue_page(packs: Sequence[Listed], path: Path) -> Path:
    """The catalogue as a page. Raises OutputError."""
    columns = list(HEADS)
    rows = [(p, [(column, shown(p, column)) for column in columns[1:]]) for p in packs]
    found = counts(packs)
    bars = [(HEADS[name], found[name], max(found[name].values(), default=1)) for name in COUNTED]
    return _write(path, "catalogue.html", title="Packs", heads=list(HEADS.values()), rows=rows, counts=bars)


def _write(path: Path, name: str, **named: Any) -> Path:
    style = asset("cuecast.results", "report.css") + asset(ROOM, "pages.css")
    page = environment().from_string(asset(ROOM, name))
    return write_page(path, page.generate(style=Markup(style), **named))


def _picture(pack: Pack, concept: ConceptListed) -> bytes | None:
    """The cues of a concept as JPEG; None where they are many, or one cannot be drawn."""
    if concept.cues > MOST_CUES:
        return None
    buffer = io.BytesIO()
    try:
        overview(read_cueset(pack.concepts[concept.name]), TILE).save(buffer, "JPEG", quality=85)
    except CuecastError as error:
        give_note(f"concept {concept.name}: its cues cannot be drawn ({error})")
        return None
    return buffer.getvalue()


def _score_table(
    scores: Mapping[str, Any],
) -> tuple[list[str], list[tuple[str, list[Any]]], list[tuple[str, Any]]]:
    """(labels, rows of a name with a value a label, what is said in a line) of a card's scores."""
    tables = {name: entry for name, entry in scores.items() if isinstance(entry, dict)}
    labels = list(dict.fromkeys(label for entry in tables.values() for label in entry))
    rows = [(name, [entry.get(label, "") for label in labels]) for name, entry in tables.items()]
    return labels, rows, [(name, value) for name, value in scores.items() if name not in tables]


def _in_order(card: Mapping[str, Any]) -> Iterator[str]:
    """The fields of a card that are neither numbers of the engine nor said elsewhere: known ones first."""
    yield from (n for n in FIELDS if n in card and n not in _OWN_PLACE)
    yield from (n for n in card if n not in FIELDS)


def _entries(value: dict[str, Any] | list[Any]) -> list[str]:
    if isinstance(value, dict):
        return [f"{k}: {_inline(v)}" for k, v in value.items()]
    return [f"- {_inline(v)}" for v in value]


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
