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
    add = parser.add_argument
    add("recipe", type=Path)
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="such as train.steps=100")
    add("--store", type=Path, required=True, help="folder of a training store")
    add("--weights", type=Path, required=True, help=".safetensors file to write")
    add("--validation", type=Path, help="folder of a data set, with its manifest")
    add("--tensorboard", type=Path, help="folder for its event files")
    add("--data", type=Path, help="folder of the data set that the store must be made from")
    add("--compile", action="store_true", help="with torch.compile")
    add("--licence", default="not stated", help="of the weights, for the card")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    try:
        recipe = load_recipe(args.recipe, args.set)
        recipe.model_settings(str(args.recipe))
        manifest = args.data and args.data / MANIFEST
        store = Store(args.store, manifest and manifest_sha256(manifest))
        licences = kept_licences(manifest) if manifest else ["not stated"]
        train(
            recipe,
            store,
            data_sha256=store.data_sha256,
            weights=args.weights,
            checkpoint=args.weights.with_suffix(".checkpoint"),
            validation=args.validation and middle_crops(args.validation / MANIFEST),
            tensorboard=args.tensorboard,
            device=args.device,
            compiled=args.compile,
            about={"licence": args.licence, "data_licences": licences},
        )
    except (RecipeError, DatasetError, TrainingError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
