"""Untrained networks of a few thousand weights, and what they are asked to code."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from l3c.config import Kind, ModelSettings, Recipe
from l3c.integer.conversion import convert
from l3c.integer.files import write
from l3c.integer.path import IntegerPath
from l3c.model.identity import model_identity
from l3c.model.initialization import initialize
from l3c.model.network import Network

KINDS: dict[str, tuple[Kind, bool]] = {  # by name: the kind, and whether it is interlaced
    "l3c": ("l3c", False),
    "rgb": ("rgb", False),
    "rgb_shared": ("rgb_shared", False),
    "l3c_interlaced": ("l3c", True),
    "rgb_interlaced": ("rgb", True),
    "rgb_shared_interlaced": ("rgb_shared", True),
}


def tiny(kind: str = "l3c", seed: int = 0) -> Network:
    network = Network(
        ModelSettings(
            kind=KINDS[kind][0],
            interlaced=KINDS[kind][1],
            features=12,
            blocks=1,
            mixtures=2,
            dilations=(1, 2),
            parametrization="unit",
            initialization="pyramid",
            channel_coefficients="centred",
        )
    )
    initialize(network, seed)
    return stir(network, seed)


@torch.no_grad()
def stir(network: Network, seed: int) -> Network:
    """Some noise in the decoder path: as it starts, a small one has many weights of 0."""
    generator = torch.Generator().manual_seed(seed)
    for part in (network.predictors, network.classifiers):
        for parameter in part.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    return network


@functools.cache
def integer_path(kind: str = "l3c", seed: int = 0) -> IntegerPath:
    """Of `tiny(kind, seed)`."""
    return convert(tiny(kind, seed), [smooth(64, 64), smooth(40, 24)])


def write_model(folder: Path, kind: str = "l3c", seed: int = 0, name: str = "model") -> Path:
    """`tiny(kind, seed)` as files: the path of its weights, the card beside it."""
    network, path = tiny(kind, seed), integer_path(kind, seed)
    weights = folder / f"{name}.safetensors"
    write(weights, network.state_dict(), path)
    card = {
        "name": name,
        "identity": model_identity(network).hex(),
        "integer_identity": path.identity().hex(),
        "recipe": Recipe(name="tiny", model=network.settings).model_dump(mode="json"),
    }
    weights.with_suffix(".json").write_text(json.dumps(card))
    return weights


def noise(*shape: int, dtype: type[np.unsignedinteger] = np.uint8) -> NDArray[np.unsignedinteger]:
    rng = np.random.default_rng(int(np.prod(shape)))
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """A gradient with a little noise: what a photograph is to a coder."""
    ramp = np.linspace(0, 220, height)[:, None, None] + np.linspace(0, 30, width)[None, :, None]
    texture = np.random.default_rng(0).normal(0, 4, (height, width, channels))
    return (ramp + texture).clip(0, 255).astype(np.uint8)
