"""What was made for one thing is not taken for another: names, numbers and files that are used again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png
from PIL import Image
from sqlalchemy import event

from cuecast.service import progress, workers
from cuecast.service.files import sweep


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a.png to c.png with 1 to 3 red columns; a.png is marked, all are done."""
    with inline_service(tmp_path / "data") as service:
        service.ids = {n: service.upload(f"{n}.png", png(red, red)) for red, n in enumerate("abc", start=1)}
        service.mark(service.ids["a"], columns(1))
        service.done("runs")
        yield service


def exported(service: Service, *formats: str) -> zipfile.ZipFile:
    job = service.done("exports", {"formats": list(formats)})
    return zipfile.ZipFile(io.BytesIO(service.client.get(f"/v1/jobs/{job['id']}/file").content))


def test_a_new_image_does_not_get_the_mask_of_a_deleted_one_of_its_name(service: Service) -> None:
    assert service.client.delete(f"{service.p}/images/{service.ids['b']}").status_code == 204
    new = service.upload("b.png", png(6, 9, (16, 16)))
    assert "masks/b.png" not in exported(service, "masks", "csv").namelist()
    service.done("runs", {"images": [service.ids["a"]]})
    assert service.predictions()["b.png"] is None
    service.done("runs")
    assert service.predictions()["b.png"]["areas"] == {"1": 6 * 16}
    mask = service.client.get(f"{service.p}/images/{new}/prediction/mask")
    assert Image.open(io.BytesIO(mask.content)).size == (16, 16)
    assert "masks/b.png" in exported(service, "masks").namelist()


def test_masks_that_a_run_takes_away_are_predictions_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service.client.patch(service.p, json={"scale": "pixel"}).status_code == 200
    monkeypatch.setattr(progress, "TICK", 0)
    job, noted = service.post("runs"), progress.Recorder.flush

    def cancelled(recorder: progress.Recorder, done: int, total: int) -> None:
        service.client.post(f"/v1/jobs/{job['id']}/cancel")
        noted(recorder, done, total)

    monkeypatch.setattr(progress.Recorder, "flush", cancelled)
    service.work()
    assert service.job(job)["state"] == "cancelled"
    there = {path.name for path in service.results.glob("masks/*.png")}
    assert there == {name for name, p in service.predictions().items() if p} != {"a.png", "b.png", "c.png"}
    objects = service.get("objects")
    assert objects["total"] == len(objects["items"])


def test_what_an_overwriting_run_made_of_former_marks_is_made_anew_when_it_goes_on(service: Service) -> None:
    job = service.post("runs", {"overwrite": True})
    bench = service.bench(stopping=iter([False, True]).__next__)
    claimed = workers._claim(bench.database, bench.worker)
    assert claimed is not None
    workers._do(bench, claimed)
    service.mark(service.ids["c"], {"absent": True})
    service.work()
    assert service.job(job)["state"] == "done"
    assert not any(p["stale"] for p in service.predictions().values())


def test_numbers_of_classes_that_went_are_given_to_no_other_while_masks_hold_them(service: Service) -> None:
    def classes(*names: str) -> list[int]:
        changed = service.client.patch(service.p, json={"classes": [{"name": name} for name in names]})
        assert changed.status_code == 200, changed.text
        return [c["id"] for c in changed.json()["classes"]]

    assert classes("thing", "wolf") == [1, 2]
    wolf = {"mask": {"size": [4, 8], "counts": {"2": [0, 4, 28]}}}
    version = service.mark(service.ids["a"], {"version": 1, **wolf})
    service.done("runs")
    service.mark(service.ids["a"], columns(1, version))
    assert classes("thing") == [1]
    assert classes("thing", "sheep") == [1, 3]


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("PUT", "images/{a}/marks", {"version": 1, "box": []}, "box"),
        (
            "PUT",
            "images/{a}/marks",
            {"version": 1, "boxes": [{"xyxy": [0, 0, 2, 2], "class_id": 7}]},
            "class_id",
        ),
        ("POST", "runs", {"image": ["x"]}, "image"),
        ("PATCH", "", {"nmae": "cells"}, "nmae"),
    ],
)
def test_fields_that_are_not_known_are_refused(
    service: Service, method: str, path: str, body: Any, named: str
) -> None:
    where = f"{service.p}/{path}".rstrip("/").format(a=service.ids["a"])
    refused = service.client.request(method, where, json=body)
    assert refused.status_code == 422, refused.text
    assert named in refused.json()["error"]["message"]
    assert service.get(f"images/{service.ids['a']}/marks")["mask"] is not None


def test_an_image_whose_mask_is_gone_is_left_out_of_an_export(service: Service) -> None:
    (service.results / "masks" / "b.png").unlink()
    assert [n for n in exported(service, "masks").namelist() if n.startswith("masks/")] == [
        "masks/a.png",
        "masks/c.png",
    ]


def test_the_sweep_takes_away_what_a_killed_export_left(service: Service) -> None:
    exported(service, "masks")
    exports = service.state.files.exports(service.project)
    (exports / "killed.tree" / "masks").mkdir(parents=True)
    (exports / ".cuecast-0123456789abcdef.zip").touch()
    sweep(service.state.files, service.state.database, 1 << 30)
    assert [path.suffix for path in exports.iterdir()] == [".zip"]
    assert not any(path.name.startswith(".") for path in exports.iterdir())


def test_a_full_disk_is_not_told_as_a_busy_database(service: Service) -> None:
    engine = service.state.database.engine
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count=1"))
    engine.dispose()
    big = {"name": "x" * 200, "classes": [{"name": f"c{i}"} for i in range(500)]}
    replies = (service.client.post("/v1/projects", json=big) for _ in range(200))
    refused = next(reply for reply in replies if reply.status_code != 201)
    assert (refused.status_code, refused.json()["error"]["code"]) == (507, "cannot_write")
    assert "Retry-After" not in refused.headers
