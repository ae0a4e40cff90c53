"""Marks by person: stored beside the images' own, compared, and made one truth."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from service_client import Service, ok, png, refused

from cuecast.service import keys
from cuecast.service.keys import format_key, hash_secret, new_secret


def columns(red: int, **others: Any) -> dict[str, Any]:
    """Marks of the first `red` of 8 columns of 4 rows."""
    if not red:
        return {"absent": True, **others}
    return {"mask": {"size": [4, 8], "counts": {"1": [0, 4 * red, 32 - 4 * red]}}, **others}


class Lab:
    """A project with pictures a, b, ...; what each person has marked is columns: {'a': {'Anna': 3, 'Ben': 4}}."""

    def __init__(self, service: Service, marked: dict[str, dict[str, int]]) -> None:
        self.service = service
        self.project = service.project()
        self.p = f"/v1/projects/{self.project}"
        self.ids = {n: service.image(self.project, png(2, shade=k), f"{n}.png") for k, n in enumerate(marked)}
        for name, people in marked.items():
            for person, red in people.items():
                self.save(name, person, **columns(red))

    def save(self, image: str, person: str | None, status: int = 200, **marks: Any) -> Any:
        asked = {"params": {"person": person}} if person else {}
        return ok(self.service.client.put(self.path(image), json=marks, **asked), status)

    def path(self, image: str) -> str:
        return f"{self.p}/images/{self.ids[image]}/marks"

    def marks(self, image: str, person: str | None = None) -> Any:
        return ok(self.service.client.get(self.path(image), params={"person": person} if person else {}))

    def people(self) -> Any:
        return ok(self.service.client.get(f"{self.p}/people"))

    def images(self, **asked: Any) -> list[Any]:
        return ok(self.service.client.get(f"{self.p}/images", params=asked))["items"]

    def agree(self, *images: str, **how: Any) -> Any:
        sent = {"action": "consensus", "images": [self.ids[n] for n in images], **how}
        return ok(self.service.client.post(f"{self.p}/images/actions", json=sent))


def test_people_mark_beside_each_other_and_beside_the_image(stored: Service) -> None:
    lab = Lab(
        stored, {"a": {"Anna": 3, "Ben": 4, "Cleo": 2}, "b": {"Anna": 0, "Ben": 0}, "c": {"Anna": 1}, "d": {}}
    )
    assert lab.marks("a") == {**lab.marks("d"), "version": 0}
    assert lab.marks("a", "Ben")["mask"]["counts"] == {"1": [0, 16, 16]}
    assert (lab.marks("a", "Ben")["version"], lab.marks("d", "Ben")["version"]) == (1, 0)
    # a: 12, 16 and 8 pixels inside each other.
    a = (3 / 4 + 2 / 3 + 2 / 4) / 3
    shown = {i["name"][0]: (i["people"], i["agreement"], i["marks"], i["checked"]) for i in lab.images()}
    assert shown["a"] == (["Anna", "Ben", "Cleo"], pytest.approx(a), None, False)
    assert shown["b"] == (["Anna", "Ben"], 1.0, None, False)
    assert (shown["c"], shown["d"]) == ((["Anna"], None, None, False), ([], None, None, False))
    assert [i["name"][0] for i in lab.images(order="agreement")] == ["a", "b", "c", "d"]
    assert [i["name"][0] for i in lab.images(order="agreement", reverse=True)] == ["b", "a", "c", "d"]
    project = ok(stored.client.get(lab.p))
    assert (project["cues"], project["checked"]) == (0, 0)

    told = lab.people()
    assert (told["images"], told["you"]) == (2, None)
    assert told["agreement"] == pytest.approx((a + 1) / 2)
    assert [(p["name"], p["images"]) for p in told["people"]] == [("Anna", 3), ("Ben", 2), ("Cleo", 1)]
    assert {(p["person"], p["other"]): (p["images"], p["agreement"]) for p in told["pairs"]} == {
        ("Anna", "Ben"): (2, pytest.approx(0.875)),
        ("Anna", "Cleo"): (1, pytest.approx(2 / 3)),
        ("Ben", "Cleo"): (1, 0.5),
    }
    assert told["people"][0]["agreement"] == pytest.approx((0.75 + 1 + 2 / 3) / 3)
    assert set(told["people"][2]["sensitivity"]) == {"1"}

    # What one takes away is forgotten in the agreement; versions never repeat.
    assert ok(stored.client.delete(lab.path("a"), params={"person": "Cleo"}))["version"] == 2
    assert lab.images()[0]["agreement"] == 0.75
    lab.save("a", "Ben", version=1, boxes=[{"xyxy": [0, 0, 2, 2], "class": 1}])
    assert (lab.images()[0]["people"], lab.images()[0]["agreement"]) == (["Anna"], None)
    # With the image go the marks.
    assert stored.client.delete(f"{lab.p}/images/{lab.ids['a']}").status_code == 204
    assert [p["images"] for p in lab.people()["people"]] == [2, 1]


def test_a_truth_by_majority_unanimity_and_reliability(service: Service) -> None:
    lab = Lab(
        service,
        {"a": {"Anna": 3, "Ben": 4, "Cleo": 2}, "b": {"Anna": 0, "Ben": 0}, "c": {"Anna": 1}, "d": {}},
    )
    done = lab.agree("a", "b", "c", "d")
    assert (done["done"], [i["marks"] for i in done["images"]]) == (2, ["mask", "absent"])
    assert {r["code"]: r["message"] for r in done["refused"]} == {
        "no_consensus": "d.png was marked wholly by nobody, and a consensus takes two people"
    }
    assert lab.marks("a")["mask"]["counts"] == {"1": [0, 12, 20]}
    assert lab.marks("a")["version"] == 1
    # What a person has marked stays; the truth is replaced only where that is said.
    assert lab.marks("a", "Ben")["mask"]["counts"] == {"1": [0, 16, 16]}
    assert lab.agree("a", way="unanimous")["refused"][0]["code"] == "already_marked"
    assert lab.agree("a", way="unanimous", replace=True)["done"] == 1
    assert lab.marks("a")["mask"]["counts"] == {"1": [0, 8, 24], "ignore": [8, 8, 16]}
    # Where Ben and Cleo agree everywhere else, Anna is the one who is wrong.
    for name in ("c", "d"):
        lab.save(name, "Ben", **columns(2))
        lab.save(name, "Cleo", **columns(2))
        lab.save(name, "Anna", **columns(8), version=lab.marks(name, "Anna")["version"])
    assert lab.agree("c", way="staple")["done"] == 1
    assert lab.marks("c")["mask"]["counts"] == {"1": [0, 8, 24]}
    rates = {p["name"]: p["specificity"]["1"] for p in lab.people()["people"]}
    assert rates["Anna"] < 0.6 < 0.9 < rates["Cleo"]


def test_where_nobody_agrees_on_anything_there_is_no_truth(service: Service) -> None:
    lab = Lab(service, {"a": {"Anna": 2, "Ben": 0}})
    (refusal,) = lab.agree("a")["refused"]
    assert (refusal["code"], refusal["message"]) == (
        "no_consensus",
        "people agree on no place of a.png where the thing is, nor that it is not there: look at it together",
    )
    assert lab.marks("a")["version"] == 0


def test_objects_of_the_truth_are_those_of_who_agrees_most(service: Service) -> None:
    lab = Lab(service, {"a": {}})
    apart = {"size": [4, 8], "counts": {"1": [0, 16, 16]}, "objects": [[0, 8, 24], [8, 8, 16]]}
    for person, mask in (("Anna", apart), ("Ben", apart), ("Cleo", {**apart, "objects": [[0, 16, 16]]})):
        lab.save("a", person, mask=mask)
    lab.agree("a")
    assert lab.marks("a")["mask"] == apart


def test_changes_are_based_on_versions_and_classes_in_use_stay(service: Service) -> None:
    lab = Lab(service, {"a": {"Anna": 3}})
    sent = service.client.put(lab.path("a"), json=columns(4), params={"person": "Anna"})
    assert "changed meanwhile" in refused(sent, 409, "marks_changed")
    assert sent.json()["error"]["details"]["version"] == 1
    gone = service.client.patch(lab.p, json={"classes": [{"name": "other"}]})
    assert "is marked on image 'a.png'" in refused(gone, 409, "class_in_use")
    wrong = {"mask": {"size": [4, 8], "counts": {"7": [0, 4, 28]}}}
    refused(service.client.put(lab.path("a"), json=wrong, params={"person": "Ben"}), 422, "marks_invalid")


def test_a_key_marks_under_its_name_alone_and_an_admins_under_any(start: Callable[..., Service]) -> None:
    service = start(require_key=True)
    with service.database.writing() as session:
        for name, admin in (("Anna", False), ("chief", True)):
            secret = new_secret()
            row = keys.add(session, name, hash_secret(secret), admin=admin)
            service.client.headers["Authorization"] = f"Bearer {format_key(row.id, secret)}"
            if not admin:
                anna = dict(service.client.headers)
    lab = Lab(service, {"a": {"Ben": 2}})
    assert lab.people()["you"] is None
    service.client.headers.update(anna)
    assert lab.people()["you"] == "Anna"
    for call in (
        service.client.put(lab.path("a"), json=columns(1, version=1), params={"person": "Ben"}),
        service.client.delete(lab.path("a"), params={"person": "Ben"}),
        service.client.post(f"{lab.p}/labels", params={"name": "x.zip", "person": "Ben"}, content=b""),
    ):
        assert (
            refused(call, 403, "not_yours") == "your key is called 'Anna': mark under that name, not as 'Ben'"
        )
    lab.save("a", "Anna", **columns(2))
    assert lab.images()[0]["agreement"] == 1


def test_labels_of_other_programs_become_what_a_person_has_marked(service: Service) -> None:
    lab = Lab(service, {"a": {"Anna": 2}})
    mask = np.zeros((4, 8), np.uint8)
    mask[:, :4] = 255
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    way = {"name": "a.png", "person": "Ben", "store": True}
    read = ok(service.client.post(f"{lab.p}/labels", params=way, content=buffer.getvalue()))
    assert (read["count"], read["stored"]) == (1, True)
    (image,) = lab.images()
    assert (image["people"], image["agreement"], image["marks"]) == (["Anna", "Ben"], 0.5, None)
    again = ok(service.client.post(f"{lab.p}/labels", params=way, content=buffer.getvalue()))
    assert again["left_out"][0]["reason"] == "the picture is marked already"
    again = ok(
        service.client.post(f"{lab.p}/labels", params={**way, "replace": True}, content=buffer.getvalue())
    )
    assert again["replaced"] == 1
    assert lab.marks("a", "Ben")["version"] == 2
