"""Labels of other programs become marks: looked at first, with what is left out and why."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service_client import Service, encoded, ok, png, refused

SQUARE = [1, 0, 3, 0, 3, 2, 1, 2]
"""A polygon of 2 x 2 pixels: rows 0 and 1, columns 1 and 2."""
RUNS = [4, 2, 2, 2, 22]
"""The same down the columns of 4 x 8."""


@pytest.fixture
def project(service: Service) -> str:
    """Pictures a.png to d.png of 4 x 8 pixels, none of them marked."""
    made = service.project()
    for shade, name in enumerate("abcd"):
        service.image(made, png(shade=shade), f"{name}.png")
    return made


def packed(files: Mapping[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sent(service: Service, project: str, name: str, data: bytes, **way: Any) -> dict[str, Any]:
    path = f"/v1/projects/{project}/labels"
    return dict(ok(service.client.post(path, params={"name": name, **way}, content=data)))


def marks(service: Service, project: str) -> dict[str, Any]:
    """Name -> marks of each image that has any."""
    found = ok(service.client.get(f"/v1/projects/{project}/images"))["items"]
    path = f"/v1/projects/{project}/images"
    return {
        i["name"]: ok(service.client.get(f"{path}/{i['id']}/marks")) for i in found if i["marks"] is not None
    }


def coco() -> bytes:
    """a.png has a square and a box of 'cell', b.png nothing; x.png is not in the project, c.png of another size."""
    images = [("a.png", 8, 4), ("deep/b.png", 8, 4), ("x.png", 8, 4), ("c.png", 9, 4)]
    listed = [
        {"id": n, "file_name": name, "width": w, "height": h} for n, (name, w, h) in enumerate(images, 1)
    ]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "segmentation": [SQUARE], "bbox": [1, 0, 2, 2]},
        {"id": 2, "image_id": 1, "category_id": 7, "bbox": [5, 0, 2, 4]},
        {"id": 3, "image_id": 3, "category_id": 7, "segmentation": [SQUARE], "bbox": [1, 0, 2, 2]},
        {"id": 4, "image_id": 4, "category_id": 7, "segmentation": [SQUARE], "bbox": [1, 0, 2, 2]},
    ]
    categories = [{"id": 7, "name": "cell"}]
    return json.dumps({"images": listed, "annotations": annotations, "categories": categories}).encode()


def test_labels_are_looked_at_first_and_nothing_is_stored(service: Service, project: str) -> None:
    read = sent(service, project, "labels.json", coco())
    assert [(i["name"], i["objects"], i["absent"]) for i in read["images"]] == [
        ("a.png", {"cell": 2}, False),
        ("b.png", {}, True),
    ]
    assert (read["count"], read["absent"], read["stored"]) == (2, 1, False)
    assert read["classes"] == [{"name": "cell", "new": True, "objects": 2}]
    left = {tuple(each["names"]): each["reason"] for each in read["left_out"]}
    assert left["x.png",] == "no picture of the project is called so"
    assert "are for an image 9 wide and 4 high, c.png is 8 wide and 4 high" in left["c.png",]
    assert [n for n in read["notes"] if "read as a rectangle" in n and "labels.json" in n]
    assert str(service.data) not in json.dumps(read)
    assert marks(service, project) == {}
    assert [c["name"] for c in ok(service.client.get(f"/v1/projects/{project}"))["classes"]] == ["thing"]


def test_stored_they_are_marks_of_classes_that_are_matched_by_name(service: Service, project: str) -> None:
    assert sent(service, project, "labels.json", coco(), store=True)["stored"] is True
    found = marks(service, project)
    assert found["a.png"]["mask"] == {
        "size": [4, 8],
        "counts": {"1": [4, 2, 2, 2, 10, 8, 4]},
        "objects": [RUNS, [20, 8, 4]],
    }
    assert found["b.png"]["absent"] is True
    assert set(found) == {"a.png", "b.png"}
    assert [c["name"] for c in ok(service.client.get(f"/v1/projects/{project}"))["classes"]] == ["cell"]
    # What is marked stays, unless it is to be replaced.
    again = sent(service, project, "labels.json", coco(), store=True)
    assert (again["count"], again["left_out"][0]["reason"]) == (0, "the picture is marked already")
    assert again["left_out"][0]["names"] == ["a.png", "deep/b.png"]
    anew = sent(service, project, "labels.json", coco(), replace=True, store=True)
    assert (anew["count"], anew["replaced"]) == (2, 2)
    assert marks(service, project)["a.png"]["version"] == 2


def test_pictures_without_labels_are_left_out_where_that_is_wanted(service: Service, project: str) -> None:
    read = sent(service, project, "labels.json", coco(), empty=False)
    assert [i["name"] for i in read["images"]] == ["a.png"]
    assert {"reason": "nothing is marked on it", "count": 1, "names": ["deep/b.png"]} in read["left_out"]


def test_a_folder_of_yolo_files_as_a_zip(service: Service, project: str) -> None:
    square = "0.125 0 0.375 0 0.375 0.5 0.125 0.5"
    files = {
        "set/labels/a.txt": f"1 {square}\n",
        "set/labels/b.txt": f"0 {square}\n7 1\n",
        "set/data.yaml": "names: [dog, cell]\n",
        "set/images/a.png": png(),
        "set/readme.md": "x",
    }
    read = sent(service, project, "set.zip", packed(files), store=True)
    assert [(i["name"], i["objects"]) for i in read["images"]] == [
        ("a.png", {"cell": 1}),
        ("b.png", {"dog": 1}),
    ]
    assert {"reason": "is no label file by its suffix", "count": 1, "names": ["readme.md"]} in read[
        "left_out"
    ]
    assert any("passed over" in note and "labels/b.txt" in note for note in read["notes"])
    classes = {c["name"]: str(c["id"]) for c in ok(service.client.get(f"/v1/projects/{project}"))["classes"]}
    found = marks(service, project)
    assert found["a.png"]["mask"]["counts"] == {classes["cell"]: RUNS}
    assert found["b.png"]["mask"]["counts"] == {classes["dog"]: RUNS}


def test_labelme_files(service: Service, project: str) -> None:
    def labelme(*shapes: list[list[int]]) -> str:
        listed = [{"label": "cell", "shape_type": "polygon", "points": points} for points in shapes]
        return json.dumps({"shapes": listed, "imagePath": "a.png", "imageHeight": 4, "imageWidth": 8})

    points = [[1, 0], [3, 0], [3, 2], [1, 2]]
    files = {"a.json": labelme(points), "broken.json": "{", "sub/a.json": labelme()}
    read = sent(service, project, "set.zip", packed(files), store=True)
    assert [(i["name"], i["file"]) for i in read["images"]] == [("a.png", "a.json")]
    reasons = {name: each["reason"] for each in read["left_out"] for name in each["names"]}
    assert reasons["sub/a.json"] == "another one of the label files is of this picture, too"
    assert "JSON" in reasons["broken.json"]
    assert marks(service, project)["a.png"]["mask"]["counts"] == {"1": RUNS}


def mask_png(values: Mapping[int, slice]) -> bytes:
    """Columns of 4 x 8 that have a value."""
    mask = np.zeros((4, 8), np.uint8)
    for value, columns in values.items():
        mask[:, columns] = value
    return encoded(mask, "PNG")


def test_masks_keep_what_is_left_out_and_ids_tell_things_apart(service: Service, project: str) -> None:
    files = {
        "masks/a_mask.png": mask_png({255: slice(0, 2)}),
        "masks/b.png": mask_png({1: slice(0, 2), 2: slice(2, 3), 3: slice(5, 6)}),
        "masks/c.png": mask_png({1: slice(0, 1), 255: slice(2, 3)}),
        "images/d.png": png(),
    }
    read = sent(service, project, "set.zip", packed(files), store=True)
    assert [(i["name"], i["objects"]) for i in read["images"]] == [
        ("a.png", {"thing": 1}),
        ("b.png", {"thing": 3}),
        ("c.png", {"thing": 1}),
    ]
    found = marks(service, project)
    assert found["a.png"]["mask"] == {"size": [4, 8], "counts": {"1": [0, 8, 24]}}
    assert found["b.png"]["mask"]["objects"] == [[0, 8, 24], [8, 4, 20], [20, 4, 8]]
    assert found["c.png"]["mask"]["counts"] == {"1": [0, 4, 28], "ignore": [8, 4, 20]}
    assert {"reason": "is a picture, and no labels", "count": 1, "names": ["images/d.png"]} in read[
        "left_out"
    ]


def test_who_sends_pictures_of_numbers_says_whether_these_are_classes_or_objects(
    service: Service, project: str
) -> None:
    data = mask_png({1: slice(0, 2), 2: slice(2, 3)})
    as_classes = sent(service, project, "b.png", data, format="masks")
    assert [(c["name"], c["new"], c["objects"]) for c in as_classes["classes"]] == [
        ("thing", False, 1),
        ("class 2", True, 1),
    ]
    as_objects = sent(service, project, "b.png", data, format="objects")
    assert as_objects["classes"] == [{"name": "thing", "new": False, "objects": 2}]
    path = f"/v1/projects/{project}/labels?name=b.png&format=word"
    assert "'word' is unknown" in refused(service.client.post(path, content=data), 422, "input_invalid")


def test_colours_of_masks_mean_the_same_in_all_of_them(service: Service, project: str) -> None:
    def coloured(*colours: tuple[int, int, int]) -> bytes:
        pixels = np.zeros((4, 8, 3), np.uint8)
        for column, colour in enumerate(colours):
            pixels[:, 3 * column : 3 * column + 2] = colour
        return encoded(pixels, "PNG")

    green, red = (0, 200, 0), (200, 0, 0)
    files = {"a.png": coloured(green, red), "b.png": coloured(red)}
    read = sent(service, project, "set.zip", packed(files))
    first, second = (i["objects"] for i in read["images"])
    assert len(first) == 2
    assert set(second) < set(first)


def test_an_archive_that_leads_out_or_holds_no_labels_is_refused(service: Service, project: str) -> None:
    path = f"/v1/projects/{project}/labels?name=set.zip"
    out = service.client.post(path, content=packed({"../a.json": "{}"}))
    assert "lead out" in refused(out, 422, "input_invalid")
    none = service.client.post(path, content=packed({"readme.md": "x"}))
    assert "holds no labels" in refused(none, 422, "input_invalid")
    assert service.client.post("/v1/projects/nothere/labels?name=a.json", content=b"{}").status_code == 404


@pytest.fixture
def rooted(start: Callable[..., Service], tmp_path: Path) -> Service:
    root = tmp_path / "root"
    (root / "labels").mkdir(parents=True)
    (root / "labels" / "a.json").write_bytes(coco())
    return start(roots=(root,))


def test_a_folder_of_the_server(rooted: Service, tmp_path: Path) -> None:
    project = rooted.project()
    rooted.image(project, png(), "a.png")
    path = f"/v1/projects/{project}/labels/folder"
    place = tmp_path / "root" / "labels"
    read = ok(rooted.client.post(path, json={"path": str(place), "store": True}))
    assert [(i["name"], i["file"]) for i in read["images"]] == [("a.png", "a.json")]
    assert str(tmp_path) not in json.dumps(read)
    assert marks(rooted, project)["a.png"]["mask"]["counts"]
    refused(rooted.client.post(path, json={"path": str(tmp_path)}), 403, "outside_roots")
    (place / "out.json").symlink_to(tmp_path / "elsewhere.json")
    refused(rooted.client.post(path, json={"path": str(place)}), 403, "outside_roots")
