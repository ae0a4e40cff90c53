"""Refining a project's checked pictures, on a network of random weights with budgets of seconds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import ADDRESS, Service, columns, inline_service, png
from pictures import write_square
from PIL import Image
from starlette.testclient import TestClient
from waiting import wait_for

pytest.importorskip("torch")
pytest.importorskip("onnx")

from quick_refine import quicken, raw_pack

from cuecast.cues import mask_document
from cuecast.engine.packs import open_pack
from cuecast.predictor import load
from cuecast.service import keys, workers
from cuecast.service.app import create_app
from cuecast.service.keys import format_key, hash_secret, new_secret
from cuecast.service.settings import Settings
from cuecast.service.store.database import open_database
from cuecast.service.store.models import JobRow
from cuecast.training import needed, refine_fit
from cuecast.training.refine_compare import Comparison
from cuecast.training.refine_data import Data

NEW = {"name": "sector", "base": "raw", "minutes": 20}


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packs, among them 'raw' of random weights that looks at small frames."""
    shelf = tmp_path_factory.mktemp("packs")
    raw_pack(shelf)
    return shelf


@pytest.fixture
def service(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose project has eight pictures of a bright square, three of them called right, and two without. A
    refinement in it takes a few steps on a few small samples; the packs that it installs go with it."""
    monkeypatch.setenv("CUECAST_PACKS", f"{tmp_path / 'own'}:{shelf}")
    quicken(monkeypatch)
    with inline_service(tmp_path / "data") as service:
        accept(service, tmp_path, 10)
        yield service


def accept(service: Service, folder: Path, count: int, first: int = 0) -> None:
    """Add pictures whose whole mask is known; every third is no cue, and every fifth has no square."""
    service.client.patch(service.p, json={"classes": [{"id": 1, "name": "square"}]})
    for i in range(first, first + count):
        square = i % 5 != 4
        write_square(folder, f"{i:02}", i, square=square)
        image = service.upload(f"p{i:02}.png", (folder / f"images/{i:02}.png").read_bytes())
        labels = (
            (np.asarray(Image.open(folder / f"masks/{i:02}.png")) > 0).astype(np.int32) if square else None
        )
        marks = {"mask": mask_document(labels)} if labels is not None else {"absent": True}
        service.mark(image, {"version": 0, "teaches": i % 3 != 2, **marks})


def refined(service: Service, **changes: Any) -> dict[str, Any]:
    """A refinement that has been done."""
    job = service.post("refinements", NEW | changes)
    assert (job["kind"], job["state"]) == ("refine", "queued")
    service.work()  # another process's work
    assert service.job(job)["state"] == "queued"
    work(service)
    ended = service.job(job)
    assert ended["state"] == "done", ended
    return ended


def work(service: Service, **changes: Any) -> None:
    """Do all refinements that wait, as their process does."""
    bench = service.bench(**changes)
    while job := workers._claim(bench.database, bench.worker, True):
        workers._do(bench, job)


def ask(service: Service, job: dict[str, Any], what: str, status: int = 200, **body: Any) -> Any:
    """POST .../keep or .../drop; the job, or the error."""
    headers = body.pop("headers", {})
    reply = service.client.post(f"/v1/jobs/{job['id']}/{what}", json=body, headers=headers)
    assert reply.status_code == status, reply.text
    return reply.json() if status == 200 else reply.json()["error"]


@pytest.fixture
def better(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured of random weights counts as better."""
    monkeypatch.setattr(Comparison, "faults", ())


@pytest.fixture
def worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is measured counts as no better, whatever random weights have reached."""
    monkeypatch.setattr(Comparison, "faults", ("it gains +0.001 IoU",))


def folders(service: Service) -> list[str]:
    return sorted(p.name for p in service.state.files.refined(service.project).glob("*/*"))


@pytest.mark.usefixtures("better")
def test_a_better_pack_is_compared_kept_and_used(service: Service, tmp_path: Path) -> None:
    done = refined(service, card={"organisation": "Our hospital"})
    result = done["result"]
    assert (result["better"], result["faults"], result["state"]) == (True, [], "open")
    assert (result["base"], result["pack"], result["concepts"]) == ("raw", "sector", ["square"])
    assert set(result["by_shots"]) == {"1"}
    assert set(result["by_shots"]["1"]) == {"base", "refined"}
    assert "0" in result["curve"]
    assert len(result["curve"]) >= 2
    assert str(tmp_path) not in str(done)
    assert done["stage"] == "last"
    assert "sector" not in service.client.get("/v1/info").json()["packs"]
    assert folders(service) == ["pictures", "result.json", "sector"]

    kept = ask(service, done, "keep")
    assert kept["result"]["state"] == "kept"
    pack = open_pack("sector")
    assert (pack.folder.parent, pack.digest) == (tmp_path / "own", result["digest"])
    assert pack.card["organisation"] == "Our hospital"
    assert pack.card["data"][0]["name"] == "Red things"
    assert folders(service) == []
    assert ask(service, done, "keep")["result"]["state"] == "kept"
    assert ask(service, done, "drop")["result"]["state"] == "kept"
    assert load("sector").concept("square").classes[0].name == "square"
    # The project works with it from then on, where it is told to.
    service.client.patch(service.p, json={"pack": "sector"}).raise_for_status()
    said = service.post("refinements", {"name": "sector"}, 409)["error"]
    assert (said["code"], "the pack that it stands on" in said["message"]) == ("pack_exists", True)
    assert service.done("runs")["result"]["counts"]["failed"] == 0


@pytest.mark.usefixtures("worse")
def test_a_pack_that_is_not_better_is_kept_by_an_explicit_word_alone(
    service: Service, tmp_path: Path
) -> None:
    done = refined(service)
    assert not done["result"]["better"]
    assert done["result"]["faults"]
    refused = ask(service, done, "keep", 409)
    assert refused["code"] == "not_better"
    assert done["result"]["faults"][0] in refused["message"]
    assert "anyway" in refused["message"]
    assert "sector" not in service.client.get("/v1/info").json()["packs"]
    assert ask(service, done, "keep", anyway=True)["result"]["state"] == "kept"
    assert open_pack("sector").card["training"]["better"] is False
    # Another one of that name takes its place only where that is said.
    accept(service, tmp_path, 2, first=10)  # of the same pictures the very same pack may come
    again = refined(service, minutes=30)
    assert ask(service, again, "keep", 409, anyway=True)["code"] == "pack_exists"
    assert ask(service, again, "keep", anyway=True, replace=True)["result"]["state"] == "kept"


def test_what_is_dropped_is_gone(service: Service) -> None:
    done = refined(service)
    assert ask(service, done, "drop")["result"]["state"] == "dropped"
    assert folders(service) == []
    assert ask(service, done, "drop")["result"]["state"] == "dropped"
    assert ask(service, done, "keep", 409, anyway=True)["code"] == "refinement_over"


def test_a_stop_and_a_cancel_lose_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = service.post("refinements", NEW)
    assert service.post("refinements", NEW, 409)["error"]["code"] == "busy"
    seen: list[str] = []

    def stopping() -> bool:
        now = service.job(job)
        seen.append(now["stage"])
        return now["stage"] == "lessons"

    bench = service.bench(stopping=stopping)
    claimed = workers._claim(bench.database, bench.worker, True)
    assert claimed is not None
    workers._do(bench, claimed)
    assert service.job(job)["state"] == "queued"
    assert "base" in seen
    (folder,) = service.state.files.refined(service.project).glob("*/.sector.refining")
    answers = (folder / "base.answers.json").stat().st_mtime_ns

    # Somebody cancels it while it goes on; what was accepted since does not count.
    def cancelling() -> bool:
        if service.job(job)["stage"] == "fit":
            service.client.post(f"/v1/jobs/{job['id']}/cancel")
        return False

    work(service, stopping=cancelling)
    assert service.job(job)["state"] == "cancelled"
    assert ask(service, job, "keep", 409)["code"] == "not_ready"
    assert (folder / "base.answers.json").stat().st_mtime_ns == answers
    service.client.post(f"/v1/jobs/{job['id']}/resume").raise_for_status()
    assert ask(service, job, "drop", 409)["code"] == "busy"
    taught: set[int] = set()

    def lesson(segmenter: Any, data: Data, number: int, beside: Any) -> list[refine_fit.Sample]:
        taught.add(len(data.teaching))
        return refine_fit.draw_lesson(segmenter, data, number, beside)

    monkeypatch.setattr("cuecast.training.refine.draw_lesson", lesson)
    work(service)
    assert service.job(job)["state"] == "done", service.job(job)
    (made,) = service.state.files.refined(service.project).glob("*/sector/card.json")
    said = json.loads(made.read_text())["training"]
    assert taught == {
        said["teaching"] + said["judging"]
    }  # what was done is not done again: the last lessons alone


def test_what_cannot_be_refined_is_refused_before_the_work(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(status: int, **changes: Any) -> tuple[str, str]:
        error = service.post("refinements", NEW | changes, status)["error"]
        return error["code"], error["message"]

    assert "no pack 'gone'" in said(422, base="gone")[1]
    code, message = said(422, base="colours")
    assert (code, "no decoder to refine" in message) == ("pack_invalid", True)
    assert said(409, name="raw")[0] == "pack_exists"
    assert "pack of the package" in said(409, name="general")[1]
    assert said(422, name="../x")[0] == "invalid_request"
    assert said(422, minutes=0)[0] == "invalid_request"
    code, message = said(422, card={"colour": "red"})
    assert (code, "colour: is no field of a card" in message) == ("pack_invalid", True)
    for name in ("scores", "training", "thresholds"):
        code, message = said(422, card={name: {}})
        assert (code, f"card: {name}: is measured or made" in message) == ("pack_invalid", True)
    monkeypatch.setattr(
        needed.importlib.util, "find_spec", lambda name: None if name == "torch" else object()
    )
    code, message = said(501)
    assert (code, "pip install 'cuecast[train]'" in message) == ("extra_missing", True)
    monkeypatch.undo()
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "own"))
    film = service.client.post("/v1/projects", json={"name": "Film", "kind": "video"}).json()["id"]
    service.p = f"/v1/projects/{film}"
    assert said(422, base="general")[0] == "not_of_this_kind"
    few = service.client.post("/v1/projects", json={"name": "Few"}).json()["id"]
    service.p, service.project = f"/v1/projects/{few}", few
    accept(service, tmp_path, 4, 20)
    code, message = said(409, base="general")
    assert (code, "6 pictures of a class" in message) == ("too_few_pictures", True)
    assert "4 are marked wholly or called right" in message
    run = service.post("runs")
    assert ask(service, run, "keep", 422)["code"] == "not_of_this_kind"
    assert ask(service, {"id": "nosuchjob"}, "drop", 404)["code"] == "not_found"


@pytest.mark.usefixtures("better")
def test_keeping_needs_an_admin_where_there_are_keys(service: Service) -> None:
    done = refined(service)

    def key(*, admin: bool) -> dict[str, str]:
        secret = new_secret()
        with service.state.database.writing() as session:
            row = keys.add(session, "me", hash_secret(secret), admin=admin)
        return {"Authorization": f"Bearer {format_key(row.id, secret)}"}

    plain, admin = key(admin=False), key(admin=True)
    for headers in ({}, plain):
        assert ask(service, done, "keep", 403, headers=headers)["code"] == "admin_key_needed"
    assert ask(service, done, "keep", headers=admin)["result"]["state"] == "kept"


def test_a_process_of_its_own_does_refinements_and_ends(tmp_path: Path) -> None:
    """Beside runs; here one that cannot be done, which ends at once."""
    settings = Settings(data=tmp_path / "data", pack="colours", workers=1)
    settings.data.mkdir()
    database = open_database(settings.database_url)
    with inline_service(settings.data) as service:
        project = service.project
        service.mark(service.upload("a.png", png(3)), columns(3))
    with database.writing() as session:
        request = {"name": "sector", "base": "colours", "minutes": 1.0, "group": None, "card": {}}
        session.add(JobRow(id="refineme2345", project_id=project, kind="refine", request=request))
    database.close()
    with TestClient(create_app(settings), base_url=ADDRESS) as client:
        job = wait_for(lambda: client.get("/v1/jobs/refineme2345").json()["error"], 120.0)
        assert "no decoder to refine" in job["message"]
        crew = client.app.state.workers  # type: ignore[attr-defined]
        assert len(crew.pids()) == 1
        wait_for(lambda: crew.refiner is None, 120.0)
