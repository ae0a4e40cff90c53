"""Many images at once: what is done to them, and in which order they come."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inline_service import Service, columns, inline_service
from pictures import BLUE, RED
from PIL import Image

from cuecast.service import likeness


def stripes(red: list[int], rest: tuple[int, int, int] = BLUE) -> bytes:
    """A picture of 4 x 8 with these columns red."""
    pixels = np.full((4, 8, 3), rest, np.uint8)
    pixels[:, red] = RED
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a: 1 object of 8 pixels, b: none, c: 3 of 16, d: 2 of 8, e: not run; a is marked."""
    with inline_service(tmp_path / "data") as service:
        reds = {"a": [0, 1], "b": [], "c": [0, 2, 3, 5], "d": [1, 7]}
        service.ids = {n: service.upload(f"{n}.png", stripes(red)) for n, red in reds.items()}
        service.mark(service.ids["a"], columns(2))
        service.done("runs")
        service.ids["e"] = service.upload("e.png", stripes([], (9, 9, 9)))
        yield service


def names(service: Service, asked: str) -> str:
    """The names of a list that is asked for two by two: 'acb'."""
    seen, cursor = "", ""
    while True:
        part = service.get(f"images?limit=2&{asked}{cursor}")
        seen += "".join(item["name"][0] for item in part["items"])
        if part["next"] is None:
            assert part["total"] == len(seen)
            return seen
        cursor = f"&cursor={part['next']}"


def act(service: Service, action: str, *images: str) -> dict[str, Any]:
    ids = [service.ids.get(name, name) for name in images]
    return service.post("images/actions", {"action": action, "images": ids}, 200)


def test_most_objects_and_largest_areas_come_first_and_the_other_way_round(service: Service) -> None:
    assert names(service, "order=count") == "cdabe"
    assert names(service, "order=count&reverse=true") == "badce"
    # a and d have as many pixels: the name decides.
    assert names(service, "order=area") == "cadbe"
    assert names(service, "order=area&reverse=true") == "badce"[:1] + "adc" + "e"
    assert names(service, "order=area&verdict=found") == "cad"


def test_the_least_sure_come_first(service: Service) -> None:
    by_name = {i["name"][0]: i["prediction"] for i in service.get("images")["items"]}
    sure = {name: found["confidence"] for name, found in by_name.items() if found}
    expected = "".join(sorted(sure, key=lambda name: (sure[name], name)))
    assert names(service, "order=confidence") == expected + "e"
    other = "".join(sorted(sure, key=lambda name: (-sure[name], name)))
    assert names(service, "order=confidence&reverse=true") == other + "e"


def test_pictures_like_one_come_first(service: Service) -> None:
    # d has two red columns as a has, at other places; e is grey.
    found = names(service, f"order=like&to={service.ids['a']}")
    assert (found[0], found[-1]) == ("a", "e")
    assert found.index("d") < found.index("c")
    assert names(service, f"order=like&to={service.ids['e']}")[0] == "e"
    assert names(service, f"order=like&reverse=true&to={service.ids['a']}")[-1] == "a"


def test_likeness_is_looked_for_piece_by_piece(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "SECONDS", 0.0)
    path = f"images?order=like&to={service.ids['c']}"
    told = []
    for _ in range(20):
        reply = service.client.get(f"{service.p}/{path}")
        if reply.status_code == 200:
            break
        assert (reply.status_code, reply.json()["error"]["code"]) == (429, "comparing")
        told.append(reply.json()["error"]["details"]["done"])
    assert reply.status_code == 200
    assert told == sorted(told)
    assert len(told) < 20


def test_a_picture_that_cannot_be_read_comes_last(service: Service) -> None:
    folder = service.state.files.images(service.project)
    (folder / f"{service.ids['b']}.png").write_bytes(b"not a picture")
    assert names(service, f"order=like&to={service.ids['a']}")[-1] == "b"
    assert service.get(f"images?order=like&to={service.ids['b']}", 422)["error"]["code"] == "image_unreadable"


@pytest.mark.parametrize(
    "asked", ["order=like", "order=name&to=abc", "order=name&reverse=true", "order=size"]
)
def test_orders_that_make_no_sense_are_refused(service: Service, asked: str) -> None:
    assert service.get(f"images?{asked}", 422)["error"]["code"] == "invalid_request"


def test_likeness_to_what_is_not_there(service: Service) -> None:
    service.get("images?order=like&to=nobody", 404)


def test_a_cursor_is_of_its_order(service: Service) -> None:
    cursor = service.get("images?order=count&limit=2")["next"]
    assert service.get(f"images?order=name&limit=2&cursor={cursor}", 422)["error"]["code"] == "invalid_cursor"


def test_many_are_deleted_with_their_files(service: Service) -> None:
    told = act(service, "delete", "b", "c", "c", "nobody")
    assert (told["done"], told["images"]) == (2, [])
    assert [(r["image"], r["code"]) for r in told["refused"]] == [("nobody", "not_found")]
    assert names(service, "order=name") == "ade"
    left = {path.stem for path in service.state.files.images(service.project).iterdir()}
    assert left == {service.ids[n] for n in "ade"}


def test_what_is_not_there_is_said_and_marks_stay(service: Service) -> None:
    told = act(service, "absent", "a", "b", "e")
    assert (told["done"], [i["name"] for i in told["images"]]) == (2, ["b.png", "e.png"])
    assert [i["marks"] for i in told["images"]] == ["absent", "absent"]
    assert [(r["image"], r["code"]) for r in told["refused"]] == [(service.ids["a"], "already_marked")]
    assert "a.png" in told["refused"][0]["message"]
    assert service.get(f"images/{service.ids['a']}")["marks"] == "mask"
    assert act(service, "absent", "b")["done"] == 1  # said twice, it is still so


def test_answers_are_accepted_with_what_they_show(service: Service) -> None:
    told = act(service, "accept", "a", "b", "c", "e")
    assert (told["done"], {i["name"]: i["marks"] for i in told["images"]}) == (
        2,
        {"b.png": "absent", "c.png": "mask"},
    )
    assert {r["image"]: r["code"] for r in told["refused"]} == {
        service.ids["a"]: "already_marked",
        service.ids["e"]: "no_prediction",
    }
    marks = service.get(f"images/{service.ids['c']}/marks")
    assert marks["mask"]["counts"] == {"1": [0, 4, 4, 8, 4, 4, 8]}


def test_an_answer_takes_the_place_of_marks_that_say_something_only(service: Service) -> None:
    service.mark(service.ids["d"], {"points": [{"xy": [1, 1], "class": 1}]})
    assert act(service, "absent", "d")["refused"][0]["code"] == "already_marked"
    assert act(service, "accept", "d")["images"][0]["marks"] == "mask"
    assert service.get(f"images/{service.ids['d']}/marks")["points"] == []


def test_what_was_called_right_becomes_an_example_as_it_is(service: Service) -> None:
    # A person knows better than the run: three columns of d, not two.
    known = {**columns(3), "teaches": False}
    service.mark(service.ids["d"], known)
    assert service.get(f"images/{service.ids['d']}")["marks"] is None
    assert act(service, "accept", "d")["images"][0]["marks"] == "mask"
    assert service.get(f"images/{service.ids['d']}/marks")["mask"]["counts"] == known["mask"]["counts"]


def test_images_of_another_project_are_none_of_this_one(service: Service) -> None:
    other = service.client.post("/v1/projects", json={"name": "other"}).json()["id"]
    asked = {"action": "delete", "images": [service.ids["a"]]}
    told = service.client.post(f"/v1/projects/{other}/images/actions", json=asked).json()
    assert (told["done"], told["refused"][0]["code"]) == (0, "not_found")
    assert service.client.post("/v1/projects/nobody/images/actions", json=asked).status_code == 404
    assert names(service, "order=name") == "abcde"
