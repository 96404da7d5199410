"""`l3c models import`: a model of the authors' release in this project's form, with integers."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import torch

from l3c.cli.exits import Exit, UsageError
from l3c.cli.outputs import Outputs
from l3c.cli.report import print_json
from l3c.data.images import RGBImage
from l3c.data.sources import folder_photos
from l3c.images.picture import PictureError
from l3c.models.authors_checkpoints import LICENCE, SHARED_SCALES, read_checkpoint
from l3c.models.zoo import read_model
from l3c.recipe import Recipe
from l3c.threads import limit_threads
from l3c.training.files import today
from l3c.training.loop import CALIBRATION_CROP, CALIBRATION_IMAGES, convert_and_write, middle

SUFFIX = ".safetensors"
_EVALUATED = f"model.scales: {SHARED_SCALES} instead of 3"  # as the release evaluates RGB Shared


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    target = Path(args.output)
    if target.suffix != SUFFIX:
        raise UsageError(f"-o {target}: the model's name must end in {SUFFIX}")
    Outputs(force=args.force).check(target)
    if args.threads:
        limit_threads(args.threads)
        torch.set_num_threads(args.threads)
    images = _calibration(Path(args.calibrate), CALIBRATION_IMAGES, CALIBRATION_CROP)
    found = read_checkpoint(Path(args.checkpoint), args.scales)
    recipe = Recipe(
        name=target.stem,
        family=found.model.family,
        model=found.model.settings.model_dump(mode="json"),
        train=found.train,
    )
    card = {
        "name": target.stem,
        "licence": LICENCE,
        "source": {"release": "fab-jul/L3C-PyTorch", **found.source},
        "steps": found.source.get("step"),
        "recipe": recipe.model_dump(mode="json"),
        "deviations": [line for line in recipe.deviations() if line != _EVALUATED],
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "date": today(),
    }
    convert_and_write(target, found.model, images, card)
    card = read_model(target).card
    if args.json:
        print_json({"command": args.command, "output": str(target), "card": card, "exit_code": 0})
    elif not args.quiet:
        for key, value in card["source"].items():
            print(f"{key + ':':<18} {value}")
        print(
            f"{target}: {card['parameters']:,} parameters, integers calibrated on "
            f"{len(card['integer']['calibrated_on'])} images, model {card['integer_identity']}; "
            f"licence {LICENCE}"
        )
    return Exit.GOOD


def _calibration(folder: Path, count: int, side: int) -> dict[str, RGBImage]:
    """Name -> middle of plain RGB images, evenly spread over those of a folder.

    Raises:
        UsageError: there is none.
    """
    photos = folder_photos(folder) if folder.is_dir() else []
    every = max(1, len(photos) // count)
    spread = sorted(range(len(photos)), key=lambda index: (index % every, index))
    found: dict[str, RGBImage] = {}
    reason = "it has no image files" if folder.is_dir() else "there is no such folder"
    for photo in (photos[index] for index in spread):
        if len(found) == count:
            break
        try:
            found[photo.name] = middle(photo.read(), side)
        except PictureError as error:
            reason = f"{photo.source}: {error.reason}"
    if not found:
        raise UsageError(
            f"--calibrate {folder}: name a folder of photographs (plain 8-bit RGB), with which the "
            f"network is converted to integers; {reason}"
        )
    return found
