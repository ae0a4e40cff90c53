"""Folders of the server: below the roots alone, whatever links and dots say."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from service_client import Service, encoded, ok, png, refused
from sqlalchemy.exc import OperationalError

from cuecast.service import adding
from cuecast.service.problem import problem_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two images, one that is damaged, a subfolder, and ways out."""
    root = tmp_path / "pictures"
    (root / "sub").mkdir(parents=True)
    (root / "a10.png").write_bytes(png(shade=1))
    (root / "a9.png").write_bytes(png(shade=2))
    (root / "copy.png").write_bytes(png(shade=2))
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (root / "notes.txt").write_text("x")
    (root / ".hidden").mkdir()
    (root / "sub" / "b.jpg").write_bytes(encoded(np.zeros((5, 7, 3)).astype("uint8"), "JPEG"))
    outside = tmp_path / "secret"
    outside.mkdir()
    (outside / "s.png").write_bytes(png(shade=3))
    (root / "way_out").symlink_to(outside)
    (root / "linked.png").symlink_to(outside / "s.png")
    return root


@pytest.fixture
def rooted(start: Callable[..., Service], root: Path) -> Service:
    return start(roots=(root,))


def test_a_folder_is_added_where_it_lies(rooted: Service, root: Path) -> None:
    project = rooted.project()
    added = ok(rooted.client.post(f"/v1/projects/{project}/folder", json={"path": str(root)}), 201)
    assert [i["name"] for i in added["added"]] == ["a9.png", "a10.png"]
    assert added["count"] == 2
    assert {f["name"] for f in added["failed"]} == {"broken.png", "linked.png"}
    assert not [f for f in added["failed"] if f["name"] in f["error"]], "a name is said once"
    assert added["note"] == f"{root}: passed over as no pictures by their suffix: 1 file (1 .txt)"
    assert not (rooted.data / "projects" / project / "images").exists()
    image = added["added"][0]["id"]
    assert rooted.client.get(f"/v1/projects/{project}/images/{image}/view").status_code == 200
    # again: nothing is new; with its subfolders: one is
    again = ok(rooted.client.post(f"/v1/projects/{project}/folder", json={"path": str(root)}), 201)
    assert again["count"] == 0
    deep = {"path": str(root), "recursive": True}
    added = ok(rooted.client.post(f"/v1/projects/{project}/folder", json=deep), 201)
    assert [(i["name"], i["width"], i["height"]) for i in added["added"]] == [("b.jpg", 7, 5)]
    # taken out of the project, the file stays
    assert rooted.client.delete(f"/v1/projects/{project}/images/{image}").status_code == 204
    assert (root / "a9.png").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/etc",
        "{root}/..",
        "{root}/sub/../../secret",
        "{root}/way_out",
        "{root}x",
        "sub",
        "~",
        "/nosuch",
    ],
)
def test_outside_the_roots(rooted: Service, root: Path, path: str) -> None:
    project = rooted.project()
    path = path.format(root=root)
    refused(rooted.client.post(f"/v1/projects/{project}/folder", json={"path": path}), 403, "outside_roots")
    refused(rooted.client.get("/v1/folders", params={"path": path}), 403, "outside_roots")


def test_without_roots_nothing_is_read(service: Service, root: Path) -> None:
    refused(service.client.get("/v1/folders", params={"path": str(root)}), 403, "outside_roots")
    assert ok(service.client.get("/v1/folders"))["folders"] == []


def test_a_folder_that_is_not_there(rooted: Service, root: Path) -> None:
    refused(rooted.client.get("/v1/folders", params={"path": f"{root}/none"}), 404, "not_found")
    refused(rooted.client.get("/v1/folders", params={"path": f"{root}/a9.png"}), 404, "not_found")
    project = rooted.project()
    (root / "empty").mkdir()
    wanted = {"path": f"{root}/empty"}
    refused(rooted.client.post(f"/v1/projects/{project}/folder", json=wanted), 422, "no_images")


def test_folders_are_looked_through(rooted: Service, root: Path) -> None:
    top = ok(rooted.client.get("/v1/folders"))
    assert top == {"path": "", "parent": None, "folders": [str(root)], "images": 0}
    here = ok(rooted.client.get("/v1/folders", params={"path": str(root)}))
    assert here == {"path": str(root), "parent": "", "folders": ["sub"], "images": 5}
    below = ok(rooted.client.get("/v1/folders", params={"path": f"{root}/sub"}))
    assert below == {"path": f"{root}/sub", "parent": str(root), "folders": [], "images": 1}


def test_a_link_put_there_later_is_not_followed(rooted: Service, root: Path, tmp_path: Path) -> None:
    project = rooted.project()
    wanted = {"path": str(root / "sub")}
    image = ok(rooted.client.post(f"/v1/projects/{project}/folder", json=wanted), 201)["added"][0]["id"]
    (root / "sub" / "b.jpg").unlink()
    (root / "sub" / "b.jpg").symlink_to(tmp_path / "secret" / "s.png")
    refused(rooted.client.get(f"/v1/projects/{project}/images/{image}/view"), 403, "outside_roots")
    (root / "sub" / "b.jpg").unlink()
    refused(rooted.client.get(f"/v1/projects/{project}/images/{image}/view"), 404, "file_gone")


def test_a_file_whose_name_is_no_text(rooted: Service, root: Path) -> None:
    project = rooted.project()
    with open(os.path.join(os.fsencode(root / "sub"), b"bad\xff.png"), "wb") as stream:
        stream.write(png(shade=9))
    added = ok(rooted.client.post(f"/v1/projects/{project}/folder", json={"path": str(root / "sub")}), 201)
    assert [i["name"] for i in added["added"]] == ["b.jpg"]
    assert "not valid text" in added["failed"][0]["error"]


def test_a_large_folder_is_added_in_several_transactions(
    rooted: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tmp_path / "pictures/many"
    many.mkdir()
    for i in range(5):
        (many / f"{i}.png").write_bytes(png(shade=10 + i))
    monkeypatch.setattr(adding, "TOGETHER", 2)
    project = rooted.project()
    added = ok(rooted.client.post(f"/v1/projects/{project}/folder", json={"path": str(many)}), 201)
    assert added["count"] == 5
    assert [i["name"] for i in added["added"]] == [f"{i}.png" for i in range(5)]


def test_a_busy_database_is_no_error_of_the_service() -> None:
    busy = problem_of(OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked")), Path())
    assert (busy.status, busy.code, busy.headers) == (503, "database_busy", {"Retry-After": "2"})


def test_every_picture_of_a_telephone_is_added(start: Callable[..., Service], cases: Path) -> None:
    photos = cases / "in_folder_heic_jfif/photos"
    service = start(roots=(photos,))
    project = service.project()
    added = ok(service.client.post(f"/v1/projects/{project}/folder", json={"path": str(photos)}), 201)
    assert (added["count"], added["failed"], added["note"]) == (7, [], None)
    assert len({(i["width"], i["height"]) for i in added["added"]}) == 1
    for image in added["added"]:
        assert service.client.get(f"/v1/projects/{project}/images/{image['id']}/thumbnail").status_code == 200
