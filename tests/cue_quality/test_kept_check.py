"""A check beside the results: it comes back whole for the same cues, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cue_pictures import bar, clean, cue, moved, square

import cuecast
from cuecast.core.values import Example
from cuecast.cue_quality.check import KeptCheck, make_check, read_check, write_check

CONCEPT = ("pack", "cues")


def made(examples: list[Example], classes: list[str] | None = None) -> KeptCheck:
    return make_check(cuecast.load("colours").learn(examples, classes or ["square"]))


def test_a_check_comes_back_whole(tmp_path: Path) -> None:
    found = made([*clean(4), cue(4, moved(4, 12, 0))])
    assert found.check is not None
    assert [f.kind for f in found.check.flags] == ["shifted"]
    path = write_check(tmp_path / "check.json", found, CONCEPT)
    assert read_check(path, CONCEPT) == found
    assert [p.name for p in tmp_path.iterdir()] == ["check.json"]


@pytest.mark.parametrize("concept", [("other", "cues"), ("pack", "other")])
def test_a_check_of_other_cues_or_another_pack_counts_as_none(
    tmp_path: Path, concept: tuple[str, str]
) -> None:
    path = write_check(tmp_path / "check.json", KeptCheck(None, "few"), CONCEPT)
    assert read_check(path, concept) is None
    assert read_check(path, CONCEPT) == KeptCheck(None, "few")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cuecast": "cue check"}', "more"])
def test_a_file_that_is_no_check_counts_as_none(tmp_path: Path, content: str) -> None:
    path = write_check(tmp_path / "check.json", KeptCheck(None, "few"), CONCEPT)
    if content == "more":
        record = json.loads(path.read_text(encoding="utf-8"))
        content = json.dumps({**record, "leave_one_out": {"cues": [{"unknown": 1}]}})
    path.write_text(content)
    assert read_check(path, CONCEPT) is None
    assert read_check(tmp_path / "none.json", CONCEPT) is None


def test_names_that_are_no_unicode_come_back(tmp_path: Path) -> None:
    odd = b"odd\xff".decode("utf-8", "surrogateescape")
    path = write_check(tmp_path / "check.json", KeptCheck(None, odd), CONCEPT)
    assert read_check(path, CONCEPT) == KeptCheck(None, odd)


def test_one_cue_is_a_sentence() -> None:
    found = made([cue(0)])
    assert found.check is None
    report = found.for_report(["0.png"])
    assert report.sentences == (
        "leave-one-out needs two images with a mask or polygons, here is 1: add a cue with a mask",
    )
    assert (report.scores, report.curve, report.iou) == ({}, (), None)


def test_the_report_has_the_words_of_the_command() -> None:
    found = made([*clean(4), cue(4, moved(4, 12, 0))])
    assert found.check is not None
    report = found.for_report([f"renamed {n}.png" for n in range(5)])
    (flag,) = report.flags
    assert (flag.number, flag.image, flag.kind) == (5, "renamed 4.png", "shifted")
    assert (flag.reason, flag.remedy) == (found.check.flags[0].reason, found.check.flags[0].remedy)
    assert report.sentences == (found.check.advice,)
    assert [n for n, _ in report.curve] == [1, 2, 4]
    assert report.scores.keys() == {1, 2, 3, 4, 5}
    assert not report.scores[1].classes  # there is one


def test_good_cues_of_two_classes() -> None:
    found = made([cue(n, square(n) + 2 * bar(n)) for n in range(3)], ["square", "bar"])
    assert found.check is not None
    report = found.for_report(["0", "1", "2"])
    assert report.sentences == ("no cue is suspected to hurt", found.check.advice)
    assert report.scores[2].classes == {"square": 1, "bar": 1}
