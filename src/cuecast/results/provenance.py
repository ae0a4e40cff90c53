"""provenance.jsonld: where each mask of a folder of results comes from, as W3C PROV (PROV-O) in JSON-LD 1.1.

A mask was derived from its picture, made by an activity that used picture, pack and cue set, after a plan (the cues),
by a program (cuecast) of some version; a person may have called it wrong, accepted or corrected it, or drawn it: then
its line names no pack. All of it comes from the manifest: no clock is read, so equal results give equal bytes in
however many runs, or shards, they were made.

    program  urn:cuecast:program:VERSION       cues     urn:cuecast:cues:DIGEST
    pack     urn:cuecast:pack:DIGEST           cue set  urn:cuecast:cueset:DIGEST
    picture  ni:///sha-256;... (RFC 6920)      mask     masks/NAME.png, from the folder of the file

The context stands in the file: who reads it needs no network.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cuecast.core.errors import ImageError, OutputError
from cuecast.core.version import __version__
from cuecast.io.files import MANIFEST, RESULT_RASTERS, file_digest, holds_results, load_json, replacing
from cuecast.results.manifest import FrameEntry, ManifestEntry, read_manifest
from cuecast.results.masks import mask_file, volume_of

NAME = "provenance.jsonld"
FORMAT = "provenance"
"""What it is called among formats."""
SOURCE = "#source"
"""The name of what a video, volume or map was read from."""
MAP = RESULT_RASTERS[0]
URN = "urn:cuecast:"
PROV = "http://www.w3.org/ns/prov#"
LINKS = (
    "used", "wasGeneratedBy", "wasDerivedFrom", "wasAttributedTo", "wasAssociatedWith", "agent", "hadPlan", "hadMember",
    "specializationOf",
)  # fmt: skip
"""Terms of PROV-O whose values name something."""
CLASSES = ("Entity", "Activity", "Agent", "SoftwareAgent", "Person", "Plan", "Collection", "Association")
OURS = (
    "verdict", "confidence", "review", "scale", "threshold", "minArea", "minConfidence", "digest", "frame",
)  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "@version": 1.1,
    "prov": PROV,
    "sc": "https://schema.org/",
    "cuecast": URN,
    **{name: f"prov:{name}" for name in CLASSES},
    **{name: {"@id": f"prov:{name}", "@type": "@id"} for name in LINKS},
    "qualifiedAssociation": "prov:qualifiedAssociation",
    "name": "sc:name",
    "sha256": "sc:sha256",
    "version": "sc:version",
    "softwareVersion": "sc:softwareVersion",
    **{name: f"cuecast:{name}" for name in OURS},
}

Node = dict[str, Any]
"""One thing of the graph, as JSON."""


@dataclass(frozen=True)
class Origin:
    """What the lines of a manifest do not say: the name of their pack.

    source  what a video, volume or map was read from, as `source_nodes` gives it; empty for pictures.
    """

    pack: str
    source: Sequence[Node] = ()


def write_provenance(out: Path, origin: Origin) -> Path:
    """Write the file for all masks that the manifest in `out` speaks of; its path. Raises OutputError."""
    path = out / NAME
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"@context":' + json.dumps(CONTEXT) + ',\n"@graph":[\n')
        for number, node in enumerate(_nodes(out, origin)):
            stream.write((",\n" if number else "") + _text(node))
        stream.write("\n]}\n")
    return path


def carries(out: Path, asked: bool) -> bool:
    """Whether a run is to write the file: now, or in an earlier run, whose file must not grow old."""
    return asked or (out / NAME).is_file()


def stamp(carried: bool, cueset: tuple[int, str] | None) -> dict[str, Any]:
    """Fields of a line that say what made its mask, where provenance is carried: this program, and of the cue set
    (version, digest)."""
    if not carried:
        return {}
    version, digest = cueset or (None, None)
    return {"program": __version__, "cueset": digest, "cueset_version": version}


def read_origin(out: Path) -> Origin | None:
    """The origin that the file in `out` was written with; None where there is none.

    Raises OutputError where it is none of ours.
    """
    path = out / NAME
    if not path.is_file():
        return None
    try:
        graph = load_json(path, OutputError)["@graph"]
        packs = [node["name"] for node in graph if node["@id"].startswith(f"{URN}pack:")]
        source = [node for node in graph if node["@id"].startswith(SOURCE)]
        return Origin(packs[0] if packs else "", source)
    except (KeyError, TypeError, AttributeError) as error:
        raise OutputError(
            "is no provenance that cuecast has written",
            path,
            "delete it, and run again with --provenance",
        ) from error


def _text(node: Node) -> str:
    """One line of JSON; what is no character stands as its replacement, as no RDF may hold it."""
    said = {name: value for name, value in node.items() if value not in (None, "", [], {})}
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace").decode()


def _nodes(out: Path, origin: Origin) -> Iterator[Node]:
    """All things: the few that masks share, each where it is first named, and those of each mask."""
    yield from origin.source
    told: set[str] = set()
    for entry in read_manifest(out / MANIFEST):
        mask = mask_file(out, entry)
        if mask is None:
            continue
        made = _Made(entry, mask.relative_to(out).as_posix(), origin)
        for node in made.shared():
            if node["@id"] not in told:
                told.add(node["@id"])
                yield node
        yield from made.own()


@dataclass(frozen=True)
class _Made:
    """One line of the manifest, and the file of its mask from the folder of results."""

    entry: ManifestEntry
    file: str
    origin: Origin

    @property
    def mask(self) -> str:
        """A slice is a part of the labels of its volume, which are one file."""
        part = f"#{_quoted(self.entry.name)}" if volume_of(self.entry) else ""
        return _quoted(self.file) + part

    @property
    def drawn(self) -> bool:
        """Whether the mask is what a person says, and no pack."""
        return not self.entry.pack

    @property
    def activity(self) -> str:
        return f"#segment-{_quoted(self.entry.name)}"

    @property
    def program(self) -> str:
        version = self.entry.program
        return f"{URN}program:{_quoted(version)}" if version else f"{URN}program"

    @property
    def correction(self) -> str:
        return f"#correct-{_quoted(self.entry.name)}"

    @property
    def person(self) -> str | None:
        return f"#person-{_quoted(self.entry.reviewer)}" if self.entry.reviewer else None

    @property
    def picture(self) -> str:
        """The picture by its bytes, or by the name of its mask where these are not known; a part of a source."""
        if self.origin.source:
            return SOURCE if self.file == MAP else f"#part-{_quoted(self.entry.name)}"
        digest = self.entry.file_hash or self.entry.image_hash
        return hash_name(digest) if digest else f"#picture-{_quoted(self.entry.name)}"

    def shared(self) -> Iterator[Node]:
        """What other masks may have, too: program, pack, cues, cue set, reviewer, labels of a volume."""
        entry = self.entry
        if not self.drawn:
            yield {
                "@id": self.program,
                "@type": ["Agent", "SoftwareAgent"],
                "name": "cuecast",
                "softwareVersion": entry.program,
            }
            pack = f"{URN}pack:{entry.pack}"
            yield {"@id": pack, "@type": "Entity", "name": self.origin.pack, "digest": entry.pack}
            yield {"@id": f"{URN}cues:{entry.cues}", "@type": ["Entity", "Plan"], "digest": entry.cues}
        if entry.cueset:
            number = None if entry.cueset_version is None else str(entry.cueset_version)
            cueset = f"{URN}cueset:{entry.cueset}"
            yield {"@id": cueset, "@type": "Entity", "version": number, "digest": entry.cueset}
        if self.person:
            yield {"@id": self.person, "@type": ["Agent", "Person"], "name": entry.reviewer}
        if self.mask != _quoted(self.file):
            labels = {"@id": _quoted(self.file), "@type": "Entity", "sha256": entry.mask_hash}
            yield labels | {"wasDerivedFrom": SOURCE, "wasAttributedTo": self.program}

    def own(self) -> Iterator[Node]:
        """The mask, the picture, what made the one of the other, and what a person said of it."""
        if self.picture != SOURCE:  # told already
            yield self._picture()
        if not self.drawn:
            yield self._activity()
        yield from self._mask()
        said = self.entry.review
        activity = {"@type": "Activity", "review": said, "wasAssociatedWith": self.person}
        if said == "corrected":
            yield activity | {"@id": self.correction, "used": self.made}
        elif self.entry.made_hash:
            yield {"@id": self.correction, "@type": "Activity", "used": self.made}
        if said in ("wrong", "accepted"):
            yield activity | {"@id": f"#review-{_quoted(self.entry.name)}", "used": self.mask}

    def _picture(self) -> Node:
        entry, node = self.entry, {"@id": self.picture, "@type": "Entity"}
        if not self.origin.source:
            return node | {"name": entry.image, "sha256": entry.file_hash or entry.image_hash}
        frame = entry.frame if isinstance(entry, FrameEntry) else None
        return node | {"name": entry.image, "specializationOf": SOURCE, "frame": frame}

    def _activity(self) -> Node:
        entry = self.entry
        cues, pack = f"{URN}cues:{entry.cues}", f"{URN}pack:{entry.pack}"
        cueset = [f"{URN}cueset:{entry.cueset}"] if entry.cueset else []
        return {
            "@id": self.activity,
            "@type": "Activity",
            "used": [self.picture, pack, cues, *cueset],
            "wasAssociatedWith": self.program,
            "qualifiedAssociation": {"@type": "Association", "agent": self.program, "hadPlan": cues},
            "scale": entry.scale,
            "threshold": [f"{cls}={value}" for cls, value in sorted(entry.thresholds.items())],
            "minArea": entry.min_area or None,
            "minConfidence": entry.min_confidence or None,
        }

    @property
    def made(self) -> str:
        """What the program made: the mask, or where a person corrected it, what it was before."""
        return f"#made-{_quoted(self.entry.name)}" if self.entry.made_hash else self.mask

    def _mask(self) -> Iterator[Node]:
        entry, corrected = self.entry, self.entry.made_hash is not None
        people = [self.person] if self.person and entry.review != "wrong" else []
        node: Node = {"@id": self.mask, "@type": "Entity"}
        if self.mask == _quoted(self.file):
            node["sha256"] = entry.mask_hash
        else:
            node["specializationOf"] = _quoted(self.file)
        answer: Node = {
            "wasGeneratedBy": self.activity,
            "wasDerivedFrom": self.picture,
            "verdict": entry.verdict,
            "confidence": entry.confidence,
        }
        if corrected:
            before = {"@id": self.made, "@type": "Entity", "sha256": entry.made_hash}
            yield before | answer | {"wasAttributedTo": self.program}
            answer = {"wasGeneratedBy": self.correction, "wasDerivedFrom": [self.made, self.picture]}
            yield node | answer | {"wasAttributedTo": people}
        elif self.drawn:
            yield node | {"wasDerivedFrom": self.picture, "wasAttributedTo": people}
        else:
            yield node | answer | {"wasAttributedTo": [self.program, *people]}


def hash_name(digest: str) -> str:
    """What has this SHA-256 (hexadecimal), as RFC 6920 names it: the same on every machine."""
    coded = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    return f"ni:///sha-256;{coded}"


_quoted = partial(quote, safe="/", errors="surrogateescape")
"""A text as a part of a name in the graph."""


def source_nodes(name: str, path: Path | None = None) -> list[Node]:
    """What a video, volume or map was read from: a file, or a folder with all files in it, results left out.

    path  where it is read; None for what no file holds. Raises ImageError where a file cannot be read.
    """
    whole: Node = {"@id": SOURCE, "@type": "Entity", "name": name}
    if path is None or not path.exists():
        return [whole]
    try:
        if path.is_file():
            return [whole | {"sha256": file_digest(path)}]
        members = [
            {
                "@id": f"#source-{_quoted(file)}",
                "@type": "Entity",
                "name": file,
                "sha256": file_digest(path / file),
            }
            for file in _files(path)
        ]
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror})", path, "check its permissions") from error
    collected = {"@type": ["Entity", "Collection"], "hadMember": [m["@id"] for m in members]}
    return [whole | collected, *members]


def _files(folder: Path) -> list[str]:
    """The files in a folder, from there, sorted; hidden ones and folders of results left out."""
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f[0] != "." and not holds_results(Path(top, f))]
        found += [Path(top, n).relative_to(folder).as_posix() for n in names if n[0] != "."]
    return sorted(found)
