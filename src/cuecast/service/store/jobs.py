"""The queue of jobs: added by requests, claimed by worker processes, given back where a worker ended.

    queued -> running -> done | failed | cancelled        failed, cancelled -> queued (resume)

A worker writes of a job only while it is its own (`worker`): one that outlives its server is told by `LostJobError`.
The runs of a project are done one after the other; other jobs beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session, aliased

from cuecast.service import schemas
from cuecast.service.problem import Problem, busy, not_found
from cuecast.service.schemas_jobs import FORMATS
from cuecast.service.store import projects
from cuecast.service.store.models import ImageRow, JobRow, MarksRow, ProjectRow, now
from cuecast.service.store.wire import job_of

ATTEMPTS = 3
"""So often in a row may a worker end without getting on with a job before the job is given up."""
ALONE = {"run": "run", "refine": "refinement"}
"""Kinds of jobs of which a project has one at a time, and what they are called."""
NO_CUES = "nothing is marked in this project"
RETRY_SECONDS = 5
"""What a client is told to wait where the queue is full."""


class LostJobError(Exception):
    """The job is another worker's by now, or gone with its project."""


def add_job(session: Session, project: str, kind: str, request: Mapping[str, Any], room: int) -> JobRow:
    """Put a job into the queue, which has `room` for so many that wait.

    Raises Problem: 404 without the project or an image of the request, 409 no_cues where nothing shows the thing,
    409 busy for a run beside a run and a refinement beside another, 422 for what its kind of project does not have,
    429 where the queue is full.
    """
    # The row is held, so that two requests at once cannot both find no run.
    _check_kind(projects.find(session, project, lock=True), kind, request)
    if kind != "export":
        check_cues(session, project)
    _check_images(session, project, request.get("images") or ())
    if kind in ALONE and active_job(session, project, kind):
        said = f"a {ALONE[kind]} of this project is going on or waiting: wait until it is done, or cancel it"
        raise Problem("busy", 409, said)
    check_room(session, room)
    job = JobRow(project_id=project, kind=kind, request=dict(request))
    session.add(job)
    session.flush()
    return job


def _check_kind(project: ProjectRow, kind: str, request: Mapping[str, Any]) -> None:
    """Raise Problem with 422 for what a project of its kind does not have."""
    # Frames and slices that are checked are exported as the images that they are.
    known = FORMATS["images" if request.get("checked") else project.kind]
    unknown = [f for f in request.get("formats", ()) if f not in known]
    said = None
    if unknown:
        said = f"its zip holds {', '.join(known)}, and not {unknown[0]!r}"
    elif project.kind != "images" and kind == "suggest":
        said = "nothing is suggested in it: mark what a run calls doubtful, with ?order=doubtful first in its images"
    elif project.kind != "images" and request.get("images"):
        said = f"the {project.kind} is run as a whole: leave `images` out"
    elif project.kind != "images" and any(request.get(f) for f in ("min_area", "min_confidence")):
        said = "objects are left out of images alone: leave `min_area` and `min_confidence` out"
    elif project.kind != "images" and request.get("objects", "auto") != "auto":
        said = "objects are told apart in images alone: leave `objects` out"
    if said is not None:
        raise Problem("not_of_this_kind", 422, f"{project.name!r} is of the kind {project.kind!r}: {said}")


def check_cues(session: Session, project: str) -> None:
    """Raise Problem with 409 where neither marks of a project nor a ready concept show the thing."""
    if projects.find(session, project).concept is not None:
        return
    shows = (
        select(MarksRow.image_id)
        .join(ImageRow, ImageRow.id == MarksRow.image_id)
        .where(ImageRow.project_id == project, MarksRow.kind.in_(("mask", "sparse")), MarksRow.teaches)
    )
    if session.scalar(shows.limit(1)) is None:
        said = f"{NO_CUES}: mark the thing on one of its images first, or choose a ready concept"
        raise Problem("no_cues", 409, said)


def check_room(session: Session, room: int) -> None:
    """Raise Problem with 429 where as many jobs are waiting as may."""
    waiting = session.scalar(select(func.count()).select_from(JobRow).where(JobRow.state == "queued")) or 0
    if waiting >= room:
        raise busy(
            "queue_full", f"{waiting} jobs are waiting and no more may: try again later", RETRY_SECONDS
        )


def active_job(session: Session, project: str, kind: str) -> JobRow | None:
    """The job of a kind of a project that is going on or waiting."""
    return session.scalar(
        select(JobRow)
        .where(JobRow.project_id == project, JobRow.kind == kind, JobRow.state.in_(projects.ACTIVE))
        .limit(1)
    )


def get_job(session: Session, job: str) -> JobRow:
    """The job of that id. Raises Problem with 404."""
    found = session.get(JobRow, job)
    if found is None:
        raise not_found("job", job)
    return found


def get_jobs(session: Session, wanted: Collection[str]) -> list[JobRow]:
    """The jobs of these ids, without those that are not there."""
    return list(session.scalars(select(JobRow).where(JobRow.id.in_(wanted))))


def page(
    session: Session, project: str, kind: str | None, limit: int, cursor: str | None
) -> schemas.Page[schemas.Job]:
    """A part of the jobs of a project, newest first; a cursor is the id of the last job of the part before."""
    projects.find(session, project)
    of = select(JobRow).where(JobRow.project_id == project)
    if kind is not None:
        of = of.where(JobRow.kind == kind)
    total = session.scalar(select(func.count()).select_from(of.subquery())) or 0
    if cursor is not None:
        last = session.get(JobRow, cursor) if cursor.isalnum() else None
        if last is None or last.project_id != project:
            raise Problem(
                "invalid_cursor", 422, "the cursor is none of this list: give `next` of the part before"
            )
        of = of.where(
            (JobRow.created < last.created) | and_(JobRow.created == last.created, JobRow.id < last.id)
        )
    rows = list(session.scalars(of.order_by(JobRow.created.desc(), JobRow.id.desc()).limit(limit + 1)))
    following = rows[limit - 1].id if len(rows) > limit else None
    return schemas.Page[schemas.Job](items=[job_of(r) for r in rows[:limit]], next=following, total=total)


def cancel_job(session: Session, job: str) -> JobRow:
    """Stop a job: at once where it waits, at its next step where it is going on. One that is over stays as it is."""
    found = get_job(session, job)
    session.execute(
        update(JobRow)
        .where(JobRow.id == job, JobRow.state == "queued")
        .values(state="cancelled", finished=now())
    )
    session.execute(update(JobRow).where(JobRow.id == job, JobRow.state == "running").values(cancel=True))
    session.refresh(found)
    return found


def resume_job(session: Session, job: str, room: int) -> JobRow:
    """Put a failed or cancelled job back into the queue. Raises Problem: 404, 409, 429."""
    found = get_job(session, job)
    projects.find(session, found.project_id, lock=True)
    if found.state not in ("failed", "cancelled"):
        raise Problem(
            "not_resumable", 409, f"this job is {found.state}: only failed and cancelled jobs are resumed"
        )
    if found.kind in ALONE and active_job(session, found.project_id, found.kind):
        said = f"another {ALONE[found.kind]} of this project is going on or waiting: wait until it is done"
        raise Problem("busy", 409, said)
    check_room(session, room)
    found.state, found.cancel, found.attempts = "queued", False, 0
    found.error = found.result = found.finished = found.worker = None
    session.flush()
    return found


def settle(session: Session, job: str, state: str) -> JobRow:
    """Note of a refinement that is done what became of its pack: 'kept' or 'dropped'. Raises Problem with 404."""
    found = get_job(session, job)
    found.result = {**(found.result or {}), "state": state}
    session.flush()
    return found


# ---- what workers do


def waiting_jobs(session: Session, refining: bool, most: int = 20) -> list[str]:
    """Ids of jobs that can be claimed, the oldest first: refinements, or all others."""
    kind = JobRow.kind == "refine" if refining else JobRow.kind != "refine"
    waiting = select(JobRow.id).where(_claimable(), kind)
    return list(session.scalars(waiting.order_by(JobRow.created, JobRow.id).limit(most)))


def claim_job(session: Session, job: str, worker: str) -> JobRow | None:
    """Take a job for a worker; None where another one was quicker."""
    project = session.scalar(select(JobRow.project_id).where(JobRow.id == job))
    # Held, so that two workers at once cannot take two runs of one project.
    session.execute(select(ProjectRow.id).where(ProjectRow.id == project).with_for_update())
    taken = session.execute(
        update(JobRow)
        .where(JobRow.id == job, _claimable())
        .values(state="running", worker=worker, started=func.coalesce(JobRow.started, now()))
        .execution_options(synchronize_session=False)
    )
    return session.get(JobRow, job, populate_existing=True) if _count(taken) else None


def advance(session: Session, job: str, worker: str, done: int, total: int, stage: str | None = None) -> bool:
    """Note how far a job is; whether it is to be cancelled. Raises LostJobError."""
    _write(session, job, worker, {"done": done, "total": total, "stage": stage})
    return bool(session.scalar(select(JobRow.cancel).where(JobRow.id == job)))


def progressed(session: Session, job: str, worker: str) -> None:
    """Note that something was finished: attempts are counted anew. Raises LostJobError."""
    _write(session, job, worker, {"attempts": 0})


def finish_job(
    session: Session,
    job: str,
    worker: str,
    state: str,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """End a job as 'done', 'failed' or 'cancelled'. Raises LostJobError."""
    ended = {"result": result and dict(result), "error": error and dict(error), "finished": now()}
    _write(session, job, worker, {"state": state, **ended})


def give_back(session: Session, job: str, worker: str) -> None:
    """Put a job back into the queue, because its worker is being stopped. Raises LostJobError."""
    _write(session, job, worker, {"state": "queued", "worker": None})


def take_back(session: Session, worker: str | None = None) -> list[JobRow]:
    """Put the running jobs of a dead worker (None: all) back into the queue; give up those that killed too many."""
    of = select(JobRow).where(JobRow.state == "running").with_for_update()
    taken = list(session.scalars(of if worker is None else of.where(JobRow.worker == worker)))
    for job in taken:
        job.attempts += 1
        job.worker = None
        job.state = "cancelled" if job.cancel else "queued" if job.attempts < ATTEMPTS else "failed"
        if job.state != "queued":
            job.finished = now()
        if job.state == "failed":
            job.error = {
                "code": "worker_died",
                "message": f"the worker process ended {job.attempts} times at step {job.done + 1} of "
                f"{job.total}, perhaps for lack of memory; take that image out, or use a machine with more, "
                "and resume the job",
            }
    session.flush()
    return taken


def _check_images(session: Session, project: str, wanted: Sequence[str]) -> None:
    if wanted:
        there = set(session.scalars(select(ImageRow.id).where(ImageRow.project_id == project)))
        for image in wanted:
            if image not in there:
                raise not_found("image", image)


def _claimable() -> Any:
    other = aliased(JobRow)
    running = (
        select(other.id)
        .where(other.project_id == JobRow.project_id, other.kind == "run", other.state == "running")
        .correlate(JobRow)
    )
    return and_(JobRow.state == "queued", (JobRow.kind != "run") | ~running.exists())


def _write(session: Session, job: str, worker: str, values: Mapping[str, Any]) -> None:
    written = session.execute(
        update(JobRow)
        .where(JobRow.id == job, JobRow.worker == worker, JobRow.state == "running")
        .values(dict(values))
        .execution_options(synchronize_session=False)
    )
    if not _count(written):
        raise LostJobError(f"job {job} is not of worker {worker} any more")


def _count(result: Any) -> int:
    return int(result.rowcount)
