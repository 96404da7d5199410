"""`l3c train`: a model of one's own photographs, prepared and trained as the workflow does it."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path

from l3c.cli.exits import Exit, UsageError
from l3c.cli.outputs import Outputs
from l3c.cli.report import print_json
from l3c.models.zoo import ModelError, named_model, read_model
from l3c.recipe import Recipe, RecipeError, load_recipe, overridden, parse_recipe
from l3c.threads import limit_threads

SUFFIX = ".safetensors"


class Resumable(KeyboardInterrupt):
    """An interrupt after which the same command goes on."""


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    weights = Path(args.output)
    if weights.suffix != SUFFIX:
        raise UsageError(f"-o {weights}: the model's name must end in {SUFFIX}")
    checkpoint = weights.with_suffix(".checkpoint")
    # Beside a checkpoint are the weights of a training that was interrupted at its end.
    Outputs(force=args.force or checkpoint.exists()).check(weights)
    recipe = _recipe(args.recipe, args.steps, args.set)
    data = Path(args.data) if args.data else weights.with_suffix(".data")
    if args.threads:
        limit_threads(args.threads)
    with contextlib.ExitStack() as stack:
        if args.quiet:
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        try:
            _train(args, recipe, data, weights, checkpoint)
        except KeyboardInterrupt:
            left = (
                f"; the same command goes on from {checkpoint}"
                if checkpoint.exists()
                else ", nothing was trained yet"
            )
            raise Resumable(f"{weights}: interrupted{left}") from None
    card = read_model(weights).card
    if args.json:
        print_json({"command": "train", "output": str(weights), "card": card, "exit_code": 0})
    elif not args.quiet:
        print(
            f"{weights}: {card['parameters']:,} parameters, {card['images']} images, "
            f"{card['steps']} steps in {card['train_s']:.0f} s, "
            f"{card['final_train_bpsp']:.3f} bpsp on its last crops; "
            f"model {card.get('integer_identity', card['identity'])}"
        )
    return Exit.GOOD


def _train(
    args: argparse.Namespace, recipe: Recipe, data: Path, weights: Path, checkpoint: Path
) -> None:
    import torch

    from l3c.data.datasets import DatasetSpec, build_dataset
    from l3c.data.manifest import kept_licences
    from l3c.data.prepare import Preparation, deviations
    from l3c.data.store import store_of
    from l3c.training.loop import train
    from l3c.training.validation import middle_crops

    if args.threads:
        torch.set_num_threads(args.threads)
    prepare = None if args.as_is else Preparation(min_side=args.min_side, copies=args.copies)
    # An absolute path, since some names, such as "embedded", mean built-in images.
    spec = DatasetSpec(source=str(Path(args.folder).absolute()), prepare=prepare)
    manifest = build_dataset(spec, data)
    validation = None
    if args.validation:
        spec = spec.model_copy(update={"source": str(Path(args.validation).absolute())})
        validation = middle_crops(build_dataset(spec, data / "validation"))
    images = store_of(manifest, data / "store")
    train(
        recipe,
        images,
        data_sha256=images.data_sha256,
        weights=weights,
        checkpoint=checkpoint,
        validation=validation,
        name=weights.stem,
        about={
            "licence": args.licence,
            "data_licences": kept_licences(manifest),
            "data_deviations": deviations(prepare),
        },
    )
    print(f"the prepared images are kept in {data}", file=sys.stderr)


def _recipe(path: str | None, steps: int | None, overrides: list[str]) -> Recipe:
    """The recipe of a YAML file, or that of the model that comes with the package.

    Raises:
        RecipeError: it cannot be used.
    """
    overrides = [*overrides, *([] if steps is None else [f"train.steps={steps}"])]
    if path is not None:
        recipe = load_recipe(path, overrides)
        recipe.model_settings(path)
        return recipe
    try:
        content = named_model().card["recipe"]
    except (ModelError, KeyError) as error:
        raise RecipeError(f"no recipe; name one with --recipe ({error})") from None
    return parse_recipe(overridden(content, overrides), "the default model's recipe")
