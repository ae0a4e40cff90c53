"""Runs: what the marks of a project make of its images, and what stays of earlier runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png

from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.predictor import load
from cuecast.results.manifest import read_manifest
from cuecast.runs.images import run
from cuecast.service import progress


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a.png to e.png with 1 to 5 red columns; a.png is marked."""
    with inline_service(tmp_path / "data") as service:
        ids = {n: service.upload(f"{n}.png", png(red, red)) for red, n in enumerate("abcde", start=1)}
        service.ids = ids
        service.mark(ids["a"], columns(1))
        yield service


def masks(service: Service) -> dict[str, tuple[bytes, int]]:
    """Name -> (bytes, time of writing) of every mask of the results."""
    return {p.stem: (p.read_bytes(), p.stat().st_mtime_ns) for p in service.results.glob("masks/*.png")}


def remade(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


def test_the_masks_are_those_of_the_library(service: Service, tmp_path: Path) -> None:
    job = service.done("runs")
    assert job["result"]["counts"] == {"found": 5, "doubtful": 0, "absent": 0, "failed": 0}
    assert (job["done"], job["total"]) == (5, 5)
    cueset = read_cueset(service.state.files.cues(service.project))
    concept = load("colours").learn(read_examples(cueset), cueset.classes)
    inputs = []
    for red, name in enumerate("abcde", start=1):
        inputs.append(tmp_path / f"{name}.png")
        inputs[-1].write_bytes(png(red, red))
    run(concept, inputs, tmp_path / "out")
    ours, library = service.results / "masks", tmp_path / "out" / "masks"
    assert {p.name: p.read_bytes() for p in ours.iterdir()} == {
        p.name: p.read_bytes() for p in library.iterdir()
    }


def test_predictions_say_what_was_found(service: Service) -> None:
    job = service.done("runs")
    found = service.predictions()
    assert {n: p["areas"] for n, p in found.items()} == {
        f"{n}.png": {"1": 4 * k} for k, n in enumerate("abcde", 1)
    }
    assert all(p["counts"] == {"1": 1} and p["verdict"] == "found" and not p["stale"] for p in found.values())
    assert job["result"]["kept"] == 0


def test_a_second_run_redoes_nothing(service: Service) -> None:
    service.done("runs")
    before = masks(service)
    assert service.done("runs")["result"]["kept"] == 5
    assert masks(service) == before
    assert service.done("runs", {"overwrite": True})["result"]["kept"] == 0
    assert remade(before, masks(service)) == set("abcde")


def test_a_run_of_some_images_leaves_the_others(service: Service) -> None:
    chosen = [service.ids["d"], service.ids["b"]]
    job = service.done("runs", {"images": chosen})
    assert (job["total"], job["result"]["counts"]["found"]) == (2, 2)
    assert set(masks(service)) == {"b", "d"}
    assert {n for n, p in service.predictions().items() if p} == {"b.png", "d.png"}
    service.done("runs")
    before = masks(service)
    service.done("runs", {"images": chosen, "overwrite": True})
    assert remade(before, masks(service)) == {"b", "d"}


def test_marks_that_change_make_predictions_stale_until_the_next_run(service: Service) -> None:
    service.done("runs")
    service.mark(service.ids["c"], {"absent": True})
    assert all(p["stale"] for p in service.predictions().values())
    service.done("runs")
    found = service.predictions()
    assert not any(p["stale"] for p in found.values())
    assert found["c.png"]["verdict"] == "absent"


def test_marks_saved_during_a_run_leave_its_predictions_stale(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = progress.Recorder.note

    def noting(recorder: Any, step: Any) -> None:
        if step.done == 1:
            service.mark(service.ids["b"], columns(2))
        note(recorder, step)

    monkeypatch.setattr(progress.Recorder, "note", noting)
    service.done("runs")
    assert all(p["stale"] for p in service.predictions().values())
    monkeypatch.undo()
    service.done("runs")
    assert not any(p["stale"] for p in service.predictions().values())


def test_what_a_person_calls_wrong_is_redone_once_the_marks_have_changed(service: Service) -> None:
    service.done("runs")
    i = service.ids["e"]
    reply = service.client.put(f"{service.p}/images/{i}/prediction/review", json={"wrong": True})
    assert reply.json()["wrong"] is True
    assert service.done("runs")["result"]["kept"] == 5
    assert service.predictions()["e.png"]["wrong"] is True
    service.mark(service.ids["b"], columns(2))
    before = masks(service)
    service.done("runs")
    assert "e" in remade(before, masks(service))
    assert service.predictions()["e.png"]["wrong"] is False


def test_results_of_a_removed_image_go_and_its_name_is_free(service: Service) -> None:
    service.done("runs")
    assert service.client.delete(f"{service.p}/images/{service.ids['e']}").status_code == 204
    again = service.upload("e.png", png(7, 70))
    assert service.get(f"images/{again}")["prediction"] is None
    service.done("runs", {"images": [service.ids["b"]]})
    assert service.predictions()["e.png"] is None or service.predictions()["e.png"]["stale"]
    service.done("runs")
    assert service.predictions()["e.png"]["areas"] == {"1": 28}


def test_another_scale_takes_the_place_of_all_results(service: Service) -> None:
    service.done("runs")
    before = masks(service)
    assert service.client.patch(service.p, json={"scale": "pixel"}).status_code == 200
    assert all(p["stale"] for p in service.predictions().values())
    assert service.done("runs")["result"]["kept"] == 0
    assert remade(before, masks(service)) == set("abcde")


def test_a_lost_history_of_the_cues_takes_the_place_of_all_results(service: Service) -> None:
    service.done("runs")
    (service.state.files.cues(service.project) / "cues.json").unlink()
    assert service.done("runs")["result"]["counts"]["found"] == 5


def test_an_image_that_cannot_be_read_is_named_and_the_rest_is_done(service: Service) -> None:
    i = service.ids["c"]
    stored = next(service.state.files.images(service.project).glob(f"{i}.*"))
    stored.write_bytes(stored.read_bytes()[:40])
    job = service.done("runs")
    assert job["result"]["counts"] == {"found": 4, "doubtful": 0, "absent": 0, "failed": 1}
    (failure,) = job["result"]["failures"]
    assert (failure["image_id"], failure["image"]) == (i, "c.png")
    error = service.predictions()["c.png"]["error"]
    assert error.startswith("the image is damaged")
    assert "c.png" not in error, "it is said of c.png already"
    assert failure["error"] == error
    assert str(service.results.parent) not in error
    assert service.get(f"images/{i}/prediction/mask", 404)["error"]["code"] == "no_result"


def test_a_cancelled_run_keeps_what_is_done_and_goes_on(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = service.post("runs")
    monkeypatch.setattr(progress, "TICK", 0.0)
    note = progress.Recorder.note

    def noting(recorder: Any, step: Any) -> None:
        if step.done == 2:
            service.client.post(f"/v1/jobs/{job['id']}/cancel")
        note(recorder, step)

    monkeypatch.setattr(progress.Recorder, "note", noting)
    service.work()
    stopped = service.job(job)
    assert (stopped["state"], stopped["done"], stopped["total"]) == ("cancelled", 2, 5)
    assert {n for n, p in service.predictions().items() if p} == {"a.png", "b.png"}
    before = masks(service)
    monkeypatch.undo()
    service.client.post(f"/v1/jobs/{job['id']}/resume")
    service.work()
    assert service.job(job)["result"]["kept"] == 2
    assert remade(before, masks(service)) == set("cde")


def test_a_stopped_worker_puts_its_run_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "TICK", 0.0)
    job = service.post("runs")
    asked = iter([False, False, True])
    bench = service.bench(stopping=lambda: next(asked))
    from cuecast.service import workers

    claimed = workers._claim(bench.database, bench.worker)
    assert claimed is not None
    workers._do(bench, claimed)
    assert service.job(job)["state"] == "queued"
    assert len(masks(service)) == 3
    service.work()
    assert service.job(job)["result"]["kept"] == 3


def test_an_overwriting_run_that_was_stopped_does_nothing_twice(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cuecast.service import workers

    service.done("runs")
    monkeypatch.setattr(progress, "TICK", 0.0)
    job = service.post("runs", {"overwrite": True})
    asked = iter([False, False, True])
    bench = service.bench(stopping=lambda: next(asked))
    claimed = workers._claim(bench.database, bench.worker)
    assert claimed is not None
    workers._do(bench, claimed)
    before = masks(service)
    service.work()
    assert remade(before, masks(service)) == {"d", "e"}
    assert (service.job(job)["done"], service.job(job)["total"]) == (5, 5)


def test_what_a_killed_worker_did_not_note_is_found_in_the_manifest(service: Service) -> None:
    service.done("runs")
    from sqlalchemy import delete

    from cuecast.service.store.models import PredictionRow

    with service.state.database.writing() as session:
        session.execute(delete(PredictionRow))
    before = masks(service)
    service.done("runs")
    assert masks(service) == before
    assert {n for n, p in service.predictions().items() if p and not p["stale"]} == {
        f"{n}.png" for n in "abcde"
    }


def test_the_manifest_carries_the_users_names(service: Service) -> None:
    service.done("runs")
    entries = list(read_manifest(service.results / "manifest.jsonl"))
    assert [e.name for e in entries] == list("abcde")
    assert [Path(e.image).name for e in entries] == [f"{n}.png" for n in "abcde"]
    assert {e.cueset_version for e in entries} == {2}
