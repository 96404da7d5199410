"""The state of a training: the optimisers of the recipes, progress, and checkpoints."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l3c.files import write_whole
from l3c.messages import one_line
from l3c.models.base import Model
from l3c.recipe import Recipe, TrainSettings
from l3c.training import TrainingError

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


class State:
    """The progress of a training, which a checkpoint keeps.

    Attributes:
        step: number of steps done.
        seconds: time that they took.
        metrics: rows of the learning curve.
        result: the network that is validated and written: of averaged weights, if the recipe
            averages them.
    """

    def __init__(self, recipe: Recipe, network: Model, data_sha256: str) -> None:
        self.step, self.seconds = 0, 0.0
        self.metrics: list[dict[str, float | None]] = []
        self.result = network
        self._optimizers = Optimizers(network, recipe.train)
        self._parts: dict[str, Any] = {"network": network, "optimizers": self._optimizers}
        if (decay := recipe.train.average) is not None:
            average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
            self._parts["average"], self.result = average, average.module  # type: ignore[assignment]
        # The weights depend on all settings and images, and on nothing else; labels do not count.
        start = {"start": network.identity().hex()} if recipe.init_from else {}
        text = json.dumps(recipe.settings() | start, sort_keys=True, default=str) + data_sha256
        self._identity = hashlib.sha256(text.encode()).hexdigest()

    def update(self, loss: Tensor) -> None:
        """Makes a step."""
        self._optimizers.step(loss, self.step)
        if "average" in self._parts:
            self._parts["average"].update_parameters(self._parts["network"])
        self.step += 1

    def save(self, path: Path, curve: Path | None = None) -> None:
        """Writes a checkpoint, and the metrics.

        Raises:
            TrainingError: the disk is full, or the folder cannot be written to.
        """
        content = {"identity": self._identity, "step": self.step, "seconds": self.seconds}
        content |= {"metrics": self.metrics}
        content |= {name: part.state_dict() for name, part in self._parts.items()}
        buffer = io.BytesIO()  # torch.save has errors of its own for a disk that is full
        torch.save(content, buffer)
        write(path, buffer.getvalue())
        if curve:
            write(curve, pd.DataFrame(self.metrics).to_csv(index=False).encode())

    def load(self, path: Path) -> bool:
        """Loads a checkpoint of this recipe and these images; False if there is none.

        One of another recipe or other images is renamed.

        Raises:
            TrainingError: the file cannot be read.
        """
        try:
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            found = str(saved["identity"])
        except FileNotFoundError:
            return False
        except Exception as error:
            raise TrainingError(
                f"{path}: checkpoint cannot be read ({type(error).__name__}); delete it to start "
                "anew"
            ) from error
        if found == self._identity:
            for name, part in self._parts.items():
                part.load_state_dict(saved[name])
            self.step, self.seconds, self.metrics = (
                saved[k] for k in ("step", "seconds", "metrics")
            )
            return True
        aside = path.with_name(f"{path.stem}.other-{found[:8]}{path.suffix}")
        path.replace(aside)
        print(
            f"{path}: of another recipe or other images; kept as {aside.name}, training starts "
            f"anew; to go on with it, restore its recipe and rename it {path.name}",
            file=sys.stderr,
        )
        return False


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an error of the disk while `path` is written into a TrainingError."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({one_line(error)}); the last checkpoint is kept, and the "
            "same command continues from it"
        ) from error


def write(path: Path, content: bytes) -> None:
    """Writes a file whole; its folder is made if missing. Raises TrainingError if it cannot."""
    with disk_errors(path):
        write_whole(path, content)


def today() -> str:
    """The date of a card in UTC; that of SOURCE_DATE_EPOCH where a build must be repeatable."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return now.date().isoformat()
