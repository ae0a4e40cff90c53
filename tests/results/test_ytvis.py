"""One JSON for a video: written, read by hand, read back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from films import read_ytvis

from cuecast.core.objects import Annotations, connected_objects
from cuecast.core.values import ClassInfo
from cuecast.io.labels.outlines import decode_rle, expand_counts
from cuecast.results.ytvis import write_ytvis

CLASSES = (ClassInfo(1, "cat"), ClassInfo(4, "dog"))
MAPS = [np.zeros((4, 6), np.int32) for _ in range(3)]
MAPS[0][1:3, 2:5] = 1
MAPS[0][0, 0] = 1
MAPS[2][3, 5] = 4
FRAMES = [Annotations(f"{i}.png", (4, 6), connected_objects(m)) for i, m in enumerate(MAPS)]


def test_the_file_holds_what_the_format_says(tmp_path: Path) -> None:
    path = write_ytvis(tmp_path / "a.json", lambda: iter(FRAMES), CLASSES, "film.mp4")
    data = json.loads(path.read_text())
    assert data["videos"] == [
        {
            "id": 1,
            "name": "film.mp4",
            "width": 6,
            "height": 4,
            "length": 3,
            "file_names": ["0.png", "1.png", "2.png"],
        }
    ]
    assert [(c["id"], c["name"]) for c in data["categories"]] == [(1, "cat"), (4, "dog")]
    cat, dog = data["annotations"]
    assert (cat["id"], cat["video_id"], cat["category_id"], cat["iscrowd"]) == (1, 1, 1, 0)
    assert (cat["width"], cat["height"]) == (6, 4)
    assert (cat["bboxes"], cat["areas"]) == ([[0, 0, 5, 3], None, None], [7, None, None])
    assert (dog["bboxes"], dog["areas"]) == ([None, None, [5, 3, 1, 1]], [None, None, 1])
    assert cat["segmentations"][1:] == [None, None]
    runs = expand_counts(cat["segmentations"][0]["counts"])
    # columns first: a pixel, 9 to the third column's second row, then 2 in each of three columns
    assert runs == [0, 1, 8, 2, 2, 2, 2, 2, 5]
    assert decode_rle(runs, (4, 6), 1).area == 7


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    path = write_ytvis(tmp_path / "a.json", lambda: iter(FRAMES), CLASSES, "film.mp4")
    found, classes = read_ytvis(path)
    assert classes == ["cat", "dog"]
    assert all((f == m).all() for f, m in zip(found, MAPS, strict=True))
