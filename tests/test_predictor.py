"""What the facade says of arguments that are something else than it takes."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cuecast
from cuecast.core.errors import PackError
from cuecast.core.objects import ObjectMode

PICTURE = np.zeros((4, 8, 3), np.uint8)
CUE = cuecast.Cue(PICTURE, mask=np.eye(4, 8, dtype=np.uint8))


@pytest.mark.parametrize(
    ("cues", "classes", "says"),
    [
        (CUE, None, r"cues are a list of Cue or Example, this is a Cue; write learn\(\[Cue"),
        (None, None, "this is a NoneType"),
        (["a.png"], None, "this is a str"),
        ([None], None, "this is a NoneType"),
        ([CUE], "coin", r"classes are a list of names, this is the text 'coin'; write \['coin'\]"),
        (
            [cuecast.Cue(PICTURE, points=[("a", "b")])],
            None,
            r"point \('a', 'b'\) is not made of numbers; write x,y",
        ),
        (
            [cuecast.Cue(PICTURE, scribbles=[[1, 2]])],
            None,
            r"scribble \[1, 2\] is not made of numbers; write \(x, y\)",
        ),
        (
            [cuecast.Cue(PICTURE, points=(2, 3))],
            None,
            r"points are a list of them, this holds the number 2; write points=",
        ),
        (
            [cuecast.Cue(PICTURE, boxes=(1, 1, 3, 3))],
            None,
            r"boxes are a list of them, .*; write boxes=\[\(...\)\]",
        ),
        ([], None, "no cues: mark the thing on at least one image"),
    ],
)
def test_other_arguments_are_told_with_a_remedy(cues: Any, classes: Any, says: str) -> None:
    with pytest.raises(cuecast.CueError, match=says):
        cuecast.load("colours").learn(cues, classes)


def test_more_threads_than_cores_are_as_many_as_there_are() -> None:
    learnt = cuecast.load("general", threads=10**8).learn([CUE])
    assert learnt.segment(PICTURE).mask.shape == (4, 8)


def test_no_worker_does_nothing() -> None:
    concept = cuecast.load("colours").learn([CUE])
    for workers in (0, -1):
        with pytest.raises(cuecast.InputError, match=f"{workers} workers do nothing; give 1 or more"):
            list(concept.segment_many([PICTURE], workers=workers))


@pytest.mark.parametrize("one", ["photo.png", b"x", Path("photo.png")])
def test_one_image_is_no_list_of_them(one: Any) -> None:
    concept = cuecast.load("colours").learn([CUE])
    with pytest.raises(cuecast.CueError, match=r"images are a list of them, this is the one .*; write \["):
        list(concept.segment_many(one))


@pytest.mark.parametrize("objects", ["connected", "split"])
def test_a_pickled_concept_gives_the_same_answers(objects: ObjectMode) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[10:40, 10:40], image[15:35, 40:60] = (200, 30, 30), (210, 40, 30)
    mask = (image[..., 0] > 0).astype(np.uint8)
    concept = cuecast.load("general").learn([cuecast.Cue(image, mask=mask)], objects=objects)
    sent = pickle.loads(pickle.dumps(concept.elsewhere(1)))
    assert (sent.predictor.threads, sent.digest) == (1, concept.digest)
    query = image[:, ::-1]
    there, here = sent.segment(query), concept.segment(query)
    assert here.mask.any()
    assert (there.scores == here.scores).all()
    assert (there.instances == here.instances).all()
    assert there.verdict == here.verdict


def test_a_pickled_predictor_opens_its_own_pack_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(cuecast.load("colours").pack.folder, "mine")
    sent = pickle.dumps(cuecast.load("mine"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert pickle.loads(sent).pack.folder == tmp_path / "mine"
    card = json.loads((tmp_path / "mine" / "card.json").read_text())
    (tmp_path / "mine" / "card.json").write_text(json.dumps({**card, "licence": "other"}))
    with pytest.raises(PackError, match="another one than was used before; put that one back"):
        pickle.loads(sent)
