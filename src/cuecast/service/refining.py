"""Refining a pack on the checked pictures of a project: asked for, done in a process of its own, then kept or dropped.

A folder of the project holds all that a refinement works with, so that it goes on after a stop. It writes its pack
there in any case; what was measured says whether that is better than its base, and only what is kept is installed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cuecast.catalogue.archive import install_pack
from cuecast.catalogue.make import check_new
from cuecast.catalogue.place import PackTakenError, home
from cuecast.core.errors import CueSetError, OutputError, PackError
from cuecast.core.notes import notes_to
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.card import CARD, NUMBERS
from cuecast.engine.packs import Pack, open_pack
from cuecast.io.files import read_json, write_text
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem, log, without_folders
from cuecast.service.progress import Bench, Stages
from cuecast.service.ready import pack_of
from cuecast.service.schemas_jobs import KeepRefined, NewRefinement
from cuecast.service.snapshot import Snapshot, write_cueset
from cuecast.service.store import jobs, projects
from cuecast.service.store.models import ImageRow, JobRow, MarksRow
from cuecast.training.needed import require_training

STAGES = {
    "questions to base": "base",
    "samples": "lessons",
    "steps of all": "fit",
    "questions to refined": "refined",
    "last samples": "last",
    "steps of last": "last",
}
"""Steps of refining -> the stage that a job says; all others are of the curve."""
RESULT = "result.json"
MADE = frozenset({*NUMBERS, "training", "scores", "concepts", "backbone", "weights"})
"""Fields of a card that a request cannot give: a refined pack says of itself what was measured."""


def check_refinement(session: Session, parts: Parts, project: str, wanted: NewRefinement) -> None:
    """Raise what keeps a pack from being refined, before any work.

    MissingExtraError without the libraries; Problem: 404, 422 for a project of a film or volume and for a base or card
    that cannot be, 409 for a name that is taken or too few pictures.
    """
    require_training()
    from cuecast.training.refine_data import FEWEST

    row = projects.find(session, project)
    if row.kind != "images":
        said = (
            f"{row.name!r} is of the kind {row.kind!r}: pictures of one {row.kind} would both teach and judge"
        )
        raise Problem("not_of_this_kind", 422, f"{said}; refine in a project of images")
    base = base_of(parts, wanted.base if wanted.base is not None else row.pack)
    if wanted.name in _names(base):
        said = (
            f"pack {wanted.name}: it would take the place of the pack that it stands on; give it another name"
        )
        raise Problem("pack_exists", 409, said)
    if made := sorted(wanted.card.keys() & MADE):
        said = f"pack {wanted.name}: card: {made[0]}: is measured or made, and not given; leave it out"
        raise Problem("pack_invalid", 422, said)
    try:
        check_new(wanted.name, home(), base, fields=wanted.card, replace=True)
    except PackError as error:
        raise refuse_pack(error, parts) from error
    count = _known(session, project)
    if count < FEWEST:
        said = (
            f"{FEWEST} pictures of a class whose mask is known are the least: four teach and two judge; {count} are "
            "marked wholly or called right in this project: mark, accept or check more"
        )
        raise Problem("too_few_pictures", 409, said)


def base_of(parts: Parts, name: str | None) -> Pack:
    """The pack that a refined one is to stand on. Raises Problem with 422."""
    try:
        base = pack_of(parts.settings, name)
        files = base.files
    except PackError as error:
        raise Problem("pack_unknown", 422, str(refuse_pack(error, parts))) from error
    if "decode.onnx" not in files:
        said = f"its engine has no decoder to refine: pack {base.name}; name another base (general)"
        raise Problem("pack_invalid", 422, said)
    return base


def _names(pack: Pack) -> list[str]:
    """The names of a pack and of all below it."""
    return [pack.name, *(_names(pack.base) if pack.base else ())]


def _known(session: Session, project: str) -> int:
    """Pictures of a project with the thing that are marked wholly, or whose mask was called right."""
    marked = select(func.count()).select_from(MarksRow).join(ImageRow, ImageRow.id == MarksRow.image_id)
    return session.scalar(marked.where(ImageRow.project_id == project, MarksRow.kind == "mask")) or 0


def refuse_pack(error: PackError, parts: Parts) -> Problem:
    """409 where a pack of that name is there, 422 for what cannot be a pack, taken in or given out."""
    message = without_folders(str(error), parts.settings.data, all_of_them=True)
    taken = isinstance(error, PackTakenError)
    return Problem("pack_exists" if taken else "pack_invalid", 409 if taken else 422, message)


# ---- in the process that refines


def refine(bench: Bench, job: JobRow, project: Snapshot) -> dict[str, Any]:
    """Make the pack, and say how it compares with its base. Raises as `tasks.perform`."""
    require_training()
    from cuecast.training.refine import RefineOptions
    from cuecast.training.refine import refine as run

    place, asked = bench.files.refined(job.project_id) / job.id, job.request
    if (place / RESULT).is_file():
        return dict(read_json(place / RESULT, OutputError))
    _forget_others(bench, job)
    pictures = _pictures(place / "pictures", project)
    base = base_of(bench, asked["base"] if asked["base"] is not None else project.pack)
    fields = {"data": [{"name": project.name, "licence": "NOASSERTION"}], **asked["card"]}
    options = RefineOptions(
        base.folder,
        group=asked["group"],
        minutes=asked["minutes"],
        fields=fields,
        anyway=True,
        replace=True,
        threads=bench.threads,
    )
    notes: list[str] = []
    try:
        with notes_to(notes.append):
            made = run(pictures, place / asked["name"], options, Stages(bench, job, STAGES, "curve").note)
    except PackError as error:
        raise refuse_pack(error, bench) from error
    record = made.as_dict() | {
        "pack": made.pack.name,
        "digest": made.pack.digest,
        "bytes": made.pack.bytes,
        "base": base.name,
        "better": not made.comparison.faults,
        "notes": [text.replace(f"{pictures}/", "") for text in notes],
        "state": "open",
    }
    write_text(place / RESULT, json.dumps(record) + "\n")
    return record


def _pictures(folder: Path, project: Snapshot) -> Path:
    """The pictures of the moment at which the refinement began, as a cue set."""
    try:
        if read_cueset(folder).entries:
            return folder
    except CueSetError:
        pass
    shown = {marked.name: marked for marked in (*project.cues, *project.checked)}
    write_cueset(folder, project.classes, list(shown.values()))
    return folder


def _forget_others(bench: Bench, job: JobRow) -> None:
    """Remove what earlier refinements of the project have left that came to no end: lessons fill a disk."""
    for folder in bench.files.refined(job.project_id).glob("*"):
        if folder.name == job.id or (folder / RESULT).is_file():
            continue
        shutil.rmtree(folder, ignore_errors=True)


# ---- when it is done


def keep(parts: Parts, job: str, how: KeepRefined) -> JobRow:
    """Install the pack of a refinement.

    Raises Problem: 404; 422 for another kind of job; 409 where it is not done, was dropped, is not better (unless
    `anyway`), or another pack of its name is there.
    """
    with parts.database.reading() as session:
        found = _refinement(session, job)
    result = found.result or {}
    if found.state != "done":
        said = f"this refinement is {found.state}: a pack is there to keep when it is done"
        raise Problem("not_ready", 409, said)
    if result.get("state") == "kept":
        return found
    folder = parts.files.refined(found.project_id) / job / str(result.get("pack"))
    if result.get("state") == "dropped" or not (folder / CARD).is_file():
        raise Problem("refinement_over", 409, "the pack of this refinement was dropped: refine again")
    if not (result.get("better") or how.anyway):
        said = f"it is not better than its base: {'; '.join(result.get('faults', ()))}"
        raise Problem(
            "not_better", 409, f"{said}. Mark more or better pictures, or keep it all the same (anyway)"
        )
    _install(parts, folder, how.replace)
    return _settled(parts, found, "kept")


def _install(parts: Parts, folder: Path, replace: bool) -> None:
    """Put a pack among those that are found by name, with all checks of one that is taken in."""
    try:
        with notes_to(log.warning):
            install_pack(open_pack(folder), replace=replace)
    except PackError as error:
        raise refuse_pack(error, parts) from error


def drop(parts: Parts, job: str) -> JobRow:
    """Remove what a refinement has made and worked with; a pack that was kept stays installed.

    Raises Problem: 404; 422 for another kind of job; 409 while it goes on.
    """
    with parts.database.reading() as session:
        found = _refinement(session, job)
    if found.state in projects.ACTIVE:
        raise Problem("busy", 409, f"this refinement is {found.state}: cancel it first")
    over = found.result is None or found.result.get("state") == "kept"
    return _settled(parts, found, None if over else "dropped")


def _settled(parts: Parts, job: JobRow, state: str | None) -> JobRow:
    """Note what became of the pack, then remove the folder: a crash between leaves files, and no lie."""
    if state is not None:
        with parts.database.writing() as session:
            job = jobs.settle(session, job.id, state)
    shutil.rmtree(parts.files.refined(job.project_id) / job.id, ignore_errors=True)
    return job


def _refinement(session: Session, job: str) -> JobRow:
    found = jobs.get_job(session, job)
    if found.kind != "refine":
        said = f"this job is of the kind {found.kind!r}: only what a refinement has made is kept or dropped"
        raise Problem("not_of_this_kind", 422, said)
    return found
