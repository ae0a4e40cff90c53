"""A concept over a dataset of Ray Data: a row in, the same row with what was found out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, RED, mask, picture
from ray_nodes import Nodes

import cuecast
from cuecast.core.errors import CueError
from cuecast.predictor import Concept, Mapped


@pytest.fixture
def concept(tmp_path: Path) -> Concept:
    """What is red is the thing."""
    cue = cuecast.Cue(picture(tmp_path / "a.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    return cuecast.load("colours").learn([cue], classes=["red"])


def saved(concept: Concept, image: Any, folder: Path) -> bytes:
    return concept.segment(image).save(folder / "saved.png").read_bytes()


def test_a_batch_keeps_its_columns_and_gets_what_was_found(concept: Concept, tmp_path: Path) -> None:
    paths = [str(picture(tmp_path / f"p{n}.png", n)) for n in (3, 0)]
    (tmp_path / "broken.png").write_text("broken")
    batch = {"path": np.array([*paths, str(tmp_path / "broken.png")], object), "id": np.array([7, 8, 9])}
    found = Mapped(concept, "path")(batch)
    assert list(found) == ["path", "id", "mask", "verdict", "confidence", "objects", "error"]
    assert found["id"].tolist() == [7, 8, 9]
    assert found["verdict"].tolist() == ["found", "absent", None]
    assert found["objects"].tolist() == [1, 0, None]
    assert found["mask"].tolist() == [*(saved(concept, p, tmp_path) for p in paths), None]
    assert found["error"].tolist()[:2] == [None, None]
    assert str(tmp_path / "broken.png") in found["error"][2]


def test_pictures_may_be_bytes_and_arrays(concept: Concept, tmp_path: Path) -> None:
    path = picture(tmp_path / "p.png", 5)
    pixels = np.full((4, 8, 3), BLUE, np.uint8)
    pixels[:, :5] = RED
    for value in (path.read_bytes(), pixels):
        values = np.empty(1, object)
        values[0] = value
        assert Mapped(concept, "x")({"x": values})["mask"].tolist() == [saved(concept, path, tmp_path)]


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_dataset_is_mapped_by_processes_of_the_cluster(
    concept: Concept, tmp_path: Path, two: Nodes
) -> None:
    assert two.nodes
    import ray.data

    paths = [str(picture(tmp_path / f"p{n}.png", n % 9)) for n in range(20)]
    (tmp_path / "p7.png").write_text("broken")
    rows = ray.data.from_items(
        [{"path": path, "id": n} for n, path in enumerate(paths)], override_num_blocks=4
    )
    with pytest.raises(CueError, match="no column 'image'; name one of path, id"):
        concept.map_dataset(rows, "image")
    with pytest.raises(CueError, match="has a column 'error' already"):
        concept.map_dataset(rows.rename_columns({"id": "error"}))
    found = {row["id"]: row for row in concept.map_dataset(rows, workers=2).take_all()}
    assert sorted(found) == list(range(20))
    assert [n for n, row in found.items() if row["error"] is not None] == [7]
    assert found[7]["mask"] is None
    for n in {*range(20)} - {7}:
        assert found[n]["mask"] == saved(concept, paths[n], tmp_path)
        assert found[n]["verdict"] == ("found" if n % 9 else "absent")
