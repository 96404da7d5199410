"""The optimisers of the recipes, behind one interface."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from l3c.models.base import Model
from l3c.recipe import TrainSettings
from l3c.training.errors import TrainingError

MUON_RATIO = 4.0  # Muon's step is this many times the learning rate of the parameters left to Adam


class Muon(Optimizer):
    """Momentum whose update is orthogonalised: every singular value of a filter bank moves alike.

    After Jordan et al. (2024), https://kellerjordan.github.io/posts/muon/. A convolution's weight
    is taken as the matrix (outputs, inputs * kernel); five Newton-Schulz steps replace its singular
    values by about 1.

    Args:
        parameters: convolution weights.
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
    """Of matrices (N, outputs, inputs): singular values near 1, or more for tall matrices."""
    tall = updates.shape[1] > updates.shape[2]
    x = updates.mT if tall else updates
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = torch.baddbmm(x, 2.0315 * gram @ gram - 4.775 * gram, x, beta=3.4445)
    x = x.mT if tall else x
    return x * math.sqrt(max(1.0, x.shape[1] / x.shape[2]))


def make_optimizers(model: Model, settings: TrainSettings) -> list[Optimizer]:
    """The optimisers that together own every parameter that learns.

    Parameters of a group with factor 0 stop asking for gradients.

    Raises:
        TrainingError: a factor for a group that the family does not have.
    """
    groups = model.param_groups()
    if unknown := settings.lr_factors.keys() - groups.keys():
        raise TrainingError(
            f"train.lr_factors: no parameter group {', '.join(sorted(unknown))}; family "
            f"{model.family} has {', '.join(groups)}"
        )
    optimizers = []
    for name, parameters in groups.items():
        factor = settings.lr_factors.get(name, 1.0)
        if factor == 0:
            for parameter in parameters:
                parameter.requires_grad_(False)
        elif parameters:
            optimizers += _optimizers(parameters, settings.learning_rate * factor, settings)
    return optimizers


def _optimizers(
    parameters: list[nn.Parameter], rate: float, settings: TrainSettings
) -> list[Optimizer]:
    if settings.optimizer == "rmsprop":
        return [RMSprop(parameters, lr=rate)]
    if settings.optimizer == "adam":
        return [Adam(parameters, lr=rate, betas=(0.9, 0.98))]
    filters = [p for p in parameters if p.ndim == 4 and p.shape[-1] > 1]
    others = [p for p in parameters if not (p.ndim == 4 and p.shape[-1] > 1)]
    return [Muon(filters, lr=MUON_RATIO * rate), Adam(others, lr=rate, betas=(0.9, 0.98))]


def rate_factor(step: int, settings: TrainSettings) -> float:
    """What the learning rate is multiplied with at a step, 0-based."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    if settings.schedule == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    return warmup * settings.decay ** (step // settings.decay_steps)


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Sets every group's learning rate to `factor` times the one it started with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = factor * group["initial_lr"]


def state(optimizers: list[Optimizer]) -> list[dict[str, Any]]:
    """What a checkpoint keeps of them."""
    return [optimizer.state_dict() for optimizer in optimizers]


def load_state(optimizers: list[Optimizer], states: list[dict[str, Any]]) -> None:
    """Inverse of `state`."""
    for optimizer, saved in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(saved)
