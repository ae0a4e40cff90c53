"""Runs are kept, and the present one is compared with them."""

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

GREEN = (30, 200, 30)


def picture(red: list[int], green: list[int]) -> bytes:
    """A picture of 4 x 8 with these columns red, and these green; all others are blue."""
    pixels = np.full((4, 8, 3), BLUE, np.uint8)
    pixels[:, red] = RED
    pixels[:, green] = GREEN
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def mask(*shown: int) -> dict[str, Any]:
    """Marks whose mask is these of 8 columns."""
    runs, value = [0], 0
    for column in range(8):
        if (column in shown) != bool(value):
            runs.append(0)
            value = 1 - value
        runs[-1] += 4
    return {"version": 0, "mask": {"size": [4, 8], "counts": {"1": runs}}}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a: 2 red columns, marked, so that red is the thing; b: 2 red, 2 green; c: 4 green; d: blue. Run."""
    with inline_service(tmp_path / "data") as service:
        shown = {"a": ([0, 1], []), "b": ([0, 1], [4, 5]), "c": ([], [2, 3, 4, 5]), "d": ([], [])}
        service.ids = {n: service.upload(f"{n}.png", picture(*of)) for n, of in shown.items()}
        service.mark(service.ids["a"], columns(2))
        service.done("runs")
        yield service


def keep(service: Service, name: str = "red alone") -> dict[str, Any]:
    return service.post("kept", {"name": name}, 201)


def compared(service: Service, kept: str, beside: str | None = None) -> dict[str, Any]:
    """Name -> what is said of the image by a kept run and another, or the present one; asked for two by two."""
    found, cursor = [], f"&with={beside}" if beside else ""
    while True:
        part = service.get(f"kept/{kept}/comparison?limit=2{cursor}")
        found += part["items"]
        if part["next"] is None:
            assert part["total"] == len(found)
            return {item["image"][0]: item for item in found}
        cursor = f"&cursor={part['next']}" + (f"&with={beside}" if beside else "")


def teach_green(service: Service) -> None:
    """c says that green is the thing, too; b and d are known, and teach nothing."""
    service.mark(service.ids["c"], mask(2, 3, 4, 5))
    service.done("runs", {"overwrite": True})
    service.mark(service.ids["b"], {**mask(0, 1, 4, 5), "teaches": False})
    service.mark(service.ids["d"], {"version": 0, "absent": True, "teaches": False})


def test_a_run_is_kept_and_stays_as_it_was(service: Service) -> None:
    run = keep(service)
    assert (run["name"], run["images"], run["cues"]) == ("red alone", 4, 1)
    assert run["verdicts"] == {"found": 2, "absent": 2}
    same = compared(service, run["id"])
    assert {n: item["likeness"] for n, item in same.items()} == dict.fromkeys("abcd", 1.0)
    teach_green(service)
    now = compared(service, run["id"])
    # b had 8 of the 16 pixels that it has now, c none of its 16.
    assert {n: item["likeness"] for n, item in now.items()} == {"a": 1.0, "b": 0.5, "c": 0.0, "d": 1.0}
    assert (now["b"]["before"]["counts"], now["b"]["after"]["counts"]) == ({"1": 1}, {"1": 2})
    assert (now["c"]["before"]["verdict"], now["c"]["after"]["verdict"]) == ("absent", "found")
    assert service.get("kept")["items"] == [run]


def test_what_is_known_says_which_run_is_better(service: Service) -> None:
    run = keep(service)
    teach_green(service)
    found = compared(service, run["id"])
    assert found["b"]["truth"] == {"before": 0.5, "after": 1.0}
    assert found["d"]["truth"] == {"before": 1.0, "after": 1.0}
    # Those that taught one of the two runs say nothing of which is better.
    assert found["a"]["truth"] is None
    assert found["c"]["truth"] is None


def test_two_kept_runs_are_compared_whatever_the_present_one_says(service: Service) -> None:
    first = keep(service)["id"]
    teach_green(service)
    now = compared(service, first)
    second = keep(service, "and green")["id"]
    assert compared(service, first, second) == now
    # c teaches no more, and the present run finds red alone again; the kept ones stay, and so does who taught them.
    service.mark(service.ids["c"], {**mask(2, 3, 4, 5), "version": 1, "teaches": False})
    service.done("runs", {"overwrite": True})
    assert compared(service, first, second) == now
    turned = compared(service, second, first)
    assert turned["b"]["truth"] == {"before": 1.0, "after": 0.5}
    assert (turned["c"]["before"], turned["c"]["after"]) == (now["c"]["after"], now["c"]["before"])
    assert turned["c"]["truth"] is None
    # It is compared with none of another project, and not with one that is gone.
    other = service.client.post("/v1/projects", json={"name": "other"}).json()["id"]
    reply = service.client.get(f"/v1/projects/{other}/kept/{first}/comparison")
    assert reply.status_code == 404
    service.get(f"kept/{first}/comparison?with=gone", 404)


def test_images_that_came_or_went_since(service: Service) -> None:
    run = keep(service)
    service.client.delete(f"{service.p}/images/{service.ids['b']}")
    new = service.upload("e.png", picture([7], []))
    service.done("runs")
    found = compared(service, run["id"])
    assert sorted(found) == ["a", "c", "d", "e"]
    assert (found["e"]["image_id"], found["e"]["before"], found["e"]["likeness"]) == (new, None, None)
    assert found["e"]["after"]["areas"] == {"1": 4}


def test_kept_runs_are_listed_newest_first_and_deleted(service: Service) -> None:
    first, second = keep(service, "one"), keep(service, "two")
    assert [run["name"] for run in service.get("kept")["items"]] == ["two", "one"]
    path = f"{service.p}/kept/{first['id']}"
    assert service.client.delete(path).status_code == 204
    assert service.client.delete(path).status_code == 404
    service.get(f"kept/{first['id']}/comparison", 404)
    assert [run["id"] for run in service.get("kept")["items"]] == [second["id"]]
    assert service.get(f"kept/{second['id']}/comparison?cursor=-1", 422)["error"]["code"] == "invalid_cursor"


def test_there_is_something_to_keep_and_not_too_much(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuecast.service.kept.MOST", 1)
    keep(service)
    assert service.post("kept", {"name": "more"}, 409)["error"]["code"] == "too_many_kept"
    for kind, status, code in (("images", 409, "no_prediction"), ("video", 422, "not_of_this_kind")):
        made = service.client.post("/v1/projects", json={"name": "other", "kind": kind}).json()
        reply = service.client.post(f"/v1/projects/{made['id']}/kept", json={"name": "x"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
