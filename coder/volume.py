"""Volumes of symbols, coded by a masked 3D network in integers (VOLUME.md): CPM's context model.

    network = VolumeNetwork(first, layers)          # checks that no sum can leave 32 bits
    payload = encode_volume(symbols, network)       # uint8 (C, H, W) -> bytes
    symbols = decode_volume(payload, network, (channels, height, width))

NumPy and C only. The bytes depend on nothing but the symbols and the network's integers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coder import _volume
from coder.errors import CorruptStreamError
from coder.tables import LOGIT_BITS, tables

Symbols = npt.NDArray[np.uint8]

TAPS = tuple(itertools.product((-1, 0), (-1, 0, 1), (-1, 0, 1)))[:14]
"""Channel, row and column of each open tap; the first layer has all but the last."""
HIDDEN = 3
MAX_FEATURES = 64
MAX_LEVELS = 16
GROUP = 8  # features are computed so many together, and outputs of the last layer MAX_LEVELS
TOP = 16383  # largest magnitude of a unit
SUM_LIMIT = 2**31 - 1
MAX_SHIFT = 24


class WeightError(ValueError):
    """Weights that the engine does not take: of a wrong shape, or with sums beyond 32 bits."""


@dataclass(frozen=True)
class Layer:
    """y = (bias + weights x) >> shift, rounded by the half that the bias holds.

    Args:
        weights: integers (outputs, 14, features), int16; of the first layer int32 (outputs, 13,
            levels): what each symbol at a tap adds.
        bias: int32 (outputs,), with 2^(shift - 1) added.
        shift: int32 (outputs,), 1..24.
    """

    weights: npt.NDArray[np.int16] | npt.NDArray[np.int32]
    bias: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]


class VolumeNetwork:
    """Weights that have passed all checks, ready for the engine.

    Args:
        layers: four: symbols -> units u0 = clip(y, 0, TOP); u1 = clip(y, 0, TOP); u2 = clip(y + u0,
            -TOP, TOP); logits max(y, 0) in units of 1 / 64.

    Raises:
        WeightError: naming the layer and what is wrong with it.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if len(layers) != HIDDEN + 1 or layers[0].weights.ndim != HIDDEN:
            raise WeightError(f"a network has {HIDDEN + 1} layers of weights of 3 dimensions")
        self.layers = list(layers)
        self.features, _, self.levels = layers[0].weights.shape
        if not (0 < self.features <= MAX_FEATURES and 1 < self.levels <= MAX_LEVELS):
            raise WeightError(f"{self.features} features and {self.levels} levels are not coded")
        self.largest_sums = [self._check(i, layer) for i, layer in enumerate(layers)]
        self.engine = self._pack()

    def _check(self, i: int, layer: Layer) -> int:
        """The bound of the magnitude of any partial sum of a layer."""
        outputs = self.levels if i == HIDDEN else self.features
        shape = (outputs, len(TAPS), self.features) if i else layer.weights.shape
        kinds = [each.dtype.name for each in (layer.weights, layer.bias, layer.shift)]
        if kinds != ["int16" if i else "int32", "int32", "int32"]:
            raise WeightError(f"layer {i}: wrong types {kinds}")
        if layer.weights.shape != shape or shape[1] != len(TAPS) - (not i):
            raise WeightError(f"layer {i}: weights of shape {layer.weights.shape}, not {shape}")
        if layer.bias.shape != (outputs,) or layer.shift.shape != (outputs,):
            raise WeightError(f"layer {i}: a bias and a shift for each of {outputs} outputs")
        if layer.shift.min() < 1 or layer.shift.max() > MAX_SHIFT:
            raise WeightError(f"layer {i}: shifts must be in 1..{MAX_SHIFT}")
        largest = int(largest_sums(layer.weights, layer.bias).max())
        if largest > SUM_LIMIT:
            raise WeightError(f"layer {i}: a sum could reach {largest}, beyond {SUM_LIMIT}")
        return largest

    def _pack(self) -> _volume.Network:
        """The engine's order, with zeros for features and outputs that do not exist."""
        features = -(-self.features // GROUP) * GROUP
        packed, biases, shifts = [], [], []
        for i, layer in enumerate(self.layers):
            outputs = MAX_LEVELS if i == HIDDEN else features
            more = outputs - len(layer.bias)
            biases.append(np.pad(layer.bias, (0, more)))
            shifts.append(np.pad(layer.shift, (0, more), constant_values=1))
            if i:
                inputs = features - self.features
                weights = np.pad(layer.weights, ((0, more), (0, 0), (0, inputs)))
                pairs = weights.reshape(outputs, len(TAPS), features // 2, 2)
                packed.append(np.ascontiguousarray(pairs.transpose(1, 2, 0, 3)).ravel())
        table = self.layers[0].weights.transpose(1, 2, 0).astype(np.int32)
        first = np.ascontiguousarray(np.pad(table, ((0, 0), (0, 0), (0, features - self.features))))
        return _volume.Network(first, packed, biases, shifts, TOP, tables().exp)

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """All integers by name, for a file of arrays."""
        fields = ("weights", "bias", "shift")
        return {
            f"layer{i}.{field}": getattr(layer, field)
            for i, layer in enumerate(self.layers)
            for field in fields
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> VolumeNetwork:
        """Inverse of `to_arrays`, for arrays from anywhere.

        Raises:
            WeightError: other names, or what the constructor refuses.
        """
        fields = ("weights", "bias", "shift")
        names = [[f"layer{i}.{field}" for field in fields] for i in range(HIDDEN + 1)]
        if set(arrays) != {name for each in names for name in each}:
            raise WeightError(f"a volume network does not consist of {sorted(arrays)[:4]} ..")
        return cls([Layer(*(arrays[name] for name in each)) for each in names])  # type: ignore[arg-type]


def largest_sums(
    weights: npt.NDArray[np.generic], bias: npt.NDArray[np.generic]
) -> npt.NDArray[np.int64]:
    """Bound of |bias + any partial sum| of each output of a layer; see `Layer`."""
    magnitude = np.abs(weights.astype(np.int64))
    first = weights.shape[1] < len(TAPS)
    sums = magnitude.max(2).sum(1) if first else magnitude.sum((1, 2)) * TOP
    found: npt.NDArray[np.int64] = sums + np.abs(bias.astype(np.int64))
    return found


def encode_volume(symbols: Symbols, network: VolumeNetwork) -> bytes:
    """The bytes of a volume.

    Args:
        symbols: uint8 (C, H, W), each below the network's levels; at least one.
        network: what predicts.

    Raises:
        ValueError: not such an array.
    """
    checked = _checked(symbols, network)
    out = np.empty(4 * checked.size + 16, np.uint8)
    return out[: network.engine.encode(checked, out)].tobytes()


def decode_volume(data: bytes, network: VolumeNetwork, shape: tuple[int, int, int]) -> Symbols:
    """Inverse of `encode_volume`: uint8 (C, H, W).

    Raises:
        CorruptStreamError: bytes that no encoder writes; most damages are found, not all.
    """
    if min(shape) < 1:
        raise ValueError(f"a volume has at least one symbol, got {shape}")
    symbols = np.empty(shape, np.uint8)
    if not network.engine.decode(bytes(data), symbols):
        raise CorruptStreamError("the bytes are not those of a volume of symbols")
    return symbols


def logits(symbols: Symbols, network: VolumeNetwork) -> npt.NDArray[np.int32]:
    """Logits in units of 1 / 64, as coding finds them: int32 (C, H, W, L)."""
    checked = _checked(symbols, network)
    out = np.empty((checked.size, network.levels), np.int32)
    network.engine.logits(checked, out)
    return out.reshape(*checked.shape, network.levels)


def symbol_bits(symbols: Symbols, network: VolumeNetwork) -> npt.NDArray[np.float64]:
    """Cross-entropy of each symbol in bits, float64 (C, H, W), with the coder's logits."""
    found = logits(symbols, network).astype(np.float64) / (1 << LOGIT_BITS)
    found -= found.max(-1, keepdims=True)
    own = np.take_along_axis(found, symbols[..., None].astype(np.int64), -1)[..., 0]
    bits: npt.NDArray[np.float64] = (np.log(np.exp(found).sum(-1)) - own) / np.log(2)
    return bits


def _checked(symbols: Symbols, network: VolumeNetwork) -> Symbols:
    if symbols.dtype != np.uint8 or symbols.ndim != 3 or not symbols.size:
        raise ValueError(f"symbols must be uint8 (C, H, W), got {symbols.dtype} {symbols.shape}")
    if symbols.max() >= network.levels:
        raise ValueError(f"symbols must be below {network.levels}, got {symbols.max()}")
    return np.ascontiguousarray(symbols)
