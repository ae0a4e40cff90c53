"""Cues that hurt in a known way are flagged, exactly these; and good ones are not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cue_pictures import SIZE, bar, clean, cue, moved, square, wider

import cuecast
from cuecast.core.values import Box, Example, Marks
from cuecast.cue_quality.check import check_cues
from cuecast.cue_quality.result import CueCheck


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("colours")


def flags(found: CueCheck) -> list[tuple[int, str]]:
    return [(f.number, f.kind) for f in found.flags]


@pytest.mark.parametrize("count", [2, 3, 6, 11])
def test_a_clean_set_has_no_flag(predictor: cuecast.Predictor, count: int) -> None:
    found = check_cues(predictor, clean(count), ["square"])
    assert flags(found) == []
    assert [s.iou for s in found.scores] == [1.0] * count
    assert found.iou == 1
    assert all(p.iou == 1 for p in found.curve)
    assert found.curve[-1].cues == count - 1
    assert found.more_helps is (None if count == 2 else False)


@pytest.mark.parametrize(("dx", "dy"), [(12, 0), (-9, 16), (0, 40)])
def test_a_shifted_mask_is_flagged_with_the_way_back(predictor: cuecast.Predictor, dx: int, dy: int) -> None:
    found = check_cues(predictor, [*clean(4), cue(4, moved(4, dx, dy))])
    assert flags(found) == [(5, "shifted")]
    facts = found.flags[0].facts
    assert (facts["dx"], facts["dy"], facts["reached"]) == (-dx, -dy, 1)
    assert facts["as_drawn"] < 0.3
    sides = [
        f"{abs(d)} px {way}"
        for d, way in ((dx, "left" if dx > 0 else "right"), (dy, "up" if dy > 0 else "down"))
        if d
    ]
    assert all(side in found.flags[0].reason for side in sides)
    assert "move the mask" in found.flags[0].remedy


def test_of_two_cues_the_shifted_one_is_told(predictor: cuecast.Predictor) -> None:
    found = check_cues(predictor, [cue(0, moved(0, 15, 0)), cue(1)])
    assert flags(found) == [(1, "shifted")]
    assert found.more_helps is None
    assert found.advice.startswith("mend or take out what is flagged")


def test_the_mask_of_another_thing_hurts(predictor: cuecast.Predictor) -> None:
    found = check_cues(predictor, [*clean(2), cue(2, bar(2)), *(cue(n) for n in (3, 4))])
    assert flags(found) == [(3, "harmful")]
    assert found.flags[0].facts["others"] == 1
    assert found.flags[0].facts["own"] < 0.6
    assert [a.is_outlier for a in found.agreements] == [False, False, True, False, False]


def test_an_inverted_mask(predictor: cuecast.Predictor) -> None:
    found = check_cues(predictor, [cue(0, 1 - square(0)), *(cue(n) for n in range(1, 5))])
    assert flags(found) == [(1, "inverted")]
    assert "swap the thing and the background" in found.flags[0].remedy


@pytest.mark.parametrize(("by", "word"), [(4, "wide"), (-4, "narrow")])
def test_a_sloppy_border(predictor: cuecast.Predictor, by: int, word: str) -> None:
    found = check_cues(predictor, [*clean(4), cue(4, wider(4, by))])
    # A mask that leaves red out takes red from the class in this pack: the answers on the others are empty.
    assert flags(found) == [(5, "border")]
    assert f"{abs(by)} px too {word}" in found.flags[0].reason
    assert found.flags[0].facts["pixels"] == by


def test_another_magnification(predictor: cuecast.Predictor) -> None:
    found = check_cues(predictor, [*(cue(n, side=16) for n in range(4)), cue(4, side=80)])
    assert flags(found) == [(5, "magnification")]
    assert found.flags[0].facts["ratio"] == pytest.approx(80 / 16, rel=0.1)
    assert "keep a cue set for each" in found.flags[0].remedy
    assert flags(check_cues(predictor, [*(cue(n, side=20) for n in range(4)), cue(4, side=60)])) == []


def test_classes_that_were_swapped(predictor: cuecast.Predictor) -> None:
    examples = [cue(n, square(n) + 2 * bar(n)) for n in range(4)]
    assert flags(check_cues(predictor, examples, ["square", "bar"])) == []
    found = check_cues(predictor, [*examples, cue(4, 2 * square(4) + bar(4))], ["square", "bar"])
    assert flags(found) == [(5, "class"), (5, "class")]
    assert "marks as 'square' is 'bar' to the other cues" in found.flags[0].reason
    assert found.scores[4].classes == {"square": 0, "bar": 0}


def test_a_class_that_no_other_cue_shows_has_no_figure(predictor: cuecast.Predictor) -> None:
    examples = [cue(0, square(0) + 2 * bar(0)), cue(1), cue(2)]
    found = check_cues(predictor, examples, ["square", "bar"])
    assert found.scores[0].classes == {"square": 1, "bar": None}
    assert found.scores[0].iou == 1
    # The others call the bar background, so its green is in no class; on 2.png the first cue finds it.
    assert found.scores[2].classes["square"] == 1


def test_sparse_and_absent_cues_teach_and_are_not_asked(predictor: cuecast.Predictor) -> None:
    sparse = Example(cue(7).image, Marks(SIZE, boxes=(Box((34.0, 23.0, 54.0, 43.0)),)))
    found = check_cues(predictor, [sparse, *clean(3)])
    assert [s.number for s in found.scores] == [2, 3, 4]
    assert [p.cues for p in found.curve] == [1, 2]


def test_the_same_picture_does_not_teach_itself(predictor: cuecast.Predictor) -> None:
    again = replace(cue(0), image=replace(cue(0).image, name="copy.png"))
    with pytest.raises(cuecast.CueError, match=r"needs two images with a mask or polygons, here is 1: add"):
        check_cues(predictor, [cue(0), again])


def test_bad_input(predictor: cuecast.Predictor) -> None:
    with pytest.raises(cuecast.CueError, match="here are 0"):
        check_cues(predictor, [])
    with pytest.raises(cuecast.CueError, match="class 2"):
        check_cues(predictor, [cue(0, 2 * square(0)), cue(1, 2 * square(1))], ["square"])
    with pytest.raises(cuecast.CueError, match="scale 'metre' is unknown"):
        check_cues(predictor, clean(2), scale="metre")


def test_cues_are_read_and_progress_is_told(predictor: cuecast.Predictor) -> None:
    cues = [cuecast.Cue(e.image.pixels, mask=e.marks.mask) for e in clean(3)]
    steps: list[tuple[int, int]] = []
    found = check_cues(predictor, cues, progress=lambda step: steps.append((step.done, step.total)))
    assert [done for done, _ in steps] == list(range(1, found.answers + 1))
    assert steps[-1] == (found.answers, found.answers)


def outline(label: str, x1: int, y1: int, x2: int, y2: int) -> dict[str, object]:
    """A shape of LabelMe: a polygon with the corners of this box."""
    return {"label": label, "shape_type": "polygon", "points": [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]}


def test_a_name_means_one_class_in_all_label_files(predictor: cuecast.Predictor, tmp_path: Path) -> None:
    cues = []
    for i, example in enumerate(clean(3)):
        height, width = example.image.size
        ys, xs = np.nonzero(example.marks.mask)
        shapes = [outline("square", int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)]
        if i == 0:  # This file alone names another class, before the square.
            shapes.insert(0, outline("corner", 0, 0, 3, 3))
        file = tmp_path / f"{i}.json"
        file.write_text(
            json.dumps({"imageHeight": height, "imageWidth": width, "imagePath": "", "shapes": shapes})
        )
        cues.append(cuecast.Cue(example.image.pixels, mask=file))
    check = check_cues(predictor, cues)
    assert all(s.classes["square"] > 0.9 for s in check.scores)
    assert check.scores[0].classes["corner"] is None


def test_the_cost_is_bounded(predictor: cuecast.Predictor) -> None:
    count = 11
    found = check_cues(predictor, clean(count))
    points = len(found.curve)
    assert points == 5  # 1, 2, 4, 8, 10
    assert found.answers <= count + 8 * count + 8 * points


def test_the_same_cues_give_the_same_check(predictor: cuecast.Predictor) -> None:
    examples = [*clean(9), cue(9, moved(9, 9, 9))]
    assert check_cues(predictor, examples) == check_cues(predictor, examples)


def test_json_and_table(predictor: cuecast.Predictor) -> None:
    found = check_cues(predictor, [*clean(4), cue(4, moved(4, 12, 0))], ["square"])
    record = found.as_dict()
    assert record["cues"][4]["number"] == 5
    assert record["flags"][0]["kind"] == "shifted"
    assert [p["cues"] for p in record["curve"]] == [1, 2, 4]
    lines = found.as_table().splitlines()
    assert lines[0].split() == ["cue", "image", "IoU"]
    assert lines[5].endswith("shifted")
    assert any(line.startswith("shifted: cue 5 (4.png): its mask looks shifted") for line in lines)
    assert lines[-1] == found.advice
    assert not np.isnan(record["iou"])
