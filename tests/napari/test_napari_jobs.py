"""Jobs: what layers teach is found in pictures, stacks, volumes and folders; cue sets are written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED, picture
from PIL import Image
from taken import image, labels, points

from cuecast.core.errors import CueError, CueSetError, InputError
from cuecast.core.ordered import Step
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import read_examples
from cuecast.cuesets.edit import new_cueset
from cuecast.napari.jobs import Found, Lesson, Teacher, find, find_in_folder, save
from cuecast.napari.marks import LayerCue
from cuecast.napari.pictures import Picture, Stack, picture_of
from cuecast.runs.images import BatchOptions

THING, LEAF = ClassInfo(1, "thing"), ClassInfo(2, "leaf")


def coloured(*columns: tuple[int, int, int], name: str = "a", rows: int = 4) -> Picture:
    """A picture with a colour a column."""
    return picture_of(image(np.tile(np.array(columns, np.uint8), (rows, 1, 1)), name, rgb=True), "pictures")


def lesson(*cues: LayerCue, classes: Any = (THING,), **given: Any) -> Lesson:
    return Lesson("colours", tuple(classes), cues, **given)


def red_is_the_thing() -> Lesson:
    """Columns 0 and 1 of a picture are red, and marked."""
    marks = labels(np.tile([1, 1, 0, 0], (4, 1)))
    return lesson(LayerCue(coloured(RED, RED, BLUE, BLUE), marks))


def found_in(picture: Picture, of: Lesson, steps: list[Step] | None = None) -> list[Found]:
    told: Any = (lambda _: None) if steps is None else steps.append
    return list(find(Teacher(), of, [picture], told))


def grey_stack(stack: Stack, levels: list[list[int]], name: str = "s") -> Picture:
    """A stack of slices of 4 rows, with a grey level a column."""
    return picture_of(image(np.repeat(np.array(levels, np.uint8)[:, None], 4, axis=1), name), stack)


def test_a_picture_gets_mask_objects_and_verdict() -> None:
    steps: list[Step] = []
    (found,) = found_in(coloured(RED, BLUE, RED, name="b"), red_is_the_thing(), steps)
    assert found.labels.tolist() == [[1, 0, 1]] * 4
    assert found.instances.tolist() == [[1, 0, 2]] * 4
    (row,) = found.rows
    assert (row.name, row.index, row.verdict, row.objects) == ("b", None, "found", 2)
    assert [(s.what, s.done, s.total) for s in steps] == [("pictures", 1, 1)]


def test_what_is_not_there_is_absent() -> None:
    (found,) = found_in(coloured(BLUE, BLUE, name="b"), red_is_the_thing())
    assert found.rows[0].verdict == "absent"
    assert not found.labels.any()


def test_several_layers_teach_several_classes() -> None:
    taught = coloured(RED, GREEN, BLUE)
    cues = [
        LayerCue(taught, labels([[1, 0, 0]] * 4), "thing"),
        LayerCue(taught, labels([[0, 7, 0]] * 4), "leaf"),
    ]
    (found,) = found_in(coloured(GREEN, BLUE, RED, name="b"), lesson(*cues, classes=(THING, LEAF)))
    assert found.labels.tolist() == [[2, 0, 1]] * 4


def test_the_same_cues_are_learnt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, times = Teacher(), []
    predictor = teacher.predictor("colours")
    learn = type(predictor.segmenter).learn
    monkeypatch.setattr(type(predictor.segmenter), "learn", lambda *given: times.append(1) or learn(*given))
    for _ in range(2):
        list(find(teacher, red_is_the_thing(), [coloured(RED, BLUE, name="b")], lambda _: None))
    assert len(times) == 1


def test_pictures_of_a_stack_are_looked_at_one_by_one() -> None:
    stack = grey_stack("pictures", [[9, 9, 50], [50, 9, 50], [50, 50, 50]])
    cue = LayerCue(stack, labels(np.repeat(np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0]])[:, None], 4, axis=1)))
    steps: list[Step] = []
    found = found_in(stack, lesson(cue), steps)
    assert [f.index for f in found] == [0, 1, 2]
    assert [f.labels[0].tolist() for f in found] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert [f.rows[0].verdict for f in found] == ["found", "found", "absent"]
    assert [s.total for s in steps] == [3, 3, 3]


def test_a_time_series_is_followed_from_its_marked_frame_however_often() -> None:
    """The second time the concept is kept from the first, and the frame is still the one that is marked."""
    levels = [[50, 50, 9, 50], [50, 9, 50, 50], [9, 50, 50, 50]]
    stack = grey_stack("time series", levels)
    marks = np.zeros((3, 4, 4), int)
    marks[1, :, 1] = 1
    teacher = Teacher()
    for _ in range(2):
        cue = LayerCue(grey_stack("time series", levels), labels(marks))
        found = list(find(teacher, lesson(cue), [stack], lambda _: None))
        assert sorted(f.index or 0 for f in found) == [0, 1, 2]
        assert found[0].index == 1
        assert {f.index: f.labels[0].tolist() for f in found} == {
            0: [0, 0, 1, 0],
            1: [0, 1, 0, 0],
            2: [1, 0, 0, 0],
        }


def test_a_volume_is_walked_through_from_its_marked_slice() -> None:
    volume = grey_stack("volume", [[9, 9, 50, 50]] * 3)
    marks = np.zeros((3, 4, 4), int)
    marks[1, :, :2] = 1
    steps: list[Step] = []
    (found,) = found_in(volume, lesson(LayerCue(volume, labels(marks))), steps)
    assert found.index is None
    assert found.labels[:, 0].tolist() == [[1, 1, 0, 0]] * 3
    assert found.instances.max() == 1
    assert [(r.index, r.verdict) for r in found.rows] == [(0, "found"), (1, "found"), (2, "found")]
    assert [(s.what, s.done, s.total) for s in steps] == [("slices", n, 3) for n in (1, 2, 3)]


def test_a_slice_of_one_volume_teaches_another() -> None:
    taught, other = (
        grey_stack("volume", [[9, 9, 50, 50]] * 2),
        grey_stack("volume", [[50, 9, 9, 50]] * 2, "t"),
    )
    marks = np.zeros((2, 4, 4), int)
    marks[0, :, :2] = 1
    (found,) = found_in(other, lesson(LayerCue(taught, labels(marks))))
    assert found.labels[:, 0].tolist() == [[0, 1, 1, 0]] * 2


def test_being_stopped_leaves_what_was_found() -> None:
    class StoppedError(Exception):
        pass

    def told(_: Step) -> None:
        raise StoppedError

    pictures = [coloured(RED, BLUE, name=name) for name in "bc"]
    found = find(Teacher(), red_is_the_thing(), pictures, told)
    assert next(found).picture.name == "b"
    with pytest.raises(StoppedError):
        next(found)


def test_a_folder_becomes_a_folder_of_results(tmp_path: Path) -> None:
    picture(tmp_path / "in/x.png", 3)
    picture(tmp_path / "in/y.png", 0)
    (tmp_path / "in/z.png").write_bytes(b"no picture")
    steps: list[Step] = []
    options = BatchOptions(formats=("csv",))
    done = find_in_folder(
        Teacher(), red_is_the_thing(), tmp_path / "in", tmp_path / "out", options, steps.append
    )
    assert [(r.name, r.verdict) for r in done.rows] == [
        ("x.png", "found"),
        ("y.png", "absent"),
        ("z.png", None),
    ]
    assert "z.png" in (done.rows[2].error or "")
    assert done.rows[2].files is None
    assert done.rows[0].files == (tmp_path / "in/x.png", tmp_path / "out/masks/x.png")
    assert np.asarray(Image.open(tmp_path / "out/masks/x.png"))[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert (tmp_path / "out/objects.csv").is_file()
    assert [(s.done, s.total) for s in steps if s.what == "images"] == [(1, 3), (2, 3), (3, 3)]
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="none"):
        find_in_folder(
            Teacher(), red_is_the_thing(), tmp_path / "none", tmp_path / "o", options, steps.append
        )


def test_cues_in_layers_become_a_cue_set_that_teaches_the_same(tmp_path: Path) -> None:
    given = red_is_the_thing()
    written = save(given, tmp_path / "cues.zip")
    assert written.classes == (THING,)
    (example,) = read_examples(written)
    assert example.marks.mask is not None
    assert example.marks.mask[0].tolist() == [1, 1, 0, 0]
    from_file = lesson(sets=(tmp_path / "cues.zip",))
    (found,) = found_in(coloured(BLUE, RED, name="b"), from_file)
    assert found.labels.tolist() == [[0, 1]] * 4


def test_what_is_saved_again_takes_the_place_of_what_was_said_of_the_picture(tmp_path: Path) -> None:
    save(red_is_the_thing(), tmp_path / "set")
    point = lesson(LayerCue(coloured(RED, RED, BLUE, BLUE), points([(0, 0)])))
    again = save(point, tmp_path / "set")
    assert [e.kinds for e in again.entries] == [("points",)]
    assert len(save(lesson(LayerCue(coloured(GREEN), None)), tmp_path / "set").entries) == 2


def test_sets_whose_classes_are_numbered_otherwise_are_refused(tmp_path: Path) -> None:
    new_cueset(tmp_path / "set", [ClassInfo(1, "leaf"), ClassInfo(2, "thing")])
    with pytest.raises(
        CueSetError, match="its class 1 is 'leaf', and the classes here are 1 thing; load it before"
    ):
        save(red_is_the_thing(), tmp_path / "set")
    with pytest.raises(CueSetError, match="no cue lies in a layer; add one"):
        save(lesson(sets=(tmp_path / "set",)), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_wrong_cue_ends_a_job_before_its_first_answer() -> None:
    wrong = lesson(LayerCue(coloured(RED, BLUE), points([(0, 7)])))
    with pytest.raises(CueError, match=r"a: point \(7.5, 0.5\) is outside"):
        next(find(Teacher(), wrong, [coloured(RED)], lambda _: None))
