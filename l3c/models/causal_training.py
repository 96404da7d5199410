"""Trains a network of the causal family on photographs, on one thread; goes on where it stopped.

    python -m l3c.models.causal_training photos.pool run --pool-from photographs/
    python -m l3c.models.causal_training photos.pool run --steps 40000

The learning rate is constant, then falls to 0 over the last third of `--steps`, which can be
changed when going on. A running average of the weights is kept and validated, so that a stopped run
is usable.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from coder.causal import CausalNetwork
from l3c.models.causal import (
    CausalPredictor,
    CausalSettings,
    backward,
    bits_per_subpixel,
    crop_inputs,
    to_integers,
)
from l3c.training.optimizers import Muon

UP = SIDE = 3
OUTSIDE = 128
DOWNSCALES = 6  # of each photograph in a pool
SMALLEST, LARGEST = 0.12, 0.8  # their factors
EDGE_SHARE = 0.1  # of crops at an edge of the image, each edge on its own
AVERAGE = 0.999
VALIDATE_STEPS = 1000
SAVE_SECONDS = 240.0


@dataclass(frozen=True)
class CausalTraining:
    """How to train.

    Args:
        steps: the schedule's end.
        final_share: of the steps in which the learning rate falls to 0.
        crops, size: of a batch, and their sides in pixels.
        full_share: of crops that are cut from photographs at full size.
        muon_rate, adam_rate: learning rates of hidden squares and of everything else.
        low_precision: bfloat16 products in hidden layers until the final share.
        seed: of weights and crops.
    """

    steps: int = 20_000
    final_share: float = 0.33
    crops: int = 16
    size: int = 32
    full_share: float = 0.3
    muon_rate: float = 0.02
    adam_rate: float = 3e-3
    low_precision: bool = False
    seed: int = 0

    def rate_factor(self, step: int) -> float:
        """What learning rates are multiplied with at a step, 0-based."""
        falling = (self.steps - step) / max(1.0, self.final_share * self.steps)
        return min(1.0, (step + 1) / 100, falling)


def make_pool(photographs: Path, pool: Path, seed: int = 0) -> None:
    """Writes the pixels of all photographs, as they are and downscaled, and an index of them."""
    rng = np.random.default_rng(seed)
    index: list[dict[str, Any]] = []
    start = 0
    with open(pool, "wb") as file:
        for path in sorted(p for p in photographs.iterdir() if p.is_file()):
            image = Image.open(path).convert("RGB")
            least = min(LARGEST, max(SMALLEST, 128 / min(image.size)))
            factors = np.exp(rng.uniform(np.log(least), np.log(LARGEST), DOWNSCALES))
            for factor in [1.0, *factors.tolist()]:
                size = (round(image.width * factor), round(image.height * factor))
                scaled = image if factor == 1 else image.resize(size, Image.Resampling.LANCZOS)
                pixels = np.asarray(scaled)
                file.write(pixels.tobytes())
                index.append({"full": factor == 1, "at": start, "shape": pixels.shape[:2]})
                start += pixels.size
    pool.with_suffix(".json").write_text(json.dumps(index))


class Pool:
    """Crops at random from a file that `make_pool` wrote."""

    def __init__(self, path: Path) -> None:
        index = json.loads(path.with_suffix(".json").read_text())
        self.pixels = np.memmap(path, np.uint8, "r")
        self.full = [entry for entry in index if entry["full"]]
        self.scaled = [entry for entry in index if not entry["full"]]
        sides = np.sqrt([np.prod(entry["shape"]) for entry in self.scaled])
        self.chances = np.cumsum(sides / sides.sum())

    def crops(
        self, rng: np.random.Generator, count: int, size: int, full_share: float
    ) -> npt.NDArray[np.uint8]:
        """uint8 (count, 3 + size, 3 + size + 3, 3), flipped and transposed at random."""
        height, width = size + UP, size + 2 * SIDE
        for kind in (self.full, self.scaled):
            if max((min(entry["shape"]) for entry in kind), default=0) < width:
                raise ValueError(f"no image of the pool has {width} pixels on both sides")
        out = np.empty((count, height, width, 3), np.uint8)
        for crop in out:
            while True:
                if rng.random() < full_share:
                    entry = self.full[rng.integers(len(self.full))]
                else:
                    at = int(np.searchsorted(self.chances, rng.random()))
                    entry = self.scaled[min(at, len(self.scaled) - 1)]
                if min(entry["shape"]) >= width:
                    break
            rows, columns = entry["shape"]
            image = self.pixels[entry["at"] :][: rows * columns * 3].reshape(rows, columns, 3)
            y, x = rng.integers(rows - width + 1), rng.integers(columns - width + 1)
            part = np.asarray(image[y : y + width, x : x + width])
            turn = rng.integers(8)
            part = part[::-1] if turn & 1 else part
            part = part[:, ::-1] if turn & 2 else part
            part = part.transpose(1, 0, 2) if turn & 4 else part
            crop[:] = part[:height]
            cut_edges(crop, *(rng.random(3) < EDGE_SHARE))
        return out


def cut_edges(crop: npt.NDArray[np.uint8], top: bool, left: bool, right: bool) -> None:
    """Gives a crop the margins of a tile's edges (coder/CAUSAL.md), in place."""
    if right:
        crop[:, -SIDE:] = crop[:, -SIDE - 1 : -SIDE]
    if left:
        crop[1:, :SIDE] = crop[:-1, SIDE : SIDE + 1]
    if top:
        crop[:UP] = OUTSIDE
        if left:
            crop[UP, :SIDE] = OUTSIDE


def whole_tile(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """An image with the margins of a tile, as one crop."""
    crop = np.empty((pixels.shape[0] + UP, pixels.shape[1] + 2 * SIDE, 3), np.uint8)
    crop[UP:, SIDE:-SIDE] = pixels
    cut_edges(crop, True, True, True)
    return crop[None]


class CausalTrainer:
    """A network on its way, its running average, and all that going on takes."""

    def __init__(self, settings: CausalSettings, training: CausalTraining, pool: Pool) -> None:
        torch.manual_seed(training.seed)
        self.training, self.pool = training, pool
        self.rng = np.random.default_rng(training.seed)
        self.network, self.average = CausalPredictor(settings), CausalPredictor(settings)
        self.average.load_state_dict(self.network.state_dict())
        weights = [layer.weight for layer in self.network.linear()[1:-1]]
        squares = [weight for weight in weights if isinstance(weight, nn.Parameter)]
        others = [p for p in self.network.parameters() if all(p is not s for s in squares)]
        self.optimizers = [
            Muon(squares, lr=training.muon_rate),
            torch.optim.Adam(others, lr=training.adam_rate, betas=(0.9, 0.98)),
        ]
        self.rates = [training.muon_rate, training.adam_rate]
        self.step = 0
        self.bits = float("nan")  # for a sub-pixel, running mean

    def advance(self) -> None:
        """One step."""
        t, factor = self.training, self.training.rate_factor(self.step)
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        crops = self.pool.crops(self.rng, t.crops, t.size, t.full_share)
        early = self.step < t.steps * (1 - t.final_share)
        low = torch.bfloat16 if t.low_precision and early else torch.float32
        bits = backward(self.network, *crop_inputs(crops), low)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.bits = bits if self.step == 1 else 0.99 * self.bits + 0.01 * bits
        weight = 1 - min(AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for mean, now in pairs:
                mean.lerp_(now, weight)

    def integers(self) -> CausalNetwork:
        """The running average in integers, calibrated with crops of the pool."""
        rng = np.random.default_rng(1)
        crops = self.pool.crops(rng, 32, 32, self.training.full_share)
        return to_integers(self.average, crop_inputs(crops)[0].numpy())

    def state(self) -> dict[str, Any]:
        """Everything that `load` needs."""
        return {
            "settings": asdict(self.network.settings),
            "training": asdict(self.training),
            "net": self.network.state_dict(),
            "mean": self.average.state_dict(),
            "opts": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": self.rng.bit_generator.state,
            "step": self.step,
            "ema": self.bits,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self.network.load_state_dict(state["net"])
        self.average.load_state_dict(state["mean"])
        for optimizer, saved in zip(self.optimizers, state["opts"], strict=True):
            optimizer.load_state_dict(saved)
        self.rng.bit_generator.state = state["rng"]
        self.step, self.bits = state["step"], state["ema"]


def train(trainer: CausalTrainer, folder: Path, validation: dict[str, list[Any]]) -> None:
    """Runs to the schedule's end; `folder` gets state.pt, log.jsonl and, at last, weights.npz."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.pt"
    if state.exists():
        trainer.load(torch.load(state, weights_only=True))

    def save() -> None:
        torch.save(trainer.state(), state.with_suffix(".new"))
        os.replace(state.with_suffix(".new"), state)

    saved, steps = time.monotonic(), trainer.training.steps
    while trainer.step < steps:
        trainer.advance()
        if trainer.step % VALIDATE_STEPS == 0 or trainer.step == steps:
            row: dict[str, Any] = {"step": trainer.step, "train": round(trainer.bits, 4)}
            for name, tiles in validation.items():
                bits = [bits_per_subpixel(trainer.average, *crop_inputs(t)) for t in tiles]
                row[name] = round(float(np.mean(bits)), 4)
            row["utc"] = time.strftime("%H:%M:%S", time.gmtime())
            with open(folder / "log.jsonl", "a") as log:
                log.write(json.dumps(row) + "\n")
        if time.monotonic() - saved > SAVE_SECONDS:
            save()
            saved = time.monotonic()
    save()
    arrays: dict[str, Any] = {**trainer.integers().to_arrays()}
    np.savez(folder / "weights.npz", **arrays)


def validation_tiles(
    folder: Path, side: int = 128, longer: int | None = 768
) -> list[npt.NDArray[np.uint8]]:
    """Centre crops of photographs, downscaled to `longer` where it is given."""
    tiles = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        image = Image.open(path).convert("RGB")
        if longer and max(image.size) > longer:
            factor = longer / max(image.size)
            size = (round(image.width * factor), round(image.height * factor))
            image = image.resize(size, Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
        y, x = (max(0, (n - side) // 2) for n in pixels.shape[:2])
        tiles.append(whole_tile(pixels[y : y + side, x : x + side]))
    return tiles


def main(arguments: list[str] | None = None) -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pool-from", type=Path, help="photographs; writes the pool first")
    parser.add_argument("--validate", type=Path, help="photographs to look at every 1000 steps")
    for kind in (CausalSettings, CausalTraining):
        for name, default in asdict(kind()).items():
            option = f"--{name.replace('_', '-')}"
            action = {"action": argparse.BooleanOptionalAction} if isinstance(default, bool) else {}
            typed = action or {"type": type(default)}
            parser.add_argument(option, default=default, **typed)  # type: ignore[arg-type]
    chosen = vars(parser.parse_args(arguments))
    torch.set_num_threads(1)
    if chosen["pool_from"]:
        make_pool(chosen["pool_from"], chosen["pool"], chosen["seed"])
    settings = CausalSettings(**{k: chosen[k] for k in asdict(CausalSettings())})
    training = CausalTraining(**{k: chosen[k] for k in asdict(CausalTraining())})
    validation = {}
    if chosen["validate"]:
        validation = {
            "scaled": validation_tiles(chosen["validate"]),
            "full": validation_tiles(chosen["validate"], longer=None),
        }
    train(CausalTrainer(settings, training, Pool(chosen["pool"])), chosen["folder"], validation)


if __name__ == "__main__":
    main()
