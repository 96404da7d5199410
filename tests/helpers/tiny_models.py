"""Untrained networks of a few thousand weights, and what they are asked to code."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from l3c.integer.network import IntegerNetwork
from l3c.models import base
from l3c.models.causal import CausalCodec
from l3c.models.causal_network import Causal, CausalSettings
from l3c.models.pyramid import PyramidModel
from l3c.models.tile_codec import TileCodec
from l3c.recipe import Recipe
from l3c.tile_coding import Choice

KINDS: dict[str, dict[str, Any]] = {  # by name: family and settings that only it has
    "l3c": {"family": "l3c", "model": {"kind": "l3c"}},
    "rgb": {"family": "l3c", "model": {"kind": "rgb"}},
    "rgb_shared": {"family": "l3c", "model": {"kind": "rgb_shared"}},
    "interlaced": {"family": "interlaced", "model": {}},
}
STREAMS = {"l3c": 4, "rgb": 4, "rgb_shared": 4, "interlaced": 7}
SHAPE: dict[str, Any] = {
    "features": 12,
    "blocks": 1,
    "mixtures": 2,
    "dilations": [1, 2],
    "channel_coefficients": "centred",
}
START = {"parametrization": "unit", "initialization": "pyramid"}


def recipe(kind: str = "l3c", **settings: Any) -> Recipe:
    of_kind = KINDS[kind]
    start = START if of_kind["family"] == "l3c" else {}
    model = SHAPE | start | of_kind["model"] | settings
    return Recipe(name="tiny", family=of_kind["family"], model=model)


def untrained(kind: str = "l3c", seed: int = 0, **settings: Any) -> PyramidModel:
    """As a training starts with it."""
    model = recipe(kind, **settings).make_model()
    assert isinstance(model, PyramidModel)
    model.initialize(seed)
    return model


def tiny(kind: str = "l3c", seed: int = 0) -> PyramidModel:
    return stir(untrained(kind, seed), seed)


@torch.no_grad()
def stir(network: PyramidModel, seed: int) -> PyramidModel:
    """Some noise in the decoder path: as it starts, a small one has many weights of 0."""
    generator = torch.Generator().manual_seed(seed)
    for part in (network.predictors, network.classifiers):
        for parameter in part.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    return network


@functools.cache
def integers(kind: str = "l3c", seed: int = 0) -> dict[str, torch.Tensor]:
    """Of `tiny(kind, seed)`, as its file holds them."""
    return tiny(kind, seed).to_integers([smooth(64, 64), smooth(40, 24)])


@functools.cache
def integer_network(kind: str = "l3c", seed: int = 0) -> IntegerNetwork:
    """Of `tiny(kind, seed)`; not to be changed or prepared."""
    return IntegerNetwork.load(tiny(kind, seed), integers(kind, seed))


def write_model(folder: Path, kind: str = "l3c", seed: int = 0, name: str = "model") -> Path:
    """`tiny(kind, seed)` as files: the path of its weights, the card beside it."""
    card = {"name": name, "recipe": recipe(kind).model_dump(mode="json")}
    target = folder / f"{name}.safetensors"
    return base.write_model(target, tiny(kind, seed), integers(kind, seed), card).weights


@functools.cache
def tiny_causal(seed: int = 0) -> CausalCodec:
    """An untrained codec of the causal family."""
    model = Causal(CausalSettings(width=16, hidden=2, mixtures=2))
    model.initialize(seed)
    return model.codec("cpu", model.to_integers([smooth(64, 64), smooth(40, 24)]))


def limit(samples: NDArray[Any], codec: TileCodec, choice: Choice) -> float:
    """In the place of `tile_coding._limit`, since an untrained network would code nothing.

    The fallback is tried on what is flat.
    """
    return 0 if (samples == samples[0, 0]).all() else float("inf")


def noise(*shape: int, dtype: type[np.unsignedinteger] = np.uint8) -> NDArray[np.unsignedinteger]:
    rng = np.random.default_rng(int(np.prod(shape)))
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    """A gradient with a little noise: what a photograph is to a coder."""
    ramp = np.linspace(0, 220, height)[:, None, None] + np.linspace(0, 30, width)[None, :, None]
    texture = np.random.default_rng(0).normal(0, 4, (height, width, channels))
    return (ramp + texture).clip(0, 255).astype(np.uint8)
