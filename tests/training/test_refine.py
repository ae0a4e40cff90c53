"""Refining from end to end, on small pictures and a network of random weights."""

from __future__ import annotations

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
from cuecast.engine.packs import Pack, open_pack  # noqa: E402
from cuecast.predictor import load  # noqa: E402
from cuecast.training import refine_fit  # noqa: E402
from cuecast.training.export import export_pack  # noqa: E402
from cuecast.training.network import Network  # noqa: E402
from cuecast.training.onnx_module import OnnxModule  # noqa: E402
from cuecast.training.refine import NotBetterError, RefineOptions, likely_gain, ready_names, refine  # noqa: E402
from cuecast.training.refine_data import Data, read_data  # noqa: E402
from cuecast.training.refine_fit import (  # noqa: E402
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
    monkeypatch.setattr(refine_fit, "FEWEST_STEPS", 14)
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
    assert not list(tmp_path.glob(".sector*"))
    concept = load(pack.folder).concept("square blue")
    assert [c.name for c in concept.classes] == ["square (blue)"]
    assert concept.segment(pictures / "images" / "00.png").mask.shape == (48, 48)


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

    for stage in ("questions to base", "samples", "steps of all", "questions to refined"):
        stop_in(stage)
    answers = (tmp_path / ".sector.refining" / "base.answers.json").stat().st_mtime_ns
    refine(pictures, tmp_path / "sector", options(base), lambda step: asked.append(step.what))
    assert open_pack(tmp_path / "sector").name == "sector"
    assert answers  # measured once, before the first stop
    assert not {"steps of all", "questions to base"} & set(asked)


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
