"""Bodies that take the place of something: whole and right, or refused, and then what was there stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from service_client import Service, ok

SIZE = (4, 8)
"""Of the image that is marked: 4 x 8, classes 1 and 2."""
FUZZ = settings(
    max_examples=60, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)

runs = st.one_of(
    st.lists(st.integers(0, 40), max_size=6),
    st.lists(st.integers(0, 2**40), max_size=3),
    st.lists(st.integers(0, 32), min_size=1, max_size=5).map(lambda r: [*r, max(0, 32 - sum(r))]),
)
masks = st.fixed_dictionaries(
    {
        "size": st.sampled_from([list(SIZE), list(SIZE), list(SIZE), [8, 4], [1, 32], [99999, 1]]),
        "counts": st.dictionaries(st.sampled_from(["1", "1", "2", "3", "99999", "ignore"]), runs, max_size=3),
    }
)


def is_right(mask: dict[str, Any]) -> bool:
    """Whether a mask fits the image, by the rule as docs/service.md states it, pixel by pixel."""
    pixels: list[str | None] = [None] * 32
    if tuple(mask["size"]) != SIZE or not set(mask["counts"]) <= {"1", "2", "ignore"}:
        return False
    for key, counts in mask["counts"].items():
        if sum(counts) != 32:
            return False
        at = 0
        for number, run in enumerate(counts):
            for place in range(at, at + run if number % 2 else at):
                if pixels[place] is not None:
                    return False
                pixels[place] = key
            at += run
    return True


def test_a_mask_fits_or_the_marks_stay(service: Service) -> None:
    project = service.project(classes=[{"name": "a"}, {"name": "b"}])
    image = service.image(project)
    path = f"/v1/projects/{project}/images/{image}/marks"
    before = {"points": [{"xy": [1.0, 1.0], "class": 1}]}

    @FUZZ
    @given(masks)
    @example({"size": [4, 8], "counts": {"1": [99999]}})
    @example({"size": [4, 8], "counts": {"1": [31]}})
    @example({"size": [4, 8], "counts": {"1": []}})
    @example({"size": [99999, 99999], "counts": {"1": [99999**2]}})
    @example({"size": [99999, 99999], "counts": {}})
    @example({"size": [4, 8], "counts": {"1": [32], "2": [0, 32]}})
    def send(mask: dict[str, Any]) -> None:
        version = ok(service.client.get(path))["version"]
        version = ok(service.mark(project, image, version, **before))["version"]
        answer = service.mark(project, image, version, mask=mask)
        now = ok(service.client.get(path))
        marked = any(key != "ignore" and sum(c[1::2]) for key, c in mask["counts"].items())
        ignored = any(sum(c[1::2]) for c in mask["counts"].values())
        if is_right(mask) and marked == ignored:
            assert answer.status_code == 200, answer.text
            assert now["version"] == version + 1
            assert now["points"] == []
            assert now["mask"] == (mask if marked else None)
        else:
            assert 400 <= answer.status_code < 500, answer.text
            assert answer.json()["error"]["message"]
            assert (now["version"], now["points"], now["mask"]) == (version, before["points"], None)

    send()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "new", "classes": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}, 422),
        ({"name": "new", "classes": [{"id": 2, "name": "b"}]}, 409),
        ({"name": "new", "classes": [{"id": 1, "name": "a"}, {"name": "a"}]}, 422),
        ({"name": "new", "classes": [{"id": 70000, "name": "a"}]}, 422),
        ({"name": "new", "classes": []}, 422),
        ({"name": "new", "classes": [{"id": 1, "name": "z"}], "scale": "other"}, 422),
        ({"name": "new", "classes": [{"id": 1, "name": "z"}], "colour": "red"}, 422),
        ({"classes": [{"id": 1, "name": "z"}], "name": " "}, 422),
        ({"classes": [{"id": 1, "name": "z", "colour": "red"}], "scale": "pixel"}, 422),
    ],
)
def test_a_project_is_changed_whole_or_not_at_all(
    stored: Service, change: dict[str, Any], status: int
) -> None:
    project = stored.project(classes=[{"name": "a"}])
    ok(stored.mark(project, stored.image(project), points=[{"xy": [1, 1], "class": 1}]))
    before = ok(stored.client.get(f"/v1/projects/{project}"))
    assert stored.client.patch(f"/v1/projects/{project}", json=change).status_code == status
    assert ok(stored.client.get(f"/v1/projects/{project}")) == before


def test_a_scale_that_a_kind_has_not_leaves_its_classes(start: Callable[..., Service]) -> None:
    service = start()
    project = service.project(kind="video", classes=[{"name": "a"}])
    before = ok(service.client.get(f"/v1/projects/{project}"))
    change = {"name": "new", "classes": [{"name": "z"}], "scale": "frame"}
    assert service.client.patch(f"/v1/projects/{project}", json=change).status_code == 422
    assert ok(service.client.get(f"/v1/projects/{project}")) == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "body.name: this is missing"),
        ({"name": ""}, "body.name: it needs 1 or more characters"),
        ({"name": 5}, "body.name: text is expected"),
        ({"name": "x", "kind": "film"}, "body.kind: one of 'images', 'video' or 'volume' is expected"),
        ({"name": "x", "colour": 1}, "body.colour: there is no such field"),
        ([], "body: an object with named fields is expected"),
    ],
)
def test_a_wrong_body_is_refused_in_our_words(service: Service, body: Any, said: str) -> None:
    error = service.client.post("/v1/projects", json=body).json()["error"]
    assert error["message"].startswith(said)
    assert error["details"][0]["where"].startswith("body")
