"""Averages of the weights over training (EMA) against the weights themselves, by validation bpsp.

    python -m benchmarks.averages config/recipes/small-l3c.yaml --store results/run/store/photos
        --validation results/run/data/photos-validation [--steps 1000] [--decays 0.99,0.999]
        [--small] [--append averages.csv]

One training; an average of decay d is d times itself plus 1 - d times the weights, after every
step. All are validated on the same crops, `--times` times while training, so that the answer needs
neither a second run nor a clock. The schedule is shortened to `--steps`; `--small` is that of
`benchmarks.recipes`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.recipes import small, with_steps
from l3c.data.images import MANIFEST, Store
from l3c.progress import Progress
from l3c.recipe import Recipe, load_recipe
from l3c.threads import torch_threads
from l3c.training.crops import Crops, middle_crops, validate
from l3c.training.loop import loss_function
from l3c.training.state import State


def compare(
    recipe: Recipe, store: Store, validation: torch.Tensor, decays: list[float], times: int
) -> list[dict[str, str]]:
    """Rows: recipe, step, decay (0 for the weights themselves), validation bpsp."""
    settings = recipe.train
    crops = Crops(store, settings)
    network = recipe.make_model()
    network.initialize(settings.seed)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = State(recipe, network, store.data_sha256)
    averages = [AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(d)) for d in decays]
    loss_of = loss_function(network)
    rows = []
    with Progress(settings.steps, recipe.name) as progress:
        for step in range(settings.steps):
            batch, _ = crops.batch(step)
            with torch.autocast("cpu", torch.bfloat16, settings.precision == "bfloat16"):
                loss = loss_of(batch)
            state.update(loss)
            for average in averages:
                average.update_parameters(network)
            progress.update(1, bpsp=float(loss.detach()))
            if (step + 1) * times // settings.steps > step * times // settings.steps:
                candidates = zip(
                    [0.0, *decays], [network, *(a.module for a in averages)], strict=True
                )
                rows += [
                    {
                        "recipe": recipe.name,
                        "step": str(step + 1),
                        "decay": f"{decay:g}",
                    }
                    | {name: f"{x:.4f}" for name, x in validate(candidate, validation).items()}
                    for decay, candidate in candidates
                ]
    return rows


def main() -> None:
    """Trains and prints."""
    parser = argparse.ArgumentParser(description="Averaged weights against the weights.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="folder of a training store")
    parser.add_argument("--validation", type=Path, required=True, help="folder of a data set")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--decays", default="0.99,0.999")
    parser.add_argument("--times", type=int, default=5, help="validations")
    parser.add_argument("--small", action="store_true", help="a network that suits a CPU")
    parser.add_argument("--append", type=Path, help="CSV file for the rows")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    recipe = with_steps(small(recipe) if arguments.small else recipe, arguments.steps)
    rows = []
    with torch_threads(recipe.train.threads):
        rows = compare(
            recipe,
            Store(arguments.store),
            middle_crops(arguments.validation / MANIFEST),
            [float(decay) for decay in arguments.decays.split(",")],
            arguments.times,
        )
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    if arguments.append:
        header = not arguments.append.exists()
        pd.DataFrame(rows).to_csv(arguments.append, mode="a", header=header, index=False)


if __name__ == "__main__":
    main()
