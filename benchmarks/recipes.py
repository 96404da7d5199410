"""Recipes against each other at equal time: validation bpsp after so many seconds of training each.

    python -m benchmarks.recipes config/recipes/a.yaml config/recipes/b.yaml
        --store results/run/store/embedded-train --validation results/run/data/embedded-test
        [--seconds 300] [--small] [--device cpu] [--out curves.csv]

The step of each recipe is timed first; its `steps`, and with them its schedule, then are what fits
into the time. On a CPU the seconds are those that the processor spends on it, so that a machine
with other work compares as an idle one does. The learning rate of the "exponential" schedule falls
as often as in the whole training. Everything else stays as the recipe says, but for --small: then
all networks have 24 channels, 2 blocks and 5 mixtures, and are trained on 4 crops of 64x64 at a
time in float32 on one thread, which is what a CPU can do in minutes. Train on photographs that are
not validated on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from l3c.data.images import MANIFEST, Store
from l3c.models.zoo import read_model
from l3c.recipe import Recipe, load_recipe
from l3c.training.crops import middle_crops
from l3c.training.loop import train

SMALL: dict[str, dict[str, Any]] = {
    "model": {"features": 24, "blocks": 2, "mixtures": 5},
    "train": {"crop": 64, "batch": 4, "precision": "float32", "threads": 1},
}
PROBE = (3, 33)  # steps of two short trainings, whose difference in time is that of the steps


def with_steps(recipe: Recipe, steps: int) -> Recipe:
    """The same recipe in fewer steps, its schedule shortened alike."""
    settings = recipe.train
    decay_steps = max(1, round(settings.decay_steps * steps / settings.steps))
    changed = settings.model_copy(update={"steps": steps, "decay_steps": decay_steps})
    return recipe.model_copy(update={"train": changed})


def small(recipe: Recipe) -> Recipe:
    """The same recipe for a network and batches that suit a CPU."""
    return recipe.model_copy(
        update={
            "model": recipe.model | SMALL["model"],
            "train": recipe.train.model_copy(update=SMALL["train"]),
        }
    )


def trained(
    recipe: Recipe, store: Store, validation: Tensor | None, folder: Path, device: str
) -> Path:
    """The weights of a recipe; card and curve are beside them."""
    weights = folder / f"{recipe.name}-{recipe.train.steps}.safetensors"
    train(
        recipe,
        store,
        data_sha256=store.data_sha256,
        weights=weights,
        checkpoint=weights.with_suffix(".pt"),
        validation=validation,
        device=device,
    )
    return weights


def step_seconds(recipe: Recipe, store: Store, folder: Path, device: str) -> float:
    """Of one step."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    spent = []
    for steps in PROBE:
        start = clock()
        trained(with_steps(recipe, steps), store, None, folder, device)
        spent.append(clock() - start)
    return (spent[1] - spent[0]) / (PROBE[1] - PROBE[0])


def main() -> None:
    """Trains and prints."""
    parser = argparse.ArgumentParser(description="Recipes at equal time.")
    parser.add_argument("recipes", type=Path, nargs="+")
    parser.add_argument("--store", type=Path, required=True, help="folder of a training store")
    parser.add_argument("--validation", type=Path, required=True, help="folder of a data set")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--small", action="store_true", help="networks that suit a CPU")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, help="CSV file for the curves of all")
    arguments = parser.parse_args()
    store = Store(arguments.store)
    validation = middle_crops(arguments.validation / MANIFEST)
    curves, device = [], arguments.device
    with tempfile.TemporaryDirectory() as folder:
        for path in arguments.recipes:
            recipe = small(load_recipe(path)) if arguments.small else load_recipe(path)
            one = step_seconds(recipe, store, Path(folder), device)
            recipe = with_steps(recipe, max(1, int(arguments.seconds / one)))
            weights = trained(recipe, store, validation, Path(folder), device)
            card = read_model(weights).card
            print(
                f"{recipe.name}: {recipe.train.steps:,} steps of {one:.3f} s, "
                f"validation {card['validation_bpsp']:.4f} bpsp"
            )
            curve = pd.read_csv(weights.with_suffix(".csv"))
            curve.insert(0, "recipe", recipe.name)
            curves.append(curve.assign(seconds=(curve.step * one).round(1)))
    if arguments.out:
        pd.concat(curves).to_csv(arguments.out, index=False)


if __name__ == "__main__":
    main()
