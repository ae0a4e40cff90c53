"""What the curve says, and how a check is printed."""

from __future__ import annotations

import json

import pytest

from cuecast.cue_quality.agreement import Agreement
from cuecast.cue_quality.result import CueCheck, CueFlag, CueScore, CurvePoint, advise


def curve(*points: tuple[int, float]) -> list[CurvePoint]:
    return [CurvePoint(n, iou, 5) for n, iou in points]


@pytest.mark.parametrize(
    ("points", "helps", "says"),
    [
        ([(1, 0.5), (2, 0.6), (4, 0.7)], True, "from 2 to 4 cues the IoU went +0.100 to 0.700"),
        ([(1, 0.5), (2, 0.6), (4, 0.7), (5, 0.7)], True, "from 2 to 5 cues the IoU went +0.100"),
        ([(1, 0.5), (2, 0.7), (4, 0.71)], False, "unlikely to help much"),
        ([(1, 0.5), (2, 0.7), (4, 0.6)], False, "'cuecast suggest'"),
        ([(1, 0.8), (2, 0.93), (4, 0.94)], False, "not needed"),
        ([(1, 0.8), (2, 1.0)], False, "not needed"),
        ([(2, 0.5), (3, 0.6)], True, "from 2 to 3 cues the IoU went +0.100"),
        ([(1, 0.8)], None, "from three complete cues on"),
        ([], None, "from three complete cues on"),
    ],
)
def test_advice(points: list[tuple[int, float]], helps: bool | None, says: str) -> None:
    more, text = advise(curve(*points), flagged=False)
    assert more is helps
    assert says in text
    assert advise(curve(*points), flagged=True)[1].startswith("mend or take out what is flagged")


def test_a_table_of_several_classes() -> None:
    scores = (
        CueScore(1, "a.png", 0.5, {"cell": 0.75, "nucleus": 0.25}),
        CueScore(3, "long name.png", None, {"cell": None, "nucleus": None}),
    )
    check = CueCheck(scores, (), (), tuple(curve((1, 0.5))), None, "more.", 4)
    assert check.as_table().splitlines() == [
        "cue  image            IoU   cell  nucleus",
        "  1  a.png          0.500  0.750    0.250",
        "  3  long name.png      -      -        -",
        "     mean           0.500",
        "",
        "no cue is suspected to hurt",
        "more.",
    ]


def test_a_check_comes_back_from_its_json() -> None:
    check = CueCheck(
        scores=(CueScore(1, "a.png", None, {"cell": None}), CueScore(2, "b.png", 0.5, {"cell": 0.5})),
        flags=(CueFlag(2, "b.png", "shifted", "it looks shifted", "move it", {"dx": 3.0}),),
        agreements=(Agreement(2, "b.png", 1, 0.5, 0.75, None, 1.0),),
        curve=tuple(curve((1, 0.25), (2, 0.5))),
        more_helps=True,
        advice="more.",
        answers=7,
    )
    assert CueCheck.from_dict(json.loads(json.dumps(check.as_dict()))) == check
