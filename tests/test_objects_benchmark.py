"""benchmarks/objects_drawn.py: drawn things that touch, with exact truth."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scripts import load_script

import cuecast
from cuecast.core.values import Example, Image, Marks


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/objects_drawn.py")


@pytest.fixture(scope="module")
def taught(script: ModuleType) -> cuecast.Concept:
    cues = []
    for shown in (script.draw("discs", seed) for seed in range(3)):
        marks = Marks(shown.ids.shape, (shown.ids > 0).astype(np.int32), objects=shown.ids)
        cues.append(Example(Image(shown.pixels), marks))
    concept = cuecast.load("colours").learn(cues, classes=["disc"])
    assert concept.splits
    return concept


def test_most_of_what_is_drawn_touches(script: ModuleType) -> None:
    for kind in script.KINDS:
        drawn = script.draw(kind, 1)
        assert drawn.ids.max() > 40
        assert script.touching(drawn) > 0.6


def test_things_are_counted_to_three_in_a_hundred(script: ModuleType, taught: cuecast.Concept) -> None:
    found, there, met = 0, 0, []
    for seed in (11, 12):
        drawn = script.draw("discs", seed)
        prediction = taught.segment(drawn.pixels)
        assert ((prediction.mask > 0) == (drawn.ids > 0)).all()
        assert ((prediction.instances > 0) == (prediction.mask > 0)).all()
        assert (prediction.mask == taught.with_objects("connected").segment(drawn.pixels).mask).all()
        found, there = found + int(prediction.instances.max()), there + int(drawn.ids.max())
        met.append(script.f1(prediction.instances, drawn.ids))
    assert abs(found - there) <= 0.03 * there
    assert min(met) > 0.9


def test_a_cut_out_is_told_apart_as_the_whole_but_near_its_border(
    script: ModuleType, taught: cuecast.Concept
) -> None:
    drawn = script.draw("discs", 3)
    whole = taught.segment(drawn.pixels).instances
    top, left, side, near = 60, 70, 250, 30
    part = taught.segment(drawn.pixels[top : top + side, left : left + side].copy()).instances
    inner = (slice(near, side - near),) * 2
    same = script.f1(*(_numbered(ids[inner]) for ids in (part, whole[top : top + side, left : left + side])))
    assert same > 0.97


def test_the_same_every_time(script: ModuleType, taught: cuecast.Concept) -> None:
    drawn = script.draw("discs", 14)
    again = cuecast.load("colours").learn(taught.examples, taught.classes)
    assert (again.segment(drawn.pixels).instances == taught.segment(drawn.pixels).instances).all()


def _numbered(ids: np.ndarray) -> np.ndarray:
    return np.unique(ids, return_inverse=True)[1].reshape(ids.shape).astype(np.int32)
