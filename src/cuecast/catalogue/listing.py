"""What there is to say of packs in a line each, and how many there are of each kind: who builds which model where.

The command line, the service and the tools for agents list packs by `Listed`; the catalogue is a table of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from cuecast.catalogue.signature import read_signature
from cuecast.core.errors import PackError
from cuecast.engine.card import NOT_STATED, stated
from cuecast.engine.packs import Pack
from cuecast.io.files import write_row

UNKNOWN = "not stated"
COUNTED = ("organisation", "place", "sector", "task", "data_licences", "licence")
"""What packs are counted by."""
HEADS = {
    "name": "pack",
    "organisation": "organisation",
    "place": "country or region",
    "sector": "sector",
    "task": "task",
    "licence": "licence",
    "data_licences": "data licence",
    "scores": "scores",
    "bytes": "size",
    "date": "date",
}
"""The columns of the catalogue, and what stands above them."""


@dataclass(frozen=True)
class Listed:
    """A pack as lists show it; None and '' where its card says nothing.

    digest         SHA-256 of all of it.
    signature      who has signed it, in words; None where nobody has.
    base           the name of the pack that it stands on.
    data_licences  SPDX expressions of the sets that it was trained on, each once; those of its base are the base's.
    scores         the means that the card states, by number of cues.
    concepts       names of the concepts that come with it.
    bytes          of its own files.
    problem        why it cannot be used; None where nothing is known to be wrong. Checksums are not looked at.
    """

    name: str
    summary: str
    digest: str
    signature: str | None
    base: str | None
    segmenter: str
    licence: str
    data_licences: tuple[str, ...]
    organisation: str | None
    country: str | None
    region: str | None
    sector: str | None
    task: str | None
    date: str | None
    scores: dict[str, float]
    concepts: tuple[str, ...]
    bytes: int
    builtin: bool
    problem: str | None

    @property
    def place(self) -> str | None:
        """Country and region, as far as they are stated."""
        return ", ".join(filter(None, (self.country, self.region))) or None

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        found = asdict(self)
        return found | {k: list(v) for k, v in found.items() if isinstance(v, tuple)}


def listed(pack: Pack) -> Listed:
    """What a list says of a pack, whatever its card holds."""
    card = pack.card
    signature = read_signature(pack.folder)
    base = card.get("base")
    texts = {
        name: _text(card.get(name))
        for name in ("organisation", "country", "region", "sector", "task", "date")
    }
    return Listed(
        name=pack.folder.absolute().name,
        summary=pack.without_places(_text(card.get("summary")) or ""),
        digest=pack.digest,
        signature=signature.said(pack.digest) if signature else None,
        base=base["name"] if base else None,
        segmenter=str(card.get("segmenter")),
        licence=_text(stated(card, "licence")) or NOT_STATED,
        data_licences=tuple(dict.fromkeys(_licences(card))),
        scores=_means(card),
        concepts=tuple(pack.concepts),
        bytes=pack.bytes,
        builtin=pack.builtin,
        problem=_problem(pack),
        **texts,
    )


def counts(packs: Sequence[Listed]) -> dict[str, dict[str, int]]:
    """For each of `COUNTED` how many packs say what, the most frequent first; a pack counts once for each licence."""
    return {name: _counted(_values(getattr(p, name)) for p in packs) for name in COUNTED}


def as_json(packs: Sequence[Listed]) -> dict[str, Any]:
    """The catalogue as JSON takes it."""
    return {"count": len(packs), "packs": [p.as_dict() for p in packs], "counts": counts(packs)}


def as_csv(packs: Sequence[Listed]) -> str:
    """The catalogue as a table: a row a pack, lists joined by '; ', scores as JSON."""
    names = [f.name for f in fields(Listed)]
    rows: list[list[object]] = [[_cell(getattr(p, n)) for n in names] for p in packs]
    return write_row(names) + "".join(map(write_row, rows))


def shown(pack: Listed, column: str) -> str:
    """A cell of the catalogue, in words."""
    value = getattr(pack, column)
    if column == "bytes":
        return size(value)
    if column == "scores":
        return ", ".join(f"{n}: {v:.3f}" for n, v in value.items()) or "-"
    if isinstance(value, tuple):
        return ", ".join(value) or "-"
    return "-" if value in (None, "", NOT_STATED) else str(value)


def size(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB" if count else "0"


def _problem(pack: Pack) -> str | None:
    """Why it cannot be loaded, as far as that can be said without reading its files."""
    try:
        missing = [name for name, file in pack.files.items() if not file.path.is_file()]
    except PackError as error:
        return error.what
    return f"{missing[0]} is missing" if missing else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _licences(card: Mapping[str, Any]) -> Iterable[str]:
    sets = card.get("data")
    for entry in sets if isinstance(sets, list) else ():
        licence = entry.get("licence") if isinstance(entry, dict) else None
        yield _text(licence) or NOT_STATED


def _means(card: Mapping[str, Any]) -> dict[str, float]:
    """The entry 'mean' of the scores, where it is one of numbers."""
    scores = card.get("scores")
    means = scores.get("mean") if isinstance(scores, dict) else None
    found = means.items() if isinstance(means, dict) else [("all", means)]
    return {str(n): float(v) for n, v in found if isinstance(v, (int, float)) and not isinstance(v, bool)}


def _values(value: Any) -> Sequence[str]:
    found = value if isinstance(value, tuple) else (value,)
    return [UNKNOWN if v in (None, "", NOT_STATED) else v for v in found or (None,)]


def _counted(values: Iterable[Sequence[str]]) -> dict[str, int]:
    found = Counter(v for each in values for v in dict.fromkeys(each))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _cell(value: Any) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "; ".join(value) if isinstance(value, tuple) else value
