"""Train a model on a folder of photographs.

The same command goes on where an interrupted one stopped. The model's card and metrics are written
beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from l3c.cli.exits import Exit
from l3c.cli.files import Outputs
from l3c.cli.options import add_weights, positive
from l3c.cli.process import hushed
from l3c.cli.report import print_written
from l3c.models.zoo import ModelError, named_model
from l3c.recipe import Recipe, RecipeError, load_recipe, overridden, parse_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "folder",
        help="photographs, searched with the folders below it, or a training store of a run, such "
        "as results/run/store/photos",
    )
    add_weights(parser)
    parser.add_argument("--recipe", help="YAML file; by default that of the released model")
    parser.add_argument("--steps", type=positive, help="instead of the recipe's")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting of the recipe, such as train.batch=8; repeatable",
    )
    parser.add_argument(
        "--min-side",
        type=positive,
        default=512,
        help="least shorter side of a prepared image in pixels (default 512, as in the paper); "
        "photographs need 1.25 times that",
    )
    parser.add_argument(
        "--copies", type=positive, default=1, help="prepared images per photograph (default 1)"
    )
    text = "take the images as they are, neither scaled nor chosen"
    parser.add_argument("--as-is", action="store_true", help=text)
    parser.add_argument("--data", help="folder for the prepared images (default: beside the model)")
    parser.add_argument(
        "--validation",
        metavar="FOLDER",
        help="other photographs, prepared alike, whose bpsp is measured while training",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default cpu")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument(
        "--licence", default="not stated", help="of the model, one line for its card"
    )


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    weights = args.output
    checkpoint = weights.with_suffix(".checkpoint")
    # Beside a checkpoint are the weights of a training that was interrupted at its end.
    Outputs(force=args.force or checkpoint.exists()).check(weights)
    recipe = _recipe(args)
    with hushed(args.quiet):
        try:
            _train(args, recipe, weights, checkpoint)
        except KeyboardInterrupt:
            known = checkpoint if checkpoint.exists() else "the start"
            message = f"{weights}: interrupted; the same command goes on from {known}"
            raise KeyboardInterrupt(message) from None
    return print_written(
        args,
        lambda card: (
            f"{card['parameters']:,} parameters, {card['images']} images, {card['steps']} steps in "
            f"{card['train_s']:.0f} s, {card['final_train_bpsp']:.3f} "
            f"{'loss' if card.get('lossy') else 'bpsp'} on its last crops; "
            f"model {card.get('integer_identity') or card['identity']}"
        ),
    )


def _train(args: argparse.Namespace, recipe: Recipe, weights: Path, checkpoint: Path) -> None:
    from l3c.data.datasets import DatasetSpec, Preparation, build_dataset, deviations
    from l3c.data.images import PIXELS, Store, kept_licences, store_of
    from l3c.training.crops import middle_crops
    from l3c.training.loop import train

    data = Path(args.data or weights.with_suffix(".data"))
    prepare = None if args.as_is else Preparation(min_side=args.min_side, copies=args.copies)
    about: dict[str, object] = {"licence": args.licence}

    def built(photographs: str, out_dir: Path) -> Path:
        # An absolute path, since some names, such as "embedded", mean built-in images.
        source = str(Path(photographs).absolute())
        return build_dataset(DatasetSpec(source=source, prepare=prepare), out_dir)

    if Path(args.folder, PIXELS).is_file():
        images = Store(Path(args.folder))
    else:
        images = store_of(built(args.folder, data), data / "store")
        about["data_deviations"] = deviations(prepare)
        print(f"the prepared images are kept in {data}", file=sys.stderr)
    validation = None
    if args.validation:
        validation = middle_crops(built(args.validation, data / "validation"))
    train(
        recipe,
        images,
        data_sha256=images.data_sha256,
        weights=weights,
        checkpoint=checkpoint,
        validation=validation,
        name=weights.stem,
        device=args.device,
        compiled=args.compile,
        about=about | {"data_licences": kept_licences(images.manifest)},
    )


def _recipe(args: argparse.Namespace) -> Recipe:
    """The recipe of a YAML file, or that of the model that comes with the package.

    Raises:
        RecipeError: it cannot be used.
    """
    overrides = [*args.set, *([f"train.steps={args.steps}"] if args.steps else [])]
    if args.recipe is not None:
        recipe = load_recipe(args.recipe, overrides)
        recipe.model_settings(args.recipe)
        return recipe
    try:
        content = named_model().card["recipe"]
    except (ModelError, KeyError) as error:
        raise RecipeError(f"no recipe; name one with --recipe ({error})") from None
    return parse_recipe(overridden(content, overrides), "the default model's recipe")
