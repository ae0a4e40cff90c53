"""The queue: what may be added, who gets it, what comes of it when a worker dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from inline_service import Service, columns, inline_service, png

from cuecast.service.settings import Limits
from cuecast.service.store import jobs
from cuecast.service.store.models import JobRow


@pytest.fixture(params=["sqlite", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A project with one marked image, on each of the two databases."""
    url = request.getfixturevalue("empty_postgres") if request.param == "postgres" else None
    with inline_service(tmp_path / "data", database=url) as service:
        service.mark(service.upload("a.png", png(3)), columns(3))
        yield service


def test_nothing_can_be_learnt_from_no_marks(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        image = service.upload("a.png", png(3))
        service.mark(image, {"absent": True})
        for kind in ("runs", "checks", "suggestions"):
            assert service.post(kind, status=409)["error"]["code"] == "no_cues"
        assert service.get("jobs")["items"] == []


def test_a_run_beside_a_run_is_refused_and_other_jobs_are_not(service: Service) -> None:
    first = service.post("runs")
    assert first["state"] == "queued"
    assert service.post("runs", status=409)["error"]["code"] == "busy"
    service.post("exports", {"formats": ["masks"]})
    service.work()
    assert service.job(first)["state"] == "done"
    service.post("runs")


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data", limits=Limits(queue=2)) as service:
        for _ in range(2):
            service.post("exports", {"formats": ["masks"]})
        reply = service.client.post(f"{service.p}/exports", json={"formats": ["masks"]})
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "queue_full")
        assert int(reply.headers["Retry-After"]) > 0


def test_an_image_of_another_project_is_not_there(service: Service) -> None:
    service.upload("b.png", png(2))
    assert service.post("runs", {"images": ["nosuchimage1"]}, 404)["error"]["code"] == "not_found"


def test_jobs_are_listed_newest_first_in_parts(service: Service) -> None:
    made = [service.post("exports", {"formats": ["masks"]})["id"] for _ in range(3)]
    run = service.post("runs")["id"]
    first = service.get("jobs?limit=2")
    assert [j["id"] for j in first["items"]] == [run, made[2]]
    assert first["total"] == 4
    second = service.get(f"jobs?limit=2&cursor={first['next']}")
    assert ([j["id"] for j in second["items"]], second["next"]) == ([made[1], made[0]], None)
    assert [j["id"] for j in service.get("jobs?kind=run")["items"]] == [run]
    assert service.get("jobs?cursor=nosuchjob123", 422)["error"]["code"] == "invalid_cursor"


def test_a_waiting_job_is_cancelled_at_once_and_resumed(service: Service) -> None:
    job = service.post("runs")
    cancelled = service.client.post(f"/v1/jobs/{job['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    service.work()
    assert service.predictions() == {"a.png": None}
    assert service.client.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "queued"
    service.work()
    assert service.job(job)["state"] == "done"
    refused = service.client.post(f"/v1/jobs/{job['id']}/resume")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_resumable")


def test_a_failure_of_the_job_is_told_and_the_worker_goes_on(service: Service) -> None:
    # The only mark is 'not this': nothing can be learnt, which is known once the run looks at it.
    service.mark(
        service.get("images")["items"][0]["id"], {"version": 1, "points": [{"xy": [0, 0], "class": 0}]}
    )
    job, export = service.post("runs"), service.post("exports", {"formats": ["cueset"]})
    service.work()
    failed = service.job(job)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "marks_invalid")
    assert "at least one must show the thing" in failed["error"]["message"]
    assert service.job(export)["state"] == "done"


def test_two_workers_never_get_the_same_job(service: Service) -> None:
    job = service.post("runs")["id"]
    database = service.state.database
    with database.writing() as session:
        assert jobs.claim_job(session, job, "w1") is not None
    with database.writing() as session:
        assert jobs.claim_job(session, job, "w2") is None
        with pytest.raises(jobs.LostJobError):
            jobs.advance(session, job, "w2", 1, 2)


def test_a_second_run_of_a_project_waits_for_the_first(service: Service) -> None:
    first = service.post("runs")["id"]
    database = service.state.database
    with database.writing() as session:
        assert jobs.claim_job(session, first, "w1") is not None
        # As two requests at once might have added it.
        session.add(JobRow(id="second", project_id=service.project, kind="run", request={}))
        session.add(JobRow(id="export", project_id=service.project, kind="export", request={"formats": []}))
    with database.reading() as session:
        assert jobs.waiting_jobs(session, refining=False) == ["export"]
    with database.writing() as session:
        assert jobs.claim_job(session, "second", "w2") is None
        jobs.finish_job(session, first, "w1", "done", {})
    with database.writing() as session:
        assert jobs.claim_job(session, "second", "w2") is not None


def test_a_job_goes_back_when_its_worker_dies_and_is_given_up_after_three(service: Service) -> None:
    ident = service.post("runs")["id"]
    database = service.state.database
    for attempt in (1, 2, 3):
        with database.writing() as session:
            assert jobs.claim_job(session, ident, "w") is not None
            jobs.advance(session, ident, "w", 4, 9)
        with database.writing() as session:
            assert [j.attempts for j in jobs.take_back(session, "w")] == [attempt]
    failed = service.job({"id": ident})
    assert (failed["state"], failed["error"]["code"]) == ("failed", "worker_died")
    assert "step 5 of 9" in failed["error"]["message"]
    assert service.client.post(f"/v1/jobs/{ident}/resume").json()["error"] is None


def test_a_job_that_gets_on_is_never_given_up(service: Service) -> None:
    ident = service.post("runs")["id"]
    database = service.state.database
    for _ in range(5):
        with database.writing() as session:
            assert jobs.claim_job(session, ident, "w") is not None
            jobs.progressed(session, ident, "w")
        with database.writing() as session:
            jobs.take_back(session)
    assert service.job({"id": ident})["state"] == "queued"


def test_a_cancelled_job_whose_worker_dies_is_cancelled(service: Service) -> None:
    ident = service.post("runs")["id"]
    with service.state.database.writing() as session:
        jobs.claim_job(session, ident, "w")
        assert jobs.cancel_job(session, ident).state == "running"
    with service.state.database.writing() as session:
        jobs.take_back(session)
    assert service.job({"id": ident})["state"] == "cancelled"
