"""Muon: momentum whose update is orthogonalised, for filter banks and matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Muon(Optimizer):
    """Momentum whose update is orthogonalised: every singular value of a filter bank moves alike.

    After Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/. A convolution's weight
    is taken as the matrix (outputs, inputs * kernel); five Newton-Schulz steps replace its singular
    values by about 1.

    Args:
        parameters: weights of two dimensions or more.
        lr: length of a step.
        momentum: of the Nesterov average of gradients.
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Moves all parameters that have a gradient."""
        assert closure is None
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            for shape in dict.fromkeys(p.shape for p in learning):
                alike = [p for p in learning if p.shape == shape]
                updates = torch.stack([self._update(p, group["momentum"]) for p in alike])
                steps = _orthogonal(updates) * group["lr"]
                for parameter, step in zip(alike, steps, strict=True):
                    parameter.sub_(step.view_as(parameter))

    def _update(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov's average of the gradients, as a matrix."""
        assert parameter.grad is not None
        average = self.state[parameter].setdefault("average", torch.zeros_like(parameter))
        average.lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(average, momentum).flatten(1)


def _orthogonal(updates: Tensor) -> Tensor:
    """Matrices (N, outputs, inputs) with singular values near 1, or more where they are tall."""
    tall = updates.shape[1] > updates.shape[2]
    x = updates.mT if tall else updates
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, 2.0315 * gram @ gram - 4.775 * gram, x, beta=3.4445)
    x = x.mT if tall else x
    return x * math.sqrt(max(1.0, x.shape[1] / x.shape[2]))
