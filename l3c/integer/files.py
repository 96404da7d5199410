"""Integers of a network as tensors of its model's file: their names, types and loading."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from l3c.integer.network import IntegerNetwork
from l3c.nn.pyramid import PyramidNetwork

_TYPES = (torch.int8, torch.int16, torch.int32)


def dump(integers: IntegerNetwork) -> dict[str, Tensor]:
    """Every tensor, in the shortest type that holds it."""
    return {name: compact(value) for name, value in integers.state_dict().items()}


def load(network: PyramidNetwork, tensors: Mapping[str, Tensor]) -> IntegerNetwork:
    """The integers of a network from the tensors of its file, checked.

    Raises:
        BoundError: they cannot be exact.
        RuntimeError: tensors that are not those of such a network.
    """
    for name, value in tensors.items():
        if value.dtype not in _TYPES:
            raise RuntimeError(f"{name} is {value.dtype}, not an integer of up to 32 bits")
    integers = IntegerNetwork(network)
    integers.load_state_dict({name: value.int() for name, value in tensors.items()})
    integers.check()
    return integers


def compact(values: Tensor) -> Tensor:
    """The same integers in the shortest of int8, int16 and int32 that holds them."""
    low, high = int(values.min()), int(values.max())
    for dtype in _TYPES:
        limits = torch.iinfo(dtype)
        if limits.min <= low and high <= limits.max:
            return values.to(dtype)
    raise ValueError(f"integers from {low} to {high} do not fit 32 bits")
