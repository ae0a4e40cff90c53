"""What a pixel is, as a person says it of a project: in the measures, and in the files of an export."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inline_service import Service, columns, inline_service, png


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """a and b, of 4 x 8 pixels, two and three columns of which are red; run."""
    with inline_service(tmp_path / "data") as service:
        service.ids = {"a": service.upload("a.png", png(2)), "b": service.upload("b.png", png(3, 1))}
        service.mark(service.ids["a"], columns(2))
        service.done("runs")
        yield service


def change(service: Service, body: dict[str, Any], status: int = 200) -> Any:
    reply = service.client.patch(service.p, json=body)
    assert reply.status_code == status, reply.text
    return reply.json()


def exported(service: Service) -> list[dict[str, str]]:
    job = service.done("exports", {"formats": ["csv"]})
    data = service.client.get(f"/v1/jobs/{job['id']}/file").content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name = next(n for n in archive.namelist() if n.endswith("objects.csv"))
        return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8"))))


def test_measures_have_units_from_then_on(service: Service) -> None:
    before = service.get("objects")["items"]
    assert [(o["area"], o["unit"], o["area_units"]) for o in before] == [(8, None, None), (12, None, None)]
    said = change(service, {"pixel_size": 0.5, "unit": "um"})
    assert (said["pixel_size"], said["unit"]) == (0.5, "um")
    found = service.get("objects")["items"]
    assert [(o["area"], o["unit"], o["area_units"]) for o in found] == [(8, "um", 2.0), (12, "um", 3.0)]
    one = service.get(f"images/{service.ids['b']}/prediction")["objects"]
    assert one[0]["area_units"] == 3.0
    # It is no matter of the masks: nothing is outdated.
    assert not service.get(f"images/{service.ids['b']}")["prediction"]["stale"]
    assert [row["area_units"] for row in exported(service)] == ["2.0", "3.0"]

    # Other changes leave it; null takes it away.
    assert change(service, {"name": "Another"})["pixel_size"] == 0.5
    assert change(service, {"pixel_size": None, "unit": None})["unit"] is None
    assert [o["unit"] for o in service.get("objects")["items"]] == [None, None]


@pytest.mark.parametrize(
    "body",
    [
        {"pixel_size": 0.5},
        {"unit": "um"},
        {"pixel_size": 0.5, "unit": None},
        {"pixel_size": 0, "unit": "um"},
        {"pixel_size": -1, "unit": "um"},
        {"pixel_size": "inf", "unit": "um"},
        {"pixel_size": 1, "unit": ""},
    ],
)
def test_what_is_no_size_is_refused(service: Service, body: dict[str, Any]) -> None:
    assert change(service, body, 422)["error"]["code"] == "invalid_request"
    assert service.client.get(service.p).json()["pixel_size"] is None
