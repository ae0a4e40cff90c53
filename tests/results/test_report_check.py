"""What the report says of the cues: an IoU a cue, flags in words, the curve; all of it escaped and without scripts."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cuecast.core.values import ClassInfo
from cuecast.results.report import ReportCue, ReportRow, write_report
from cuecast.results.report_check import ReportCheck, ReportFlag, ReportScore, check_section, cue_lines

NASTY = "<b>\"quoted\" 'too' & co"
FLAG = ReportFlag(2, "b.png", "shifted", "its mask looks shifted", "move the mask")


def text(markup: str) -> str:
    """What a person reads, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def test_each_cue_has_its_figure_and_its_flags() -> None:
    check = ReportCheck({1: ReportScore(0.875), 2: ReportScore(0.25)}, [FLAG, FLAG])
    assert text(cue_lines(check, 1)) == "IoU 0.88"
    assert text(cue_lines(check, 2)) == "IoU 0.25 shifted"
    assert text(cue_lines(check, 3)) == "not predicted"


def test_of_several_classes_each_has_its_figure() -> None:
    check = ReportCheck({1: ReportScore(0.5, {"cell": 0.5, "nucleus": None})})
    assert text(cue_lines(check, 1)) == "IoU 0.50 cell 0.50, nucleus -"


def test_a_flag_says_which_cue_why_and_what_to_do() -> None:
    check = ReportCheck({}, [FLAG], iou=0.5, sentences=("more cues are likely to help: from 2 to 4",))
    said = text("".join(check_section(check)))
    assert "mean IoU 0.50." in said
    assert "shifted Cue 2 (b.png): its mask looks shifted. Move the mask." in said
    assert said.endswith("More cues are likely to help: from 2 to 4.")


@pytest.mark.parametrize(
    ("points", "drawn"), [((), False), (((1, 0.5),), False), (((1, 0.5), (2, 1.0)), True)]
)
def test_a_curve_takes_two_points(points: tuple[tuple[int, float], ...], drawn: bool) -> None:
    assert ("<svg" in "".join(check_section(ReportCheck(curve=points)))) is drawn


def test_the_curve_rises_where_the_figures_do_and_stays_in_its_picture() -> None:
    points = [(1, 0.0), (2, 0.25), (4, 0.5), (8, 0.75), (11, 1.0)]
    markup = "".join(check_section(ReportCheck(curve=points)))
    svg = ElementTree.fromstring(markup[markup.index("<svg") : markup.index("</svg>") + 6])
    assert svg.get("aria-label") == "IoU by number of cues: 1: 0.000, 2: 0.250, 4: 0.500, 8: 0.750, 11: 1.000"
    width, height = (float(v) for v in svg.get("viewBox", "").split()[2:])
    dots = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in svg.iter("circle")]
    line = svg.find("polyline")
    assert line is not None
    assert line.get("points") == " ".join(f"{x:g},{y:g}" for x, y in dots)
    steps = [(b[0] - a[0], a[1] - b[1]) for a, b in pairwise(dots)]
    assert all(step == pytest.approx(steps[0]) for step in steps)
    assert min(steps[0]) > 20
    lines = sorted(float(part.get("y1", "")) for part in svg.iter("line"))  # at 1, 0.5 and 0
    assert [dots[-1][1], dots[2][1], dots[0][1]] == pytest.approx(lines)
    words = [(float(t.get("x", "")), float(t.get("y", "")), t.text) for t in svg.iter("text")]
    assert [w for x, _, w in words if x == dots[1][0]] == ["0.25", "2"]
    assert all(0 <= x <= width and 8 <= y <= height for x, y, _ in words)


def test_what_comes_from_outside_is_escaped() -> None:
    check = ReportCheck(
        {1: ReportScore(0.5, {NASTY: 0.5})},
        [ReportFlag(1, NASTY, NASTY, NASTY, NASTY)],
        sentences=(NASTY,),
    )
    for markup in (cue_lines(check, 1), "".join(check_section(check))):
        assert '<b>"' not in markup
        assert "&lt;b&gt;&quot;quoted&quot; &#x27;too&#x27; &amp; co" in markup


def test_the_page_numbers_the_cues_only_where_they_were_checked(tmp_path: Path) -> None:
    def page(check: ReportCheck | None) -> str:
        write_report(
            tmp_path / "report.html",
            [ReportRow("a", "found", 0.9)],
            lambda _: None,
            classes=[ClassInfo(1, "cell")],
            cues=[ReportCue("a.png", b"x"), ReportCue("b.png", b"x")],
            check=check,
        )
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    told = page(ReportCheck({1: ReportScore(0.5)}, [FLAG], [(1, 0.5), (2, 0.75)]))
    assert "1. a.png" in told
    assert "2. b.png" in told
    assert told.count("<svg") == 1
    assert not re.search(r"https?://|@import|url\(", told)
    plain = page(None)
    assert "1. a.png" not in plain
    assert "What the cues say" not in plain
