"""An integer path beside the float weights of its model, in the same file.

The tensors of the path have the prefix "integer."; the card gets its identity, which files coded
with it carry, and the largest partial sums that were proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.integer.conversion import convert
from l3c.integer.path import IntegerPath
from l3c.model.network import Network
from l3c.training import files

PREFIX = "integer."
IMAGES = 24  # to calibrate on, and
CROP = 128  # the side of what is taken of each, from its middle

_TYPES = (torch.int8, torch.int16, torch.int32)


def add_integer_path(
    network: Network,
    card: Mapping[str, Any],
    images: Mapping[str, npt.NDArray[np.uint8]],
    target: Path,
) -> None:
    """Converts a network and writes it, with its integer path, as a model file and its card.

    Args:
        network: trained.
        card: of the network.
        images: name -> uint8 (H, W, 3), those of the training; some are calibrated on.
        target: path of the `.safetensors` file.

    Raises:
        BoundError: the network cannot be converted.
        ValueError: no image is large enough.
    """
    names = sorted(images)
    chosen = [names[i * len(names) // IMAGES] for i in range(IMAGES)]
    crops = [_middle(images[name]) for name in dict.fromkeys(chosen)]
    path = convert(network, crops)
    write(target, network.state_dict(), path)
    changed = {
        "integer_identity": path.identity().hex(),
        "integer": {
            "largest_partial_sum": path.check(),
            "calibrated_on": list(dict.fromkeys(chosen)),
        },
    }
    files.write_json(target.with_suffix(".json"), dict(card) | changed)


def write(target: Path, weights: Mapping[str, Tensor], path: IntegerPath) -> str:
    """Writes a model file; returns the SHA-256 of its bytes."""
    integers = {PREFIX + name: compact(value) for name, value in path.state_dict().items()}
    files.write_weights(target, dict(weights) | integers)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def split(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The float weights and the integers of a model file, the latter without their prefix.

    Raises:
        RuntimeError: integers that are of another type.
    """
    integers = {}
    for name, value in tensors.items():
        if name.startswith(PREFIX):
            if value.dtype not in _TYPES:
                raise RuntimeError(f"{name} is {value.dtype}, not an integer of up to 32 bits")
            integers[name.removeprefix(PREFIX)] = value.int()
    return {k: v for k, v in tensors.items() if not k.startswith(PREFIX)}, integers


def load(network: Network, integers: Mapping[str, Tensor]) -> IntegerPath:
    """The integer path of a network from the tensors of its file, checked.

    Raises:
        BoundError: it cannot be exact.
        RuntimeError: tensors that are not those of such a network.
    """
    path = IntegerPath(network.settings, [network.shape(s) for s in range(network.scales + 1)])
    path.load_state_dict(integers)
    path.check()
    return path


def compact(values: Tensor) -> Tensor:
    """The same integers in the shortest of int8, int16 and int32 that holds them."""
    low, high = int(values.min()), int(values.max())
    for dtype in _TYPES:
        limits = torch.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return values.to(dtype)
    raise ValueError(f"integers from {low} to {high} do not fit 32 bits")


def _middle(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    top, left = (max(0, (side - CROP) // 2) for side in image.shape[:2])
    return image[top : top + CROP, left : left + CROP]
