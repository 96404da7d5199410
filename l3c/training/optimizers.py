"""The optimisers of the recipes, behind one interface."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop

from l3c.models.base import Model
from l3c.nn.muon import Muon
from l3c.recipe import TrainSettings
from l3c.training.errors import TrainingError

MUON_RATIO = 4.0  # Muon's step is this many times the learning rate of the parameters left to Adam


class Optimizers:
    """The optimisers that together own every parameter that learns.

    Parameters of a group with factor 0 stop asking for gradients.

    Raises:
        TrainingError: a factor for a group that the family does not have.
    """

    def __init__(self, model: Model, settings: TrainSettings) -> None:
        groups = model.param_groups()
        if unknown := settings.lr_factors.keys() - groups.keys():
            raise TrainingError(
                f"train.lr_factors: no parameter group {', '.join(sorted(unknown))}; family "
                f"{model.family} has {', '.join(groups)}"
            )
        matrices = {id(parameter) for parameter in model.muon_params()}
        self._settings, self._model = settings, model
        self.each: list[Optimizer] = []
        for name, parameters in groups.items():
            factor = settings.lr_factors.get(name, 1.0)
            if factor == 0:
                for parameter in parameters:
                    parameter.requires_grad_(False)
            elif parameters:
                self._add(parameters, settings.learning_rate * factor, matrices)

    def _add(self, parameters: list[nn.Parameter], rate: float, matrices: set[int]) -> None:
        kind = self._settings.optimizer
        if kind == "rmsprop":
            self.each.append(RMSprop(parameters, lr=rate))
            return
        chosen = [p for p in parameters if kind == "muon" and id(p) in matrices]
        if chosen:
            self.each.append(Muon(chosen, lr=MUON_RATIO * rate))
        others = [p for p in parameters if kind == "adam" or id(p) not in matrices]
        if others:
            self.each.append(Adam(others, lr=rate, betas=(0.9, self._settings.beta2)))

    def step(self, loss: Tensor, step: int) -> None:
        """Moves all parameters against the gradient of `loss`.

        Args:
            loss: of this step.
            step: 0-based; the learning rate depends on it.
        """
        factor = lr_factor(step, self._settings)
        self._model.zero_grad(set_to_none=True)
        loss.backward()
        if self._settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._model.parameters(), self._settings.clip_norm)
        for optimizer in self.each:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """What a checkpoint keeps."""
        return [optimizer.state_dict() for optimizer in self.each]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Inverse of `state_dict`."""
        for optimizer, state in zip(self.each, states, strict=True):
            optimizer.load_state_dict(state)


def lr_factor(step: int, settings: TrainSettings) -> float:
    """The factor on the learning rate at a step, 0-based."""
    warmup = min(1.0, (step + 1) / settings.warmup_steps) if settings.warmup_steps else 1.0
    if settings.schedule == "cosine":
        return warmup * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    if settings.schedule == "linear":
        return warmup * min(1.0, (settings.steps - step) / (settings.decay_share * settings.steps))
    return warmup * settings.decay ** (step // settings.decay_steps)
