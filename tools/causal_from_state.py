"""Makes a released model of the causal family from a state of its first trainer.

    PYTHONPATH=. python tools/causal_from_state.py STATE NAME --photographs DIR --validation DIR

The weights of `causal-fast` and `causal-middle` were trained before `l3c train` knew the family, by
a trainer of their own: the same loss on the same inputs, with the settings that the card lists
under "deviations". Its state has the running average of the weights ("mean"). What is trained by
`l3c train` is released by `python -m tools.release`.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from l3c.models.base import write_model
from l3c.models.causal_network import Causal, CausalSettings
from l3c.recipe import load_recipe

LONGER = 768  # side of downscaled photographs
CROP = 128  # side of the middles that are calibrated and validated on
RECIPES = Path("config", "recipes")


def middles(folder: Path) -> Iterator[np.ndarray]:
    """The middle of each photograph, downscaled and as it is: uint8 (128, 128, 3)."""
    for path in sorted(folder.iterdir()):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        factor = min(1.0, LONGER / max(image.size))
        small = (round(image.width * factor), round(image.height * factor))
        for each in (image.resize(small, Image.Resampling.LANCZOS), image):
            left, top = ((side - CROP) // 2 for side in each.size)
            yield np.asarray(each.crop((left, top, left + CROP, top + CROP)))


def bpsp(model: Causal, crops: list[np.ndarray]) -> float:
    """Cross-entropy in float32, bits per sub-pixel."""
    images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    bits = sum(float(model.bits(part)["x"]) for part in images.split(16))
    return round(bits / images.numel(), 4)


def main() -> None:
    """Writes the model and its card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("name", help="of the model, and of its recipe in config/recipes")
    parser.add_argument("--photographs", type=Path, required=True, help="that it was trained on")
    parser.add_argument("--validation", type=Path, required=True, help="other photographs")
    parser.add_argument("--licences", nargs="+", default=["not stated"], help="of the photographs")
    parser.add_argument("--deviations", nargs="*", default=[], help="that the state does not tell")
    parser.add_argument("--folder", type=Path, default=Path("models"))
    arguments = parser.parse_args()
    state = torch.load(arguments.state, weights_only=True)
    trained = state["training"]
    own_steps = [f"train.steps={trained['steps']}"]
    recipe = load_recipe(RECIPES / f"{arguments.name}.yaml", own_steps)
    model = Causal(CausalSettings.model_validate(state["settings"]))
    if recipe.model_settings() != model.settings:
        raise SystemExit(f"{arguments.state}: not a network of {arguments.name}.yaml")
    model.load_state_dict(state["mean"])
    paths = sorted(arguments.photographs.iterdir())
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    calibration = [*middles(arguments.photographs)][:: math.ceil(len(paths) / 24) * 2 - 1]
    validation = [*middles(arguments.validation)]
    finished = state["step"] >= trained["steps"]
    card = {
        "name": arguments.name,
        "licence": "Apache-2.0",
        "data_licences": arguments.licences,
        "steps": state["step"],
        "finished": finished,
        "threads": 1,
        "processes": 1,
        "device": "cpu",
        "final_train_bpsp": round(state["ema"], 4),
        "validation_bpsp": bpsp(model, validation[::2]),
        "validation_bpsp_full_size": bpsp(model, validation[1::2]),
        "images": len(paths),
        "data_sha256": digest.hexdigest(),
        "recipe": recipe.model_dump(mode="json"),
        "deviations": [
            "trained by the family's first trainer (tools/causal_from_state.py), not this recipe",
            f"{trained['crops']} crops of {trained['size']} x {trained['size']} predicted pixels a "
            f"step, {trained['full_share']:.0%} of them from photographs at full size, the others "
            "from six Lanczos downscales of each by 0.12 to 0.8",
            *arguments.deviations,
            *([] if finished else ["training not finished: stopped before the schedule's end"]),
        ],
        "versions": {"torch": torch.__version__},
        "date": f"{datetime.fromtimestamp(arguments.state.stat().st_mtime, UTC):%Y-%m-%d}",
        "released": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    target = arguments.folder / f"{arguments.name}.safetensors"
    file = write_model(target, model, model.to_integers(calibration), card, half=True)
    print(f"{target}: {file.card['integer_identity']}, {card['validation_bpsp']} bpsp")


if __name__ == "__main__":
    main()
