"""Every shipped recipe learns: with its own network, optimiser and schedule, on small crops."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from train_toy import run

from l3c.recipe import load_recipe
from l3c.training import loop, state

FOLDER = Path(__file__).parents[2] / "config" / "recipes"
# Those of ImageNet differ from paper-l3c in the crop and the length of an epoch alone.
RECIPES = sorted(path for path in FOLDER.glob("*.yaml") if "imagenet" not in path.stem)
CROP, BATCH = 16, 2  # at most
FULL_SIZE = 64  # features
STEPS, STEPS_OF_SMALL = 16, 24  # at most; a small network learns less from a step


def photograph(side):
    """Soft shapes and edges with a little noise: what matters of one to a network that starts."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:side, :side] / side
    light = 120 + 90 * np.sin(3 * rows + 2 * columns**2) + 40 * (columns > 0.3 + 0.4 * rows)
    color = light[..., None] * [1.0, 0.8, 0.55] + rng.normal(0, 3, (side, side, 1))
    return (color + rng.normal(0, 2, color.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_trains(path, tmp_path, monkeypatch):
    recipe = load_recipe(path)
    own = recipe.train
    factor = state.lr_factor

    def at_its_own_length(step, settings):
        return factor(step, settings.model_copy(update={"steps": own.steps}))

    monkeypatch.setattr(state, "lr_factor", at_its_own_length)
    monkeypatch.setattr(loop, "METRICS_EVERY", 1)
    monkeypatch.setattr(loop, "convert_and_write", lambda *arguments: None)
    crop = min(own.crop, CROP)
    features = recipe.settings().get("model.features", 0)
    steps = STEPS * FULL_SIZE // features if features >= FULL_SIZE else STEPS_OF_SMALL
    less = {"steps": min(own.steps, steps), "crop": crop, "batch": min(own.batch, BATCH)}
    short = recipe.model_copy(update={"train": own.model_copy(update=less)})
    weights = run(tmp_path, short, {"photograph": photograph(crop)})
    rows = csv.DictReader(weights.with_suffix(".csv").read_text().splitlines())
    losses = [float(row["train_bpsp"]) for row in rows]
    assert len(losses) == less["steps"]
    assert all(math.isfinite(loss) for loss in losses)
    quarter = len(losses) // 4
    assert np.mean(losses[-quarter:]) < np.mean(losses[:quarter])
