"""A file or folder with several volumes: the error has the choices, and the request that names one adds that one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import phantoms
import pytest
import tifffile
from inline_service import RAW, Service, inline_service
from numpy.typing import NDArray
from PIL import Image

from cuecast.cues import mask_document
from cuecast.predictor import load
from cuecast.propagation.volume_slices import SliceCue
from cuecast.runs.volume import VolumeOptions, run_volume
from cuecast.service.store import models

SLICE = 2
TIMES = 3


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with inline_service(tmp_path / "data", roots=(tmp_path / "root",)) as service:
        of_kind(service, "volume")
        yield service


def of_kind(service: Service, kind: str) -> None:
    """Make the service's project a new one of a kind."""
    service.project = service.client.post("/v1/projects", json={"name": kind, "kind": kind}).json()["id"]
    service.p = f"/v1/projects/{service.project}"


def moved(time: int) -> NDArray[np.bool_]:
    """The block of the phantom, `time` voxels to the right."""
    return np.roll(phantoms.truth(), time, axis=2)


def values(time: int) -> NDArray[np.int16]:
    return np.where(moved(time), phantoms.THING, phantoms.REST).astype(np.int16)


def times(path: Path) -> bytes:
    """A 4-D NIfTI in which the block moves."""
    whole = np.stack([values(time) for time in range(TIMES)])
    nibabel.Nifti1Image(whole.T, phantoms.affine()).to_filename(path)
    return path.read_bytes()


def channels(path: Path) -> bytes:
    """An ImageJ stack of two channels."""
    whole = np.stack([values(time) for time in range(2)], axis=1).astype(np.uint16)
    tifffile.imwrite(path, whole, imagej=True, metadata={"axes": "ZCYX"})
    return path.read_bytes()


def sequence(path: Path) -> bytes:
    """An NRRD with the axis of its channels first, as 3D Slicer writes it."""
    whole = np.stack([values(time) for time in range(2)], axis=3)
    nrrd.write(str(path), whole, {"kinds": ["list", "domain", "domain", "domain"]}, index_order="C")
    return path.read_bytes()


def series(folder: Path) -> Path:
    """A folder with two DICOM series; the UID of one is the end of the other's."""
    phantoms.dicom(folder / "1", values(0), "1.2.3", "plain")
    phantoms.dicom(folder / "2", values(1), "9.1.2.3", "late")
    return folder


def send(service: Service, name: str, data: bytes, **chosen: Any) -> Any:
    params = {"name": name, **chosen}
    return service.client.post(f"{service.p}/source", params=params, content=data, headers=RAW)


def add(service: Service, path: Path, **chosen: Any) -> Any:
    return service.client.post(f"{service.p}/folder", json={"path": str(path), **chosen})


def refused(reply: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a reply: in words of the service, and not of the command line."""
    assert reply.status_code == status, reply.text
    error = dict(reply.json()["error"])
    assert error["code"] == code, error
    assert "--" not in error["message"]
    return error


def shown(service: Service, index: int) -> NDArray[np.bool_]:
    """What is bright on a slice as it is viewed, and so is small."""
    image = service.get("images?limit=500")["items"][index]["id"]
    path = f"{service.p}/images/{image}"
    view = Image.open(io.BytesIO(service.client.get(f"{path}/view").content)).convert("L")
    small = Image.open(io.BytesIO(service.client.get(f"{path}/thumbnail?size=64").content)).convert("L")
    bright: NDArray[np.bool_] = np.asarray(view) > 128
    assert np.array_equal(bright, np.asarray(small) > 128)
    return bright


def test_the_error_of_a_file_has_the_choices(service: Service, tmp_path: Path) -> None:
    error = refused(send(service, "times.nii.gz", times(tmp_path / "t.nii.gz")), 422, "several_volumes")
    assert error["message"].startswith("times.nii.gz: holds 3 volumes (channels or times)")
    assert "`channel`, from 0 to 2" in error["message"]
    choices = [{"value": str(n), "name": str(n)} for n in range(TIMES)]
    assert error["details"] == {"option": "channel", "choices": choices}
    assert service.client.get(service.p).json()["source"] is None


@pytest.mark.parametrize(
    ("make", "name"), [(times, "a.nii.gz"), (times, "a.nii"), (channels, "a.tif"), (sequence, "a.nrrd")]
)
def test_a_channel_is_chosen_with_the_file(service: Service, tmp_path: Path, make: Any, name: str) -> None:
    data = make(tmp_path / name)
    refused(send(service, name, data), 422, "several_volumes")
    reply = send(service, name, data, channel=1)
    assert reply.status_code == 201, reply.text
    assert (reply.json()["channel"], reply.json()["series"], reply.json()["frames"]) == (1, None, 6)
    assert np.array_equal(shown(service, SLICE), moved(1)[SLICE])


def test_all_that_reads_a_source_reads_the_chosen_volume(service: Service, tmp_path: Path) -> None:
    data = times(tmp_path / "times.nii.gz")
    assert send(service, "times.nii.gz", data, channel=2).status_code == 201
    ids = [i["id"] for i in service.get("images?limit=500")["items"]]
    labels = moved(2)[SLICE].astype(np.int32)
    service.mark(ids[SLICE], {"version": 0, "mask": mask_document(labels)})
    answer = service.post(f"images/{ids[3]}/preview", {"marks": {}}, 200)
    assert answer["mask"] == mask_document(moved(2)[3].astype(np.int32))
    job = service.done("runs")
    run_volume(
        load("colours"),
        tmp_path / "times.nii.gz",
        tmp_path / "out",
        [SliceCue("z", SLICE, mask=labels)],
        ["thing"],
        VolumeOptions(reading=phantom_reading(2)),
    )
    ours = (service.results / "masks" / "times.nii.gz").read_bytes()
    assert ours == (tmp_path / "out" / "masks" / "times.nii.gz").read_bytes()
    assert job["result"]["voxels"] == {"thing": int(moved(2).sum())}
    service.mark(ids[4], {"version": 0, "mask": mask_document(moved(2)[4].astype(np.int32))})
    service.done("checks")
    assert service.done("exports", {"formats": ["cueset"]})["state"] == "done"


def phantom_reading(channel: int) -> Any:
    from cuecast.io.volumes.reading import Reading

    return Reading(channel)


def test_the_error_of_a_folder_has_the_series(service: Service, tmp_path: Path) -> None:
    error = refused(add(service, series(tmp_path / "root" / "both")), 422, "several_volumes")
    assert "holds several series" in error["message"]
    assert error["details"] == {
        "option": "series",
        "choices": [
            {"value": "1.2.3", "name": "CT 'plain', 6 files"},
            {"value": "9.1.2.3", "name": "CT 'late', 6 files"},
        ],
    }


@pytest.mark.parametrize(("chosen", "time"), [("1.2.3", 0), ("9.1.2.3", 1), ("late", 1)])
def test_a_series_is_chosen_with_the_folder(service: Service, tmp_path: Path, chosen: str, time: int) -> None:
    folder = series(tmp_path / "root" / "both")
    reply = add(service, folder, series=chosen)
    assert (reply.status_code, reply.json()["count"]) == (201, 6), reply.text
    assert service.client.get(service.p).json()["source"]["series"] == chosen
    assert np.array_equal(shown(service, SLICE), moved(time)[SLICE])


def test_a_slice_stands_for_its_series_in_its_folder(service: Service, tmp_path: Path) -> None:
    phantoms.dicom(tmp_path / "root" / "flat", values(0), "1.2.3", "plain")
    slices = phantoms.dicom(tmp_path / "root" / "flat", values(1), "1.2.4", "late")
    assert add(service, slices[2]).status_code == 201
    source = service.client.get(service.p).json()["source"]
    assert (source["name"], source["series"]) == ("flat", "1.2.4")
    assert np.array_equal(shown(service, SLICE), moved(1)[SLICE])
    # A link out of the roots would be read with them.
    (outside,) = phantoms.dicom(tmp_path / "secret", values(1)[:1], "1.2.4", "late")
    (tmp_path / "root" / "flat" / "more.dcm").symlink_to(outside)
    of_kind(service, "volume")
    refused(add(service, slices[2]), 403, "outside_roots")


def test_the_same_choice_is_one_source_and_another_is_another_project(
    service: Service, tmp_path: Path
) -> None:
    data = times(tmp_path / "t.nii.gz")
    assert send(service, "t.nii.gz", data, channel=1).status_code == 201
    assert send(service, "t.nii.gz", data, channel=1).status_code == 200
    assert send(service, "t.nii.gz", data).status_code == 200
    refused(send(service, "t.nii.gz", data, channel=0), 409, "source_exists")
    of_kind(service, "volume")
    folder = series(tmp_path / "root" / "both")
    assert add(service, folder, series="late").status_code == 201
    assert add(service, folder, series="9.1.2.3").json()["count"] == 0
    refused(add(service, folder, series="plain"), 409, "source_exists")


def test_a_choice_that_is_none_is_refused(service: Service, tmp_path: Path) -> None:
    data = times(tmp_path / "t.nii.gz")
    assert (
        "the file has 3"
        in refused(send(service, "t.nii.gz", data, channel=3), 422, "image_unreadable")["message"]
    )
    assert (
        "`series` chooses one"
        in refused(send(service, "t.nii.gz", data, series="late"), 422, "image_unreadable")["message"]
    )
    refused(send(service, "t.nii.gz", data, channel=-1), 422, "invalid_request")
    refused(send(service, "t.nii.gz", data, channel=2**40), 422, "invalid_request")
    folder = series(tmp_path / "root" / "both")
    none = refused(add(service, folder, series="no such"), 422, "several_volumes")
    assert "'no such'" in none["message"]
    assert len(none["details"]["choices"]) == 2
    assert (
        "`channel` is for files"
        in refused(add(service, folder, channel=0), 422, "image_unreadable")["message"]
    )
    refused(add(service, folder, series="a\n"), 422, "invalid_request")
    for kind in ("images", "video"):
        of_kind(service, kind)
        assert repr(kind) in refused(add(service, folder, channel=0), 422, "input_invalid")["message"]


def test_an_only_volume_may_be_chosen_too(service: Service, tmp_path: Path) -> None:
    path = phantoms.nifti(tmp_path / "scan.nii.gz", values(0), phantoms.affine())
    assert send(service, "scan.nii.gz", path.read_bytes()).status_code == 201
    assert send(service, "scan.nii.gz", path.read_bytes(), channel=0).status_code == 200


def test_what_was_chosen_outlives_the_service(tmp_path: Path) -> None:
    with inline_service(tmp_path / "data") as first:
        of_kind(first, "volume")
        assert send(first, "t.nii.gz", times(tmp_path / "t.nii.gz"), channel=1).status_code == 201
        project = first.project
    with inline_service(tmp_path / "data") as second:
        second.project, second.p = project, f"/v1/projects/{project}"
        with second.state.database.reading() as session:
            assert session.get(models.SourceRow, project).channel == 1
        assert np.array_equal(shown(second, SLICE), moved(1)[SLICE])
