"""SegGPT: the same answers as transformers' own pipeline and the paper's inference, by cues of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foundation_models import needed, write_model
from PIL import Image as PILImage

from cuecast.core.errors import InputError, PackError
from cuecast.core.notes import notes_to
from cuecast.core.values import Box, Example, Image, Marks, Point
from cuecast.engine.foundation import runtime
from cuecast.engine.foundation.complete import Completer
from cuecast.engine.foundation.folder import look_at
from cuecast.engine.foundation.runtime import Network, load, normal, precision
from cuecast.engine.foundation.seggpt import (
    MOST_PROMPTS,
    Prompt,
    SegGptSegmenter,
    ask,
    bicubic,
    read_choices,
    spatial,
    white,
)

SIDE = 32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("weights") / "seggpt")


@pytest.fixture(scope="module")
def network(folder: Path) -> Network:
    return load(look_at(folder, "seggpt"), "cpu", 1)


def picture(seed: int, size: tuple[int, int] = (60, 80)) -> Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image(np.asarray(PILImage.fromarray(coarse).resize(size[::-1])))


def cue(seed: int, cls: int = 1) -> Example:
    mask = np.zeros((60, 80), np.int32)
    mask[10 + seed : 40, 20:50] = cls
    return Example(picture(seed), Marks((60, 80), mask=mask))


def segmenter(network: Network, **given: Any) -> SegGptSegmenter:
    stated = read_choices(given) | {"side": SIDE}
    stated["most"] *= SIDE
    return SegGptSegmenter(network, Completer(1), stated)


@pytest.mark.parametrize("shots", [1, 3])
def test_the_decision_is_that_of_transformers_own_pipeline(network: Network, shots: int) -> None:
    torch, transformers = needed()
    query, cues = picture(9), [cue(seed) for seed in range(shots)]
    theirs = transformers.SegGptImageProcessorPil(size={"height": SIDE, "width": SIDE})
    inputs = theirs(
        images=[query.pixels] * shots,
        prompt_images=[e.image.pixels for e in cues],
        prompt_masks=[e.marks.mask for e in cues],
        num_labels=1,
        return_tensors="pt",
    )
    with torch.inference_mode():
        outputs = network.model(**inputs, feature_ensemble=shots > 1)
    wanted = theirs.post_process_semantic_segmentation(outputs, num_labels=1)[0].numpy()
    ours = segmenter(network)
    known = ours.learn(cues, [1], "frame")
    scores = ours._plane(known.lessons[0], query)
    assert scores.shape == wanted.shape == (SIDE, SIDE)
    assert 0 < wanted.mean() < 1
    clear = np.abs(scores - 0.5) > 1e-5
    assert clear.mean() > 0.99
    assert ((scores > 0.5) == wanted)[clear].all()


def test_what_the_model_sees_is_what_the_papers_inference_gives_it() -> None:
    """448 x 448, Pillow's bicubic for pictures and nearest for masks, ImageNet's mean and deviation: as
    SegGPT_inference/seggpt_engine.py has it."""
    query, mask = picture(1, (300, 500)), np.zeros((300, 500), bool)
    mask[100:200, 50:333] = True
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    wanted = (np.array(PILImage.fromarray(query.pixels).resize((448, 448))) / 255.0 - mean) / deviation
    assert np.abs(normal(bicubic(query.pixels, (448, 448))) - wanted.transpose(2, 0, 1)).max() < 1e-5
    painted = np.array(PILImage.fromarray(white(mask)).resize((448, 448), PILImage.Resampling.NEAREST))
    ours = SegGptSegmenter(None, Completer(1), read_choices({}) | {"side": 448, "most": 448})  # type: ignore[arg-type]
    example = Example(query, Marks(query.size, mask=mask.astype(np.int32)))
    (prompt,) = ours.learn([example], [1], "frame").lessons[0].prompts
    assert (white(prompt.mask) == painted).all()
    assert prompt.pixels.shape == (448, 448, 3)


def test_colours_become_scores_between_black_and_white(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the paper's inference: output times deviation plus mean, times 255, clipped; of the lower half."""
    torch, _ = needed()
    colours = torch.tensor([0.0, 0.4, 0.6, 1.0])
    mean, deviation = (torch.from_numpy(v)[:, None, None] for v in (runtime.MEAN, runtime.DEVIATION))
    below = (colours.expand(3, 4, 4) * 1.2 - 0.1 - mean) / deviation
    painted = torch.cat([torch.zeros(3, 4, 4), below], 1)[None]
    monkeypatch.setattr(network.model, "forward", lambda **_: type("Out", (), {"pred_masks": painted}))
    found = ask(
        network, np.zeros((4, 4, 3), np.uint8), [Prompt(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), bool))]
    )
    assert np.allclose(found, [[0, 0.38, 0.62, 1]] * 4, atol=1e-6)


def test_answers_have_the_size_of_the_image_and_agree_with_its_marks(network: Network) -> None:
    ours, query = segmenter(network), picture(9, (75, 40))
    known = ours.learn([cue(0), cue(1, 2)], [2, 1], "frame")
    assert [len(lesson.prompts) for lesson in known.lessons] == [1, 1]
    usual = ours.score(known, query).scores
    assert usual.shape == (2, 75, 40)
    marks = Marks(query.size, points=(Point((20.5, 30.5), 1),))
    moved = ours.score(known, query, [marks]).scores
    assert moved[1, 30, 20] > 0.5 > moved[0, 30, 20]
    assert not np.array_equal(moved, usual)


def test_boxes_and_points_become_masks_before_they_are_shown(network: Network) -> None:
    image = Image(np.full((60, 80, 3), 40, np.uint8))
    pixels = np.array(image.pixels)
    pixels[20:40, 30:60] = (220, 60, 50)
    image = Image(pixels)
    thing = np.zeros((60, 80), bool)
    thing[20:40, 30:60] = True
    for marks in (
        Marks(image.size, boxes=(Box((30, 20, 60, 40)),)),
        Marks(image.size, points=(Point((45, 30)), Point((5, 5), 0))),
    ):
        (done,) = Completer(1).complete([Example(image, marks)], [1], "frame")
        assert done.marks.mask is not None
        found = done.marks.mask == 1
        assert (found & thing).sum() / (found | thing).sum() > 0.8
        (lesson,) = segmenter(network).learn([Example(image, marks)], [1], "frame").lessons
        assert len(lesson.prompts) == 1


def test_a_box_round_nothing_is_shown_as_its_ellipse() -> None:
    image = Image(np.full((40, 40, 3), 90, np.uint8))
    (done,) = Completer(1).complete(
        [Example(image, Marks((40, 40), points=(Point((20, 20), 3),)))], [3], "frame"
    )
    assert done.marks.mask is not None
    assert done.marks.mask[20, 20] == 3


def test_thin_things_and_those_that_keep_their_size_are_looked_at_in_tiles(network: Network) -> None:
    ours = segmenter(network, thickness=8)
    mask = np.zeros((120, 120), np.int32)
    mask[50:56, 20:100] = 1
    example = Example(picture(3, (120, 120)), Marks((120, 120), mask=mask))
    (lesson,) = ours.learn([example], [1], "frame").lessons
    assert lesson.side == 4 * SIDE
    assert 1 < len(lesson.prompts) <= MOST_PROMPTS
    assert all(p.mask.shape == (SIDE, SIDE) and p.mask.any() for p in lesson.prompts)
    assert lesson.prompts[0].mask.sum() == max(p.mask.sum() for p in lesson.prompts)
    assert ours.score(ours.learn([example], [1], "frame"), picture(4, (90, 120))).scores.shape == (1, 90, 120)
    (kept,) = ours.learn([example], [1], "pixel").lessons
    assert kept.zoom == 1
    assert ours.zoom(ours.learn([example], [1], "pixel")) == 1


def test_tiles_are_asked_each_by_itself(network: Network) -> None:
    """In a corner that only the first tile sees, the answer is that tile's."""
    ours = segmenter(network)
    example, query = cue(0), picture(5, (100, 130))
    known = ours.learn([example], [1], "pixel")
    (lesson,) = known.lessons
    assert lesson.zoom is not None
    plane = ours._plane(lesson, query)
    frame = ours._frame(query, lesson.side, lesson.zoom)
    assert plane.shape == frame.shape[:2] == (round(100 * lesson.zoom), round(130 * lesson.zoom))
    tile, overlap = ours._tiles
    alone = ask(
        network, np.pad(frame[:tile, :tile], [(0, SIDE - tile)] * 2 + [(0, 0)], mode="edge"), lesson.prompts
    )
    inner = tile - overlap
    assert np.abs(plane[:inner, :inner] - alone[:inner, :inner]).max() < 1e-6


def test_the_spatial_ensemble_shows_all_cues_in_one_picture(network: Network) -> None:
    def prompt(value: int) -> Prompt:
        return Prompt(np.full((6, 6, 3), value, np.uint8), np.full((6, 6), value > 15))

    (joined,) = spatial([prompt(10), prompt(20), prompt(30)])
    assert joined.pixels[[0, 0, -1, -1], [0, -1, 0, -1], 0].tolist() == [10, 20, 30, 10]
    assert joined.mask[[0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [False, True, True, False]
    assert spatial([prompt(10)])[0].pixels.shape == (6, 6, 3)
    cues, query = [cue(0), cue(1)], picture(9)
    answers = [s.score(s.learn(cues, [1], "frame"), query).scores for s in (
        segmenter(network), segmenter(network, ensemble="spatial"), segmenter(network, embedding="semantic"),
    )]  # fmt: skip
    assert not np.allclose(answers[0], answers[1])
    assert not np.allclose(answers[0], answers[2])


def test_more_cues_than_it_can_see_are_said(network: Network) -> None:
    said: list[str] = []
    with notes_to(said.append):
        known = segmenter(network).learn([cue(i) for i in range(MOST_PROMPTS + 1)], [1], "frame")
    assert len(known.lessons[0].prompts) == MOST_PROMPTS
    assert said == [
        f"class 1: {MOST_PROMPTS + 1} cues show it, and SegGPT looks at the first {MOST_PROMPTS} with each image"
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ensemble": "both"}, "ensemble is 'both'; use one of feature, spatial"),
        ({"esemble": "spatial"}, "'esemble' is not known; known are ensemble"),
        ({"most": -1}, "most is -1; give a number from 0 on"),
        ({"thickness": "6"}, "thickness is '6'"),
    ],
)
def test_what_a_card_states_wrongly_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(PackError, match=said):
        read_choices(given)


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needed()
    monkeypatch.setenv("CUECAST_DEVICE", "cuda:7")
    with pytest.raises(InputError, match=r"'cuda:7' is not there: torch .* sees .* CUDA"):
        runtime.device()
    monkeypatch.setenv("CUECAST_DEVICE", "gpu")
    with pytest.raises(InputError, match="'gpu' is no device"):
        runtime.device()
    monkeypatch.setenv("CUECAST_DEVICE", "cpu")
    assert runtime.device() == "cpu"


def test_where_memory_ends_is_said(network: Network, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="memory of cpu does not suffice"), network.running():
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    with pytest.raises(RuntimeError, match="another"), network.running():
        raise RuntimeError("another fault")
    monkeypatch.setattr(runtime, "memory", lambda: {"total": 1000, "available": 1000})
    with pytest.raises(PackError, match=r"its weights need .* GiB of memory, and 0\.0 GiB are free"):
        load(look_at(folder), "cpu")


def test_half_precision_on_cuda_answers_as_the_cpu_does(folder: Path, network: Network) -> None:
    torch, _ = needed()
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    prompts = segmenter(network).learn([cue(0)], [1], "frame").lessons[0].prompts
    query = bicubic(picture(9).pixels, (SIDE, SIDE))
    on_gpu = load(look_at(folder), "cuda", None, precision("cuda"))
    assert next(on_gpu.model.parameters()).dtype in (torch.float16, torch.bfloat16)
    assert np.abs(ask(on_gpu, query, prompts) - ask(network, query, prompts)).max() < 0.05
