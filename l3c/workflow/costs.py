"""What a run will cost before it starts: downloads, disk, and hours of training.

Sizes are estimates from the catalogue; hours are steps over throughput that was measured on a named
device (`python -m benchmarks.throughput`), and stand for no other one.

    python -m l3c.workflow.costs config/paper.yaml     # files as of --configfile; none: the default
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from l3c.data.catalogue import ImageSet, read_catalogue
from l3c.data.datasets import DatasetSpec
from l3c.recipe import Recipe
from l3c.workflow.checks import CATALOGUE, ExperimentError, check_experiment
from l3c.workflow.experiment import Experiment

PNG_BYTES = 1.6  # of a prepared pixel, about 4.3 bits per sub-pixel
STREAM_BYTES = 1.3  # of a pixel in the file of a method, about 3.5 bits per sub-pixel
STORE_BYTES = 3.0
GPU = "cuda"  # kind of a device, as PyTorch calls it
MEASURE = "python -m benchmarks.throughput --append results/reference/throughput.csv"
ASPECT = 4 / 3  # of photographs


@dataclass(frozen=True)
class Throughput:
    """A measured training: crops of a size in a second, on a device of a kind (cpu or cuda)."""

    recipe: str
    kind: str
    device: str
    crop: int
    images_per_s: float

    @property
    def pixels_per_s(self) -> float:
        """Of the crops."""
        return self.images_per_s * self.crop**2


def read_throughput(path: Path) -> list[Throughput]:
    """The fastest measured variant of each recipe on each device; none if there is no file."""
    if not path.exists():
        return []
    best: dict[tuple[str, str], Throughput] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            each = Throughput(
                row["recipe"],
                row["kind"],
                row["device"],
                int(row["crop"]),
                float(row["images_per_s"]),
            )
            known = best.get((each.recipe, each.device))
            if known is None or known.images_per_s < each.images_per_s:
                best[each.recipe, each.device] = each
    return list(best.values())


def cost_lines(
    experiment: Experiment,
    recipes: Mapping[str, Recipe],
    catalogue: Mapping[str, ImageSet],
    measured: Sequence[Throughput],
) -> list[str]:
    """Lines to show before a run; none where nothing is downloaded.

    Args:
        experiment: to run.
        recipes: model key -> recipe, of the models that are trained.
        catalogue: of the image sets.
        measured: throughput of training. A model is compared with the recipe of its own name or,
            where that was not measured, of its kind at the paper's size.
    """
    used = {name: experiment.datasets[name] for name in experiment.used_datasets()}
    sets = {spec.source for spec in used.values() if spec.source in catalogue}
    if not sets:
        return []
    download = sum(catalogue[name].gb for name in sets)
    pixels = {
        name: prepared_pixels(spec, catalogue[spec.source])
        for name, spec in used.items()
        if spec.source in catalogue
    }
    trained = {experiment.trained_on(key) for key in experiment.trained()}
    disk = 2 * download  # an archive is removed once it is unpacked
    disk += sum(pixels.values()) * PNG_BYTES / 1e9
    disk += sum(pixels.get(name, 0.0) for name in trained if name) * STORE_BYTES / 1e9
    measurements = {name: len(experiment.measured(name)) for name in experiment.evaluate.datasets}
    files = sum(pixels.get(name, 0.0) * count for name, count in measurements.items())
    disk += files * STREAM_BYTES / 1e9
    lines = [
        f"About {download:,.0f} GB to download, up to {disk:,.0f} GB on disk "
        f"({len(sets)} image sets; local folders are not counted)."
    ]
    total: dict[str, float] = {}
    kinds = set()
    for key, recipe in recipes.items():
        hours = _hours(recipe, measured)
        kinds |= {each.kind for each in hours}
        for each, spent in hours.items():
            total[each.device] = total.get(each.device, 0.0) + spent
        shown = ", ".join(f"{spent:,.0f} hours of {each.device}" for each, spent in hours.items())
        settings = recipe.train
        lines.append(
            f"Training {experiment.models[key].name}: {settings.steps:,} steps of "
            f"{settings.batch} crops of {settings.crop}x{settings.crop}, "
            f"{shown or 'never measured'}."
        )
    if len(recipes) > 1 and total:
        shown = ", ".join(f"{spent:,.0f} hours of {device}" for device, spent in total.items())
        lines.append(f"All trainings together: {shown}.")
    if recipes and GPU not in kinds:
        lines.append(f"GPU hours are not known: no GPU was measured yet; on one, run {MEASURE}")
    return lines


def prepared_pixels(spec: DatasetSpec, image_set: ImageSet) -> float:
    """Pixels of a data set once it is prepared, about."""
    each = image_set.megapixels * 1e6
    copies = 1
    if spec.prepare is not None:
        copies = spec.prepare.copies
        short = math.sqrt(each / ASPECT)
        if spec.prepare.longer_side is not None:
            factor = spec.prepare.longer_side / (short * ASPECT)
        else:
            factor = (min(1.0, spec.prepare.min_side / short) + spec.prepare.max_factor) / 2
        each *= min(1.0, factor) ** 2
    return min(image_set.images, spec.limit or image_set.images) * copies * each


def _hours(recipe: Recipe, measured: Sequence[Throughput]) -> dict[Throughput, float]:
    """Of each device that was measured with the recipe, or else with its kind of network."""
    settings = recipe.train
    names = (recipe.name, f"paper-{recipe.variant.replace('_', '-')}")
    known = [each for name in names for each in measured if each.recipe == name]
    devices = {each.device: each for each in reversed(known)}
    pixels = settings.steps * settings.batch * settings.crop**2
    return {each: pixels / each.pixels_per_s / 3600 for each in devices.values()}


def main(configfiles: Sequence[str]) -> int:
    """Prints what a run with these configuration files costs; returns the exit status."""
    root = Path(__file__).resolve().parents[2]
    config: dict[str, Any] = {}
    for path in (root / "config" / "config.yaml", *map(Path, configfiles)):
        update_config(config, yaml.safe_load(path.read_text(encoding="utf-8")))
    try:
        experiment, recipes = check_experiment(config, root, families=False)
    except ExperimentError as error:
        print(error, file=sys.stderr)
        return 1
    measured = read_throughput(root / "results" / "reference" / "throughput.csv")
    recipes = {key: recipes[key] for key in recipes if key not in experiment.given()}
    lines = cost_lines(experiment, recipes, read_catalogue(root / CATALOGUE), measured)
    print("\n".join(lines or ["Nothing is downloaded."]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
