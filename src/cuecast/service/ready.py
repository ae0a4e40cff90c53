"""The pack that a project works with, and the ready concept of it that teaches beside the marks of the project.

A ready concept is a cue set that came with its pack (`cuecast segment --concept`). Its cues stand before those of the
project, under names that no image of a project can have; classes are matched by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy.orm import Session

from cuecast.core.errors import CueSetError, PackError
from cuecast.core.notes import notes_to
from cuecast.core.values import ClassInfo
from cuecast.cues import entry_document, joined, renumbered
from cuecast.cuesets.cueset import CueSet, read_cueset, read_examples
from cuecast.engine.packs import Pack, named_pack, open_pack
from cuecast.service import schemas
from cuecast.service.problem import Problem, log, without_folders
from cuecast.service.settings import Settings
from cuecast.service.snapshot import MarkedImage
from cuecast.service.store import projects
from cuecast.service.store.classes import join_classes


def pack_of(settings: Settings, name: str | None) -> Pack:
    """The installed pack of that name; None: the service's. Raises PackError."""
    with notes_to(log.warning):
        return open_pack(settings.pack) if name is None else named_pack(name)


def concept_of(settings: Settings, pack: str | None, concept: str | None) -> CueSet | None:
    """The cue set of that concept of a pack, None for none. Raises Problem with 422 where there is no such pack or
    concept, or it cannot be used; the words are those of `cuecast segment --concept`."""
    try:
        found = pack_of(settings, pack)
        _ = found.files  # its base is there
        return read_cueset(found.concept(concept)) if concept is not None else None
    except (PackError, CueSetError) as error:
        said = without_folders(str(error), settings.data, all_of_them=True)
        raise Problem("pack_unknown", 422, said) from error


def choose(
    session: Session, settings: Settings, project: str, wanted: schemas.NewProject | schemas.ProjectChange
) -> schemas.Project:
    """Give a project the pack and the concept that a request names; what it leaves out stays.

    Raises Problem: 404, 422 as `concept_of`, and 409 where the classes that are wanted lack one of the concept.
    """
    row = projects.find(session, project, lock=True)
    named = wanted.model_fields_set
    pack = wanted.pack if "pack" in named else row.pack
    concept = wanted.concept if "concept" in named else row.concept
    chosen = (pack, concept) != (row.pack, row.concept)
    classes = isinstance(wanted, schemas.ProjectChange) and wanted.classes is not None
    cueset = concept_of(settings, pack, concept) if chosen or (classes and concept) else None
    lost = {c.name for c in cueset.classes} - {c["name"] for c in row.classes} if cueset else set()
    if lost and classes:
        said = f"class {min(lost)!r} is one of the ready concept {concept!r}: keep its name, or take the concept away"
        raise Problem("class_in_use", 409, said)
    if chosen:
        if cueset is not None:
            join_classes(session, row, cueset.classes)
        row.pack, row.concept = pack, concept
        projects.outdate(session, project)
        session.flush()
    return projects.get(session, project)


def ready_cues(pack: Pack, concept: str, classes: Sequence[ClassInfo]) -> tuple[MarkedImage, ...]:
    """The cues of a pack's concept as those of a project with these classes. Raises PackError; CueSetError where the
    project lacks a class of it; InputError."""
    place = pack.concept(concept)
    cueset = read_cueset(place)
    where = f"pack {pack.name}, concept {concept}"
    by_name = {c.name: c.id for c in classes}
    if lost := [c.name for c in cueset.classes if c.name not in by_name]:
        raise CueSetError(
            f"the project has no class {lost[0]!r} (any more)", where, "choose the concept again"
        )
    numbers = {c.id: by_name[c.name] for c in cueset.classes}
    found: dict[str, dict[str, Any]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for entry, example in zip(cueset.entries, read_examples(cueset), strict=True):
        if entry.page not in (None, 0):
            said = f"the cue is on page {entry.page}, and the service shows the first page alone"
            raise CueSetError(said, f"{where}, {entry.image}", "make the pack anew")
        document = renumbered(entry_document(entry, example.marks), numbers)
        found[entry.image] = joined(found[entry.image], document) if entry.image in found else document
        sizes[entry.image] = example.image.size
    held = pack.own_files
    return tuple(
        MarkedImage(
            f"{concept}/{PurePosixPath(image).name}",
            place / image,
            held[f"{place.parent.name}/{place.name}/{image}"],
            sizes[image],
            document,
        )
        for image, document in found.items()
    )
