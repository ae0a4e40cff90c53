"""Verdicts, masks and objects as the API tells them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from inline_service import RAW, Service, columns, inline_service, png
from pictures import BLUE, RED
from PIL import Image


def stripes(red: list[int]) -> bytes:
    """A picture of 4 x 8 with these columns red."""
    pixels = np.full((4, 8, 3), BLUE, np.uint8)
    pixels[:, red] = RED
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a: 1 object, b: none, c: 3 objects of 1, 2 and 1 columns, d: 2; run."""
    with inline_service(tmp_path / "data") as service:
        reds = {"a": [0, 1], "b": [], "c": [0, 2, 3, 5], "d": [1, 7]}
        service.ids = {n: service.upload(f"{n}.png", stripes(red)) for n, red in reds.items()}
        service.mark(service.ids["a"], columns(2))
        service.done("runs")
        yield service


def test_a_prediction_has_its_objects(service: Service) -> None:
    found = service.get(f"images/{service.ids['c']}/prediction")
    assert (found["verdict"], found["counts"], found["areas"]) == ("found", {"1": 3}, {"1": 16})
    assert [(o["object"], o["class"], o["x1"], o["x2"], o["area"]) for o in found["objects"]] == [
        (1, "thing", 0, 1, 4),
        (2, "thing", 2, 4, 8),
        (3, "thing", 5, 6, 4),
    ]
    absent = service.get(f"images/{service.ids['b']}/prediction")
    assert (absent["verdict"], absent["counts"], absent["objects"]) == ("absent", {}, [])


def test_objects_come_in_parts_image_by_image(service: Service) -> None:
    seen, cursor, totals = [], "", set()
    while True:
        part = service.get(f"objects?limit=2{cursor}")
        seen += [(o["image"], o["object"]) for o in part["items"]]
        totals.add(part["total"])
        if part["next"] is None:
            break
        cursor = f"&cursor={part['next']}"
    assert seen == [("a.png", 1), ("c.png", 1), ("c.png", 2), ("c.png", 3), ("d.png", 1), ("d.png", 2)]
    assert totals == {6}
    assert service.get("objects?cursor=x", 422)["error"]["code"] == "invalid_cursor"
    assert service.get("objects?cursor=6")["items"] == []


def test_a_mask_as_png_is_the_file_of_the_results(service: Service) -> None:
    reply = service.client.get(f"{service.p}/images/{service.ids['c']}/prediction/mask")
    assert reply.headers["content-type"] == "image/png"
    assert reply.content == (service.results / "masks" / "c.png").read_bytes()
    assert np.asarray(Image.open(io.BytesIO(reply.content)))[0].tolist() == [1, 0, 1, 1, 0, 1, 0, 0]


def test_a_mask_as_run_lengths(service: Service) -> None:
    found = service.get(f"images/{service.ids['c']}/prediction/mask?as=rle")
    assert found == {"size": [4, 8], "counts": {"1": [0, 4, 4, 8, 4, 4, 8]}}
    service.get(f"images/{service.ids['c']}/prediction/mask?as=gif", 422)


def test_the_uncertainty_is_a_grey_picture(service: Service) -> None:
    reply = service.client.get(f"{service.p}/images/{service.ids['c']}/prediction/uncertainty")
    assert np.asarray(Image.open(io.BytesIO(reply.content))).tolist() == [[0] * 8] * 4


def test_without_a_run_there_is_no_prediction(service: Service) -> None:
    new = service.upload("e.png", stripes([4]))
    for path in ("prediction", "prediction/mask", "prediction/uncertainty"):
        assert service.get(f"images/{new}/{path}", 404)["error"]["code"] == "no_prediction"
    reply = service.client.put(f"{service.p}/images/{new}/prediction/review", json={"wrong": True})
    assert reply.status_code == 404


def test_an_image_of_another_project_is_not_found(service: Service) -> None:
    other = service.client.post("/v1/projects", json={"name": "other"}).json()["id"]
    reply = service.client.get(f"/v1/projects/{other}/images/{service.ids['c']}/prediction")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found")


def test_several_classes_are_counted_apart(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as service:
        classes = [{"name": "red"}, {"name": "blue"}]
        service.project = service.client.post(
            "/v1/projects", json={"name": "two", "classes": classes}
        ).json()["id"]
        service.p = f"/v1/projects/{service.project}"
        first, second = service.upload("a.png", stripes([0, 1])), service.upload("b.png", stripes([0, 2, 4]))
        counts = {"1": [0, 8, 24], "2": [8, 24]}
        service.mark(first, {"mask": {"size": [4, 8], "counts": counts}})
        service.done("runs")
        found = service.get(f"images/{second}/prediction")
        # Red columns 0, 2, 4; blue 1, 3 and 5 to 7.
        assert (found["counts"], found["areas"]) == ({"1": 3, "2": 3}, {"1": 12, "2": 20})
        assert [o["class"] for o in found["objects"]] == ["red", "blue", "red", "blue", "red", "blue"]


def test_a_run_tells_of_doubtful_images_first(service: Service) -> None:
    order = [i["name"] for i in service.get("images?order=doubtful")["items"]]
    assert order[0] == "b.png"  # absent; the others were found, with the same confidence
    assert service.client.post(f"{service.p}/segment", content=png(1), headers=RAW).status_code == 200
