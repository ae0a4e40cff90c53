"""The training loop: resumable to the step, progress in a log and a picture, weights averaged over steps.

A step's gradient is the mean over one batch or several, which processes share among themselves: what a step computes
depends on their number in nothing but rounding.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cuecast.core.errors import InputError
from cuecast.training.answers import Classifier, answer_group, pooled
from cuecast.training.batches import Batch, BatchShape, Steps
from cuecast.training.network import Network, mix_networks
from cuecast.training.sets import PictureSet
from cuecast.training.tasks import IGNORE_LABEL
from cuecast.training.torchrun import join

MUON_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic x -> a x + b x^3 + c x^5 that drives singular values into [0.7, 1.2], from Jordan et al."""
MUON_ROUNDS = 5
ADAM_LENGTH = 0.2
"""Root mean square of Adam's steps in units of the rate, from Liu et al."""


class Muon(torch.optim.Optimizer):
    """Steps for kernels and matrices whose directions all count the same; parameters of fewer dimensions are Adam's.

    Momentum, made orthogonal by a Newton-Schulz iteration (Jordan et al. 2024, 'Muon: An optimizer for hidden layers in
    neural networks'), scaled to the length that Adam's steps have so that both share a rate (Liu et al. 2025, 'Muon is
    scalable for LLM training'). A kernel (out, in, h, w) counts as a matrix (out, in h w).
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, weight_decay: float, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # noqa: ARG002
        """One step along the gradients that `backward` left; `closure` is not used."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p.grad)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(state["momentum"], group["momentum"]).flatten(1)
                step = orthogonal(ahead).view(p.shape)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(step, alpha=-group["lr"] * ADAM_LENGTH * max(ahead.shape) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix (m, n) with singular values about 1."""
    a, b, c = MUON_COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(MUON_ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T


def plot_log(log: Path, picture: Path, window: int = 25) -> Path:
    """Draw the losses of a run's log.jsonl, each point the mean of `window` steps; a step run twice counts once."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    lines = {entry["step"]: entry for entry in map(json.loads, log.read_text().splitlines())}
    entries = [lines[s] for s in sorted(lines)]
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    names = dict.fromkeys(k for e in entries for k in e if k not in ("step", "seconds", "rate"))
    for name in names:
        known = [e for e in entries if name in e]  # not every step has every loss
        count = max(1, len(known) // window)
        steps, values = (np.array_split([e[k] for e in known], count) for k in ("step", name))
        axes.plot([s.mean() for s in steps], [v.mean() for v in values], label=name)
    axes.set_xlabel("step")
    axes.set_ylabel(f"loss, mean of {window} steps")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
    return picture


LOSS_WEIGHTS = {
    "bce": 1.0,
    "dice": 1.0,
    "there": 0.2,
    "depth": 0.3,
    "ridge8": 0.5,
    "ridge4": 1.0,
    "ridge2": 0.2,
    "likeness": 0.5,
    "classes": 0.5,
}
"""With small weights for the closed-form parts (0.1), the decoder learns to lean on the fixed filters, and the encoder
learns little."""
SMALLEST_KERNEL = 8
"""Sides of a kernel, as a matrix, from which on it is trained by Muon."""


@dataclass(frozen=True)
class Phase:
    """A stretch of training: until step `until` with batches of these shapes in turn.

    backbone: its learning rate as a share of the others'; 0 keeps it as it is.
    """

    until: int
    shapes: tuple[BatchShape, ...] = (BatchShape(),)
    backbone: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a run does; a recipe states one."""

    phases: tuple[Phase, ...]
    rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 100
    decay: float = 0.2
    """The last share of the steps, in which the rate falls to zero. Before, it stays: a run that is stopped and resumed
    need not know its length beforehand (warm-up, stable, decay; Hu et al. 2024, 'MiniCPM')."""
    freeze_norm: float = 0.15
    """In this last share of the steps batch norm uses its running statistics, as it will when the pack runs."""
    average: float = 0.995
    seed: int = 1
    save_every: int = 50
    plot_every: int = 500
    accumulate: int = 1
    """Batches of a step. Each passes the network alone, so that batch norm and what groups share are those of one."""

    @property
    def steps(self) -> int:
        """Number of steps of all phases."""
        return self.phases[-1].until


class Run:
    """One training run in a folder: last.pt (everything needed to go on), log.jsonl, loss.png.

    `start` gives the weights to begin with; None draws them. A checkpoint in the folder comes before both.

    Started by torchrun, each process does its share of a step's batches; the first one alone reads and writes the
    folder, and all begin with what it has. Raises InputError where they cannot share a step alike.
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
        self.processes = join()
        self.device = self.processes.device
        _check_shares(plan, self.processes.count)
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(plan.seed)
        self.network, self.averaged = (_placed(n, self.device) for n in (start or Network(), Network()))
        self.averaged.load_state_dict(self.network.state_dict())
        self.classifier = Classifier(sets).to(self.device)
        apart = set(self.network.encoder.backbone.parameters())
        kernels, others = split_kernels(p for p in self.network.parameters() if p not in apart)
        rest = [*others, *self.classifier.parameters()]
        backbone: dict[str, Any] = {
            "params": list(self.network.encoder.backbone.parameters()),
            "backbone": True,
        }
        self.optimizers = (
            Muon(kernels, plan.rate, plan.weight_decay),
            torch.optim.AdamW([{"params": rest}, backbone], plan.rate, betas=(0.9, 0.99), weight_decay=0.0),
        )
        self.phase = plan.phases[0]
        self.step = 0
        self.seconds = 0.0
        if state := self.processes.told(lambda: read_checkpoint(folder / "last.pt")):
            self._load(state)
        self.processes.follow(self._weights())

    def train(self) -> None:
        """Go on until the plan's last step."""
        for phase in self.plan.phases:
            if self.step >= phase.until:
                continue
            self.phase = phase
            each, count = self.plan.accumulate, self.processes.count
            own = range(self.step * each + self.processes.number, phase.until * each, count)
            steps = Steps(self.sets, phase.shapes, self.plan.seed, own, each)
            loader = DataLoader(
                steps,
                batch_size=None,
                num_workers=self.workers,
                prefetch_factor=4 if self.workers else None,
                worker_init_fn=_give_way,
            )
            batches = iter(loader)
            while self.step < phase.until:
                self._advance(islice(batches, each // count))
        self.save()
        self._plot()

    @property
    def machine(self) -> str:
        """What the run computes with, in words."""
        half = "bfloat16" if _half_is_fast(self.device) else "float32"
        count = self.processes.count
        several = f"{count} processes, each " if count > 1 else ""
        if self.device.type == "cuda":
            return f"{several}{torch.cuda.get_device_name(self.device)}, {half}"
        return f"{several}{torch.get_num_threads()} CPU cores, no GPU, {half}"

    def _plot(self) -> None:
        if self.processes.first:
            plot_log(self.folder / "log.jsonl", self.folder / "loss.png")

    def _advance(self, batches: Iterable[Batch]) -> None:
        start = time.perf_counter()
        left = 1 - self.step / self.plan.steps
        rate = self.plan.rate * min(1.0, (self.step + 1) / self.plan.warmup, left / self.plan.decay)
        for group in (g for o in self.optimizers for g in o.param_groups):
            group["lr"] = rate * (self.phase.backbone if group.get("backbone") else 1)
        self.network.train()
        # Its statistics are those of ImageNet's million pictures; a step sees two dozen.
        freeze_norm(self.network.encoder.backbone)
        self.network.encoder.backbone.requires_grad_(self.phase.backbone > 0)
        if left <= self.plan.freeze_norm:
            freeze_norm(self.network)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        losses = self._learn(batches)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm) and math.isfinite(losses["total"]):
            for optimizer in self.optimizers:
                optimizer.step()
        self.step += 1
        self._average()
        self.seconds += time.perf_counter() - start
        self._log({k: round(v, 4) for k, v in losses.items()} | {"rate": round(rate, 6)})
        if self.step % self.plan.save_every == 0:
            self.save()
        if self.step % self.plan.plot_every == 0:
            self._plot()

    def _learn(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Leave the gradients of the mean of a step's batches, of which `batches` are this process's; the mean of each
        loss over the batches that have it."""
        each, processes = self.plan.accumulate, self.processes
        names = ("total", *LOSS_WEIGHTS)
        sums, times = torch.zeros(2, len(names), device=self.device)
        # Every batch begins with the same statistics, and their mean move is made: so their order counts for nothing.
        buffers = list(self.network.buffers()) if each > 1 else []
        before = [b.clone() for b in buffers]
        moves = [torch.zeros_like(b, dtype=torch.float32) for b in buffers]
        first = self.step * each + processes.number
        for number, batch in zip(range(first, first + each, processes.count), batches, strict=True):
            # What a batch draws depends on its number alone, on any device, however often the run was stopped.
            torch.manual_seed(self.plan.seed * 1_000_003 + number)
            losses = batch_losses(self.network, batch.to(self.device), self.classifier)
            (losses["total"] / each).backward()  # type: ignore[no-untyped-call]
            for name, loss in losses.items():
                sums[names.index(name)] += loss.detach()
                times[names.index(name)] += 1
            for buffer, was, move in zip(buffers, before, moves, strict=True):
                move += buffer - was
                buffer.copy_(was)
        trained = [*self.network.parameters(), *self.classifier.parameters()]
        processes.add_gradients(trained, [sums, times, *moves])
        for buffer, was, move in zip(buffers, before, moves, strict=True):
            buffer.copy_(was + move / each)
        means = zip(names, sums.tolist(), times.tolist(), strict=True)
        return {name: total / count for name, total, count in means if count}

    def _weights(self) -> list[Tensor]:
        """All that is trained, and the statistics of batch norm."""
        parts = (self.network, self.averaged, self.classifier)
        return [v for part in parts for v in part.state_dict().values()]

    def _average(self) -> None:
        """Exponential moving average of weights and statistics (Polyak; a longer memory as the run ages)."""
        keep = min(self.plan.average, self.step / (self.step + 10))
        mix_networks(self.averaged, self.network, 1 - keep)

    def _log(self, values: dict[str, Any]) -> None:
        if not self.processes.first:
            return
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.step, "seconds": round(self.seconds, 1), **values}) + "\n")

    def save(self) -> None:
        """Write last.pt by rename, so that a kill leaves the one before. Processes whose machines round in different
        ways come together here."""
        self.processes.follow(self._weights())
        if not self.processes.first:
            return
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "classifier": self.classifier.state_dict(),
            "classes": self.classifier.numbers,
            "machine": self.machine,
            "optimizers": [o.state_dict() for o in self.optimizers],
            "plan": json.dumps(asdict(self.plan)),
        }
        write_checkpoint(self.folder / "last.pt", state)

    def _load(self, state: dict[str, Any]) -> None:
        plan = json.loads(state["plan"])
        begun, each = plan["seed"], plan.get("accumulate", 1)
        if begun != self.plan.seed:
            raise RuntimeError(
                f"{self.folder / 'last.pt'} was begun with seed {begun}, not {self.plan.seed}: go on from the pack "
                "that it started from (--start), or in another folder (--run)"
            )
        if each != self.plan.accumulate:
            raise RuntimeError(
                f"{self.folder / 'last.pt'} was begun with {each} batches a step, not {self.plan.accumulate}: go on "
                f"with as many (--accumulate {each}), or in another folder (--run)"
            )
        if state["classes"] != self.classifier.numbers:
            raise RuntimeError(
                f"{self.folder / 'last.pt'} was begun with other picture sets: go on with those, or from the pack "
                "that it started from (--start) in another folder (--run)"
            )
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.classifier.load_state_dict(state["classifier"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """What `write_checkpoint` kept, on the CPU; None where nothing is kept yet."""
    state: dict[str, Any] | None = None
    if path.is_file():
        state = torch.load(path, map_location="cpu", weights_only=True)
    return state


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Keep the state of a training by rename, so that a kill leaves the one before."""
    beside = path.with_suffix(".tmp")
    torch.save(dict(state), beside)
    os.replace(beside, path)


def _check_shares(plan: Plan, count: int) -> None:
    """Raise InputError where so many processes cannot do alike parts of a step."""
    if plan.accumulate < 1 or plan.accumulate % count:
        raise InputError(
            f"{plan.accumulate} batches a step cannot be shared alike by {count} processes",
            "the plan",
            f"give {count} batches a step or a multiple of it (--accumulate {count}), or start fewer processes "
            "(torchrun --nproc-per-node)",
        )


def _give_way(_worker: int) -> None:
    """Material is drawn ahead: where cores are few, the gradient comes first."""
    if hasattr(os, "nice"):
        os.nice(10)


def freeze_norm(network: nn.Module) -> None:
    """Put every batch norm into its running mode."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def batch_losses(network: Network, batch: Batch, classifier: Classifier) -> dict[str, Tensor]:
    """Scalar losses of a batch: 'total', and its parts, the names of `LOSS_WEIGHTS`; 'classes' where any are known.

    Every task is answered in closed form, which is cheap and teaches the encoder directly; only some are decoded.
    """
    images = batch.augmented().contiguous(memory_format=torch.channels_last)
    with half(batch.images.device):
        features = network.encoder(images)
    maps = [m.unbind() for m in features]
    answers = [answer_group(network, maps, tasks) for tasks in batch.groups]
    with half(batch.images.device):
        inputs = zip(*(maps for a in answers for maps in a.decoder), strict=True)
        logits, depth, there = network.decoder(*(torch.cat(parts) for parts in inputs))
    decoded = [t for tasks in batch.groups for t in tasks if t.forest is not None]
    labels = torch.cat([t.labels for t in decoded])[:, None]
    target, known = (labels == 1).float(), (labels != IGNORE_LABEL).float()
    bce, dice = mask_losses(logits, *pooled(target, known, 2))
    shown = target.flatten(1).amax(1, keepdim=True)
    losses = {"bce": bce, "dice": dice, "there": F.binary_cross_entropy_with_logits(there, shown)}
    losses["depth"] = depth_loss(depth, torch.cat([t.depth for t in decoded if t.depth is not None])[:, None])
    for name in ("ridge8", "ridge4", "ridge2", "likeness"):
        losses[name] = torch.stack([loss for a in answers for loss in a.closed[name]]).mean()
    if batch.classified:
        losses["classes"] = classifier.loss(features, batch.classified)
    total = torch.stack([LOSS_WEIGHTS[name] * loss for name, loss in losses.items()]).sum()
    return {"total": total} | losses


def mask_losses(logits: Tensor, target: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy and soft Dice loss over queries; an empty target costs only the cross-entropy."""
    bce = F.binary_cross_entropy_with_logits(logits, target, weight=known)
    p, target = torch.sigmoid(logits), target * known
    shared, total = (p * target).sum((1, 2, 3)), (p * known + target).sum((1, 2, 3))
    there = (target.sum((1, 2, 3)) > 0).float()
    dice = ((1 - (2 * shared + 1) / (total + 1)) * there).sum() / there.sum().clamp(min=1)
    return bce, dice


def depth_loss(logits: Tensor, depth: Tensor) -> Tensor:
    """Cross-entropy of the depth (B, 1, H, W), NaN where unknown, with logits (B, 1, H/2, W/2), over that of the mean
    depth: 1 for a guess. The unknown costs nothing."""
    known = (~torch.isnan(depth)).float()
    target, known = pooled(torch.nan_to_num(depth), known, 2)
    loss = F.binary_cross_entropy_with_logits(logits, target, weight=known, reduction="sum")
    return loss / (math.log(2) * known.sum().clamp(min=1))


def split_kernels(parameters: Iterable[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Convolution kernels that are matrices of some size, and all others."""
    parts: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for p in parameters:
        large = p.ndim == 4 and min(p.shape[0], p[0].numel()) >= SMALLEST_KERNEL
        parts[0 if large else 1].append(p)
    return parts


def _placed(network: Network, device: torch.device) -> Network:
    """On a device, with channels last: the layout that convolutions in bfloat16 compute in."""
    placed: Network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def half(device: torch.device) -> torch.autocast:
    """Convolutions in bfloat16 where that is fast."""
    return torch.autocast(device.type, torch.bfloat16, enabled=_half_is_fast(device))


def _half_is_fast(device: torch.device) -> bool:
    """Whether the hardware computes in bfloat16; elsewhere that is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported())
