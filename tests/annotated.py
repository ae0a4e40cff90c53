"""Objects for the round trips of all label formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.core.values import ClassInfo
from cuecast.io.labels import PassedOver
from cuecast.io.labels.coco import image_name, open_coco

CLASSES = (
    ClassInfo(1, "cell"),
    ClassInfo(2, "sehr 'großer' \"Kern\", 猫", "#123456"),
    ClassInfo(7, "a: b #c"),
)


def obj(cls: int, top: int, left: int, *rows: str) -> ObjectMask:
    """An object from rows of '#' and '.'."""
    return ObjectMask(cls, top, left, np.array([[c == "#" for c in row] for row in rows]))


CASES = {
    "empty image": (),
    "one pixel": (obj(1, 3, 4, "#"),),
    "pixels in the corners": (obj(1, 0, 0, "#"), obj(2, 11, 14, "#")),
    "whole image": (ObjectMask(1, 0, 0, np.ones((12, 15), bool)),),
    "hole": (obj(2, 2, 3, "#####", "#...#", "#.#.#", "#...#", "#####"),),
    "several holes": (obj(2, 0, 0, "#######", "#.#.#.#", "#######", "#.###.#", "#######"),),
    "occluded, in three parts": (obj(1, 1, 0, "##...##", "##...#.", ".......", "..####."),),
    "parts with holes": (obj(7, 4, 1, "###...###", "#.#...#.#", "###...###"),),
    "touching objects": (obj(1, 0, 0, "##", "##"), obj(1, 0, 2, "##", "##"), obj(2, 2, 0, "####")),
    "diagonal": (obj(1, 5, 5, "#.#", ".#.", "#.#"),),
    "overlapping": (obj(1, 0, 0, "###", "###"), obj(2, 1, 1, "###", "###")),
    "full columns": (ObjectMask(1, 0, 3, np.ones((12, 2), bool)),),
}


def annotations(objects: tuple[ObjectMask, ...], name: str = "ein 'bild' ünï.png") -> Annotations:
    return Annotations(name, (12, 15), objects)


@st.composite
def random_annotations(draw: st.DrawFn) -> Annotations:
    """Up to four objects of random pixels in a small image, each of at least one pixel."""
    H, W = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    masks = draw(st.lists(npst.arrays(bool, (H, W)), max_size=4))
    ids = [c.id for c in CLASSES]
    objects = tuple(tight(ObjectMask(draw(st.sampled_from(ids)), 0, 0, m)) for m in masks if m.any())
    return Annotations("random.png", (H, W), objects)


def assert_equal(a: Annotations, b: Annotations, name: bool = True) -> None:
    """The same objects in the same order, pixel by pixel."""
    assert a.size == b.size
    assert not name or a.name == b.name
    assert len(a.objects) == len(b.objects)
    for one, other in zip(map(tight, a.objects), map(tight, b.objects), strict=True):
        assert (one.cls, one.xyxy) == (other.cls, other.xyxy)
        assert np.array_equal(one.mask, other.mask)


def read_coco(path: Path) -> tuple[tuple[Annotations, ...], tuple[ClassInfo, ...]]:
    """The objects of every image of a file of which each states its size, in the order of the file, and the classes."""
    coco = open_coco(path)
    passed = PassedOver(path)
    found = []
    for entry in coco.images:
        size = coco.entry_size(entry)
        assert size is not None
        found.append(Annotations(image_name(entry), size, coco.objects(entry, size, passed)))
    passed.settle(sum(len(one.objects) for one in found))
    return tuple(found), coco.classes
