"""What the report says of the cues: an IoU a cue, flags in words, the curve; all of it escaped and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cuecast.core.values import ClassInfo
from cuecast.results.report import (
    ReportCheck,
    ReportCue,
    ReportFlag,
    ReportRow,
    ReportScore,
    write_report,
)

NASTY = "<b>\"quoted\" 'too' & co"
FLAG = ReportFlag(2, "b.png", "shifted", "its mask looks shifted", "move the mask")

Page = Callable[[ReportCheck | None], str]


@pytest.fixture
def page(tmp_path: Path) -> Callable[[ReportCheck | None], str]:
    """The page with two cues and a check."""

    def written(check: ReportCheck | None) -> str:
        path = write_report(
            tmp_path / "report.html",
            [ReportRow("a", "found", 0.9)],
            lambda rows: [None] * len(rows),
            classes=[ClassInfo(1, "cell")],
            cues=[ReportCue(f"{name}.png", b"x") for name in "abc"],
            check=check,
        )
        return path.read_text(encoding="utf-8")

    return written


def cue_lines(markup: str, number: int) -> str:
    """What stands below the picture of a cue."""
    return markup.split("</figcaption>")[number].partition("</figure>")[0]


def section(markup: str) -> str:
    """What the cues say of each other."""
    return markup.partition("<h2>What the cues say")[2].partition("</section>")[0]


def text(markup: str) -> str:
    """What a person reads, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", markup).split())


def test_each_cue_has_its_figure_and_its_flags(page: Page) -> None:
    check = ReportCheck({1: ReportScore(0.875), 2: ReportScore(0.25)}, [FLAG, FLAG])
    assert text(cue_lines(page(check), 1)) == "IoU 0.88"
    assert text(cue_lines(page(check), 2)) == "IoU 0.25 shifted"
    assert text(cue_lines(page(check), 3)) == "not predicted"


def test_of_several_classes_each_has_its_figure(page: Page) -> None:
    check = ReportCheck({1: ReportScore(0.5, {"cell": 0.5, "nucleus": None})})
    assert text(cue_lines(page(check), 1)) == "IoU 0.50 cell 0.50, nucleus -"


def test_a_flag_says_which_cue_why_and_what_to_do(page: Page) -> None:
    check = ReportCheck({}, [FLAG], iou=0.5, sentences=("more cues are likely to help: from 2 to 4",))
    said = text(section(page(check)))
    assert "mean IoU 0.50." in said
    assert "shifted Cue 2 (b.png): its mask looks shifted. Move the mask." in said
    assert said.endswith("More cues are likely to help: from 2 to 4.")


@pytest.mark.parametrize(
    ("points", "drawn"), [((), False), (((1, 0.5),), False), (((1, 0.5), (2, 1.0)), True)]
)
def test_a_curve_takes_two_points(points: tuple[tuple[int, float], ...], drawn: bool, page: Page) -> None:
    assert ("<svg" in section(page(ReportCheck(curve=points)))) is drawn


def test_the_curve_rises_where_the_figures_do_and_stays_in_its_picture(page: Page) -> None:
    points = [(1, 0.0), (2, 0.25), (4, 0.5), (8, 0.75), (11, 1.0)]
    markup = section(page(ReportCheck(curve=points)))
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


def test_what_comes_from_outside_is_escaped(page: Page) -> None:
    check = ReportCheck(
        {1: ReportScore(0.5, {NASTY: 0.5})},
        [ReportFlag(1, NASTY, NASTY, NASTY, NASTY)],
        sentences=(NASTY,),
    )
    for markup in (cue_lines(page(check), 1), section(page(check))):
        assert '<b>"' not in markup
        assert "&lt;b&gt;&#34;quoted&#34; &#39;too&#39; &amp; co" in markup


def test_the_page_numbers_the_cues_only_where_they_were_checked(page: Page) -> None:
    told = page(ReportCheck({1: ReportScore(0.5)}, [FLAG], [(1, 0.5), (2, 0.75)]))
    assert "1. a.png" in told
    assert "2. b.png" in told
    assert told.count("<svg") == 1
    assert not re.search(r"https?://|@import|url\(", told)
    plain = page(None)
    assert "1. a.png" not in plain
    assert "What the cues say" not in plain
