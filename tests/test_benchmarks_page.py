"""docs/benchmarks.md is what the results say."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from scripts import load_script

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_script("docs/generate_benchmarks.py")


def score(name: str, shots: int, iou: float) -> dict[str, Any]:
    times = {"learn_seconds": 0.25, "seconds": 0.125}
    return {"set": name, "shots": shots, "episodes": 4, "iou": iou, "dice": iou + 0.1, **times}


def baseline(name: str, cues: str, figures: dict[int, float]) -> dict[str, Any]:
    """A baseline whose set 'a' has these IoUs by number of cues."""
    means, sets = ([score(s, n, v) for n, v in figures.items()] for s in ("mean", "a"))
    return {
        "baseline": name,
        "title": name,
        "cues": cues,
        "settings": {},
        "means": means,
        "sets": sets,
    }


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """One result with three numbers of cues, one timing, and a file that is neither."""
    machine = {
        "cpu": "Fine CPU",
        "cores": 2,
        "system": "Linux",
        "python": "3.12",
        "libraries": {"numpy": "2", "x": None},
    }
    record = {
        "kind": "bench",
        "version": 1,
        "episodes": {"list": "list.jsonl", "digest": "0" * 64, "count": 12},
        "machine": machine,
        "commit": "abc",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "workers": 1,
        "baselines": [
            baseline("cuecast", "masks", {1: 0.5, 2: 0.6, 4: 0.7}),
            baseline("filter-forest", "masks", {1: 0.4, 2: 0.65, 4: 0.7}),
            baseline("grabcut", "box on the query", {1: 0.3}),
        ],
    }
    timing = {
        "kind": "seggpt-speed",
        "seggpt_seconds": 20.0,
        "cuecast_seconds": 0.125,
        "side": 512,
        "tiny": False,
        "machine": machine,
    }
    (tmp_path / "first.json").write_text(json.dumps(record))
    (tmp_path / "speed.json").write_text(json.dumps(timing))
    (tmp_path / "other.json").write_text('{"pack": "general"}')
    return tmp_path


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    written = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert written == generator.page(), "run: python docs/generate_benchmarks.py"


def test_figures_are_those_of_the_result(generator: ModuleType, results: Path) -> None:
    lines = generator.page(results).splitlines()
    assert "| cuecast | 2 | 0.600 | 0.700 | 0.250 | 0.125 | 4 |" in lines
    assert "| grabcut | 1 | 0.300 | 0.400 | 0.250 | 0.125 | 4 |" in lines
    assert "| a | **0.500** | 0.400 | 0.600 | **0.650** | **0.700** | **0.700** |" in lines
    assert any("Fine CPU, 2 cores" in line for line in lines)
    assert any("commit `abc`" in line for line in lines)


def test_published_and_speed_only_are_marked_and_apart(generator: ModuleType, results: Path) -> None:
    measured, other = generator.page(results).split("## Published")
    assert "UniverSeg" not in measured
    assert "SegGPT" not in measured.split("## Results")[1]
    rows = [line for line in other.splitlines() if line.startswith("| ")]
    assert any(row.startswith("| UniverSeg | published | ") for row in rows)
    assert any(row.startswith("| SegGPT | random weights, speed only | 20.0 s an image | ") for row in rows)


def test_curves_are_drawn_from_three_numbers_of_cues_on(
    generator: ModuleType, results: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    record = json.loads((results / "first.json").read_text())
    few = copy.deepcopy(record)
    for p in few["baselines"]:
        p["means"] = p["means"][:2]
    (results / "second.json").write_text(json.dumps(few))
    drawn = generator.pictures(results, tmp_path)
    assert [p.name for p in drawn] == ["benchmarks-first.png"]
    assert drawn[0].read_bytes().startswith(b"\x89PNG")
    page = generator.page(results)
    assert page.count("images/benchmarks-first.png") == 1
    assert "images/benchmarks-second.png" not in page


def test_figures_on_sparse_cues_are_tabled(generator: ModuleType, results: Path) -> None:
    kind = {"answers": 9, "iou": 0.5, "confidence": 0.4, "error": 0.125}
    record = {
        "kind": "sparse",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "forms": [
            {"asked": "marked picture", "form": "point", "iou": 0.25},
            {"asked": "video", "form": "boxes", "iou": 0.75},
        ],
        "kinds": [
            {"asked": "video", "marks": "boxes", **kind, "found": 3, "found_iou": 0.75},
            {"asked": "video", "marks": "one-sided", **kind, "found": 0, "found_iou": None},
        ],
    }
    (results / "few.json").write_text(json.dumps(record))
    lines = generator.page(results).splitlines()
    assert "## Sparse cues: few" in lines
    assert {"| point | 0.250 | - |", "| boxes | - | 0.750 |"} <= set(lines)
    assert "| video | boxes | 9 | 0.500 | 0.400 | 0.125 | 0.750 (3) |" in lines
    assert "| video | one-sided | 9 | 0.500 | 0.400 | 0.125 | - (0) |" in lines


def test_figures_on_verdicts_are_tabled_and_drawn(
    generator: ModuleType, results: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    record = {
        "kind": "verdicts",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "with_thing": 3,
        "together": {
            "answers": 4,
            "auroc": 0.875,
            "error": 0.0625,
            "lost": 0.5,
            "bins": [{"answers": 4, "confidence": 0.5, "iou": 0.75}],
            "kept": [[0.5, 1.0], [1.0, 0.75]],
        },
        "gain": 0.1,
        "absent_same_set": {"queries": 1, "share": 1.0},
        "absent_foreign": {"queries": 0, "share": None},
        "verdicts": {"found": {"answers": 4, "iou": 0.75}, "absent": {"answers": 0, "iou": None}},
    }
    (results / "trust.json").write_text(json.dumps(record))
    lines = generator.page(results).splitlines()
    assert "| AUROC of the confidence for an IoU of at least 0.5 | 0.875 |" in lines
    assert "| good masks (IoU of at least 0.5) that were called absent | 0.500 |" in lines
    assert "| called absent, of 0 queries of a foreign set | - |" in lines
    assert "| mean IoU of the 4 answers called found | 0.750 |" in lines
    assert not any("called absent |" in line and "answers" in line for line in lines)
    assert any("images/trust.png" in line for line in lines)
    drawn = generator.pictures(results, tmp_path)
    assert [p.name for p in drawn] == ["trust.png", "benchmarks-first.png"]


def test_without_results_the_page_says_so(generator: ModuleType, tmp_path: Path) -> None:
    page = generator.page(tmp_path)
    assert "No result has been kept yet." in page
    assert "| SegGPT | random weights, speed only | not timed yet |" in page


def test_figures_on_negatives_are_tabled(generator: ModuleType, results: Path) -> None:
    figures = {"queries": 3, "newly": 2, "no_longer": 1, "corrected": 2, "lost": 0.0, "iou": 0.5}
    ways = {
        "alone": {**figures, "absent": 0.25, "area": 0.125, "scored": 0.375},
        "points": {**figures, "absent": 0.5, "area": 0.0625, "scored": 0.25},
    }
    record = {
        "kind": "negatives",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "seed": 0,
        "sets": {"foreign set": 2},
        "figures": {"foreign set": ways},
    }
    (results / "negatives.json").write_text(json.dumps(record))
    page = generator.page(results)
    assert "3 queries, with cues of 2 sets; there were false finds to put" in page.splitlines()
    assert "| alone | 0.250 | 2 / 1 | 0.125 | 0.375 | 0.500 | 0.000 |" in page.splitlines()
    assert "| points | 0.500 | 2 / 1 | 0.062 | 0.250 | 0.500 | 0.000 |" in page.splitlines()


def test_figures_on_bad_cues_are_tabled(generator: ModuleType, results: Path) -> None:
    record = {
        "kind": "cue-check",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "seed": 0,
        "found": 0.75,
        "found_by_kind": {"shifted": 1.0, "inverted": 0.5},
        "found_where_predicted": {"trials": 3, "share": 1.0},
        "false_alarms": 0.125,
        "beside": 0.25,
        "counts": {"clean": 8, "shifted": 2, "inverted": 2},
        "trials": [{"set": "a"}, {"set": "b"}, {"set": "a"}],
    }
    (results / "cues.json").write_text(json.dumps(record))
    lines = generator.page(results).splitlines()
    assert "12 trials over 2 sets; pack " in lines
    assert "| the bad cue is flagged | 4 | 0.750 |" in lines
    assert "| the same, inverted | 2 | 0.500 |" in lines
    assert (
        "| the same, where the others predict the good mask with an IoU of at least 0.5 | 3 | 1.000 |"
        in lines
    )
    assert "| a cue is flagged where all are good | 8 | 0.125 |" in lines
    assert not any("another thing |" in line for line in lines)


def test_suggestions_are_tabled_and_drawn(generator: ModuleType, tmp_path: Path) -> None:
    curves = {"rest": [0.25, 0.5], "held": [0.125, 0.375]}
    result = {
        "kind": "suggest",
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "pool": 16,
        "marks": [1, 2],
        "means": {"sets": 3, "runs": 6, "suggested": curves, "random": curves},
    }
    (tmp_path / "suggest.json").write_text(json.dumps(result))
    page = generator.page(tmp_path)
    assert "| way | mean IoU on | 1 marked | 2 marked |" in page
    assert "| suggested | held | 0.125 | 0.375 |" in page
    assert "(images/suggest.png)" in page
    assert (tmp_path / "suggest.png") in generator.pictures(tmp_path, tmp_path)
    assert (tmp_path / "suggest.png").stat().st_size > 5000


def test_parts_of_an_answer_stand_beside_those_of_all_classes(generator: ModuleType) -> None:
    result = {
        "machine": {"cpu": "Fine CPU"},
        "size": [288, 384],
        "one": {"segment": 0.2, "join": 0.0},
        "all": {"segment": 0.5, "join": 0.0},
        "classes": 10,
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
    }
    lines = list(generator.seconds_by_part("parts", result))
    assert "| part | one class | 10 classes | times |" in lines
    assert "| segment | 0.200 | 0.500 | 2.5 |" in lines
    assert "| join | 0.000 | 0.000 | 0.0 |" in lines
    assert any("384 x 288" in line for line in lines)


def test_what_a_person_waits_for_stands_in_one_table(generator: ModuleType, tmp_path: Path) -> None:
    result = {
        "kind": "studio",
        "machine": {"cpu": "Fine CPU", "cores": 2},
        "side": 512,
        "count": 12,
        "pack": "general",
        "pack_digest": "0123456789abcdef",
        "commit": "abc",
        "first_masks": {"clicks": 5, "before_the_run": 2.5, "first": 3.25, "all": 8.0},
        "corrections": {
            "look": 3,
            "clicks": 55,
            "median": 0.125,
            "worst": 0.5,
            "median_of_first": 0.25,
            "worst_of_first": 0.375,
        },
        "gallery": {
            "pictures": 2000,
            "speed": 2000,
            "median": 0.0625,
            "p99": 0.125,
            "worst": 0.25,
            "within_0.3": 0.9375,
            "longest_frame": 0.375,
            "end_of_list": 0.5,
        },
    }
    (tmp_path / "studio.json").write_text(json.dumps(result))
    page = generator.page(tmp_path)
    assert "| a correction, median of 55, s | 0.125 |" in page
    assert "| cards with their picture within 0.3 s | 93.8% |" in page
    assert "before its first correction. 2000 that nobody has seen yet are" in page.replace("\n", " ")
