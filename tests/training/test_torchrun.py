"""Two processes that train together find what one finds; one computes what it did when there was no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import write_square

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import two_processes  # noqa: E402
from two_processes import PLAN, STEPS, exact, halves  # noqa: E402

from cuecast.core.errors import InputError  # noqa: E402
from cuecast.engine.packs import Pack, open_pack  # noqa: E402
from cuecast.training import refine_fit  # noqa: E402
from cuecast.training.batches import draw_batch  # noqa: E402
from cuecast.training.export import export_pack  # noqa: E402
from cuecast.training.loop import Phase, Plan, Run, batch_losses, freeze_norm  # noqa: E402
from cuecast.training.network import Network  # noqa: E402
from cuecast.training.onnx_module import OnnxModule  # noqa: E402
from cuecast.training.refine_data import read_data  # noqa: E402
from cuecast.training.refine_fit import (  # noqa: E402
    Sample,
    check_shares,
    draw_lesson,
    fit_decoder,
    sample_loss,
    write_samples,
)
from cuecast.training.torchrun import join  # noqa: E402

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


@pytest.fixture(autouse=True)
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's constants are those of the two processes."""
    alike = {"CROP": 64, "BATCH": 3, "FEWEST_STEPS": STEPS, "EPOCHS": 0, "half": exact}
    for name, value in alike.items():
        monkeypatch.setattr(refine_fit, name, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of random weights, pictures, and what two processes made of them."""
    folder = tmp_path_factory.mktemp("torchrun")
    torch.manual_seed(0)
    base = open_pack(export_pack(Network().eval(), folder / "packs" / "raw", CARD))
    for i in range(12):
        write_square(folder / "pictures", f"{i:02}", i, square=i < 9)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(refine_fit, "CROP", 64)
        write_samples(folder / "samples.npz", drawn_samples(base, folder))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "CUECAST_PACKS": str(folder / "packs")}
    subprocess.run([*command, two_processes.__file__, str(folder)], env=environment, check=True)
    return folder


def drawn_samples(base: Pack, folder: Path) -> list[Sample]:
    """Four crops that show the square, and one that lacks it where there is one. Which crops lessons take depends on
    where the folder lies, so that the first five may show it too rarely."""
    segmenter, data = base.segmenter(), read_data([folder / "pictures"], ["square"])
    drawn = [s for n in range(12) for s in draw_lesson(segmenter, data, n)]  # type: ignore[arg-type]
    showing, lacking = ([s for s in drawn if bool(s.target.any()) is shown] for shown in (True, False))
    return [*showing[:4], *lacking[:1]]


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_two_processes_find_the_losses_of_one(folder: Path, tmp_path: Path) -> None:
    alone = Run(PLAN, (halves(),), tmp_path, workers=0)
    alone.train()
    expected, found = log_of(tmp_path), log_of(folder / "straight")
    assert [e["step"] for e in found] == [1, 2, 3]
    for one, two in zip(expected, found, strict=True):
        assert one.keys() == two.keys()
        for name in one.keys() - {"seconds"}:
            assert two[name] == pytest.approx(one[name], rel=2e-3, abs=2e-3), (name, one["step"])
    stored = torch.load(folder / "straight" / "last.pt", weights_only=True)
    for name, value in alone.network.state_dict().items():
        if "running" in name or "num_batches" in name:
            torch.testing.assert_close(stored["network"][name], value, rtol=1e-2, atol=1e-3)


def test_two_processes_stay_the_same_and_go_on_where_they_were_stopped(folder: Path) -> None:
    first, second = (torch.load(folder / f"network{i}.pt", weights_only=True) for i in (0, 1))
    assert first.pop("begun") == second.pop("begun") == 2
    straight = torch.load(folder / "straight" / "last.pt", weights_only=True)
    for name, value in straight["network"].items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
    assert [e["step"] for e in log_of(folder / "pieces")] == [1, 2, 3]
    assert straight["machine"].startswith("2 processes, each ")


def test_batches_that_cannot_be_shared_alike_are_refused_in_words(folder: Path) -> None:
    for i in (0, 1):
        said = (folder / f"uneven{i}.txt").read_text()
        assert "3 batches a step cannot be shared alike by 2 processes" in said
        assert "--accumulate 2" in said
    assert not (folder / "uneven").exists()
    with pytest.raises(InputError, match="4 processes cannot share the 3 samples of a step"):
        check_shares(4)


def test_two_processes_fit_the_decoder_of_one(folder: Path, tmp_path: Path) -> None:
    samples = refine_fit.Samples.of(folder / "samples.npz")
    base = folder / "packs" / "raw" / "decode.onnx"
    alone = fit_decoder(base, samples, tmp_path / "fit.pt", 0, lambda _d, _t: None).state_dict()
    first, second = (torch.load(folder / f"decoder{i}.pt", weights_only=True) for i in (0, 1))
    assert (first.pop("told"), second.pop("told")) == (STEPS, 0)
    begun = OnnxModule(base).state_dict()
    assert any((alone[name] - begun[name]).abs().max() > 3e-3 for name in alone)
    for name, value in alone.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], value, rtol=1e-3, atol=1e-3)


def test_two_processes_refine_one_pack_and_both_know_it(folder: Path) -> None:
    (digest, told), (other, silent) = ((folder / f"refined{i}.txt").read_text().split() for i in (0, 1))
    assert digest == other == open_pack(folder / "sector").digest
    assert int(told) > STEPS
    assert silent == "0"
    assert not list(folder.glob(".sector*"))


def test_losses_of_parts_of_a_step_add_up_to_that_of_all(folder: Path) -> None:
    samples = refine_fit.Samples.of(folder / "samples.npz")
    decoder, device = OnnxModule(folder / "packs" / "raw" / "decode.onnx"), torch.device("cpu")
    lacking = [s for s in samples if not s.target.any()]
    showing = [s for s in samples if s.target.any()]
    assert len(showing) >= 3
    blank = lacking or [blanked(showing[0])]
    for given in (showing[:3], [*showing[:2], blank[0]]):
        with torch.no_grad():
            whole = sample_loss(decoder, decoder, given, device)
            parts = [sample_loss(decoder, decoder, given, device, slice(i, None, 2)) for i in (0, 1)]
        assert float(sum(parts)) == pytest.approx(float(whole), rel=1e-5)


def blanked(sample: Sample) -> Sample:
    """The sample without its thing."""
    return Sample(sample.maps, np.zeros_like(sample.target), sample.known, sample.share, sample.rest, 0)


def test_one_process_computes_bit_for_bit_what_a_plain_step_does(tmp_path: Path) -> None:
    plan = Plan((Phase(2, (two_processes.SHAPE,)),), warmup=1, save_every=9, plot_every=9)
    run, plain = (Run(plan, (halves(),), tmp_path / name, workers=0) for name in ("run", "plain"))
    assert join().count == 1
    run.train()
    for step in range(2):
        torch.manual_seed(plan.seed * 1_000_003 + step)
        left = 1 - step / plan.steps
        for group in (g for o in plain.optimizers for g in o.param_groups):
            group["lr"] = plan.rate * min(1.0, left / plan.decay) * (0 if group.get("backbone") else 1)
        plain.network.train()
        freeze_norm(plain.network.encoder.backbone)
        plain.network.encoder.backbone.requires_grad_(False)
        batch = draw_batch(plain.sets, two_processes.SHAPE, plan.seed, step)
        loss = batch_losses(plain.network, batch, plain.classifier)["total"]
        for optimizer in plain.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.network.parameters(), 1.0)
        for optimizer in plain.optimizers:
            optimizer.step()
    for part in ("network", "classifier"):
        found = getattr(run, part).state_dict()
        for name, value in getattr(plain, part).state_dict().items():
            assert torch.equal(found[name], value), name
