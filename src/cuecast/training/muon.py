"""Muon: steps for kernels and matrices whose directions all count the same.

Momentum, made orthogonal by a Newton-Schulz iteration (Jordan et al. 2024, 'Muon: An optimizer for hidden layers in
neural networks'), scaled to the length that Adam's steps have so that both share a rate (Liu et al. 2025, 'Muon is
scalable for LLM training'). A kernel (out, in, h, w) counts as a matrix (out, in h w).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic x -> a x + b x^3 + c x^5 that drives singular values into [0.7, 1.2], from Jordan et al."""
ROUNDS = 5
ADAM_LENGTH = 0.2
"""Root mean square of Adam's steps in units of the rate, from Liu et al."""


class Muon(torch.optim.Optimizer):
    """Parameters of two or more dimensions; the rest belongs to Adam."""

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
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x: Tensor = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.T
