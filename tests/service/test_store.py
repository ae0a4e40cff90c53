"""Projects, images and marks, on both databases."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from service_client import Service, ok, png, refused
from sqlalchemy import text

from cuecast.core.errors import OutputError
from cuecast.service.store import models
from cuecast.service.store.database import open_database

THREE = {"size": [4, 8], "counts": {"1": [0, 12, 20]}}
"""Class 1 in the first three columns of four rows."""


def test_the_tables_are_those_of_the_migrations(stored: Service) -> None:
    with stored.database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, models.Base.metadata) == []


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    database = open_database(url)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(OutputError, match="update cuecast"):
        open_database(url)


def test_a_database_out_of_reach_is_refused_without_its_password() -> None:
    with pytest.raises(OutputError, match="cannot be opened") as caught:
        open_database("postgresql+pg8000://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


def test_what_fails_leaves_nothing(stored: Service) -> None:
    def fail() -> None:
        with stored.database.writing() as session:
            session.add(models.ProjectRow(name="x", classes=[]))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert ok(stored.client.get("/v1/projects"))["total"] == 0


def test_sqlite_keeps_what_it_was_given(service: Service) -> None:
    with service.database.writing() as session:
        pragmas = [
            session.execute(text(f"PRAGMA {p}")).scalar()
            for p in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_writers_wait_for_each_other(stored: Service) -> None:
    """Each reads before it writes: without BEGIN IMMEDIATE or the row's lock, counts would be lost or refused."""
    project = stored.project()
    errors: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with stored.database.writing() as session:
                    row = session.get(models.ProjectRow, project, with_for_update=True)
                    assert row is not None
                    row.name = str(int(row.name) + 1) if row.name.isdigit() else "1"
        except BaseException as error:  # noqa: BLE001  carried to the test
            errors.append(error)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ok(stored.client.get(f"/v1/projects/{project}"))["name"] == "40"


# ---- projects


def test_a_project_has_a_class_and_colours(stored: Service) -> None:
    made = ok(stored.client.post("/v1/projects", json={"name": " cells "}), 201)
    assert made["name"] == "cells"
    assert made["classes"] == [{"id": 1, "name": "thing", "colour": "#e6194b"}]
    assert (made["images"], made["cues"], made["job"], made["kind"], made["scale"]) == (
        0,
        0,
        None,
        "images",
        "frame",
    )
    two = ok(
        stored.client.post(
            "/v1/projects", json={"name": "x", "classes": [{"name": "a"}, {"name": "b", "colour": "#000000"}]}
        ),
        201,
    )
    assert two["classes"] == [
        {"id": 1, "name": "a", "colour": "#e6194b"},
        {"id": 2, "name": "b", "colour": "#000000"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "a", "scale": "large"},
        {"name": "a", "classes": [{"name": "x"}, {"name": "x"}]},
        {"name": "a", "classes": [{"name": "x", "id": 1}, {"name": "y", "id": 1}]},
        {"name": "a", "classes": [{"name": "x", "id": 70000}]},
        {"name": "a", "classes": [{"name": "x", "colour": "red"}]},
    ],
)
def test_a_project_that_cannot_be(service: Service, body: dict[str, Any]) -> None:
    response = service.client.post("/v1/projects", json=body)
    assert response.status_code == 422
    assert set(response.json()) == {"error"}


def test_projects_are_listed_in_parts(stored: Service) -> None:
    names = ["d", "B", "a", "e", "C"]
    for name in names:
        stored.project(name)
    seen, cursor = [], None
    while True:
        part = ok(
            stored.client.get("/v1/projects", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        )
        assert part["total"] == 5
        seen += [p["name"] for p in part["items"]]
        cursor = part["next"]
        if cursor is None:
            break
    assert seen == ["a", "B", "C", "d", "e"]


@pytest.mark.parametrize("cursor", ["x", "WzFd", "bnVsbA", "WyJhXHUwMDAwIiwiYiJd", "W1tdLFtdXQ", "////", "é"])
def test_a_cursor_that_is_none(stored: Service, cursor: str) -> None:
    refused(stored.client.get("/v1/projects", params={"cursor": cursor}), 422, "invalid_cursor")


def test_a_project_is_changed(stored: Service) -> None:
    project = stored.project(classes=[{"name": "a"}, {"name": "b"}])
    path = f"/v1/projects/{project}"
    changed = ok(stored.client.patch(path, json={"name": "new", "scale": "pixel"}))
    assert (changed["name"], changed["scale"], len(changed["classes"])) == ("new", "pixel", 2)
    # 'a' is renamed by its id, 'b' goes, 'c' comes; the id of 'b' is not given to it
    changed = ok(stored.client.patch(path, json={"classes": [{"id": 1, "name": "A"}, {"name": "c"}]}))
    assert [(c["id"], c["name"]) for c in changed["classes"]] == [(1, "A"), (3, "c")]


def test_a_class_in_use_stays(stored: Service) -> None:
    project = stored.project(classes=[{"name": "a"}, {"name": "b"}])
    image = stored.image(project)
    ok(stored.mark(project, image, points=[{"xy": [1, 1], "class": 2}]))
    path = f"/v1/projects/{project}"
    said = refused(stored.client.patch(path, json={"classes": [{"id": 1, "name": "a"}]}), 409, "class_in_use")
    assert "'b'" in said
    assert "a.png" in said
    ok(stored.client.patch(path, json={"classes": [{"id": 2, "name": "b"}]}))


def test_a_project_goes_with_all_it_has(stored: Service) -> None:
    project, other = stored.project(), stored.project("other")
    image, kept = stored.image(project), stored.image(other)
    ok(stored.mark(project, image, absent=True))
    ok_view = stored.client.get(f"/v1/projects/{project}/images/{image}/thumbnail")
    assert ok_view.status_code == 200
    assert stored.client.delete(f"/v1/projects/{project}").status_code == 204
    refused(stored.client.get(f"/v1/projects/{project}"), 404, "not_found")
    refused(stored.client.delete(f"/v1/projects/{project}"), 404, "not_found")
    assert not (stored.data / "projects" / project).exists()
    assert list((stored.data / "cache").iterdir()) == []
    with stored.database.reading() as session:
        assert session.get(models.MarksRow, image) is None
    assert ok(stored.client.get(f"/v1/projects/{other}/images"))["items"][0]["id"] == kept


def test_a_project_at_work_stays(stored: Service) -> None:
    project = stored.project()
    with stored.database.writing() as session:
        session.add(models.JobRow(id="j" * 12, project_id=project, kind="run", state="running", request={}))
    refused(stored.client.delete(f"/v1/projects/{project}"), 409, "busy")
    shown = ok(stored.client.get(f"/v1/projects/{project}"))
    assert (shown["job"]["id"], shown["job"]["state"], shown["job"]["project"]) == (
        "j" * 12,
        "running",
        project,
    )


# ---- images


def test_images_are_listed_as_people_count(stored: Service) -> None:
    project = stored.project()
    for number, name in enumerate(["img10.png", "img9.png", "Img1.png", "b.png", "img09.jpg"]):
        stored.image(project, png(shade=number), name)
    listed = ok(stored.client.get(f"/v1/projects/{project}/images", params={"limit": 2}))
    names = [i["name"] for i in listed["items"]]
    rest = ok(stored.client.get(f"/v1/projects/{project}/images", params={"cursor": listed["next"]}))
    names += [i["name"] for i in rest["items"]]
    assert names[0] == "b.png"
    assert names[1] == "Img1.png"
    assert set(names[2:4]) == {"img9.png", "img09.jpg"}
    assert names[4] == "img10.png"
    assert (rest["next"], rest["total"]) == (None, 5)


def test_names_are_unique_by_stem(stored: Service) -> None:
    project = stored.project()
    for number, name in enumerate(["a.png", "a.jpg", "A.png", "../x/a.png", "c:\\a.tif", "a-2.png"]):
        stored.image(project, png(shade=number), name)
    names = {i["name"] for i in ok(stored.client.get(f"/v1/projects/{project}/images"))["items"]}
    assert names == {"a.png", "a-2.jpg", "A-3.png", "a-4.png", "a-5.tif", "a-2-2.png"}


def test_the_same_content_is_one_image(stored: Service) -> None:
    project, other = stored.project(), stored.project()
    image = stored.image(project, name="a.png")
    again = stored.client.post(f"/v1/projects/{project}/images?name=b.png", content=png())
    assert ok(again, 200)["id"] == image
    assert ok(again, 200)["name"] == "a.png"
    assert stored.image(other) != image


def test_an_image_belongs_to_its_project(stored: Service) -> None:
    project, other = stored.project(), stored.project()
    image = stored.image(project)
    for path in ("", "/view", "/thumbnail", "/marks"):
        refused(stored.client.get(f"/v1/projects/{other}/images/{image}{path}"), 404, "not_found")
    refused(stored.mark(other, image, absent=True), 404, "not_found")
    refused(stored.client.delete(f"/v1/projects/{other}/images/{image}"), 404, "not_found")
    refused(stored.client.delete(f"/v1/projects/{other}/images/{image}/marks"), 404, "not_found")
    assert ok(stored.client.get(f"/v1/projects/{project}/images/{image}"))["id"] == image


def test_an_image_goes_with_its_file(stored: Service) -> None:
    project = stored.project()
    image = stored.image(project)
    files = stored.data / "projects" / project / "images"
    assert [p.name for p in files.iterdir()] == [f"{image}.png"]
    assert stored.client.delete(f"/v1/projects/{project}/images/{image}").status_code == 204
    assert list(files.iterdir()) == []
    # its name is free again
    stored.image(project, name="a.png")
    assert ok(stored.client.get(f"/v1/projects/{project}/images"))["items"][0]["name"] == "a.png"


def predicted(stored: Service, project: str) -> dict[str, str]:
    """Images with one prediction of each sort: name -> id."""
    ids = {}
    found = {
        "a": ("found", 0.9, None),
        "b": ("doubtful", 0.4, None),
        "c": ("absent", 0.8, None),
        "d": ("doubtful", 0.2, None),
        "e": (None, None, "cut short"),
        "f": None,
    }
    for number, (name, prediction) in enumerate(found.items()):
        ids[name] = stored.image(project, png(shade=number), f"{name}.png")
        if prediction is None:
            continue
        verdict, confidence, error = prediction
        row = models.PredictionRow(
            image_id=ids[name],
            verdict=verdict,
            confidence=confidence,
            counts={"1": 2},
            areas={"1": 12},
            seconds=0.5,
            error=error,
        )
        with stored.database.writing() as session:
            session.add(row)
    return ids


def test_doubtful_images_come_first(stored: Service) -> None:
    project = stored.project()
    predicted(stored, project)
    seen, cursor = "", None
    while True:  # in parts of two: the cursor carries rank and confidence
        params = {"order": "doubtful", "limit": 2, **({"cursor": cursor} if cursor else {})}
        part = ok(stored.client.get(f"/v1/projects/{project}/images", params=params))
        seen += "".join(i["name"][0] for i in part["items"])
        if (cursor := part["next"]) is None:
            break
    assert seen == "dbcaef"


@pytest.mark.parametrize(
    ("verdict", "names"),
    [("found", "a"), ("doubtful", "bd"), ("absent", "c"), ("failed", "e"), ("unrun", "f")],
)
def test_images_are_filtered_by_verdict(stored: Service, verdict: str, names: str) -> None:
    project = stored.project()
    predicted(stored, project)
    part = ok(stored.client.get(f"/v1/projects/{project}/images", params={"verdict": verdict}))
    assert "".join(i["name"][0] for i in part["items"]) == names
    assert part["total"] == len(names)


def test_images_are_found_by_name(stored: Service) -> None:
    project = stored.project()
    for number, name in enumerate(["Slide_1.png", "slide%2.png", "wall.png"]):
        stored.image(project, png(shade=number), name)

    def found(q: str) -> list[str]:
        part = ok(stored.client.get(f"/v1/projects/{project}/images", params={"q": q}))
        return [i["name"] for i in part["items"]]

    assert found("SLIDE") == ["slide%2.png", "Slide_1.png"]
    assert found("%") == ["slide%2.png"]
    assert found("_") == ["Slide_1.png"]
    assert stored.client.get(f"/v1/projects/{project}/images", params={"q": "\0"}).status_code == 422


def test_suggested_images_come_first(stored: Service) -> None:
    project = stored.project()
    ids = predicted(stored, project)
    for finished, chosen in (("e", "a"), ("c", "fb")):
        result = {"images": [ids[name] for name in chosen]}
        row = models.JobRow(
            project_id=project, kind="suggest", state="done", request={}, result=result, worker=finished
        )
        row.finished = models.now()
        with stored.database.writing() as session:
            session.add(row)
    part = ok(stored.client.get(f"/v1/projects/{project}/images", params={"order": "suggested"}))
    assert "".join(i["name"][0] for i in part["items"]) == "fbacde"


# ---- marks


def test_marks_are_saved_with_a_version(stored: Service) -> None:
    project = stored.project()
    image = stored.image(project)
    path = f"/v1/projects/{project}/images/{image}/marks"
    nothing = ok(stored.client.get(path))
    assert nothing == {
        "version": 0, "absent": False, "boxes": [], "points": [], "scribbles": [], "polygons": [], "mask": None,
    }  # fmt: skip
    saved = ok(stored.mark(project, image, mask=THREE))
    assert saved == {**nothing, "version": 1, "mask": THREE}
    assert ok(stored.client.get(path)) == saved
    shown = ok(stored.client.get(f"/v1/projects/{project}/images/{image}"))
    assert (shown["marks"], shown["marks_version"]) == ("mask", 1)
    assert ok(stored.client.get(f"/v1/projects/{project}"))["cues"] == 1
    # a second program, which still has version 0
    late = stored.mark(project, image, version=0, absent=True)
    refused(late, 409, "marks_changed")
    assert late.json()["error"]["details"] == saved
    # an empty document takes the marks away, and versions go on: one that was seen never comes again
    assert ok(stored.mark(project, image, version=1)) == {**nothing, "version": 2}
    shown = ok(stored.client.get(f"/v1/projects/{project}/images/{image}"))
    assert (shown["marks"], shown["marks_version"]) == (None, 2)
    assert ok(stored.client.get(f"/v1/projects/{project}"))["cues"] == 0
    assert ok(stored.mark(project, image, version=2, absent=True))["version"] == 3
    assert ok(stored.client.delete(path))["version"] == 4
    assert ok(stored.client.delete(path))["version"] == 4


@pytest.mark.parametrize(
    ("marks", "kind"),
    [
        ({"absent": True}, "absent"),
        ({"points": [{"xy": [1, 1]}]}, "sparse"),
        ({"boxes": [{"xyxy": [0, 0, 8, 4]}]}, "sparse"),
        ({"scribbles": [{"path": [[1, 1], [2, 2]], "width": 2, "class": 0}]}, "sparse"),
        ({"polygons": [{"path": [[0, 0], [4, 0], [4, 4]]}]}, "mask"),
        ({"mask": THREE, "points": [{"xy": [7, 3], "class": 0}]}, "mask"),
        ({"mask": {"size": [4, 8], "counts": {"1": [0, 4, 28], "ignore": [4, 4, 24]}}}, "mask"),
        ({"mask": {"size": [4, 8], "counts": {"1": [32]}}}, None),
        ({"mask": {"size": [4, 8], "counts": {}}}, None),
    ],
)
def test_kinds_of_marks(service: Service, marks: dict[str, Any], kind: str | None) -> None:
    project = service.project()
    image = service.image(project)
    ok(service.mark(project, image, **marks))
    assert ok(service.client.get(f"/v1/projects/{project}/images/{image}"))["marks"] == kind


@pytest.mark.parametrize(
    "marks",
    [
        {"boxes": [{"xyxy": [0, 0, 9, 4]}]},
        {"boxes": [{"xyxy": [3, 0, 3, 4]}]},
        {"points": [{"xy": [8, 0]}]},
        {"points": [{"xy": [0, 0], "class": 2}]},
        {"boxes": [{"xyxy": [0, 0, 2, 2], "class": 0}]},
        {"scribbles": [{"path": [[-5, -5]], "width": 1, "class": 1}]},
        {"scribbles": [{"path": [[1, 1]], "width": 0, "class": 1}]},
        {"scribbles": [{"path": []}]},
        {"polygons": [{"path": [[0, 0], [1, 1]]}]},
        {"absent": True, "points": [{"xy": [1, 1]}]},
        {"mask": {"size": [8, 4], "counts": {"1": [0, 12, 20]}}},
        {"mask": {"size": [4, 8], "counts": {"1": [0, 12, 19]}}},
        {"mask": {"size": [4, 8], "counts": {"1": [-1, 13, 20]}}},
        {"mask": {"size": [4, 8], "counts": {"2": [0, 12, 20]}}},
        {"mask": {"size": [4, 8], "counts": {"0": [0, 12, 20]}}},
        {"mask": {"size": [4, 8], "counts": {"1": [0, 12, 20], "ignore": [11, 4, 17]}}},
        {"mask": {"size": [4, 8], "counts": {"ignore": [0, 12, 20]}}},
        {"mask": {"size": [4, 8], "counts": {"1": [10**18]}}},
        {"version": -1, "absent": True},
    ],
)
def test_marks_that_do_not_fit(service: Service, marks: dict[str, Any]) -> None:
    project = service.project()
    image = service.image(project)
    response = service.mark(project, image, **marks)
    assert response.status_code == 422, response.text
    assert response.json()["error"]["message"]
    assert ok(service.client.get(f"/v1/projects/{project}/images/{image}/marks"))["version"] == 0


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none(service: Service, number: str) -> None:
    project = service.project()
    path = f"/v1/projects/{project}/images/{service.image(project)}/marks"
    body = f'{{"points": [{{"xy": [{number}, 1], "class": 1}}]}}'
    response = service.client.put(path, content=body, headers={"Content-Type": "application/json"})
    refused(response, 422, "invalid_request")


def test_a_change_of_marks_makes_predictions_stale(stored: Service) -> None:
    project, other = stored.project(), stored.project()
    ids, others = predicted(stored, project), predicted(stored, other)
    ok(stored.mark(project, ids["f"], absent=True))
    items = ok(stored.client.get(f"/v1/projects/{project}/images"))["items"]
    assert {i["prediction"]["stale"] for i in items if i["prediction"]} == {True}
    items = ok(stored.client.get(f"/v1/projects/{other}/images"))["items"]
    assert {i["prediction"]["stale"] for i in items if i["prediction"]} == {False}
    # so does an image that leaves with its marks, and not one without
    stored.client.delete(f"/v1/projects/{other}/images/{others['f']}")
    shown = ok(stored.client.get(f"/v1/projects/{other}/images/{others['a']}"))
    assert shown["prediction"] == {
        "verdict": "found", "confidence": 0.9, "counts": {"1": 2}, "areas": {"1": 12}, "seconds": 0.5,
        "error": None, "stale": False, "wrong": False,
    }  # fmt: skip


def test_marks_outlive_a_new_start(stored: Service, start: Any) -> None:
    project = stored.project()
    image = stored.image(project)
    saved = ok(stored.mark(project, image, mask=THREE))
    url = stored.app.state.settings.database
    stored.client.__exit__(None, None, None)
    again = start(database=url)
    assert ok(again.client.get(f"/v1/projects/{project}/images/{image}/marks")) == saved
