"""A run that was stopped goes on as if it had not been; kernels learn in directions that all count."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.core.errors import InputError  # noqa: E402
from cuecast.training import batches  # noqa: E402
from cuecast.training.answers import (  # noqa: E402
    MOST_PLACES,
    Classifier,
    answer_group,
    pooled,
    thinned,
)
from cuecast.training.batches import Batch, BatchShape, draw_batch  # noqa: E402
from cuecast.training.loop import (  # noqa: E402  # noqa: E402
    LOSS_WEIGHTS,
    Muon,
    Phase,
    Plan,
    Run,
    batch_losses,
    depth_loss,
    mask_losses,
    orthogonal,
)
from cuecast.training.network import FILTER_DIM, Features, Network  # noqa: E402
from cuecast.training.sets import PictureSet  # noqa: E402

DRAWN = BatchShape(2, 3, tasks=2, size=64, sources=(0.0, 0.0, 1.0))
MIXED = BatchShape(4, 3, tasks=2, size=64, sources=(0.5, 0.2, 0.3))
PLAN = Plan((Phase(1, (MIXED,)), Phase(3, (MIXED,))), warmup=1, save_every=1, plot_every=2)


class StoppedError(Exception):
    """Stands for a kill."""


def test_a_stopped_run_goes_on_to_the_same_weights(
    halves: PictureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = Run(PLAN, (halves,), tmp_path / "straight", workers=0)
    straight.train()

    first = Run(PLAN, (halves,), tmp_path / "pieces", workers=0)
    save = first.save

    def stop_after_two() -> None:
        save()
        if first.step == 2:
            raise StoppedError

    monkeypatch.setattr(first, "save", stop_after_two)
    with pytest.raises(StoppedError):
        first.train()
    assert (tmp_path / "straight" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    second = Run(PLAN, (halves,), tmp_path / "pieces", workers=0)
    assert second.step == 2
    second.train()

    for part in ("averaged", "classifier"):
        found = getattr(second, part).state_dict()
        for name, expected in getattr(straight, part).state_dict().items():
            torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-5)
    assert straight.classifier.fine.weight.any()
    steps = [
        json.loads(line)["step"] for line in (tmp_path / "pieces" / "log.jsonl").read_text().splitlines()
    ]
    assert steps == [1, 2, 3]


def test_a_run_does_not_go_on_with_other_material(tmp_path: Path) -> None:
    Run(PLAN, (), tmp_path, workers=0).save()
    with pytest.raises(RuntimeError, match="begun with seed 1, not 2: go on from the pack"):
        Run(replace(PLAN, seed=2), (), tmp_path, workers=0)


def test_a_run_does_not_go_on_with_other_batches_a_step(tmp_path: Path) -> None:
    Run(PLAN, (), tmp_path, workers=0).save()
    with pytest.raises(RuntimeError, match="1 batches a step, not 2: go on with as many"):
        Run(replace(PLAN, accumulate=2), (), tmp_path, workers=0)
    with pytest.raises(InputError, match="0 batches a step cannot be shared"):
        Run(replace(PLAN, accumulate=0), (), tmp_path, workers=0)


def test_a_run_does_not_go_on_with_other_sets(halves: PictureSet, tmp_path: Path) -> None:
    Run(PLAN, (halves,), tmp_path, workers=0).save()
    with pytest.raises(RuntimeError, match="begun with other picture sets"):
        Run(PLAN, (replace(halves, name="other"),), tmp_path, workers=0)


def test_every_loss_has_a_weight_and_reaches_the_network(halves: PictureSet) -> None:
    torch.manual_seed(0)
    network = Network()
    losses = batch_losses(network, draw_batch((halves,), MIXED, 1, 1), Classifier((halves,)))
    assert losses.keys() == LOSS_WEIGHTS.keys() | {"total"}
    losses["total"].backward()
    idle = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


def test_the_backbone_stays_until_its_phase(
    halves: PictureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan((Phase(1, (MIXED,)), Phase(2, (MIXED,), backbone=0.5)), warmup=1, save_every=9)
    run = Run(plan, (halves,), tmp_path, workers=0)
    before = {k: v.clone() for k, v in run.network.encoder.backbone.state_dict().items()}
    moved = []

    def look(values: dict[str, object]) -> None:
        log(values)
        now = run.network.encoder.backbone.state_dict()
        moved.append({k for k, v in now.items() if not torch.equal(v, before[k])})

    log = run._log
    monkeypatch.setattr(run, "_log", look)
    run.train()
    assert moved[0] == set()
    assert "stem.0.weight" in moved[1]
    assert not any("running" in name for name in moved[1])


def test_depth_is_one_in_the_middle_and_small_where_things_touch() -> None:
    ids = np.zeros((7, 12), np.int32)
    ids[1:6, 1:6], ids[1:6, 6:11] = 1, 2
    depth = batches.object_depth(ids)
    assert np.isnan(depth[0]).all()
    assert np.isnan(depth[:, 11]).all()
    # Five pixels across: 1, 2 and 3 pixels from where it ends.
    np.testing.assert_allclose(depth[3, 1:6], [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(depth[3, 6:11], depth[3, 1:6])


def test_the_border_of_the_picture_is_no_border_of_a_thing() -> None:
    ids = np.zeros((5, 8), np.int32)
    ids[:, :4] = 1
    np.testing.assert_allclose(batches.object_depth(ids)[2], [1, 0.75, 0.5, 0.25, *[np.nan] * 4])
    np.testing.assert_allclose(batches.object_depth(np.ones((4, 4), np.int32)), 1)


def test_unknown_depth_costs_nothing_and_a_guess_costs_one() -> None:
    logits, depth = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 4, 4), torch.nan)
    assert depth_loss(logits, depth) == 0
    depth[..., :2] = 0.5
    assert depth_loss(logits, depth) == pytest.approx(1)


def test_depth_is_known_where_every_pixel_of_the_thing_has_an_object() -> None:
    labels = np.zeros((6, 6), np.uint8)
    labels[2:5, 2:5] = 1
    ids = np.where(labels, 4, 9).astype(np.int32)
    assert batches._depth(labels, ids)[3, 3] == 1
    assert np.isnan(batches._depth(labels, ids)[0, 0])
    ids[2, 2] = 0
    assert np.isnan(batches._depth(labels, ids)).all()
    assert np.isnan(batches._depth(labels, None)).all()


def test_tasks_answered_together_get_what_each_gets_alone() -> None:
    torch.manual_seed(0)
    network = Network()
    batch = draw_batch((), BatchShape(2, 4, tasks=4, size=64, sources=(0.0, 0.0, 1.0)), 1, 0)
    features = network.encoder(batch.augmented())
    tasks = max(batch.groups, key=len)
    assert len(tasks) > 1
    maps = [m.unbind() for m in features]
    together, alone = (
        answer_group(network, maps, tasks),
        [answer_group(network, maps, [t]) for t in tasks],
    )
    for name in ("ridge4", "likeness"):
        each = torch.stack([a.closed[name][0] for a in alone])
        torch.testing.assert_close(torch.stack(together.closed[name]), each, rtol=1e-3, atol=1e-4)
    cues, query = (Features(*(m[ids] for m in features)) for ids in (tasks[0].cues, tasks[0].queries))
    at8, semantic, at4, *_ = network.evidence(cues, tasks[0].positive, tasks[0].negative, query)
    for place, expected in ((3, at8), (5, semantic), (6, at4)):
        torch.testing.assert_close(together.decoder[0][place], expected, rtol=1e-3, atol=1e-4)


def arrays(batch: Batch) -> list[torch.Tensor]:
    """Everything that a batch holds, in order."""
    parts = [*batch.changes, *batch.classified, *(t for tasks in batch.groups for t in tasks)]
    return [batch.images, *(v for part in parts for v in vars(part).values() if isinstance(v, torch.Tensor))]


@pytest.mark.parametrize("things", [0, 500, 3000, 5000])
def test_places_that_are_kept_count_for_those_that_are_not(things: int) -> None:
    thing = torch.zeros(5000, dtype=torch.bool)
    thing[:things] = True
    kept, counts = thinned(thing)
    assert len(kept) == len(counts) == MOST_PLACES
    assert counts.sum() == pytest.approx(5000 if things <= MOST_PLACES else things, rel=1e-4)
    assert counts[thing[kept]].sum() == pytest.approx(things, rel=1e-4)
    few, alone = thinned(thing[:100])
    assert len(few) == 100
    assert (alone == 1).all()


def test_a_batch_depends_on_seed_and_step_alone(halves: PictureSet) -> None:
    a, b, c = (draw_batch((halves,), MIXED, 1, step) for step in (4, 4, 5))
    assert len(arrays(a)) > 20
    for found, expected in zip(arrays(a), arrays(b), strict=True):
        assert torch.equal(found.nan_to_num(-1), expected.nan_to_num(-1))
    assert not torch.equal(a.images, c.images)


def test_a_batch_moves_with_all_that_it_holds(halves: PictureSet) -> None:
    moved = draw_batch((halves,), MIXED, 1, 1).to(torch.device("meta"))
    assert {a.device.type for a in arrays(moved)} == {"meta"}


def test_no_query_has_a_say_in_corrected_cues(halves: PictureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    teachers = []

    def spy(
        _rng: object, labels: np.ndarray, _filters: object, cues: list[int], teacher: int
    ) -> list[np.ndarray]:
        teachers.append(teacher)
        return [labels[c] for c in cues]

    monkeypatch.setattr(batches, "pick_kind", lambda _: "corrected")
    monkeypatch.setattr(batches, "corrected_masks", spy)
    for step in range(12):
        labels = np.stack(halves.masks[:6]) % 2
        task = batches._task(np.random.default_rng(step), labels, np.zeros((6, 1, 48, 48)), 0, 2, None)
        assert not {teachers[-1]} & set(task.queries)
    assert len(set(teachers)) > 2


def test_half_unknown_cells_count_for_what_is_known() -> None:
    target, known = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    target[..., :2], known[..., 1::2] = 1, 0  # of every cell the left column is known
    target *= known
    share, seen = pooled(target, known, 2)
    assert share.flatten().tolist() == [1, 0, 1, 0]
    assert seen.unique().tolist() == [0.5]
    sure = torch.where(share > 0, 20.0, -20.0)
    assert max(float(loss) for loss in mask_losses(sure, share, seen)) < 0.01


@pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="convolutions in bfloat16 are slow here"
)
def test_fixed_filters_stay_exact_where_convolutions_do_not() -> None:
    images = torch.rand(1, 3, 32, 32, generator=torch.manual_seed(0))
    encoder = Network().encoder.eval()
    exact = encoder(images).pixel[:, :FILTER_DIM]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder(images).pixel[:, :FILTER_DIM], exact)


def test_many_cues_come_up() -> None:
    shape = BatchShape(1, 18, tasks=1, size=64, sources=(0.0, 0.0, 1.0))
    counts = {len(t.cues) for step in range(20) for t in draw_batch((), shape, 1, step).groups[0]}
    assert max(counts) == 16


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
