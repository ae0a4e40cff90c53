"""Following with the exact pack `colours`: what is red and where it is expected is found, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from films import GREEN, RED, SIZE, Corner, film, save_frames, square, still

import cuecast
from cuecast.core.errors import CueError, ImageError, InputError
from cuecast.core.values import Box, Frame, Image, Marks, Point
from cuecast.engine.calibration import Calibration, Taught
from cuecast.predictor import Concept
from cuecast.propagation.result import TrackedFrame
from cuecast.propagation.track import TrackPlan, touched, track
from cuecast.propagation.tracker import FORGOTTEN, State, Tracker


def right(i: int) -> Corner:
    """Three columns to the right each frame."""
    return (10, 4 + 3 * i)


def learn(pixels: np.ndarray, corner: Corner = None, **marks: object) -> Concept:
    """Taught by a square's mask, or by other marks."""
    shown = marks or {"mask": square(corner)}
    return cuecast.load("colours").learn([cuecast.Cue(pixels, **shown)])


def masks(answers: list[TrackedFrame]) -> dict[int, np.ndarray]:
    return {a.index: a.prediction.mask for a in answers}


def assert_follows(answers: list[TrackedFrame], where: Callable[[int], Corner], count: int) -> None:
    """The mask of each frame is the square at its place."""
    found = masks(answers)
    assert sorted(found) == list(range(count))
    for index, mask in found.items():
        assert (mask == square(where(index))).all(), index


@pytest.mark.parametrize("marked", [0, 6, 11])
def test_from_any_frame_forward_and_backward(marked: int) -> None:
    frames = film(12, right)
    answers = list(track(learn(frames[marked], right(marked)), frames))
    assert_follows(answers, right, 12)
    assert {a.prediction.verdict for a in answers} == {"found"}
    assert [a.index for a in answers if a.marked] == [marked]


def test_two_marks_meet_and_each_frame_is_answered_once() -> None:
    frames = film(12, right)
    cues = [cuecast.Cue(frames[i], mask=square(right(i))) for i in (2, 9)]
    answers = list(track(cuecast.load("colours").learn(cues), frames))
    assert len(answers) == 12
    assert_follows(answers, right, 12)


def test_a_perfect_look_alike_far_away_is_not_the_object() -> None:
    frames = film(12, lambda i: (4, 2 + 2 * i), ((34, 50), RED))
    answers = list(track(learn(frames[0], points=[(5, 6)]), frames))
    assert_follows(answers, lambda i: (4, 2 + 2 * i), 12)


def test_a_cue_on_another_picture_means_all_of_the_kind() -> None:
    frames = film(6, right, ((34, 50), RED))
    concept = learn(still(((20, 20), RED)), (20, 20))
    for answer in track(concept, frames):
        assert (answer.prediction.mask == square(right(answer.index)) + square((34, 50))).all()
        assert not answer.marked


def test_two_objects_of_one_look_keep_their_identity() -> None:
    def first(i: int) -> tuple[int, int]:
        return (4, 4 + 3 * i)

    def second(i: int) -> tuple[int, int]:
        return (30, 40 - 3 * i)

    frames = [still((first(i), RED), (second(i), GREEN)) for i in range(12)]
    concept = learn(frames[0], mask=square(first(0)) + square(second(0), 2))
    for answer in track(concept, frames):
        assert (answer.prediction.mask == square(first(answer.index)) + square(second(answer.index), 2)).all()
        assert [(o.cls, o.verdict) for o in answer.objects] == [(1, "found"), (2, "found")]


def test_an_object_that_is_hidden_is_absent_and_found_again_where_it_comes_back() -> None:
    def where(i: int) -> Corner:
        return (10, 4 + i) if i < 5 else None if i < 8 + FORGOTTEN else (30, 48)

    count = 12 + FORGOTTEN
    frames = film(count, where)
    answers = list(track(learn(frames[0], where(0)), frames))
    assert_follows(answers, where, count)
    verdicts = {a.index: a.prediction.verdict for a in answers}
    assert {verdicts[i] for i in range(5, 8 + FORGOTTEN)} == {"absent"}
    assert verdicts[count - 1] == "found"


def test_a_jump_of_the_area_is_doubted() -> None:
    frames = [*film(4, lambda _: (10, 20)), still(((10, 20), RED), ((22, 20), RED), ((10, 32), RED))]
    answers = list(track(learn(frames[0], (10, 20)), frames))
    assert [a.prediction.verdict for a in answers] == ["found"] * 4 + ["doubtful"]


def test_a_frame_without_the_thing_can_be_said_so() -> None:
    frames = film(6, lambda i: (10, 20) if i < 3 else None)
    cues = [cuecast.Cue(frames[0], mask=square((10, 20))), cuecast.Cue(frames[4], absent=True)]
    concept = cuecast.load("colours").learn(cues)
    # frames 3 to 5 are equal: the mark lies on the first of them
    assert sorted(TrackPlan.of(concept, frames).marked) == [0, 3]
    answers = {a.index: a for a in track(concept, frames)}
    assert (answers[3].prediction.verdict, answers[3].marked) == ("absent", True)
    assert answers[5].prediction.verdict == "absent"
    assert answers[1].prediction.verdict == "found"


def test_frames_state_no_times_in_a_list_and_answers_have_their_size() -> None:
    frames = film(3, right)
    answers = list(track(learn(frames[0], right(0)), frames))
    assert [a.seconds for a in answers] == [None] * 3
    assert answers[1].prediction.scores.shape == (1, *SIZE)
    assert not answers[1].prediction.mask.flags.writeable


def test_equal_runs_give_equal_answers(tmp_path: Path) -> None:
    frames = film(8, right)
    concept = learn(frames[3], right(3))
    paths = save_frames(tmp_path, frames)
    one, two = list(track(concept, frames)), list(track(concept, paths[0].parent))
    assert [a.index for a in one] == [a.index for a in two]
    assert all((a.prediction.scores == b.prediction.scores).all() for a, b in zip(one, two, strict=True))


def test_a_mark_beyond_the_frames_is_refused() -> None:
    frames = film(3, right)
    concept = learn(frames[0], right(0))
    with pytest.raises(
        CueError, match="frame 3 is marked, but frames has the frames 0 to 2; mark one of those"
    ):
        list(track(concept, frames, {3: concept.examples[0]}))
    small = learn(still(size=(20, 20)), mask=square((2, 2), size=(20, 20)))
    with pytest.raises(CueError, match=r"frame 0: the marks are for a picture of \(20, 20\)"):
        list(track(small, frames, {0: small.examples[0]}))


def test_what_are_no_frames_is_refused(tmp_path: Path) -> None:
    concept = learn(film(1, right)[0], right(0))
    with pytest.raises(InputError, match="a list of pictures, this is a generator"):
        list(track(concept, (f for f in film(2, right))))
    with pytest.raises(ImageError, match="there is no such video or folder of frames"):
        list(track(concept, tmp_path / "none.mp4"))
    with pytest.raises(ImageError, match="there are no frames"):
        list(track(concept, []))


def test_frames_of_a_camera_one_by_one_give_what_a_video_gives() -> None:
    frames = film(8, right)
    concept = learn(frames[0], right(0))
    tracker = Tracker(concept)
    state = tracker.start(Frame(0, 0.0, Image(frames[0])), square(right(0)))
    video = list(track(concept, frames))
    for index in range(1, 8):
        state, answer = tracker.step(state, Frame(index, 0.1 * index, Image(frames[index])))
        assert (answer.prediction.scores == video[index].prediction.scores).all()
        assert (answer.index, answer.seconds) == (index, 0.1 * index)


def test_more_things_of_a_kind_may_come_without_doubt() -> None:
    frames = [still(((4, 4), RED)), still(((4, 4), RED), ((30, 44), RED))]
    answers = list(track(learn(still(((20, 20), RED)), (20, 20)), frames))
    assert (answers[1].prediction.mask == square((4, 4)) + square((30, 44))).all()
    assert [a.prediction.verdict for a in answers] == ["found", "found"]


def test_a_point_beside_a_mask_takes_nothing_of_the_mask_away() -> None:
    frames = film(2, lambda _: (4, 4), ((30, 40), RED))
    both = square((4, 4)) + square((30, 40))
    answers = list(track(learn(frames[0], mask=both, points=[(45, 35)]), frames))
    assert all((a.prediction.mask == both).all() for a in answers)


def test_marks_mean_the_pieces_they_touch() -> None:
    mask = square((4, 4)) + square((30, 40)) + square((4, 40), 2)
    marks = Marks(SIZE, boxes=(Box((2, 2, 18, 18)),), points=(Point((2, 2), 0),))
    assert (touched(mask, marks) == square((4, 4)) + square((4, 40), 2)).all()
    assert (
        touched(mask, Marks(SIZE, points=(Point((45, 35)),))) == square((30, 40)) + square((4, 40), 2)
    ).all()
    nowhere = Marks(SIZE, points=(Point((1, 1)),))
    assert (touched(mask, nowhere) == mask).all()


def with_least_area(concept: Concept, share: float) -> Concept:
    """The concept with a pack that takes what is smaller than this share of the picture for nothing."""
    pack = concept.predictor.pack
    card = {**pack.card, "thresholds": {**pack.card["thresholds"], "min_fraction": share}}
    return replace(concept, predictor=replace(concept.predictor, pack=replace(pack, card=card)))


def dot(i: int) -> np.ndarray:
    """The mask of 4 x 4 pixels that go to the right, in pictures of 400 x 600."""
    mask = np.zeros((400, 600), np.int32)
    mask[200:204, 100 + 20 * i : 104 + 20 * i] = 1
    return mask


@pytest.mark.parametrize(
    "marks", [{"mask": dot(0)}, {"points": [(101, 201)]}, {"boxes": [(98, 198, 106, 206)]}]
)
def test_a_marked_thing_is_followed_however_small_it_is(marks: dict[str, object]) -> None:
    frames = [np.where(dot(i)[..., None] == 1, np.uint8(RED), np.uint8((30, 30, 200))) for i in range(6)]
    answers = list(track(with_least_area(learn(frames[0], **marks), 1e-3), frames))
    assert answers[0].prediction.verdict == "found"
    for answer in answers:
        assert (answer.prediction.mask == dot(answer.index)).all()
        assert answer.prediction.verdict != "absent"


def test_what_is_marked_beside_a_box_stays() -> None:
    mask = square((4, 4)) + square((30, 40))
    marks = Marks(SIZE, boxes=(Box((2, 2, 18, 18)),), points=(Point((45, 35)),))
    kept = square((4, 4))
    kept[35, 45] = 1
    assert (touched(mask, marks) == kept).all()


@pytest.fixture
def doubting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack `colours`, saying that answers to points alone are worth 0.3, whatever their scores."""
    figures = Calibration(("own",), (0.0,), (1.0,), (0.0, -0.847), (0.0, 5.0), 0.9, (1.0, -10.0))
    pack = type(cuecast.load("colours").pack)
    kinds = {"one-sided": Taught("one-sided", figures)}
    monkeypatch.setattr(pack, "taught", lambda self, kind: kinds.get(kind, Taught()))  # noqa: ARG005


@pytest.mark.usefixtures("doubting")
def test_frames_are_worth_what_the_marks_are_that_they_were_carried_on_from() -> None:
    frames = film(6, right)
    by_points, by_mask = (
        list(track(c, frames)) for c in (learn(frames[0], points=[(5, 11)]), learn(frames[0], right(0)))
    )
    assert_follows(by_points, right, 6)
    assert {a.prediction.verdict for a in by_points} == {"doubtful"}
    assert max(a.prediction.confidence for a in by_points) < 0.6
    assert {a.prediction.verdict for a in by_mask} == {"found"}


@pytest.mark.usefixtures("doubting")
def test_going_on_later_gives_the_same_confidence() -> None:
    frames = film(6, right)
    concept = learn(frames[0], points=[(5, 11)])
    states: dict[int, State] = {}
    job = TrackPlan.of(concept, frames)
    (sweep,) = [s for s in job.sweeps if len(s.frames) > 1]
    whole = [a.prediction.confidence for a in job.run(sweep, keep=states.__setitem__)]
    again = TrackPlan.of(concept, frames)
    later = [a.prediction.confidence for a in again.run(sweep, since=(3, states[3]))]
    assert later == whole[-len(later) :]
