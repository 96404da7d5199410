"""The state of a training and its files, which appear whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l3c.files import write_whole
from l3c.messages import one_line
from l3c.models.base import Model
from l3c.recipe import Recipe
from l3c.training import TrainingError
from l3c.training.optimizers import Optimizers


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
