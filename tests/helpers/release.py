"""The authors' release as data: weights of its networks by a formula, and what they compute.

`tests/data/release/README.md` says where the numbers come from.
"""

from __future__ import annotations

import csv
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from l3c.models.l3c import L3C, L3CSettings

FOLDER = Path(__file__).parents[1] / "data" / "release"
NAMES: dict[str, str] = {"l3c": "L3C", "rgb": "RGB", "rgb_shared": "RGB Shared"}
SEED = 24


def outputs(kind: str) -> dict[str, Any]:
    """What the release's network gives for its image, by name."""
    return dict(np.load(FOLDER / f"original_{kind}_outputs.npz"))


def gradients(kind: str) -> dict[str, tuple[float, float]]:
    """Norm and sum of the gradient of the training loss in bpsp, by the release's key."""
    with (FOLDER / "original_gradients.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == NAMES[kind] and row["sum"]]
    return {row["key"]: (float(row["norm"]), float(row["sum"])) for row in rows}


def keys(kind: str) -> dict[str, str]:
    """The release's key -> ours, of the parameters that both have."""
    with (FOLDER / "original_keys.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == NAMES[kind]]
    return {row["key"]: row["our_key"] for row in rows if not row["our_key"].startswith("<")}


def network(kind: str, scales: int = 3) -> L3C:
    """The paper's network with the formula's weights."""
    made = L3C(L3CSettings(kind=kind, scales=scales))
    shapes = {name: tuple(value.shape) for name, value in made.named_parameters()}
    weights = {
        ours: torch.from_numpy(_weights(theirs, shapes[ours], kind).astype(np.float32))
        for theirs, ours in keys(kind).items()
    }
    made.load_state_dict(weights)
    return made


def _weights(key: str, shape: tuple[int, ...], kind: str) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(key.encode()) ^ SEED)
    i = random.randint(-7, 8, size=shape).astype(np.float64)
    if key.endswith("lin.bias"):
        return _last_bias(i)
    if key.endswith("bias"):
        return i / 128
    if key.endswith("lin.weight"):
        gains = (1, 24, 0.3, 1) if _coupled(shape) else (1, 0.25, 0.3)
        gain = np.repeat(gains, shape[0] // len(gains)).reshape(-1, 1, 1, 1)
    elif re.search(r"body\.\d\.body\.2\.|to_q\.0", key):
        gain = np.float64(0.35)
    elif "body.8" in key:
        gain = np.float64(0.5)
    elif key.endswith("dec.head.weight") and kind != "l3c":
        gain = np.float64(1 / 64)
    else:
        gain = np.float64(1)
    fan_in = math.prod(shape[1:])
    return i / 8 * np.exp2(np.round(np.log2(gain / (0.54 * math.sqrt(fan_in)))))


def _coupled(shape: tuple[int, ...]) -> bool:
    return shape[0] == 120


def _last_bias(i: np.ndarray) -> np.ndarray:
    rgb = _coupled(i.shape)
    i = i.reshape(-1, 3 if rgb else 5, 10)
    c, k = np.mgrid[: i.shape[1], :10]
    means = 20 + 24 * k - 64 * c if rgb else (2 * k - 9) / 16
    groups = [i[0] / 8, means, i[2] / 8 + (3 if rgb else -2), *([i[3] / 8 - 1] if rgb else [])]
    return np.stack(groups).reshape(-1)
