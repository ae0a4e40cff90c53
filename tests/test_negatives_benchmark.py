"""benchmarks/negatives.py: which images it learns from, and what the answers come to."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pictures import mask, picture
from scripts import load_script

import cuecast
from cuecast.evaluation.episodes import Episode, EpisodeImage


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/negatives.py")


def shown(name: str, thing: bool = False) -> EpisodeImage:
    return EpisodeImage(f"{name}.png", f"{name}_mask.png" if thing else None)


def episode(name: str, query: str, cues: tuple[str, ...] = ("s/cue",), thing: bool = False) -> Episode:
    """An episode of a task of the set 's' or 'f', as its name begins."""
    place, task = name.split("/")[:2]
    return Episode(name, place, task, tuple(shown(c, True) for c in cues), shown(query, thing))


ABSENT = [
    *(episode(f"s/t/absent/{n}", f"s/{n}") for n in range(3)),
    episode("s/u/absent/0", "s/9"),
    episode("s/t/foreign/0", "f/0"),
    episode("s/u/foreign/0", "g/0"),
    episode("g/t/foreign/0", "f/1"),
    episode("g/t/foreign/1", "f/2"),
    episode("f/t/foreign/0", "s/5"),
]
PRESENT = [episode("s/t/0", "s/p", thing=True), episode("s/t/1", "s/cue", thing=True)]


def test_what_is_learnt_from_is_never_the_query_and_does_not_hold_the_thing(script: ModuleType) -> None:
    found = {c.episode.id: c for c in script.cases(ABSENT, PRESENT, 9, 0)}
    # 's/u' has no second image without its thing, and the tasks of 'f' and 'g' no query with it.
    assert sorted(found) == ["s/t/absent/0", "s/t/absent/1", "s/t/absent/2", "s/t/foreign/0"]
    for n in range(3):
        case = found[f"s/t/absent/{n}"]
        assert set(case.others) == {f"s/{m}.png" for m in range(3) if m != n}
        assert case.where == "same set"
        assert case.present.image == "s/p.png"  # the other one is a cue
    assert set(found["s/t/foreign/0"].others) == {"f/1.png", "f/2.png"}


def test_lists_take_turns_and_are_cut(script: ModuleType) -> None:
    wheres = [c.where for c in script.cases(ABSENT, PRESENT, 1, 0)]
    assert wheres == ["same set", "foreign set"]
    all_of_them = [c.episode.id for c in script.cases(ABSENT, PRESENT, 9, 0)]
    assert [c.episode.id for c in script.cases(ABSENT, PRESENT, 1, 0)] == all_of_them[:2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where everything red is found: the cue with 4 of 8 columns, the query with 2, the other images with 0 and 4."""
    for name, red in {"cue": 4, "query": 2, "blue": 0, "red": 4, "present": 2}.items():
        picture(tmp_path / f"s/{name}.png", red)
    mask(tmp_path / "s/cue_mask.png", [1] * 4 + [0] * 4)
    mask(tmp_path / "s/present_mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    return tmp_path


def test_one_case_of_known_answers(script: ModuleType, root: Path) -> None:
    case = script.Case(
        "same set", episode("s/t/absent/0", "s/query"), ("s/blue.png", "s/red.png"), shown("s/present", True)
    )
    record = script.run_case(cuecast.load("colours"), case, root)
    assert record["points"] == 5  # on the red one: nothing is found on the blue one
    alone, one, two = (record["answers"][w] for w in ("alone", "absent 1", "absent 2"))
    assert alone == {"verdict": "found", "area": 0.25, "scored": 0.25, "iou": 0.5, "lost": False}
    assert one == alone
    assert two == {"verdict": "absent", "area": 0, "scored": 0, "iou": 0, "lost": True}


def test_where_nothing_is_found_there_is_nothing_to_correct(script: ModuleType, root: Path) -> None:
    concept = cuecast.load("colours").learn([cuecast.Cue(root / "s/cue.png", mask=root / "s/cue_mask.png")])
    blue = cuecast.Image(np.full((4, 8, 3), (30, 30, 200), np.uint8))
    assert script.corrections(concept, [blue]) == []


def record(where: str, alone: str, later: str, area: float) -> dict[str, Any]:
    def said(verdict: str, area: float) -> dict[str, Any]:
        return {"verdict": verdict, "area": area, "scored": 0.5, "iou": 0.5, "lost": verdict == "absent"}

    answers = {
        "alone": said(alone, 0.5),
        **dict.fromkeys(("absent 1", "absent 2", "points"), said(later, area)),
    }
    return {"where": where, "set": alone, "points": 0, "answers": answers}


def test_figures(script: ModuleType) -> None:
    rows = [
        record("same set", "doubtful", "absent", 0.0),
        record("same set", "absent", "doubtful", 0.25),
        record("same set", "doubtful", "absent", 0.0),
        record("same set", "doubtful", "doubtful", 0.25),
    ]
    found = script.summarise(rows)
    assert found["sets"] == {"same set": 2}
    alone, one = (found["figures"]["same set"][w] for w in ("alone", "absent 1"))
    assert (alone["queries"], alone["absent"], alone["area"], alone["newly"]) == (4, 0.25, 0.5, 0)
    assert (one["absent"], one["newly"], one["no_longer"]) == (0.5, 2, 1)
    assert (one["area"], one["iou"], one["lost"], one["corrected"]) == (0.125, 0.5, 0.5, 0)
