"""The training loop: resumable to the step, progress in a log and a picture, weights averaged over steps."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cuecast.training.batches import Batch, BatchShape, Steps
from cuecast.training.network import FILTER_DIM, KEY_HEADS, Features, Network
from cuecast.training.sets import PictureSet
from cuecast.training.tasks import IGNORE_LABEL

LOSS_WEIGHTS = {"bce": 1.0, "dice": 1.0, "ridge4": 1.0, "ridge2": 0.2, "likeness": 0.5}
"""With small weights for the closed-form parts (0.1), the decoder learns to lean on the fixed filters, and the encoder
learns little."""
CLOSED_SCALE = 2.0
"""Logits a unit of ridge score. A larger one punishes the sure mistakes of hard tasks more than it teaches."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training: until step `until` with batches of these shapes in turn."""

    until: int
    shapes: tuple[BatchShape, ...] = (BatchShape(),)


@dataclass(frozen=True)
class Plan:
    """What a run does; a recipe states one."""

    phases: tuple[Phase, ...]
    rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 100
    decay: float = 0.2
    """The last share of the steps, in which the rate falls to zero. Before, it stays: a run that is cut into pieces
    need not know its length beforehand (warm-up, stable, decay; Hu et al. 2024, 'MiniCPM')."""
    freeze_norm: float = 0.15
    """In this last share of the steps batch norm uses its running statistics, as it will when the pack runs."""
    average: float = 0.995
    seed: int = 1
    save_every: int = 50

    @property
    def steps(self) -> int:
        """Number of steps of all phases."""
        return self.phases[-1].until


class Run:
    """One training run in a folder: last.pt (everything needed to go on), log.jsonl, loss.png.

    `start` gives the weights to begin with; None draws them. A checkpoint in the folder comes before both.
    """

    def __init__(
        self,
        plan: Plan,
        sets: tuple[PictureSet, ...],
        folder: Path,
        start: Network | None = None,
        workers: int = 1,
    ) -> None:
        self.plan, self.sets, self.folder, self.workers = plan, sets, folder, workers
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.network = start or Network()
        self.averaged = Network()
        self.averaged.load_state_dict(self.network.state_dict())
        self.optimizer = torch.optim.AdamW(
            _groups(self.network, plan.weight_decay), lr=plan.rate, betas=(0.9, 0.99)
        )
        self.step = 0
        self.seconds = 0.0
        if (folder / "last.pt").is_file():
            self._load(torch.load(folder / "last.pt", weights_only=True))

    def train(self) -> None:
        """Go on until the plan's last step."""
        for phase in self.plan.phases:
            if self.step >= phase.until:
                continue
            steps = Steps(self.sets, phase.shapes, self.plan.seed, self.step, phase.until)
            loader = DataLoader(
                steps, batch_size=None, num_workers=self.workers, prefetch_factor=4 if self.workers else None
            )
            for batch in loader:
                self._advance(batch)
        self.save()

    def _advance(self, batch: Batch) -> None:
        start = time.perf_counter()
        left = 1 - self.step / self.plan.steps
        rate = self.plan.rate * min(1.0, (self.step + 1) / self.plan.warmup, left / self.plan.decay)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        if left <= self.plan.freeze_norm:
            freeze_norm(self.network)
        losses = batch_losses(self.network, batch)
        loss = losses["total"]
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self._average()
        self.seconds += time.perf_counter() - start
        self._log({k: round(float(v.detach()), 4) for k, v in losses.items()} | {"rate": round(rate, 6)})
        if self.step % self.plan.save_every == 0:
            self.save()

    def _average(self) -> None:
        """Exponential moving average of weights and statistics (Polyak; a longer memory as the run ages)."""
        keep = min(self.plan.average, self.step / (self.step + 10))
        with torch.no_grad():
            for a, b in zip(
                self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if a.is_floating_point():
                    a.lerp_(b, 1 - keep)
                else:
                    a.copy_(b)

    def _log(self, values: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(self.seconds, 1), **values}) + "\n")

    def save(self) -> None:
        """Write last.pt by rename, so that a kill leaves the one before."""
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "plan": json.dumps(asdict(self.plan)),
        }
        torch.save(state, self.folder / "last.tmp")
        os.replace(self.folder / "last.tmp", self.folder / "last.pt")

    def _load(self, state: dict[str, Any]) -> None:
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])


def freeze_norm(network: nn.Module) -> None:
    """Put every batch norm into its running mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def batch_losses(network: Network, batch: Batch) -> dict[str, Tensor]:
    """Scalar losses of a batch: 'total', and its parts 'bce', 'dice', 'ridge4', 'ridge2', 'likeness'.

    Every task is answered in closed form, which is cheap and teaches the encoder directly; only some are decoded.
    """
    features = network.encoder(batch.images)
    gathered: list[list[Tensor]] = []
    closed: dict[str, list[Tensor]] = {"ridge4": [], "ridge2": [], "likeness": []}
    for task in batch.tasks:
        cues, query = (
            Features(*(m[task.cues] for m in features)),
            Features(*(m[task.queries] for m in features)),
        )
        target, known = ((task.labels == 1).float()[:, None], (task.labels != IGNORE_LABEL).float()[:, None])
        if task.forest is not None:
            at8, ridge4, ridge2 = network.evidence(cues, task.positive, task.negative, query)
            gathered.append(
                [query.context, query.fine, query.pixel[:, FILTER_DIM:], at8, ridge4, ridge2, task.forest]
            )
            closed["ridge2"].append(_closed_loss(ridge2 * CLOSED_SCALE, target, known, 2))
        else:
            at8 = network.evidence.attend(cues, task.positive, task.negative, query)
            ridge4 = network.evidence.score4(cues, task.positive, task.negative, query)
        closed["ridge4"].append(_closed_loss(ridge4 * CLOSED_SCALE, target, known, 4))
        closed["likeness"].append(_closed_loss(_likeness(network, at8), target, known, 8))
    logits = network.decoder(*(torch.cat(parts) for parts in zip(*gathered, strict=True)))
    labels = torch.cat([t.labels for t in batch.tasks if t.forest is not None])[:, None]
    target, known = (labels == 1).float(), (labels != IGNORE_LABEL).float()
    bce, dice = _mask_losses(logits, F.avg_pool2d(target, 2), F.avg_pool2d(known, 2))
    losses = {"bce": bce, "dice": dice} | {name: torch.stack(parts).mean() for name, parts in closed.items()}
    total = torch.stack([LOSS_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
    return {"total": total} | losses


def _likeness(network: Network, at8: Tensor) -> Tensor:
    """Evidence (B, E, h, w) -> logits (B, heads, h, w): how much more the thing's places are alike than the rest's."""
    heads = [at8[:, 3 * h + 1] - at8[:, 3 * h + 2] for h in range(KEY_HEADS)]
    return torch.stack(heads, 1) * network.evidence.temperature.exp()[:, None, None]


def _mask_losses(logits: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy and soft Dice loss over queries; an empty target costs only the cross-entropy."""
    bce = F.binary_cross_entropy_with_logits(logits, target, weight=known)
    p = torch.sigmoid(logits) * known
    shared, total = (p * target).sum((1, 2, 3)), p.sum((1, 2, 3)) + target.sum((1, 2, 3))
    there = (target.sum((1, 2, 3)) > 0).float()
    dice = ((1 - (2 * shared + 1) / (total + 1)) * there).sum() / there.sum().clamp(min=1)
    return bce, dice


def _closed_loss(logits: Tensor, target: Tensor, known: Tensor, stride: int) -> Tensor:
    """Class-balanced cross-entropy of a closed-form score, so that the features serve it by themselves."""
    t, k = F.avg_pool2d(target, stride), F.avg_pool2d(known, stride)
    t, k = t.expand_as(logits), k.expand_as(logits)
    share = (t * k).sum((1, 2, 3), keepdim=True) / k.sum((1, 2, 3), keepdim=True).clamp(min=1)
    weight = k * (t * 0.5 / share.clamp(min=0.02) + (1 - t) * 0.5 / (1 - share).clamp(min=0.02))
    return F.binary_cross_entropy_with_logits(logits, t, weight=weight)


def _groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases, norms and temperatures."""
    named = list(network.parameters())
    return [
        {"params": [p for p in named if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in named if p.ndim <= 1], "weight_decay": 0.0},
    ]
