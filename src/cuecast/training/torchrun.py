"""Training on several processes, as torchrun starts them: each does a share, and what they find is summed.

torch's DistributedDataParallel wraps one module that is called once a step. Here a step calls encoder, heads and
decoder one by one, some losses are not in every batch, and refining computes in a graph of ONNX. So gradients are
summed after the backward pass, in one message, together with all else that a step finds. Where there is one process,
nothing is sent and nothing changes.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from cuecast.core.errors import InputError

PATIENCE = timedelta(days=30)
"""How long a process waits for the others: torchrun itself ends all where one fails, and measuring may take hours."""

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Those that train together: `count` of them, this one's `number` from 0, and what it computes on."""

    number: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.number == 0

    def told(self, find: Callable[[], T]) -> T:
        """What the first process finds, on all of them; the others do not call `find` and wait."""
        if self.count == 1:
            return find()
        box: list[Any] = [find() if self.first else None]
        dist.broadcast_object_list(box, device=torch.device("cpu"))
        found: T = box[0]
        return found

    def meet(self) -> None:
        """Wait until all are here."""
        self.add([torch.zeros(1)])

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all processes in the place of each tensor, in float32; they may lie anywhere."""
        if self.count > 1:
            self._exchange(tensors, dist.all_reduce)

    def follow(self, tensors: Sequence[Tensor]) -> None:
        """Put the first process's values in the place of each tensor, in float32."""
        if self.count > 1:
            self._exchange(tensors, lambda flat: dist.broadcast(flat, 0))

    def add_gradients(self, parameters: Sequence[Tensor], beside: Sequence[Tensor] = ()) -> None:
        """Sum the gradients of parameters and the tensors beside them in place. What no process has a gradient of keeps
        none, as with one process, so that its optimizer leaves it alone."""
        if self.count == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        had = torch.tensor([float(p.grad is not None) for p in trained])
        for p in trained:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        self.add([had, *beside, *(p.grad for p in trained if p.grad is not None)])
        for p, times in zip(trained, had.tolist(), strict=True):
            if not times:
                p.grad = None

    @torch.no_grad()
    def _exchange(self, tensors: Sequence[Tensor], send: Callable[[Tensor], Any]) -> None:
        flat = torch.cat([t.detach().to(self.device, torch.float32).reshape(-1) for t in tensors])
        send(flat)
        parts = torch.split(flat, [t.numel() for t in tensors])
        for t, part in zip(tensors, parts, strict=True):
            t.copy_(part.view(t.shape))


def join() -> Processes:
    """The processes that torchrun started this one with; alone where it did not. A second call gives the same.

    Raises InputError where there are GPUs, but fewer than processes on this machine.
    """
    number, count, place = (int(os.environ.get(n, d)) for n, d in _TOLD)
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 1:
        return Processes(0, 1, torch.device("cuda" if gpus else "cpu"))
    if gpus and place >= gpus:
        raise InputError(
            f"there are more processes than GPUs ({gpus}) on this machine",
            "torchrun",
            f"give --nproc-per-node {gpus}, or compute on CPUs: set CUDA_VISIBLE_DEVICES to nothing",
        )
    device = torch.device("cuda", place) if gpus else torch.device("cpu")
    if gpus:
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
        atexit.register(dist.destroy_process_group)
    return Processes(number, count, device)


_TOLD = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
"""What torchrun says in the environment, and what is so without it."""
