"""The papers of data: Croissant 1.1 (JSON-LD) with its vocabulary for responsible use (RAI 1.0).

Names of files are relative to the folder; beside an archive, to where that lies. Equal data gives equal papers.
The format: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecast.core.ordered import Progress, silent
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import CueSet, read_cueset
from cuecast.cuesets.history import versions
from cuecast.datasets.files import PICTURES, DataFile, Group, groups_of, list_files, media_of
from cuecast.datasets.folder import DataFolder, open_data
from cuecast.datasets.pictures import Seen, read_pairs
from cuecast.datasets.responsible import addresses, of_cueset, of_pairs, of_results, responsible
from cuecast.engine.card import NOT_STATED
from cuecast.io.files import MANIFEST, file_digest
from cuecast.results.manifest import read_manifest

CONFORMS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
_TERMS = (
    "arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject fileProperty fileSet "
    "format includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated "
    "replace samplingRate separator source subField transform"
)
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "description": {"@container": "@language"},
    **{name: f"cr:{name}" for name in _TERMS.split()},
}
WANTED = {"url": "url", "creator": "creator", "datePublished": "date", "citeAs": "citation"}
"""What Croissant asks for and card.json alone can say -> what that calls it."""
ABOUT = {
    PICTURES: "The picture.",
    "masks": "The number of the class of each pixel; 0 is background.",
    "objects": "The number of the object of each pixel, from 1; 0 is none.",
}
MASK = ["cr:SegmentationMask", "sc:ImageObject"]


def data_card(folder: str | Path, but: Path | None = None, progress: Progress = silent) -> dict[str, Any]:
    """The papers of a folder of data, as JSON-LD.

    folder  a cue set (folder or .zip), a training set, results, or pictures with masks.
    but     a file in it that is not of the data, such as the one into which the papers are written.

    Raises InputError, CueSetError, OutputError where something in it cannot be read.
    """
    data = open_data(folder)
    cueset = read_cueset(data.path) if data.kind == "cue set" else None
    pairs = [] if cueset is not None or data.kind == "results" else read_pairs(data, progress)
    files, archive = list(list_files(data, but)), _archive(data)
    counted, classes = _counted(data, cueset, pairs)
    card: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "name": data.name,
        "description": _description(data),
        "conformsTo": list(CONFORMS),
        "license": _licence(data.licence[0]),
        **_stated(data.card),
        "version": _version(data, cueset),
        **responsible(data, counted),
    }
    if derived := addresses(data.card.get("source")):
        card["prov:wasDerivedFrom"] = [{"@id": address} for address in derived]
    groups = groups_of(data, files, pairs)
    card["distribution"] = [
        *archive,
        *(_file(f, archive) for f in files),
        *(_set(g, archive) for g in groups),
    ]
    card["recordSet"] = [*(_records(g, groups) for g in groups), *_tables(data, cueset, classes)]
    return card


def not_stated(card: Mapping[str, Any]) -> list[str]:
    """What Croissant asks for and these papers do not say, as card.json calls it; 'licence' among it."""
    missing = [own for name, own in WANTED.items() if name not in card]
    return [*(["licence"] if card["license"]["name"] == NOT_STATED else []), *missing]


def _counted(
    data: DataFolder, cueset: CueSet | None, pairs: Sequence[Seen]
) -> tuple[dict[str, Any], Sequence[ClassInfo]]:
    """What can be counted of responsible use, and the classes."""
    if cueset is not None:
        return of_cueset(cueset), cueset.classes
    if data.kind == "results":
        return of_results(list(read_manifest(data.path / MANIFEST))), data.classes
    shown = Counter(cls for p in pairs for cls in p.shows)
    classes = data.classes or tuple(ClassInfo(cls, f"class {cls}") for cls in sorted(shown))
    shows = {c.name: shown[c.id] for c in classes}
    return of_pairs(len(pairs), sum(p.marks is not None for p in pairs), shows), classes


def _description(data: DataFolder) -> str:
    said = next((data.card[f] for f in ("summary", "description", "domain") if data.card.get(f)), None)
    return str(
        said or f"{'Pictures with masks' if data.kind == 'pictures' else f'A {data.kind}'} of cuecast."
    )


def _licence(expression: str) -> dict[str, str]:
    """An SPDX expression; where it is one licence alone, with its address."""
    found = {"@type": "sc:CreativeWork", "name": expression}
    alone = expression != NOT_STATED and not expression.startswith(("LicenseRef-", "DocumentRef-"))
    if alone and " " not in expression:
        found["url"] = f"https://spdx.org/licenses/{expression}"
    return found


def _stated(card: Mapping[str, Any]) -> dict[str, Any]:
    """What the card says of author, place and time, where it does."""
    makers = card.get("creator") or []
    people = [
        {"@type": "sc:Person", "name": str(n)} for n in (makers if isinstance(makers, list) else [makers])
    ]
    if card.get("organisation"):
        people.append({"@type": "sc:Organization", "name": str(card["organisation"])})
    places = addresses(card.get("source"))
    url = card.get("url") or (places[0] if len(places) == 1 else None)
    words = card.get("keywords") or []
    keywords = [str(w) for w in (words if isinstance(words, list) else [words])]
    keywords += [str(card[f]) for f in ("sector", "scenario") if card.get(f)]
    found = {
        "url": url and str(url),
        "creator": people,
        "datePublished": card.get("date") and str(card["date"]),
        "citeAs": card.get("citation") and str(card["citation"]),
        "keywords": list(dict.fromkeys(keywords)),
    }
    return {name: value for name, value in found.items() if value}


def _version(data: DataFolder, cueset: CueSet | None) -> str:
    if data.card.get("version") and "." in str(data.card["version"]):
        return str(data.card["version"])
    return f"{versions(cueset)[-1].version}.0.0" if cueset is not None else "1.0.0"


def _id(name: str) -> str:
    """The name of a file as its identifier, which holds no blanks."""
    return "".join(f"~{ord(c):x}" if c.isspace() or c == "~" else c for c in name)


def _archive(data: DataFolder) -> list[dict[str, Any]]:
    """The archive that holds everything, where there is one."""
    if not data.bundle.is_zip:
        return []
    name = data.path.name
    size = f"{data.path.stat().st_size} B"
    return [_object(name, name, size, media_of(name), file_digest(data.path))]


def _object(name: str, place: str, size: str, media: str, sha256: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": _id(name),
        "name": name,
        "contentUrl": place,
        "contentSize": size,
        "encodingFormat": media,
        "sha256": sha256,
    }


def _file(file: DataFile, archive: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found = _object(file.name, file.stored, f"{file.size} B", file.media, file.sha256)
    return found | ({"containedIn": {"@id": archive[0]["@id"]}} if archive else {})


def _set(group: Group, archive: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The set of files of a group."""
    found = {
        "@type": "cr:FileSet",
        "@id": group.set,
        "name": group.set,
        "encodingFormat": sorted({f.media for f in group.files}),
        "includes": group.includes,
    }
    return found | ({"containedIn": {"@id": archive[0]["@id"]}} if archive else {})


def _records(group: Group, groups: Sequence[Group]) -> dict[str, Any]:
    """The pictures or masks of a group, by their names without suffix; masks refer to their pictures."""
    source = {"fileSet": {"@id": group.set}}
    path = {**source, "extract": {"fileProperty": "fullpath"}, "transform": {"regex": group.regex}}
    name = _field(f"{group.name}/name", "Name without suffix.", "sc:Text", path)
    if group.name != PICTURES and any(g.name == PICTURES for g in groups):
        name["references"] = {"field": {"@id": f"{PICTURES}/name"}}
    kind = "sc:ImageObject" if group.name == PICTURES else MASK
    taken = {**source, "extract": {"fileProperty": "content"}}
    content = _field(f"{group.name}/content", ABOUT[group.name], kind, taken)
    return _record_set(group.name, [name, content], "name")


def _tables(data: DataFolder, cueset: CueSet | None, classes: Sequence[ClassInfo]) -> list[dict[str, Any]]:
    """The classes; of a cue set its cues; of results the lines of the manifest."""
    found = []
    if classes:
        rows = [{"classes/id": c.id, "classes/name": c.name} for c in classes]
        fields = [
            _field("classes/id", "Its number in the masks.", "sc:Integer"),
            _field("classes/name", "What it is called.", "sc:Text"),
        ]
        found.append(_record_set("classes", fields, "id") | {"dataType": "sc:Enumeration", "data": rows})
    if cueset is not None and cueset.entries:
        fields = [
            _field("cues/image", "The file of the picture.", "sc:Text"),
            _field("cues/mask", "The file of its mask; empty where it has none.", "sc:Text"),
            _field("cues/marks", "The kinds of its marks; 'absent': the thing is not there.", "sc:Text"),
        ]
        rows = [
            {"cues/image": e.image, "cues/mask": e.mask or "", "cues/marks": ", ".join(e.kinds)}
            for e in cueset.entries
        ]
        found.append(_record_set("cues", fields) | {"data": rows})
    return [*found, *([_lines()] if data.kind == "results" else [])]


def _lines() -> dict[str, Any]:
    """The lines of the manifest."""
    columns = {
        "name": ("Name of the mask without suffix.", "sc:Text"),
        "image": ("The picture, as it was given.", "sc:Text"),
        "verdict": ("found, doubtful or absent.", "sc:Text"),
        "confidence": ("From 0 to 1.", "sc:Float"),
        "image_hash": ("SHA-256 of the picture, and of how it was read.", "sc:Text"),
        "mask_hash": ("SHA-256 of the mask.", "sc:Text"),
    }
    fields = [
        _field(
            f"results/{name}", about, kind,
            {"fileObject": {"@id": MANIFEST}, "extract": {"column": name}},
        )
        for name, (about, kind) in columns.items()
    ]  # fmt: skip
    return _record_set("results", fields, "name")


def _field(name: str, about: str, kind: Any, source: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found = {"@type": "cr:Field", "@id": name, "name": name, "description": about, "dataType": kind}
    return found | ({"source": dict(source)} if source else {})


def _record_set(name: str, fields: list[dict[str, Any]], key: str | None = None) -> dict[str, Any]:
    found = {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}
    return found | ({"key": {"@id": f"{name}/{key}"}} if key else {})
