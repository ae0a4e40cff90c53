"""Drawn episode lists: nested cues, no query among its cues, the same list again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuecast.core.errors import EpisodeError, MaskError
from cuecast.evaluation.episodes import draw_absent, draw_episodes, read_episodes, write_episodes


def make_set(folder: Path, masks: Sequence[Sequence[int]], classes: object = None) -> None:
    """A set of pictures of 10 x 10 pixels; the mask of each holds the given classes, a row each."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number, values in enumerate(masks):
        labels = np.zeros((10, 10), np.uint8)
        for row, value in enumerate(values):
            labels[row] = value
        Image.new("RGB", (10, 10)).save(folder / "images" / f"{number:04d}.png")
        Image.fromarray(labels).save(folder / "masks" / f"{number:04d}.png")
    if classes is not None:
        (folder / "card.json").write_text(json.dumps({"classes": classes}))


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """cells: class 1 in six pictures, class 2 in three. dirt: class 4 in five, 255 is no class."""
    make_set(tmp_path / "cells", [[1], [1], [1], [1, 2], [1, 2], [1, 2]], {"1": "cell", "2": "nucleus"})
    make_set(tmp_path / "dirt", [[4, 255]] * 5, {"dust": 4})
    return tmp_path


def test_each_query_with_each_number_of_cues_from_classes_shown_often_enough(sets: Path) -> None:
    episodes = draw_episodes(sets, shots=(1, 4), queries=2)
    assert [e.id for e in episodes] == [
        f"{name}/{n}/{q}" for name in ("cells/cell", "dirt/dust") for q in (0, 1) for n in (1, 4)
    ]
    assert [e.shots for e in episodes] == [1, 4] * 4
    assert {(e.set, e.task, e.query.value) for e in episodes} == {
        ("cells", "cell", (1,)),
        ("dirt", "dust", (4,)),
    }


def test_cues_are_nested_and_the_query_is_never_one(sets: Path) -> None:
    for seed in range(5):
        episodes = draw_episodes(sets, shots=(1, 2, 4), queries=5, seed=seed)
        for fewer, more in pairwise(episodes):
            if fewer.query == more.query:
                assert more.cues[: fewer.shots] == fewer.cues
        assert all(e.query not in e.cues for e in episodes)
        assert all(len(set(e.cues)) == e.shots for e in episodes)
        asked = [(e.set, e.query.image) for e in episodes if e.shots == 1]
        assert len(set(asked)) == len(asked) == 10


def test_the_seed_draws_and_other_sets_do_not_matter(sets: Path) -> None:
    first = draw_episodes(sets, shots=(1, 2))
    assert draw_episodes(sets, shots=(1, 2)) == first
    assert draw_episodes(sets, shots=(1, 2), seed=1) != first
    (sets / "dirt").rename(sets / "away")
    assert [e for e in draw_episodes(sets, shots=(1, 2)) if e.set == "cells"] == [
        e for e in first if e.set == "cells"
    ]


def test_at_most_so_many_tasks_of_a_set(sets: Path) -> None:
    tasks = {(e.set, e.task) for e in draw_episodes(sets, shots=(1, 2), tasks=1)}
    assert sorted(name for name, _ in tasks) == ["cells", "dirt"]


def test_one_set_and_names_where_the_card_has_none(sets: Path) -> None:
    (sets / "dirt" / "card.json").unlink()
    episode = draw_episodes(sets / "dirt", shots=(2,), queries=1)[0]
    assert (episode.id, episode.task) == ("dirt/class 4/2/0", "class 4")
    assert episode.query.image.startswith("images/")


def test_what_is_written_is_read_again(sets: Path, tmp_path: Path) -> None:
    episodes = draw_episodes(sets, shots=(1, 2))
    assert read_episodes(write_episodes(tmp_path / "new" / "list.jsonl", episodes)) == episodes


def test_what_cannot_be_drawn_is_said(sets: Path, tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match=r"no class is shown in more than 6 pictures.*--shots"):
        draw_episodes(sets, shots=(1, 6))
    with pytest.raises(EpisodeError, match="there is no such folder"):
        draw_episodes(tmp_path / "nowhere")
    with pytest.raises(EpisodeError, match="holds images/ and masks/"):
        draw_episodes(sets / "cells" / "images")
    with pytest.raises(EpisodeError, match="start at 1"):
        draw_episodes(sets, shots=(0,))
    Image.new("RGB", (10, 10)).save(sets / "dirt" / "masks" / "0001.png")
    with pytest.raises(MaskError, match=r"0001\.png: not a label map of 8 bits"):
        draw_episodes(sets)


def test_queries_without_the_thing_are_of_the_same_set_and_of_another(sets: Path) -> None:
    episodes = [e for e in draw_episodes(sets, shots=(1,), queries=2) if e.task != "nucleus"]
    drawn = draw_absent(episodes, sets)
    # Class 1 is in all pictures of cells and 4 in all of dirt, so only foreign queries are left for them.
    assert [e.id for e in drawn] == [f"{e.id}/foreign" for e in episodes]
    for episode, absent in zip(episodes, drawn, strict=True):
        assert absent.cues == episode.cues
        assert absent.query.mask is None
        assert absent.query.image.split("/")[0] != episode.set


def test_a_picture_of_the_set_that_lacks_the_class_is_asked(tmp_path: Path) -> None:
    make_set(tmp_path / "cells", [[1], [1], [1, 2], [1, 2], [1, 2]], {"1": "cell", "2": "nucleus"})
    nucleus = [e for e in draw_episodes(tmp_path, shots=(1,), queries=3) if e.task == "nucleus"]
    drawn = draw_absent(nucleus, tmp_path)
    assert [e.id for e in drawn] == [f"{e.id}/absent" for e in nucleus]
    assert {e.query.image for e in drawn} <= {"cells/images/0000.png", "cells/images/0001.png"}
    assert draw_absent(nucleus, tmp_path) == drawn
