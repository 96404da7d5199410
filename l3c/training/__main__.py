"""Trains a recipe on a store, in one process or in several under torchrun.

    python -m l3c.training RECIPE --store results/run/store/photos --weights mine.safetensors
    torchrun --nproc-per-node 4 -m l3c.training RECIPE --store ... --weights ... --device cuda

The workflow does the same in its rule train_model, in one process. A killed training goes on from
`<weights>.checkpoint`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from l3c.data.errors import DatasetError
from l3c.data.manifest import MANIFEST, kept_licences, manifest_sha256
from l3c.data.store import Store
from l3c.recipe import RecipeError, load_recipe
from l3c.training.crops import middle_crops
from l3c.training.errors import TrainingError
from l3c.training.loop import train


def main() -> int:
    """Trains; 1 if it cannot, with one line that says why."""
    parser = argparse.ArgumentParser(description="Train a recipe, also under torchrun.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as train.steps=100"
    )
    parser.add_argument("--store", type=Path, required=True, help="folder of a training store")
    parser.add_argument("--weights", type=Path, required=True, help=".safetensors file to write")
    parser.add_argument("--validation", type=Path, help="folder of a data set, with its manifest")
    parser.add_argument("--tensorboard", type=Path, help="folder for its event files")
    parser.add_argument(
        "--data", type=Path, help="folder of the data set that the store must be made from"
    )
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--licence", default="not stated", help="of the weights, for the card")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    try:
        recipe = load_recipe(arguments.recipe, arguments.set)
        recipe.model_settings(str(arguments.recipe))
        manifest = arguments.data and arguments.data / MANIFEST
        store = Store(arguments.store, manifest_sha256(manifest) if manifest else None)
        train(
            recipe,
            store,
            data_sha256=store.data_sha256,
            weights=arguments.weights,
            checkpoint=arguments.weights.with_suffix(".checkpoint"),
            validation=arguments.validation and middle_crops(arguments.validation / MANIFEST),
            tensorboard=arguments.tensorboard,
            device=arguments.device,
            compiled=arguments.compile,
            about={
                "licence": arguments.licence,
                "data_licences": kept_licences(manifest) if manifest else ["not stated"],
            },
        )
    except (RecipeError, DatasetError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
