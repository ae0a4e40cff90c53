"""Thresholds, one at a time, and which flags are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cuecast.cue_quality.agreement import Agreement, Outline
from cuecast.cue_quality.flags import ClassFit, Shift, drawn_wrongly, other_magnification, weigh
from cuecast.cue_quality.result import CueFlag, FlagKind

FINE = ClassFit(0.8, 0.1, Shift(0, 0, 0.8, 0.8), {0: 0.8, -2: 0.7, 2: 0.7}, 0.1)
NAMES = {1: "cell"}


def kinds(found: ClassFit, *others: ClassFit) -> list[str]:
    baselines = [{1: o} for o in others or (FINE, FINE, FINE)]
    said = (1, "a.png", {1: found}, baselines, NAMES)
    return [f.kind for f in (*drawn_wrongly(*said), *other_magnification(*said))]


def test_a_good_fit_has_no_flag() -> None:
    assert kinds(FINE) == []


@pytest.mark.parametrize(
    ("shift", "flagged"),
    [
        (Shift(10, 0, 0.2, 0.9), True),
        (Shift(2, 0, 0.2, 0.9), False),  # a matter of the border
        (Shift(10, 0, 0.7, 0.9), False),  # no clear gain
        (Shift(10, 0, 0.0, 0.3), False),  # no match even so
    ],
)
def test_shifts(shift: Shift, flagged: bool) -> None:
    found = replace(FINE, iou=shift.still, shift=shift, widths={0: shift.still})
    assert kinds(found) == (["shifted"] if flagged else [])


def test_a_width_that_fits_as_well_is_believed_before_a_shift() -> None:
    found = replace(FINE, iou=0.6, shift=Shift(-6, 0, 0.6, 0.95), widths={0: 0.6, -6: 0.95})
    assert kinds(found) == ["border"]


def test_what_the_pack_does_everywhere_is_no_fault() -> None:
    wide = replace(FINE, iou=0.6, widths={0: 0.6, -4: 0.9})
    assert kinds(wide) == ["border"]
    assert kinds(wide, wide, wide, wide) == []


def test_widths_are_told_in_pixels_of_a_large_image() -> None:
    wide = replace(FINE, iou=0.6, widths={0: 0.6, -4: 0.9}, unit=3)
    (flag,) = drawn_wrongly(1, "a.png", {1: wide}, [{1: FINE}], NAMES)
    assert flag.facts["pixels"] == 12
    assert "12 px too wide" in flag.reason


def test_magnification_takes_two_others_and_a_worse_fit() -> None:
    large = replace(FINE, iou=0.5, thickness=0.4)
    assert kinds(large) == ["magnification"]
    assert kinds(replace(large, thickness=0.39)) == []
    assert kinds(replace(large, thickness=0.025)) == ["magnification"]
    assert kinds(replace(large, iou=0.9)) == []
    assert kinds(large, FINE) == []


def test_a_mask_that_fits_a_little_is_not_inverted() -> None:
    found = replace(FINE, iou=0.2, widths={0: 0.2}, inverted=0.6)
    assert kinds(found) == ["inverted"]
    assert kinds(replace(found, iou=0.3)) == []


def test_the_better_of_two_explanations_is_told() -> None:
    found = replace(FINE, iou=0.1, widths={0: 0.1}, inverted=0.6, shift=Shift(9, 0, 0.1, 0.8))
    assert kinds(found) == ["shifted"]
    assert kinds(replace(found, inverted=0.9)) == ["inverted"]


def flag(number: int, kind: FlagKind) -> CueFlag:
    return CueFlag(number, f"{number}.png", kind, "reason", "remedy")


def told(grave: list[CueFlag], light: list[CueFlag], *outliers: int, cues: int = 4) -> list[tuple[int, str]]:
    """(number, kind) of what is told where these of the cues do not agree with the others."""
    doubts = {n: 0.0 if n in outliers else -0.01 for n in range(1, cues + 1)}
    agreed = [Agreement(n, "x.png", 1, 0.5, 0.9, None, doubt) for n, doubt in doubts.items()]
    found = weigh(grave, light, agreed, {n: {} for n in range(cues)})
    return [(f.number, f.kind) for f in found]


def test_light_flags_are_told_alone_or_where_they_explain() -> None:
    border, shifted = flag(2, "border"), flag(1, "shifted")
    assert told([], [border]) == [(2, "border")]
    assert told([shifted], [border], 1) == [(1, "shifted")]
    assert told([], [border], 3) == [(3, "harmful")]
    assert told([], [border], 2) == [(2, "border")]
    assert told([shifted], [border], 1, 2, 3) == [(1, "shifted"), (2, "border"), (3, "harmful")]


def test_what_one_bad_cue_turns_is_not_flagged() -> None:
    inverted = [flag(n, "inverted") for n in (1, 2, 3, 4)]
    assert told(inverted, [], 4) == [(4, "inverted")]
    assert told(inverted, []) == []
    assert told(inverted, [], cues=0) == [
        (n, "inverted") for n in (1, 2, 3, 4)
    ]  # of two cues nothing is known
    assert told([], [], 1) == [(1, "harmful")]


def test_an_outline_off_the_edges_explains_a_cue_that_does_not_agree() -> None:
    outlines = {
        0: {1: Outline(0.97, 0, 0, 0.0), 2: Outline(0.35, -12, 5, 0.0)},
        1: {1: Outline(0.9, 3, 0, 0.0)},
    }
    agreed = [Agreement(1, "x.png", 2, 0.5, 0.9, 0.35, 0.5), Agreement(2, "x.png", 1, 0.5, 0.9, 0.9, 0.5)]
    first, second = weigh([], [], agreed, outlines)
    assert (first.kind, second.kind) == ("shifted", "harmful")
    assert "stronger edges at 65% of the other places" in first.reason
    assert "best 12 px left and 5 px down" in first.reason
    assert first.facts == {"dx": -12, "dy": 5, "outline": 0.35}


def test_where_no_outline_follows_edges_none_is_to_blame() -> None:
    outlines = {n: {1: Outline(0.3, 9, 0, 0.0)} for n in range(4)}
    (found,) = weigh([], [], [Agreement(1, "x.png", 1, 0.5, 0.9, 0.3, 0.5)], outlines)
    assert found.kind == "harmful"
    assert "rank each other's pixels right with 0.50" in found.reason


def test_ranks_are_no_reason_where_they_are_alike() -> None:
    (found,) = weigh([], [], [Agreement(1, "x.png", 1, 0.95, 0.95, None, 0.1)], {0: {}})
    assert found.kind == "harmful"
    assert "along the frame" in found.reason
