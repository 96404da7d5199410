"""The state of a training: the optimisers of the recipes, progress, and checkpoints."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer, RMSprop
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l3c.files import write_text, write_whole
from l3c.messages import one_line
from l3c.models.base import Model
from l3c.recipe import Recipe, TrainSettings
from l3c.training import TrainingError

MUON_RATIO = 4.0  # Muon's step is this many times the learning rate of the parameters left to Adam


def make_optimizers(model: Model, settings: TrainSettings) -> list[Optimizer]:
    """The optimisers that together own every parameter that learns.

    Parameters of a group with factor 0 stop asking for gradients.

    Raises:
        TrainingError: a factor for a group that the family does not have.
    """
    groups, kind = model.param_groups(), settings.optimizer
    if unknown := settings.lr_factors.keys() - groups.keys():
        raise TrainingError(
            f"train.lr_factors: no parameter group {', '.join(sorted(unknown))}; family "
            f"{model.family} has {', '.join(groups)}"
        )
    matrices = {id(parameter) for parameter in model.muon_params()} if kind == "muon" else set()
    made: list[Optimizer] = []
    for name, parameters in groups.items():
        rate = settings.learning_rate * settings.lr_factors.get(name, 1.0)
        if rate == 0:
            for parameter in parameters:
                parameter.requires_grad_(False)
            continue
        if chosen := [p for p in parameters if id(p) in matrices]:
            made.append(Muon(chosen, lr=MUON_RATIO * rate))
        if others := [p for p in parameters if id(p) not in matrices]:
            if kind == "rmsprop":
                made.append(RMSprop(others, lr=rate))
            else:
                made.append(Adam(others, lr=rate, betas=(0.9, settings.beta2)))
    return made


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
                updates = []
                for parameter in alike:
                    state, gradient = self.state[parameter], parameter.grad
                    average = state.setdefault("average", torch.zeros_like(parameter))
                    average.lerp_(gradient, 1 - group["momentum"])
                    updates.append(gradient.lerp(average, group["momentum"]).flatten(1))
                steps = _orthogonal(torch.stack(updates)) * group["lr"]
                for parameter, step in zip(alike, steps, strict=True):
                    parameter.sub_(step.view_as(parameter))


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
        seconds: time that they took, without validation.
        metrics: rows of the learning curve.
        result: the network that is validated and written: of averaged weights, if the recipe
            averages them.
    """

    def __init__(self, recipe: Recipe, network: Model, data_sha256: str) -> None:
        self.step, self.seconds = 0, 0.0
        self.metrics: list[dict[str, float | None]] = []
        self.result = network
        self._network, self._settings = network, recipe.train
        self._optimizers = make_optimizers(network, recipe.train)
        self._average: AveragedModel | None = None
        if (decay := recipe.train.average) is not None:
            self._average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
            self.result = self._average.module  # type: ignore[assignment]
        # The weights depend on all settings and images, and on nothing else; labels do not count.
        start = {"start": network.identity().hex()} if recipe.init_from else {}
        text = json.dumps(recipe.settings() | start, sort_keys=True, default=str) + data_sha256
        self._identity = hashlib.sha256(text.encode()).hexdigest()

    def update(self, loss: Tensor) -> None:
        """Makes a step: moves all parameters against the gradient of `loss`."""
        factor = lr_factor(self.step, self._settings)
        self._network.zero_grad(set_to_none=True)
        loss.backward()
        if self._settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip_norm)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])
            optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self._network)
        self.step += 1

    def save(self, path: Path, curve: Path | None = None) -> None:
        """Writes a checkpoint, and the metrics.

        Raises:
            TrainingError: the disk is full, or the folder cannot be written to.
        """
        content = {name: getattr(self, name) for name in ("step", "seconds", "metrics")}
        content |= {"identity": self._identity, "network": self._network.state_dict()}
        content["optimizers"] = [optimizer.state_dict() for optimizer in self._optimizers]
        if self._average is not None:
            content["average"] = self._average.state_dict()
        buffer = io.BytesIO()  # torch.save has errors of its own for a disk that is full
        torch.save(content, buffer)
        with disk_errors(path):
            write_whole(path, buffer.getvalue())
            if curve:
                write_text(curve, pd.DataFrame(self.metrics).to_csv(index=False))

    def load(self, path: Path) -> None:
        """Loads a checkpoint, if there is one; that of another recipe or images is renamed.

        Raises:
            TrainingError: the file cannot be read.
        """
        try:
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            found = str(saved["identity"])
        except FileNotFoundError:
            return
        except Exception as error:
            raise TrainingError(
                f"{path}: checkpoint cannot be read ({type(error).__name__}); delete it to start "
                "anew"
            ) from error
        if found != self._identity:
            aside = path.with_name(f"{path.stem}.other-{found[:8]}{path.suffix}")
            path.replace(aside)
            print(
                f"{path}: of another recipe or other images; kept as {aside.name}, training starts "
                f"anew; to go on with it, restore its recipe and rename it {path.name}",
                file=sys.stderr,
            )
            return
        self._network.load_state_dict(saved["network"])
        for optimizer, state in zip(self._optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        if self._average is not None:
            self._average.load_state_dict(saved["average"])
        self.step, self.seconds, self.metrics = (saved[k] for k in ("step", "seconds", "metrics"))


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


def today() -> str:
    """The date of a card in UTC; that of SOURCE_DATE_EPOCH where a build must be repeatable."""
    now = os.environ.get("SOURCE_DATE_EPOCH") or time.time()
    return time.strftime("%Y-%m-%d", time.gmtime(int(now)))
