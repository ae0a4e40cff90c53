"""The engine with the embedded pack: real behaviour on drawn pictures whose answer is known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from PIL import Image as PILImage
from scipy.ndimage import distance_transform_edt

import cuecast
from cuecast.engine import matching
from cuecast.engine.lessons import MatchingKnowledge
from cuecast.engine.matcher import CueTile, Knowledge, MatcherWeights, join
from cuecast.engine.packs import WHEEL_PACKS
from cuecast.io.images import read_image

pytestmark = pytest.mark.skipif(
    not (WHEEL_PACKS / "general" / "card.json").is_file(), reason="the pack general is not in this checkout"
)


def discs(seed: int, size: tuple[int, int] = (160, 200), count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Red discs on a green ground with noise: picture (H, W, 3) uint8 and truth (H, W) bool."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    truth = np.zeros(size, bool)
    for _ in range(count):
        cy, cx, r = rng.integers(20, size[0] - 20), rng.integers(20, size[1] - 20), rng.integers(12, 20)
        truth |= (y - cy) ** 2 + (x - cx) ** 2 <= r * r
    picture = np.where(truth[..., None], (190, 60, 50), (70, 150, 80)) + rng.normal(0, 8, (*size, 3))
    return np.clip(picture, 0, 255).astype(np.uint8), truth


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("general", threads=1)


@pytest.fixture(scope="module")
def concept(predictor: cuecast.Predictor) -> cuecast.Concept:
    picture, truth = discs(0)
    return predictor.learn([cuecast.Cue(picture, mask=truth)])


def test_one_mask_marks_the_same_thing_elsewhere(concept: cuecast.Concept) -> None:
    picture, truth = discs(1)
    assert iou(concept.segment(picture).mask > 0, truth) > 0.85


@pytest.mark.parametrize("size", [(33, 47), (64, 700), (301, 299), (1, 40)])
def test_answers_have_the_size_of_the_image(concept: cuecast.Concept, size: tuple[int, int]) -> None:
    prediction = concept.segment(np.full((*size, 3), 90, np.uint8))
    assert prediction.mask.shape == size
    assert prediction.scores.shape == (1, *size)
    assert prediction.scores.min() >= 0
    assert prediction.scores.max() <= 1


def test_other_sizes_find_the_thing_too(concept: cuecast.Concept) -> None:
    picture, truth = discs(2, (320, 400), 8)
    assert iou(concept.segment(picture).mask > 0, truth) > 0.7


def test_the_same_inputs_give_the_same_bytes_whatever_the_workers(concept: cuecast.Concept) -> None:
    pictures = [discs(seed)[0] for seed in range(3, 7)]
    alone = [concept.segment(p).scores.tobytes() for p in pictures]
    together = [p.scores.tobytes() for p in concept.segment_many(pictures, workers=3)]
    assert alone == together


@pytest.mark.parametrize("kind", ["boxes", "points", "scribbles", "polygons"])
def test_sparse_cues_teach_the_thing(predictor: cuecast.Predictor, kind: str) -> None:
    picture = np.full((120, 160, 3), (70, 150, 80), np.uint8)
    picture[40:80, 50:100] = (190, 60, 50)
    marks = {
        "boxes": {"boxes": [(50, 40, 100, 80)]},
        "points": {"points": [(60, 50), (90, 70), (20, 20, 0), (140, 100, 0)]},
        "scribbles": {
            "scribbles": [[(55, 60), (95, 60)], cuecast.Scribble(((10, 10), (150, 10)), cls=0)],
        },
        "polygons": {"polygons": [[(50, 40), (100, 40), (100, 80), (50, 80)]]},
    }[kind]
    concept = predictor.learn([cuecast.Cue(picture, **marks)])
    query, truth = discs(5)
    assert iou(concept.segment(query).mask > 0, truth) > 0.5


@pytest.mark.parametrize(
    "marks", [{"points": [(75, 60)]}, {"points": [(60, 50), (90, 70)]}, {"scribbles": [[(58, 60), (92, 62)]]}]
)
def test_positive_marks_alone_mark_the_thing_and_not_the_frame(
    predictor: cuecast.Predictor, marks: dict[str, list[tuple[int, int]]]
) -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((120, 160), bool)
    truth[40:80, 50:100] = True
    picture = np.where(truth[..., None], (150, 90, 60), (90, 120, 80)) + rng.normal(0, 12, (120, 160, 3))
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    prediction = predictor.learn([cuecast.Cue(pixels, **marks)]).segment(pixels)
    assert iou(prediction.mask > 0, truth) > 0.7


def test_one_stroke_on_a_real_swan(predictor: cuecast.Predictor, data: Path) -> None:
    folder = data / "video" / "blackswan"
    truth = np.asarray(PILImage.open(folder / "masks" / "00000.png")) > 0
    rows, columns = np.nonzero(distance_transform_edt(truth) > 12)  # well inside the body
    ends = [(float(columns[i]), float(rows[i])) for i in (columns.argmin(), columns.argmax())]
    concept = predictor.learn([cuecast.Cue(folder / "images" / "00000.jpg", scribbles=[ends])])
    assert iou(concept.segment(folder / "images" / "00000.jpg").mask > 0, truth) > 0.5


def test_marks_on_the_query_itself_are_kept(concept: cuecast.Concept) -> None:
    picture, _ = discs(6)
    corrected = concept.add([cuecast.Cue(picture, points=[(3, 3, 1), (100, 80, 0)])])
    mask = corrected.segment(picture).mask
    assert mask[3, 3] == 1
    assert mask[80, 100] == 0


def test_quick_marks_correct_their_own_image_and_teach_nothing(concept: cuecast.Concept) -> None:
    picture, truth = discs(6)
    other, _ = discs(7)
    y, x = np.unravel_index(distance_transform_edt(truth).argmax(), truth.shape)  # the middle of a disc
    corrected = concept.add([cuecast.Cue(picture, points=[(float(x), float(y), 0)])], quick=True)
    assert corrected.knowledge is concept.knowledge
    assert corrected.decision.smallest is concept.decision.smallest  # not measured again at every click
    before, after = concept.segment(picture).scores[0], corrected.segment(picture).scores[0]
    assert after[y, x] == 0
    around = np.abs(np.indices(before.shape) - np.array([y, x])[:, None, None]).max(0) <= 3
    assert after[around].mean() < before[around].mean() - 0.3
    assert np.array_equal(concept.segment(other).scores, corrected.segment(other).scores)


def test_what_a_click_does_not_change_is_computed_once(
    concept: cuecast.Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture, _ = discs(9)
    scored = []
    real = matching.MatchingSegmenter.score
    monkeypatch.setattr(
        matching.MatchingSegmenter, "score", lambda self, *a: scored.append(bool(a[2])) or real(self, *a)
    )
    for x in (3.0, 30.0, 60.0):
        concept = concept.add([cuecast.Cue(picture, points=[(x, 3.0, 0)])], quick=True)
        concept.segment(picture)
    assert scored == [True, False, True, True]  # with its marks; once without them, for the cuts


def test_the_number_of_threads_changes_nothing() -> None:
    answers = []
    for threads in (1, 2):
        learnt = cuecast.load("general", threads=threads).learn([cuecast.Cue(*discs(0))])
        answers.append(learnt.segment(discs(1)[0]).scores)
    np.testing.assert_allclose(*answers, atol=1e-5)


def test_products_take_one_thread_while_an_answer_is_made_and_then_as_many_as_before(
    concept: cuecast.Concept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads() -> set[int]:
        return {p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"}

    seen: list[set[int]] = []

    def told(*args: Any, **named: Any) -> Any:
        seen.append(threads())
        return evidence(*args, **named)

    evidence = matching.evidence
    monkeypatch.setattr(matching, "evidence", told)
    with threadpoolctl.threadpool_limits(2, "blas"):
        list(concept.segment_many([discs(seed)[0] for seed in (31, 32, 33)]))
        assert threads() == {2}
    assert len(seen) >= 3
    assert seen == [{1}] * len(seen)


def test_not_this_teaches_no_guess(concept: cuecast.Concept) -> None:
    picture, truth = discs(6)
    y, x = np.unravel_index(distance_transform_edt(truth).argmax(), truth.shape)
    taught = concept.add([cuecast.Cue(picture, points=[(float(x), float(y), 0)])])
    before, after = (c.knowledge.lessons[0] for c in (concept, taught))
    assert after.known.share < before.known.share
    assert (
        len(after.looks[0]) == len(before.looks[0]) == 1
    )  # only the cue that shows the thing says how it looks


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[CueTile]]:
    """What joins the cues of a concept from now on, tile by tile."""
    seen: list[Sequence[CueTile]] = []

    def spy(known: Knowledge, shown: Sequence[CueTile], weights: MatcherWeights) -> Knowledge:
        seen.append(shown)
        return join(known, shown, weights)

    monkeypatch.setattr(matching, "join", spy)
    return seen


def test_the_query_joins_few_cues_where_the_frame_is_seen_whole(
    predictor: cuecast.Predictor, joined: list[Sequence[CueTile]]
) -> None:
    picture, truth = discs(0)
    query, wanted = discs(1)
    concepts = [predictor.learn([cuecast.Cue(picture, mask=truth)], scale=s) for s in ("frame", "pixel")]
    for concept in concepts:
        concept.segment(query)
    ((tile,),) = joined
    found = tile.positive.sum() / (tile.positive + tile.negative).sum()
    assert found == pytest.approx(wanted.mean(), abs=0.05)
    # What is thin is looked at more closely, in several tiles: there it does not pay.
    picture, truth = discs(2, (400, 500))
    truth[:] = False
    truth[200] = True
    predictor.learn([cuecast.Cue(picture, mask=truth)]).segment(query)
    assert len(joined) == 1
    # More cues say by themselves how different a thing can look.
    several = [cuecast.Cue(p, mask=m) for p, m in map(discs, (2, 3, 4))]
    predictor.learn(several[:2]).segment(query)
    predictor.learn(several).segment(query)
    assert len(joined) == 2


def test_an_answer_that_a_click_has_corrected_joins_the_cues_where_the_frame_is_seen_whole(
    predictor: cuecast.Predictor, joined: list[Sequence[CueTile]]
) -> None:
    several = [cuecast.Cue(p, mask=m) for p, m in map(discs, (2, 3, 4))]
    query, truth = discs(6)
    y, x = np.unravel_index(distance_transform_edt(truth).argmax(), truth.shape)
    not_this = [cuecast.Cue(query, points=[(float(x), float(y), 0)])]
    for scale in ("pixel", "frame"):
        concept = predictor.learn(several, scale=scale)
        assert not joined
        concept.add(not_this, quick=True).segment(query)
    ((tile,),) = joined
    zoom = 256 / truth.size**0.5
    assert tile.positive[0, int(y * zoom), int(x * zoom)] < 0.4 < 0.9 < tile.positive.max()


def test_a_click_does_not_have_many_classes_answered_once_more(
    predictor: cuecast.Predictor, joined: list[Sequence[CueTile]]
) -> None:
    picture, truth = discs(2)
    parts = truth * (1 + np.arange(truth.shape[1]) * 3 // truth.shape[1])
    query, _ = discs(6)
    for classes in (3, 2):
        concept = predictor.learn([cuecast.Cue(picture, mask=np.where(parts <= classes, parts, 0))])
        assert len(concept.classes) == classes
        concept.segment(query)
        before = len(joined)
        concept.add([cuecast.Cue(query, points=[(3, 3, 0)])], quick=True).segment(query)
        assert (len(joined) > before) == (classes == 2)


def test_the_next_click_finds_what_the_forest_said_of_the_image(
    predictor: cuecast.Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = matching.MatchingSegmenter._forest_logits
    monkeypatch.setattr(
        matching.MatchingSegmenter, "_forest_logits", lambda *given: asked.append(1) or real(*given)
    )
    picture, truth = discs(0)
    concept = predictor.learn([cuecast.Cue(picture, mask=truth)])
    query, _ = discs(13)
    counts = []
    for x in (3.0, 30.0, 60.0):
        concept = concept.add([cuecast.Cue(query, points=[(x, 3.0, 0)])], quick=True)
        concept.segment(query)
        counts.append(len(asked))
    assert counts[0] == counts[1] == counts[2] == 2  # for the answer, and once for all clicks


def test_a_box_round_everything_leaves_a_rest(predictor: cuecast.Predictor) -> None:
    picture, _ = discs(0)
    concept = predictor.learn([cuecast.Cue(picture, boxes=[(0, 0, 200, 160)])])
    assert 0 < concept.knowledge.lessons[0].known.share < 0.95
    assert not concept.segment(discs(1)[0]).mask.all()


def test_quick_masks_teach_and_keep_the_forest(concept: cuecast.Concept) -> None:
    taught = concept.add([cuecast.Cue(*discs(8))], quick=True)
    assert taught.knowledge is not concept.knowledge
    assert taught.knowledge.lessons[0].forest is concept.knowledge.lessons[0].forest
    assert taught.knowledge.lessons[0].known is not concept.knowledge.lessons[0].known


def test_two_classes_are_told_apart(predictor: cuecast.Predictor) -> None:
    def picture(flip: bool) -> tuple[np.ndarray, np.ndarray]:
        labels = np.zeros((128, 160), np.uint8)
        labels[20:60, 20:70], labels[70:110, 90:140] = 1, 2
        labels = labels[:, ::-1] if flip else labels
        colours = np.array([(90, 90, 90), (200, 60, 60), (60, 80, 210)], np.uint8)
        return colours[labels], labels

    concept = predictor.learn([cuecast.Cue(*picture(False))], classes=["red", "blue"])
    query, truth = picture(True)
    found = concept.segment(query).mask
    assert iou(found == 1, truth == 1) > 0.8
    assert iou(found == 2, truth == 2) > 0.8


def three_things(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two large things and a line, each of a colour, on a grey ground with noise: picture and labels (320, 400)."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((320, 400), np.uint8)
    for value, (h, w) in enumerate([(90, 120), (80, 160), (2, 300)], start=1):
        y, x = 100 * (value - 1) + rng.integers(0, 100 - h), rng.integers(0, 400 - w)
        labels[y : y + h, x : x + w] = value
    colours = np.array([(90, 90, 90), (200, 60, 60), (60, 80, 210), (220, 210, 60)])
    noisy = colours[labels] + rng.normal(0, 8, (320, 400, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def test_classes_answered_together_are_answered_as_one_at_a_time(predictor: cuecast.Predictor) -> None:
    """Whatever the classes beside it, a class gets the same scores and the same signals."""
    picture, labels = three_things(0)
    concept = predictor.learn([cuecast.Cue(picture, mask=labels)])
    lessons = concept.knowledge.lessons
    assert [lesson.classes for lesson in lessons] == [(1, 2), (3,)]  # the line is looked at more closely
    assert lessons[0].forest.knows.tolist() == [True, True]
    query = cuecast.Image(three_things(1)[0])
    together = predictor.segmenter.score(concept.knowledge, query)
    for k, cls in enumerate((1, 2, 3)):
        lesson = next(lesson for lesson in lessons if cls in lesson.classes)
        alone = MatchingKnowledge((cls,), (lesson.only([lesson.classes.index(cls)]),))
        answer = predictor.segmenter.score(alone, query)
        np.testing.assert_allclose(answer.scores[0], together.scores[k], atol=2e-4)
        assert answer.verdict_features[0] == pytest.approx(together.verdict_features[k], abs=2e-3)


def test_many_classes_cost_no_more_runs_than_few(
    predictor: cuecast.Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is the same for all classes of a scale is computed once: the encoder, and the forest that tells them."""
    runs = []
    real = matching.fit_forest
    monkeypatch.setattr(matching, "fit_forest", lambda *a, **k: runs.append("forest") or real(*a, **k))
    decode = type(predictor.segmenter.decoder).decode
    monkeypatch.setattr(
        type(predictor.segmenter.decoder), "decode", lambda self, m, n: runs.append(n) or decode(self, m, n)
    )
    picture, labels = three_things(2)
    labels[labels == 3] = 0
    labels[200:, :150] = 3
    concept = predictor.learn([cuecast.Cue(picture, mask=labels)])
    concept.segment(three_things(3)[0])
    assert runs == ["forest", 3]


def test_classes_of_one_lesson_are_at_most_so_many() -> None:
    scales = [(256.0, None), (362.0, None), (256.0, None), (256.0, None)]
    assert matching.groups(scales, 2) == [[0, 2], [3], [1]]


def test_a_class_learned_later_has_a_lesson_of_its_own(concept: cuecast.Concept) -> None:
    picture, truth = discs(3)
    both = cuecast.Cue(picture, mask=np.where(truth, 1, 2).astype(np.uint8)).read(())
    segmenter = concept.predictor.segmenter
    taught = segmenter.learn([*concept.examples, both], [2, 1], "frame", concept.knowledge)
    assert [lesson.classes for lesson in taught.lessons] == [(1,), (2,)]
    assert taught.lessons[0].forest is concept.knowledge.lessons[0].forest
    query, wanted = discs(4)
    ground, disc = segmenter.score(taught, cuecast.Image(query)).scores  # in the order of the ids
    assert iou(disc > ground, wanted) > 0.8


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "general"
    shutil.copytree(WHEEL_PACKS / "general", copy)
    data = bytearray((copy / "decode.onnx").read_bytes())
    data[1000] ^= 1
    (copy / "decode.onnx").write_bytes(data)
    with pytest.raises(cuecast.PackError, match=r"decode\.onnx is corrupt.*install the pack again"):
        cuecast.load(copy)


def test_a_pack_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(WHEEL_PACKS / "general", folder)
    card = json.loads((folder / "card.json").read_text())
    del card["preprocessing"]["forest_share"]
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(cuecast.PackError, match="earlier version of cuecast; install the pack again"):
        cuecast.load(folder)


def test_real_cells_from_one_cue(predictor: cuecast.Predictor, data: Path) -> None:
    folder = data / "dev" / "wbc1"
    masks = {n: np.asarray(PILImage.open(folder / "masks" / f"{n}.png")) for n in ("0000", "0001")}
    concept = predictor.learn(
        [cuecast.Cue(folder / "images" / "0000.jpg", mask=np.isin(masks["0000"], (1, 2)))]
    )
    found = concept.segment(folder / "images" / "0001.jpg").mask > 0
    assert iou(found, np.isin(masks["0001"], (1, 2))) > 0.5


@pytest.mark.parametrize(("cues", "looks"), [(1, 2), (3, 1)])
def test_what_is_kept_to_train_on_is_what_answers(
    predictor: cuecast.Predictor, cues: int, looks: int
) -> None:
    segmenter = predictor.segmenter
    assert isinstance(segmenter, matching.MatchingSegmenter)
    shown = [cuecast.Cue(picture, mask=truth) for picture, truth in map(discs, range(cues))]
    knowledge = predictor.learn(shown).knowledge
    assert isinstance(knowledge, MatchingKnowledge)
    (lesson,) = knowledge.lessons
    view = segmenter.viewer.view(read_image(discs(9)[0]), lesson.side, lesson.zoom)
    (tile,) = view.windows()
    seen = list(segmenter.looks(lesson, view))
    assert len(seen) == looks
    maps, share, rest = segmenter.decoded(seen[-1], view, tile)
    said = share[:, None, None] * segmenter.decoder.decode(maps, 1)[0][:, 0] + rest
    planes = segmenter._scene(lesson, view).planes[:, 0]
    np.testing.assert_allclose(said[:, : planes.shape[1], : planes.shape[2]], planes, atol=1e-4)
