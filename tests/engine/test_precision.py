"""Half precision: which it is on which device, and that every model answers in it, here on the CPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from foundation_models import needed, write_model

from cuecast.catalogue.foundation import find_weights, make_weights_pack
from cuecast.core.errors import InputError, PackError
from cuecast.core.notes import notes_to
from cuecast.core.values import Box, Example, Image, Marks, Point
from cuecast.engine.foundation import runtime
from cuecast.engine.foundation.dino import DinoSegmenter
from cuecast.engine.foundation.folder import look_at
from cuecast.engine.foundation.runtime import Network, load, normal, precision
from cuecast.engine.foundation.seggpt import Prompt, SegGptSegmenter, ask

MODELS = ("seggpt", "dinov2", "dinov3_vit", "dinov3_convnext", "sam2_video", "sam3_video")
SIZE = (64, 64)


@pytest.fixture(scope="module", params=MODELS)
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param) / "weights", request.param)


def picture(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8))


def segmenter_of(weights: Path) -> Any:
    with notes_to(lambda _: None):
        return make_weights_pack(
            "tiny", weights.parent, find_weights(str(weights), None), replace=True
        ).segmenter(threads=1)


def network_of(segmenter: Any) -> Network:
    found: Network = segmenter.encoder.network if segmenter.encoder else segmenter.network
    return found


def said_by(segmenter: Any) -> np.ndarray:
    """What the model itself gives for a picture, before anything of ours."""
    if isinstance(segmenter, DinoSegmenter):
        return segmenter.encoder._tokens(picture(1).pixels)
    if isinstance(segmenter, SegGptSegmenter):
        white = np.ones((32, 32), bool)
        return ask(
            segmenter.network, picture(1).pixels[:32, :32], [Prompt(picture(0).pixels[:32, :32], white)]
        )
    frame = segmenter.network.tensor(normal(picture(1).pixels[: segmenter.side, : segmenter.side])[None])
    with segmenter.network.running() as model:
        return segmenter.network.array(
            model.get_image_features(frame, return_dict=True).fpn_hidden_states[-1]
        )


def test_every_model_answers_in_half_precision_as_in_single(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, _ = needed()
    single = said_by(segmenter_of(weights))
    mask = np.zeros(SIZE, np.int32)
    mask[10:40, 20:50] = 1
    cues = [
        Example(picture(0), Marks(SIZE, mask=mask)),
        Example(picture(2), Marks(SIZE, boxes=(Box((20, 10, 50, 40)),))),
    ]
    click = Marks(SIZE, points=(Point((30.5, 30.5), 1),))
    for kind in ("bfloat16", "float16"):
        monkeypatch.setenv("CUECAST_PRECISION", kind)
        segmenter = segmenter_of(weights)
        assert {p.dtype for p in network_of(segmenter).model.parameters()} == {getattr(torch, kind)}
        half = said_by(segmenter)
        assert 0 < np.linalg.norm(half - single) < 0.05 * np.linalg.norm(single)
        scores = segmenter.score(segmenter.learn(cues, [1], "frame"), picture(1), [click]).scores
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()


def test_what_is_no_number_is_no_answer(tmp_path: Path) -> None:
    torch, _ = needed()
    net = load(look_at(write_model(tmp_path / "weights", "dinov3_vit")), "cpu")
    assert (net.array(torch.ones(2, 3, dtype=torch.bfloat16)) == 1).all()
    with pytest.raises(
        PackError, match=r"answers in float16 with what is no number; set CUECAST_PRECISION=float32"
    ):
        net.array(torch.tensor([1.0, 70000.0]).half())
    with pytest.raises(PackError, match=r"answers in float32 .* get an intact copy of its weights"):
        net.array(torch.tensor([float("nan")]))


def test_a_program_that_computes_in_half_precision_changes_no_answer(tmp_path: Path) -> None:
    torch, _ = needed()
    net = load(look_at(write_model(tmp_path / "weights", "dinov3_vit")), "cpu", 1)
    pixels = net.tensor(np.random.default_rng(0).normal(size=(1, 3, 32, 32)))

    def ask() -> bytes:
        with net.running() as model:
            return bytes(net.array(model(pixel_values=pixels).last_hidden_state))

    alone = ask()
    with torch.autocast("cpu", torch.bfloat16):
        assert ask() == alone


def test_which_precision_a_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, _ = needed()
    monkeypatch.delenv("CUECAST_PRECISION", raising=False)
    assert precision("cpu") == "float32"
    for major, kind in ((7, "float16"), (8, "bfloat16"), (9, "bfloat16")):
        told = SimpleNamespace(major=major)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _, told=told: told)
        assert precision("cuda:1") == kind
    assert precision("cuda", fine=True) == "float32"
    monkeypatch.setenv("CUECAST_PRECISION", "float32")
    assert precision("cuda") == "float32"
    monkeypatch.setenv("CUECAST_PRECISION", "half")
    with pytest.raises(InputError, match=r"'half' is no precision; set it to float32, bfloat16, float16"):
        precision("cpu")


def test_a_gpu_needs_room_for_half_and_the_memory_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch, _ = needed()
    weights = look_at(write_model(tmp_path / "weights", "dinov3_vit"))
    whole = int(weights.numbers * 4 * runtime.HEADROOM) + 2
    monkeypatch.setattr(runtime, "memory", lambda: {"available": whole})
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (whole // 2, whole))
    runtime._check_memory(weights, "cuda:1", "bfloat16")
    with pytest.raises(PackError, match=r"of cuda:1, and .* are free; end other programs"):
        runtime._check_memory(weights, "cuda:1", "float32")
    monkeypatch.setattr(runtime, "memory", lambda: {"available": whole // 2})
    with pytest.raises(PackError, match=r"GiB of memory, and"):
        runtime._check_memory(weights, "cuda:1", "bfloat16")
