"""Refining from end to end, on small pictures and a network of random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import write_square

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from cuecast.core.errors import InputError, OutputError, PackError  # noqa: E402
from cuecast.core.ordered import Step  # noqa: E402
from cuecast.core.values import ClassInfo, Example, Marks  # noqa: E402
from cuecast.cuesets.cueset import read_cueset  # noqa: E402
from cuecast.engine.lessons import MatchingKnowledge  # noqa: E402
from cuecast.engine.packs import Pack, open_pack  # noqa: E402
from cuecast.predictor import load  # noqa: E402
from cuecast.training import refine_fit  # noqa: E402
from cuecast.training.export import export_pack  # noqa: E402
from cuecast.training.network import Network  # noqa: E402
from cuecast.training.onnx_module import OnnxModule  # noqa: E402
from cuecast.training.refine import NotBetterError, RefineOptions, likely_gain, ready_names, refine  # noqa: E402
from cuecast.training.refine_data import Data, read_data  # noqa: E402
from cuecast.training.refine_fit import (  # noqa: E402
    Beside,
    Samples,
    draw_lesson,
    fit_decoder,
    write_samples,
)

CARD = {
    "version": 1,
    "name": "raw",
    "segmenter": "matching",
    "licence": "Apache-2.0",
    "preprocessing": {
        "side": 64, "most": 64, "thickness": 4, "tile": 96, "overlap": 32, "texture": 16, "forest_share": 0.2,
        "multiple": 32,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A pack of random weights that looks at small frames."""
    torch.manual_seed(0)
    return open_pack(export_pack(Network().eval(), tmp_path_factory.mktemp("packs") / "raw", CARD))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven with a bright square, five without."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(16):
        write_square(folder, f"{i:02}", i, square=i < 11)
    return folder


@pytest.fixture(autouse=True)
def quick(base: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps on a few small samples; the base is found by its name."""
    monkeypatch.setenv("CUECAST_PACKS", str(base.folder.parent))
    monkeypatch.setattr(refine_fit, "CROP", 64)
    monkeypatch.setattr(refine_fit, "BATCH", 2)
    monkeypatch.setattr(refine_fit, "FEWEST_STEPS", 20)
    monkeypatch.setattr(refine_fit, "EPOCHS", 0)
    monkeypatch.setattr("cuecast.training.refine.MOST_SAMPLES", 6)
    monkeypatch.setattr("cuecast.training.refine_compare.QUERIES", 4)
    monkeypatch.setattr("cuecast.training.refine_compare.ROWS", 1)
    monkeypatch.setattr("cuecast.training.refine.SHOTS", (1, 3))


def options(base: Pack, anyway: bool = True) -> RefineOptions:
    return RefineOptions(base.folder, ["square"], minutes=20, anyway=anyway)


def data_of(pictures: Path) -> Data:
    return read_data([pictures], ["square"])


def test_a_lesson_is_the_same_each_time_and_comes_back_from_its_file(
    base: Pack, pictures: Path, tmp_path: Path
) -> None:
    segmenter, data = base.segmenter(), data_of(pictures)
    samples = next(s for n in range(9) if (s := draw_lesson(segmenter, data, n)))  # type: ignore[arg-type]
    number = next(n for n in range(9) if draw_lesson(segmenter, data, n))  # type: ignore[arg-type]
    again = draw_lesson(segmenter, data, number)  # type: ignore[arg-type]
    write_samples(tmp_path / "lesson.npz", again)
    for a, b in zip(samples, Samples.of(tmp_path / "lesson.npz"), strict=True):
        assert a.maps.keys() == b.maps.keys()
        assert all((a.maps[name] == b.maps[name]).all() for name in a.maps)
        assert (a.target == b.target).all()
        assert (a.share, a.part) == (b.share, b.part)
    sample = samples[0]
    assert sample.target.shape == (64, 64)
    assert sample.maps["fine"].shape[1:] == (16, 16)
    assert sample.share == pytest.approx(0.8)
    assert (sample.known == 1).all()


def test_a_part_without_the_thing_gives_no_lesson(base: Pack, pictures: Path) -> None:
    data = data_of(pictures)
    first = [
        replace(p, example=Example(p.example.image, Marks(p.example.marks.size, absent=True)))
        for p in data.teaching[:3]
    ]
    bare = replace(data, teaching=(*first, *data.teaching[3:]))
    lessons = [draw_lesson(base.segmenter(), bare, n) for n in range(12)]  # type: ignore[arg-type]
    assert [] in lessons
    assert any(lessons)


def test_a_lesson_shows_the_thing_on_every_cue_and_asks_other_pictures(
    base: Pack, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, data = base.segmenter(), data_of(pictures)
    learned: list[tuple[list[bool], list[int]]] = []

    def learn(examples: Sequence[Example], classes: list[int], _scale: str) -> MatchingKnowledge:
        learned.append(([not e.marks.absent for e in examples], classes))
        return MatchingKnowledge(tuple(classes), ())

    monkeypatch.setattr(type(segmenter), "learn", lambda _self, *given: learn(*given))
    for number in range(20):
        draw_lesson(segmenter, data, number)  # type: ignore[arg-type]
    assert len(learned) > 10
    assert all(all(shown) and classes == [1] for shown, classes in learned)
    assert {len(shown) for shown, _ in learned} > {1, 3}


def test_a_share_of_the_lessons_is_of_other_pictures(base: Pack, pictures: Path) -> None:
    segmenter, data = base.segmenter(), data_of(pictures)
    asked: list[int] = []

    def draw(_rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """A bright square, on a picture of another size than those of the data."""
        asked.append(count)
        images = np.zeros((count, 32, 32, 3), np.uint8)
        labels = np.zeros((count, 32, 32), np.int32)
        images[:, 8:20, 8:20], labels[:, 8:20, 8:20] = 255, 1
        return images, labels

    lessons = [draw_lesson(segmenter, data, n, Beside(draw, 0.5)) for n in range(12)]  # type: ignore[arg-type]
    assert 2 < len(asked) < 10
    assert min(asked) > refine_fit.ASKED
    assert sum(map(bool, lessons)) > len(asked)
    with_thing = [draw_lesson(segmenter, data, n, Beside(draw, 1.0))[0] for n in range(2)]  # type: ignore[arg-type]
    assert all(float(s.target.max()) == 1 for s in with_thing)


def test_a_picture_seen_from_nearer_keeps_most_of_the_thing(pictures: Path) -> None:
    example = next(p.example for p in data_of(pictures).teaching if p.shows(1))
    sizes = set()
    for seed in range(20):
        changed = refine_fit.seen_otherwise(np.random.default_rng(seed), example, 1)
        mask = changed.marks.mask
        assert mask is not None
        assert mask.shape == changed.image.size == changed.marks.size
        assert (mask == 1).sum() >= 0.7 * 144  # of a square of 12 x 12
        sizes.add(mask.shape)
        bright = changed.image.pixels.mean(2)
        assert bright[mask == 1].mean() > bright[mask == 0].mean() + 50
    assert len(sizes) > 5
    assert min(min(size) for size in sizes) >= 0.6 * 48 - 1


def test_a_crop_holds_the_pixel_that_it_is_for() -> None:
    rng = np.random.default_rng(0)
    for length, at in ((64, 0), (96, 95), (160, 70), (448, 447), (448, 200), (200, 130)):
        corners = {refine_fit._corner(rng, length, at) for _ in range(40)}
        assert all(c % 32 == 0 and c <= at < c + 64 for c in corners)
    assert {refine_fit._corner(rng, 160, 70) for _ in range(40)} == {32, 64}
    assert {refine_fit._corner(rng, 128, None) for _ in range(40)} == {0, 32, 64}


def test_fitting_lowers_the_loss_and_goes_on_where_it_was_stopped(
    base: Pack, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter, data = base.segmenter(), data_of(pictures)
    samples = [s for n in range(6) for s in draw_lesson(segmenter, data, n)][:8]  # type: ignore[arg-type]
    path, device = base.folder / "decode.onnx", torch.device("cpu")
    before = OnnxModule(path)
    whole = fit_decoder(path, samples, tmp_path / "whole.pt", 0, lambda _d, _t: None)
    with torch.no_grad():
        first, last = (float(refine_fit.sample_loss(d, before, samples, device)) for d in (before, whole))
    assert last < first - 0.03

    class StopError(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done == 12:
            raise StopError

    monkeypatch.setattr(refine_fit, "SAVE_EVERY", 0.0)
    with pytest.raises(StopError):
        fit_decoder(path, samples, tmp_path / "parts.pt", 0, stop)
    parts = fit_decoder(path, samples, tmp_path / "parts.pt", 0, lambda _d, _t: None)
    for a, b in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_pack_stands_on_its_base_and_its_ready_concept_answers(
    base: Pack, pictures: Path, tmp_path: Path
) -> None:
    steps: list[Step] = []
    named = replace(options(base), classes=["square (blue)"])  # more than the name of a concept may hold
    made = refine(pictures, tmp_path / "sector", named, steps.append)
    pack = open_pack(tmp_path / "sector")
    assert pack.card["base"] == {"name": "raw", "digest": base.digest}
    assert not (pack.folder / "encode.onnx").exists()
    assert pack.card["training"]["teaching"] + pack.card["training"]["judging"] == 16
    assert set(made.comparison.by_shots) == {1, 3}
    assert made.comparison.quiet is not None
    assert set(made.curve) >= {0, pack.card["training"]["teaching"]}
    assert (pack.folder / "curve.png").stat().st_size > 1000
    assert next(s.what for s in steps if s.done == s.total) == "questions to base"
    assert [w for w in dict.fromkeys(s.what for s in steps) if "last" in w] == [
        "last samples",
        "steps of last",
    ]
    assert not list(tmp_path.glob(".sector*"))
    concept = load(pack.folder).concept("square blue")
    assert [c.name for c in concept.classes] == ["square (blue)"]
    assert len(read_cueset(pack.concepts["square blue"]).entries) == 11  # those that judged, too
    assert concept.segment(pictures / "images" / "00.png").mask.shape == (48, 48)


def test_what_is_written_has_learned_from_the_pictures_that_judged(
    base: Pack, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[set[str]] = []
    fitted: list[Path | None] = []

    def lesson(segmenter: Any, data: Data, number: int, beside: Any) -> list[refine_fit.Sample]:
        taught.append({p.key for p in data.teaching})
        return draw_lesson(segmenter, data, number, beside)

    def fit(*given: Any, after: Path | None = None) -> OnnxModule:
        fitted.append(after)
        return fit_decoder(*given, after=after)

    monkeypatch.setattr("cuecast.training.refine.draw_lesson", lesson)
    monkeypatch.setattr("cuecast.training.refine.fit_decoder", fit)
    made = refine(pictures, tmp_path / "sector", options(base))
    assert {len(keys) for keys in taught} == {made.pack.card["training"]["teaching"], 16}
    assert len(taught[-1]) == 16
    assert fitted[-1] is not None
    assert fitted[-1].name == "all.pt"
    assert set(fitted[:-1]) == {None}


def test_a_pack_without_ready_concepts_holds_no_picture_of_the_data(
    base: Pack, pictures: Path, tmp_path: Path
) -> None:
    made = refine(pictures, tmp_path / "sector", replace(options(base), ready=False))
    assert made.pack.concepts == {}
    assert {p.name for p in made.pack.folder.rglob("*") if p.is_file()} == {
        "card.json", "decode.onnx", "curve.png",
    }  # fmt: skip


def test_a_pack_that_is_not_better_is_not_written(
    base: Pack, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuecast.training.refine_compare.LEAST_GAIN", 1.0)  # nothing gains that much
    with pytest.raises(NotBetterError, match="not better than its base") as raised:
        refine(pictures, tmp_path / "sector", options(base, anyway=False))
    assert not (tmp_path / "sector").exists()
    assert raised.value.measured.is_file()
    assert "--anyway" in str(raised.value.remedy)


def test_a_run_that_was_stopped_goes_on(base: Pack, pictures: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    asked: list[str] = []

    def stop_in(stage: str) -> None:
        def told(step: Step) -> None:
            if step.what == stage:
                raise StopError

        with pytest.raises(StopError):
            refine(pictures, tmp_path / "sector", options(base), told)
        assert not (tmp_path / "sector").exists()

    for stage in (
        "questions to base", "samples", "steps of all", "questions to refined", "last samples", "steps of last",
    ):  # fmt: skip
        stop_in(stage)
    answers = (tmp_path / ".sector.refining" / "base.answers.json").stat().st_mtime_ns
    refine(pictures, tmp_path / "sector", options(base), lambda step: asked.append(step.what))
    assert open_pack(tmp_path / "sector").name == "sector"
    assert answers  # measured once, before the first stop
    assert not {"steps of all", "questions to base"} & set(asked)


def test_a_run_of_other_pictures_takes_nothing_from_one_that_was_stopped(
    base: Pack, pictures: Path, tmp_path: Path
) -> None:
    class StopError(Exception):
        pass

    def stop(step: Step) -> None:
        if step.what == "questions to refined":
            raise StopError

    with pytest.raises(StopError):
        refine(pictures, tmp_path / "sector", options(base), stop)
    work = tmp_path / ".sector.refining"
    fitted = (work / "all.onnx").stat().st_mtime_ns
    with pytest.raises(StopError):
        refine(pictures, tmp_path / "sector", replace(options(base), minutes=19), stop)
    assert (work / "all.onnx").stat().st_mtime_ns != fitted


def test_what_is_in_the_way_is_not_touched(base: Pack, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "sector").mkdir()
    with pytest.raises(OutputError, match="something is there already; choose another name"):
        refine(pictures, tmp_path / "sector", options(base))


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("my sector", {}, "'my sector' is no name of a pack"),
        ("general", {}, "this name is that of a pack of the package"),
        ("sector", {"fields": {"colour": "red"}}, "colour: is no field of a card"),
    ],
)
def test_what_no_pack_can_be_is_refused_before_the_work(
    base: Pack, pictures: Path, tmp_path: Path, name: str, changed: dict[str, Any], said: str
) -> None:
    root = base.folder.parent if name == "general" else tmp_path
    told: list[Step] = []
    with pytest.raises(PackError, match=said):
        refine(pictures, root / name, replace(options(base), **changed), told.append)
    assert not told
    assert not (root / f".{name}.refining").exists()


def test_classes_that_would_share_a_ready_concept_are_named() -> None:
    named = [ClassInfo(1, "coin (1)"), ClassInfo(2, "Coin 1"), ClassInfo(3, "?")]
    assert ready_names(named[1:]) == {2: "Coin 1", 3: "class 3"}
    with pytest.raises(InputError, match=r"classes 'coin \(1\)' and 'Coin 1' would both be called 'coin 1'"):
        ready_names(named)


def test_a_base_without_a_decoder_is_named(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no decoder to refine; name another base"):
        refine(pictures, tmp_path / "sector", RefineOptions("colours"))
    assert not any(tmp_path.iterdir())
    with pytest.raises(InputError):
        refine(tmp_path / "nothing", tmp_path / "sector")


def test_what_more_pictures_would_add_is_read_off_the_curve() -> None:
    assert likely_gain({0: 0.5, 4: 0.6, 8: 0.65, 16: 0.7}) == pytest.approx(0.05)
    assert likely_gain({0: 0.5, 4: 0.7, 8: 0.65, 16: 0.6}) == 0
    assert likely_gain({0: 0.5, 8: 0.65, 16: 0.7}) is None


def test_samples_of_a_random_crop_stay_on_the_grid_of_the_maps(base: Pack, tmp_path: Path) -> None:
    for i in range(8):
        write_square(tmp_path, f"{i}", i, side=96 if i % 2 else 60)
    data = read_data([tmp_path])
    samples = [s for n in range(4) for s in draw_lesson(base.segmenter(), data, n)]  # type: ignore[arg-type]
    assert samples
    for s in samples:
        # What is known is where there are features: none of them is zero everywhere.
        seen = s.known[::8, ::8] > 0
        assert np.abs(s.maps["context"][:, seen]).sum(0).min() > 0
