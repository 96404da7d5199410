"""The causal codec: a small integer network predicts each pixel from those before it (CAUSAL.md).

    network = CausalNetwork(layers)          # checks that no sum can leave 32 bits
    payload = encode_tile(pixels, network)   # uint8 (H, W, 3) -> bytes
    pixels = decode_tile(payload, network, height, width)

NumPy and C only. The bytes depend on nothing but the pixels and the network's integers.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coder import _causal
from coder._causal import sha256 as sha256
from coder.errors import CorruptStreamError
from coder.leb128 import join
from coder.range_coder import split_lanes
from coder.shape import lane_count
from coder.tables import (
    FREQUENCY_BITS,
    LAMBDA_BITS,
    LOG_SIGMA_BITS,
    LOG_SIGMA_MAX,
    LOG_SIGMA_MIN,
    LOGIT_BITS,
    MU_BITS,
)

Array = npt.NDArray[np.generic]

INPUTS = 86
CHANNELS = 3
MAX_LAYERS = 8
MAX_WIDTH = 512
MAX_LANES = 16
MIXTURES = (1, 2, 4, 8)
GROUP = 16  # outputs are computed so many together
INPUT_LIMIT = 255  # no input of the first layer is larger
VARIANTS = ("portable", "sse2", "avx2", "avx512", "neon")
SLOPE = 3
SUM_LIMIT = 2**31 - 1
GRID_BITS = (LOGIT_BITS, MU_BITS, LOG_SIGMA_BITS, LAMBDA_BITS)  # in the order of the outputs
BIAS_BITS = 6
LEAST_PIXELS = 2048  # of a tile that a bias is fitted to
SAMPLE = 2560  # pixels that it is fitted on, for each component of the mixtures


class WeightError(ValueError):
    """Weights that the engine does not take: of a wrong shape, or with sums beyond 32 bits."""


@dataclass(frozen=True)
class Layer:
    """y = (bias + weights x) >> shift, rounded by the half that the bias holds.

    Hidden layers end in units: max(y, y >> 3), at most `top`.

    Args:
        weights: int16 (outputs, inputs).
        bias: int32 (outputs,), with 2^(shift - 1) added.
        shift: int32 (outputs,), 1..24; all alike in a hidden layer.
        top: 1..32767; of the last layer unused.
    """

    weights: npt.NDArray[np.int16]
    bias: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    top: int = 32767


class CausalNetwork:
    """Weights that have passed all checks, ready for the engine.

    Args:
        layers: the hidden ones, then the last one of 12 K outputs: logits, means, log sigma (3, K)
            each, and lambda (3, K): of R for G, of R for B, of G for B.

    Raises:
        WeightError: naming the layer and what is wrong with it.
    """

    def __init__(self, layers: list[Layer]) -> None:
        if not 1 <= len(layers) <= MAX_LAYERS:
            raise WeightError(f"a network has 1..{MAX_LAYERS} layers, got {len(layers)}")
        self.layers = layers
        outputs = layers[-1].weights.shape[0]
        self.mixtures = outputs // 12
        if outputs % 12 or self.mixtures not in MIXTURES:
            raise WeightError(f"the last layer has 12 times {MIXTURES} outputs, got {outputs}")
        inputs, limit = INPUTS, INPUT_LIMIT
        self.largest_sums = []
        packed = []
        for i, layer in enumerate(layers):
            last = i + 1 == len(layers)
            _check_layer(layer, inputs, last, f"layer {i}")
            sums = largest_sum(layer, limit)
            if sums > SUM_LIMIT:
                raise WeightError(f"layer {i}: a sum could reach {sums}, beyond {SUM_LIMIT}")
            self.largest_sums.append(sums)
            packed.append(_pack(layer))
            inputs, limit = layer.weights.shape[0], max(layer.top, 2 ** (15 - SLOPE))
        self.engine = _causal.Network(packed, self.mixtures)

    def to_arrays(self) -> dict[str, Array]:
        """All integers by name, for a file of arrays."""
        arrays: dict[str, Array] = {}
        for i, layer in enumerate(self.layers):
            for field in ("weights", "bias", "shift"):
                arrays[f"layer{i}.{field}"] = getattr(layer, field)
            arrays[f"layer{i}.top"] = np.array([layer.top], np.int32)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> CausalNetwork:
        """Inverse of `to_arrays`, for arrays from anywhere.

        Raises:
            WeightError: other names, or what the constructor refuses.
        """
        count = len(arrays) // 4
        names = {f"layer{i}.{f}" for i in range(count) for f in ("weights", "bias", "shift", "top")}
        if set(arrays) != names or any(arrays[f"layer{i}.top"].shape != (1,) for i in range(count)):
            raise WeightError(f"a causal network does not consist of {sorted(arrays)[:4]} ..")
        layers = []
        for i in range(count):
            weights, bias, shift, top = (
                arrays[f"layer{i}.{field}"] for field in ("weights", "bias", "shift", "top")
            )
            layers.append(Layer(weights, bias, shift, int(top[0])))  # type: ignore[arg-type]
        return cls(layers)


def largest_sum(layer: Layer, limit: int) -> int:
    """Bound of |bias + any partial sum| where no input exceeds `limit` in magnitude."""
    weights = np.abs(layer.weights.astype(np.int64)).sum(1)
    return int((weights * limit + np.abs(layer.bias.astype(np.int64))).max())


def _check_layer(layer: Layer, inputs: int, last: bool, name: str) -> None:
    outputs = layer.weights.shape[0] if layer.weights.ndim == 2 else 0
    wanted = {
        "weights": (np.int16, (outputs, inputs)),
        "bias": (np.int32, (outputs,)),
        "shift": (np.int32, (outputs,)),
    }
    for field, (dtype, shape) in wanted.items():
        array = getattr(layer, field)
        if array.dtype != dtype or array.shape != shape:
            raise WeightError(
                f"{name}: {field} must be {np.dtype(dtype)} {shape}, got {array.dtype}"
                f" {array.shape}"
            )
    if not 1 <= outputs <= MAX_WIDTH or (not last and outputs % GROUP):
        raise WeightError(f"{name}: {outputs} outputs; hidden layers have a multiple of {GROUP}")
    if layer.shift.min() < 1 or layer.shift.max() > 24:
        raise WeightError(f"{name}: shifts are 1..24")
    if not last and (layer.shift != layer.shift[0]).any():
        raise WeightError(f"{name}: a hidden layer has one shift")
    if not 1 <= layer.top <= 32767:
        raise WeightError(f"{name}: top is 1..32767, got {layer.top}")


def _pack(layer: Layer) -> tuple[Array, Array, Array, int, int, int]:
    """As causal.h wants it: outputs in groups of 16, inputs in pairs."""
    outputs, inputs = layer.weights.shape
    padded = -(-outputs // GROUP) * GROUP
    weights = np.zeros((padded, inputs), np.int16)
    weights[:outputs] = layer.weights
    bias, shift = np.zeros(padded, np.int32), np.ones(padded, np.int32)
    bias[:outputs], shift[:outputs] = layer.bias, layer.shift
    groups = weights.reshape(padded // GROUP, GROUP, inputs // 2, 2).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(groups).reshape(-1), bias, shift, inputs, padded, layer.top


def no_bias(network: CausalNetwork) -> npt.NDArray[np.int8]:
    """The bias that leaves a tile's predictions as they are."""
    return np.zeros(12 * network.mixtures, np.int8)


def fit_bias(pixels: npt.NDArray[np.uint8], network: CausalNetwork) -> npt.NDArray[np.int8]:
    """What to add to the network's outputs, so that a sample of the tile's pixels costs least.

    Every machine finds the same: the float arithmetic behind it is IEEE 754's, in a fixed order.

    Returns:
        int8 (12 K,), in units of 2^-6; zeros where sending it would not pay.
    """
    count = pixels.shape[0] * pixels.shape[1]
    each = 12 * network.mixtures
    if count < LEAST_PIXELS:
        return no_bias(network)
    places = _scattered(count, min(count, SAMPLE * network.mixtures))
    outputs, med = np.empty((len(places), each), np.int32), np.empty((len(places), 3), np.int16)
    x = np.empty((len(places), 3), np.uint8)
    work = np.empty(2 * each * _causal.FIT_BLOCK, np.float32)
    network.engine.sample(np.ascontiguousarray(pixels), places, outputs, med, x)
    bias = no_bias(network)
    # a fit gains half a nat for each parameter by chance, and loses as much elsewhere
    saved = _causal.fit(outputs, med, x, work, bias) - each / math.log(2)
    return bias if saved / len(places) * count > 8 * each else no_bias(network)


def _on_grids(bias: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """A bias on the coder's grids."""
    bits = np.repeat(np.subtract(GRID_BITS, BIAS_BITS), len(bias) // len(GRID_BITS))
    return bias.astype(np.int32) << bits.astype(np.int32)


def _scattered(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Numbers below `count`, all different, any first ones spread evenly and without a period."""
    stride = max(1, int(count * 0.6180339887))
    while math.gcd(stride, count) > 1:
        stride += 1
    return np.arange(wanted, dtype=np.int64) * stride % count


def lanes_of(height: int, width: int) -> int:
    """Number of lanes of a tile: a power of two, not more than pixels in the longest step."""
    longest = min(height, -(-width // 4))
    return min(lane_count(height * width), MAX_LANES, 1 << (longest.bit_length() - 1))


def encode_tile(
    pixels: npt.NDArray[np.uint8],
    network: CausalNetwork,
    bias: npt.NDArray[np.int8] | None = None,
) -> bytes:
    """Codes a tile: its bias, the lengths of all lanes but the last, the lanes.

    Args:
        pixels: uint8 (H, W, 3), at least one pixel.
        network: what predicts.
        bias: see `fit_bias`, which finds it by default.

    Raises:
        ValueError: not such an array.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"pixels must be uint8 (H, W, 3), got {pixels.dtype} {pixels.shape}")
    if bias is None:
        bias = fit_bias(pixels, network)
    height, width, _ = pixels.shape
    lanes = lanes_of(height, width)
    longest = height * width // lanes + width + 4 * height  # at most: each step ends in lane 0
    # A mapping of its own: most of it stays untouched and takes no memory, in no huge page either.
    room = (lanes, 12 * longest + 16)
    out = np.frombuffer(mmap.mmap(-1, math.prod(room)), np.uint8).reshape(room)
    sizes = np.empty(lanes, np.uintp)
    network.engine.encode(np.ascontiguousarray(pixels), _on_grids(bias), lanes, out, sizes)
    head = b"\1" + bias.tobytes() if bias.any() else b"\0"
    return head + join([lane[:size].tobytes() for lane, size in zip(out, sizes, strict=True)])


def decode_tile(
    payload: bytes, network: CausalNetwork, height: int, width: int
) -> npt.NDArray[np.uint8]:
    """Inverse of `encode_tile`. Altered bytes give wrong pixels or an error: add a checksum.

    Raises:
        CorruptStreamError: the bias or the lengths of the lanes do not fit the payload.
    """
    if height < 1 or width < 1:
        raise ValueError(f"a tile has at least one pixel, got {height} x {width}")
    if payload[:1] not in (b"\0", b"\1"):
        raise CorruptStreamError("a payload starts with 0 or 1")
    bias, end = no_bias(network), 1
    if payload[0]:
        end += len(bias)
        if len(payload) < end:
            raise CorruptStreamError(f"{len(payload)} bytes, but {end} of bias")
        bias = np.frombuffer(payload[1:end], np.int8)
    lanes = lanes_of(height, width)
    body, offsets = split_lanes(payload[end:], lanes)
    pixels = np.empty((height, width, 3), np.uint8)
    network.engine.decode(body, offsets, _on_grids(bias), lanes, pixels)
    return pixels


def parameters(
    pixels: npt.NDArray[np.uint8],
    network: CausalNetwork,
    bias: npt.NDArray[np.int8] | None = None,
) -> npt.NDArray[np.int32]:
    """Mixture parameters on the coder's grids, int32 (pixels, 12 K), in the order of coding."""
    bias = no_bias(network) if bias is None else bias
    out = np.empty((pixels.shape[0] * pixels.shape[1], 12 * network.mixtures), np.int32)
    network.engine.parameters(np.ascontiguousarray(pixels), _on_grids(bias), out)
    return out


def pixel_bits(
    pixels: npt.NDArray[np.uint8], network: CausalNetwork, bias: npt.NDArray[np.int8] | None = None
) -> npt.NDArray[np.float64]:
    """Cross-entropy of each sub-pixel in bits, float64 (H, W, 3), with the coder's probabilities.

    They are computed in floating point: close to those of the integer CDFs, not equal.
    """
    height, width, _ = pixels.shape
    y, x = np.divmod(np.arange(height * width), width)
    order = np.lexsort((y, x + 4 * y))
    bits = np.empty((height * width, 3))
    coded, found = pixels.reshape(-1, 3)[order].astype(np.int64), parameters(pixels, network, bias)
    for start in range(0, len(order), 1 << 15):
        block = slice(start, start + (1 << 15))
        bits[order[block]] = _bits(found[block].astype(np.int64), coded[block])
    return bits.reshape(height, width, 3)


def _bits(parameters: npt.NDArray[np.int64], x: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    logits, mean, log_sigma, lam = np.split(parameters.reshape(len(x), 12, -1), 4, axis=1)
    drop = LAMBDA_BITS - MU_BITS
    mean[:, 1] += (lam[:, 0] * x[:, :1]) >> drop
    mean[:, 2] += ((lam[:, 1] * x[:, :1]) >> drop) + ((lam[:, 2] * x[:, 1:2]) >> drop)
    weights = np.exp((logits - logits.max(2, keepdims=True)) / 2**LOGIT_BITS)
    sigma = np.exp(np.clip(log_sigma / 2**LOG_SIGMA_BITS, LOG_SIGMA_MIN, LOG_SIGMA_MAX))
    distance = x[:, :, None] - mean / 2**MU_BITS

    def cdf(edge: float, open_end: int, value: float) -> npt.NDArray[np.float64]:
        below = 0.5 + 0.5 * np.tanh((distance + edge) / (2 * sigma))
        return np.where(x[:, :, None] == open_end, value, below)

    p = (weights * (cdf(0.5, 255, 1.0) - cdf(-0.5, 0, 0.0))).sum(2) / weights.sum(2)
    least = 2.0**-FREQUENCY_BITS  # which every symbol keeps (CDF.md, Sec. 4)
    bits: npt.NDArray[np.float64] = -np.log2((1 - 256 * least) * p + least)
    return bits


def use_variant(name: str | None = None) -> str:
    """The instruction set in use; a name asks for it first, where the processor has it."""
    return VARIANTS[_causal.use_variant(-1 if name is None else VARIANTS.index(name))]
