"""What a run costs: downloads, disk, and hours of training.

Sizes are estimates from the catalogue; hours are steps over throughput that was measured on a named
device (`python -m benchmarks.throughput`), and stand for no other one.

    python -m l3c.workflow.costs config/paper.yaml     # files as of --configfile; none: the default
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
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
MEASURE = "python -m benchmarks.throughput --append results/reference/throughput.csv"
ASPECT = 4 / 3  # of photographs


def read_throughput(path: Path) -> pd.DataFrame:
    """The fastest measured variant of each recipe on each device, by `pixels_per_s`."""
    table = pd.read_csv(path)
    table = table.assign(pixels_per_s=table.images_per_s * table.crop**2)
    return table.sort_values("pixels_per_s", ascending=False).drop_duplicates(["recipe", "device"])


def cost_lines(
    experiment: Experiment,
    recipes: Mapping[str, Recipe],
    catalogue: Mapping[str, ImageSet],
    throughput: pd.DataFrame,
) -> list[str]:
    """Lines to show before a run.

    Args:
        experiment: to run.
        recipes: model key -> recipe, of the models that are trained.
        catalogue: of the image sets.
        throughput: as `read_throughput`. A model is compared with the recipe of its own name or,
            where that was not measured, of its kind at the paper's size.
    """
    used = {name: experiment.datasets[name] for name in experiment.used_datasets()}
    used = {name: spec for name, spec in used.items() if spec.source in catalogue}
    sets = {spec.source for spec in used.values()}
    download = sum(catalogue[name].gb for name in sets)
    trained = {experiment.trained_on(key) for key in experiment.trained()}
    disk = 2 * download  # an archive is removed once it is unpacked
    for name, spec in used.items():
        each = PNG_BYTES + STORE_BYTES * (name in trained)
        if name in experiment.evaluate.datasets:
            each += STREAM_BYTES * len(experiment.measured(name))
        disk += each * prepared_pixels(spec, catalogue[spec.source]) / 1e9
    lines = [
        f"About {download:,.0f} GB to download, up to {disk:,.0f} GB on disk "
        f"({len(sets)} image sets; local folders are not counted)."
    ]
    total = pd.Series(dtype=float)
    for key, recipe in recipes.items():
        hours = _hours(recipe, throughput)
        total = total.add(hours, fill_value=0)
        train = recipe.train
        lines.append(
            f"Training {experiment.models[key].name}: {train.steps:,} steps of {train.batch} crops "
            f"of {train.crop}x{train.crop}, {_shown(hours) or 'never measured'}."
        )
    if len(recipes) > 1:
        lines.append(f"All trainings together: {_shown(total)}.")
    if recipes and "cuda" not in throughput.kind.values:
        lines.append(f"GPU hours are not known: no GPU was measured yet; on one, run {MEASURE}")
    return lines


def prepared_pixels(spec: DatasetSpec, image_set: ImageSet) -> float:
    """Pixels of a data set once it is prepared, about."""
    each, copies = image_set.megapixels * 1e6, 1
    if spec.prepare is not None:
        copies = spec.prepare.copies
        short = math.sqrt(each / ASPECT)
        factor = (min(1.0, spec.prepare.min_side / short) + spec.prepare.max_factor) / 2
        if spec.prepare.longer_side is not None:
            factor = spec.prepare.longer_side / (short * ASPECT)
        each *= min(1.0, factor) ** 2
    return min(image_set.images, spec.limit or image_set.images) * copies * each


def _hours(recipe: Recipe, throughput: pd.DataFrame) -> pd.Series:
    """Of each device that was measured with the recipe, or else with its kind of network."""
    names = [f"paper-{recipe.variant.replace('_', '-')}", recipe.name]
    known = pd.concat([throughput[throughput.recipe == name] for name in names])
    speed = known.drop_duplicates("device", keep="last").set_index("device").pixels_per_s
    return recipe.train.steps * recipe.train.batch * recipe.train.crop**2 / speed / 3600


def _shown(hours: pd.Series) -> str:
    return ", ".join(f"{spent:,.0f} hours of {device}" for device, spent in hours.items())


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
    recipes = {key: recipes[key] for key in recipes if key not in experiment.given()}
    throughput = read_throughput(root / "results" / "reference" / "throughput.csv")
    lines = cost_lines(experiment, recipes, read_catalogue(root / CATALOGUE), throughput)
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
