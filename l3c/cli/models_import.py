"""Import a model of the authors' release (fab-jul/L3C-PyTorch).

Weights are checked, mapped exactly and converted to integers, then written with a card. Nothing of
theirs comes with this package: their licence is unstated.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import torch

from l3c.cli.exits import Exit, UsageError
from l3c.cli.files import Outputs
from l3c.cli.options import add_weights, positive
from l3c.cli.report import print_written
from l3c.data.images import RGBImage
from l3c.data.sources import folder_photos
from l3c.images.picture import PictureError
from l3c.models.authors_checkpoints import LICENCE, SHARED_SCALES, read_checkpoint
from l3c.recipe import Recipe
from l3c.training.crops import middle
from l3c.training.loop import CALIBRATION_CROP, CALIBRATION_IMAGES, convert_and_write
from l3c.training.state import today

_EVALUATED = f"model.scales: {SHARED_SCALES} instead of 3"  # as the release evaluates RGB Shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("checkpoint", help="archive (L3C.tar.gz), folder or checkpoint (.pt)")
    add_weights(parser)
    parser.add_argument(
        "--calibrate",
        required=True,
        metavar="FOLDER",
        help="photographs on which the conversion to integers is calibrated; 24 of them are used",
    )
    parser.add_argument(
        "--scales",
        type=positive,
        metavar="S",
        help="of RGB Shared: how often its predictor is applied (default 4, as in the release)",
    )


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    target = args.output
    Outputs(force=args.force).check(target)
    images = _calibration(Path(args.calibrate))
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
    return print_written(args, _line)


def _line(card: dict[str, Any]) -> str:
    source = "".join(f"\n{key + ':':<18} {value}" for key, value in card["source"].items())
    return (
        f"{card['parameters']:,} parameters, integers calibrated on "
        f"{len(card['integer']['calibrated_on'])} images, model {card['integer_identity']}; "
        f"licence {LICENCE}{source}"
    )


def _calibration(folder: Path) -> dict[str, RGBImage]:
    """Name -> middle of plain RGB images, evenly spread over those of a folder.

    Raises:
        UsageError: there is none.
    """
    photos = folder_photos(folder) if folder.is_dir() else []
    every, reason = max(1, len(photos) // CALIBRATION_IMAGES), "there is no image file"
    found: dict[str, RGBImage] = {}
    for photo in [photo for start in range(every) for photo in photos[start::every]]:
        if len(found) < CALIBRATION_IMAGES:
            try:
                found[photo.name] = middle(photo.read(), CALIBRATION_CROP)
            except PictureError as error:
                reason = f"{photo.source}: {error.reason}"
    if not found:
        raise UsageError(
            f"--calibrate {folder}: name a folder of photographs (plain 8-bit RGB), with which the "
            f"network is converted to integers; {reason}"
        )
    return found
