"""A run that was stopped goes on as if it had not been; kernels learn in directions that all count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training.answers import answer_group  # noqa: E402
from cuecast.training.batches import BatchShape, draw_batch  # noqa: E402
from cuecast.training.classes import Classifier  # noqa: E402
from cuecast.training.loop import LOSS_WEIGHTS, Phase, Plan, Run, batch_losses  # noqa: E402
from cuecast.training.muon import Muon, orthogonal  # noqa: E402
from cuecast.training.network import Features, Network  # noqa: E402

DRAWN = BatchShape(2, 3, tasks=2, size=64, sources=(0.0, 0.0, 1.0))
PLAN = Plan((Phase(1, (DRAWN,)), Phase(3, (DRAWN,))), warmup=1, save_every=1)


class StoppedError(Exception):
    """Stands for a kill."""


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    straight = Run(PLAN, (), tmp_path / "straight", workers=0)
    straight.train()

    first = Run(PLAN, (), tmp_path / "pieces", workers=0)
    save = first.save

    def stop_after_two() -> None:
        save()
        if first.step == 2:
            raise StoppedError

    monkeypatch.setattr(first, "save", stop_after_two)
    with pytest.raises(StoppedError):
        first.train()
    second = Run(PLAN, (), tmp_path / "pieces", workers=0)
    assert second.step == 2
    second.train()

    for name, expected in straight.averaged.state_dict().items():
        torch.testing.assert_close(second.averaged.state_dict()[name], expected, rtol=1e-4, atol=1e-5)
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "pieces" / "log.jsonl").read_text().splitlines()
    ]
    assert steps == [1, 2, 3]


def test_a_run_does_not_go_on_with_other_material(tmp_path: Path) -> None:
    Run(PLAN, (), tmp_path, workers=0).save()
    with pytest.raises(RuntimeError, match="begun with seed 1, not 2: go on from the pack"):
        Run(replace(PLAN, seed=2), (), tmp_path, workers=0)


def test_every_loss_has_a_weight_and_reaches_the_network() -> None:
    torch.manual_seed(0)
    network = Network()
    losses = batch_losses(network, draw_batch((), DRAWN, 1, 0), Classifier(()))
    assert losses.keys() == LOSS_WEIGHTS.keys() | {"total"}
    losses["total"].backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_tasks_answered_together_get_what_each_gets_alone() -> None:
    torch.manual_seed(0)
    network = Network()
    batch = draw_batch((), BatchShape(2, 4, tasks=4, size=64, sources=(0.0, 0.0, 1.0)), 1, 0)
    features = network.encoder(batch.augmented())
    tasks = max(batch.groups, key=len)
    assert len(tasks) > 1
    together, alone = (
        answer_group(network, features, tasks),
        [answer_group(network, features, [t]) for t in tasks],
    )
    for name in ("ridge4", "likeness"):
        each = torch.stack([a.closed[name][0] for a in alone])
        torch.testing.assert_close(torch.stack(together.closed[name]), each, rtol=1e-3, atol=1e-4)
    cues, query = (Features(*(m[ids] for m in features)) for ids in (tasks[0].cues, tasks[0].queries))
    at8, at4, _ = network.evidence(cues, tasks[0].positive, tasks[0].negative, query)
    torch.testing.assert_close(together.decoder[0][3], at8, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(together.decoder[0][5], at4, rtol=1e-3, atol=1e-4)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    a, b, c = (draw_batch((), DRAWN, 1, step) for step in (4, 4, 5))
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.groups[0][0].place, b.groups[0][0].place)
    assert not torch.equal(a.images, c.images)


def test_many_cues_come_up() -> None:
    shape = BatchShape(1, 18, tasks=1, size=64, sources=(0.0, 0.0, 1.0))
    counts = {len(t.cues) for step in range(24) for t in draw_batch((), shape, 1, step).groups[0]}
    assert max(counts) >= 8


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.manual_seed(0))
    values = np.linalg.svd(orthogonal(matrix).numpy(), compute_uv=False)
    assert values.min() > 0.4
    assert values.max() < 1.3


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(((a - b) ** 2).mean().detach())


def test_muon_fits_a_matrix() -> None:
    torch.manual_seed(0)
    goal, weight = torch.randn(12, 20), torch.nn.Parameter(torch.zeros(12, 20))
    optimizer = Muon([weight], lr=0.1, weight_decay=0.0)
    before = _distance(weight, goal)
    for _ in range(60):
        optimizer.zero_grad()
        ((weight - goal) ** 2).mean().backward()
        optimizer.step()
    assert _distance(weight, goal) < 0.2 * before
