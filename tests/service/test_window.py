"""A slice of a volume looked at through another window of values than the one that is segmented."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import phantoms
import pytest
from inline_service import RAW, Service, inline_service, png
from PIL import Image


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data") as service:
        yield service


def volume(service: Service, tmp_path: Path, voxels: Any) -> str:
    """A project of a volume; the id of its third slice."""
    reply = service.client.post("/v1/projects", json={"name": "Scan", "kind": "volume"})
    service.project = reply.json()["id"]
    service.p = f"/v1/projects/{service.project}"
    data = phantoms.nifti(tmp_path / "scan.nii.gz", voxels, phantoms.affine()).read_bytes()
    sent = service.client.post(
        f"{service.p}/source", params={"name": "scan.nii.gz"}, content=data, headers=RAW
    )
    assert sent.status_code == 201, sent.text
    return str(service.get("images")["items"][2]["id"])


def scan() -> Any:
    """Hounsfield units: air, with a block of 40 in it and its corner of 400."""
    values = np.where(phantoms.truth(), 40, -1000).astype(np.int16)
    values[2, 2, 3] = 400
    return values


def pixels(service: Service, image: str, query: str = "") -> Any:
    reply = service.client.get(f"{service.p}/images/{image}/view{query}")
    assert reply.status_code == 200, reply.text
    return np.asarray(Image.open(io.BytesIO(reply.content)).convert("L")).astype(int)


def test_a_window_shows_other_values_and_leaves_the_view_as_it_is(service: Service, tmp_path: Path) -> None:
    image = volume(service, tmp_path, scan())
    plain = pixels(service, image)
    seen = pixels(service, image, "?low=-160&high=240")
    # Air is black, 40 is the middle, and what is above 240 is white.
    assert (seen[0, 0], seen[3, 4], seen[2, 3]) == (0, 127, 255)
    assert np.array_equal(pixels(service, image), plain)


def test_the_window_that_is_segmented_and_the_usual_ones(service: Service, tmp_path: Path) -> None:
    image = volume(service, tmp_path, scan())
    found = service.get(f"images/{image}/window")
    assert (found["low"], found["high"]) == (-1000, 40)
    assert found["usual"]["lung"] == [-1350, 150]
    plain = pixels(service, image)
    assert np.array_equal(pixels(service, image, f"?low={found['low']}&high={found['high']}"), plain)
    # Values that are none of computed tomography have no usual windows.
    other = volume(service, tmp_path, phantoms.values())
    assert service.get(f"images/{other}/window")["usual"] == {}


def test_what_is_no_window_and_what_has_none_is_refused(service: Service, tmp_path: Path) -> None:
    plain = service.upload("a.png", png(3))
    for path in ("window", "view?low=0&high=9"):
        assert service.get(f"images/{plain}/{path}", 422)["error"]["code"] == "not_of_this_kind"
    image = volume(service, tmp_path, scan())
    for query in ("low=5", "high=5", "low=5&high=5", "low=nan&high=5", "low=0&high=inf"):
        service.get(f"images/{image}/view?{query}", 422)
