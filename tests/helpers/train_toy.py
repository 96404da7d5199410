"""Toy trainings, which write `<recipe>.safetensors`, its card and its metrics.

`python -m train_toy FOLDER` is one on a thread, with a checkpoint after every step.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import SHAPE, START, smooth

from l3c.recipe import Recipe, TrainSettings
from l3c.training import loop

MODEL: dict[str, Any] = SHAPE | START | {"scales": 2}


def toy(steps: int, **train: Any) -> Recipe:
    """A recipe of few weights and small crops."""
    settings = {
        "steps": steps,
        "crop": 16,
        "batch": 4,
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "lr_factors": {"extractors": 0.0},
        "schedule": "cosine",
        "clip_norm": 1.0,
        "rotate": True,
    }
    return Recipe(name="toy", model=MODEL, train=TrainSettings(**settings | train))


def photographs() -> dict[str, np.ndarray]:
    """A smooth one and a flat one, uint8 (H, W, 3)."""
    return {"a": smooth(40, 32), "b": np.full((16, 16, 3), 99, np.uint8)}


def run(folder: Path, recipe: Recipe, images: Any = None, **more: Any) -> Path:
    """Trains on the images, or on the photographs; the path of the weights."""
    weights = folder / f"{recipe.name}.safetensors"
    about: dict[str, Any] = {"data_sha256": "d" * 64, "checkpoint": weights.with_suffix(".pt")}
    loop.train(recipe, images or photographs(), weights=weights, **about, **more)
    return weights


def kill_at(patch: pytest.MonkeyPatch, call: int) -> list[int]:
    """Interrupts a training in its n-th step from now on; the list gets the steps that begin."""
    steps: list[int] = []
    batch = loop.Crops.batch

    def killed(self: loop.Crops, step: int) -> Any:
        steps.append(step)
        if len(steps) == call:
            raise KeyboardInterrupt
        return batch(self, step)

    patch.setattr(loop.Crops, "batch", killed)
    return steps


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop.METRICS_EVERY, loop.CHECKPOINT_EVERY_S = 1, 0.0
    run(Path(sys.argv[1]), toy(12))
