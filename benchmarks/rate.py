"""What integer arithmetic and lanes cost in size, against the float model's cross-entropy."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.data import Sample
from coder import encode_mixture
from coder.shape import lane_count

_Floats = npt.NDArray[np.float64]
_CHUNK = 8192  # pixels at a time


class RateCost(NamedTuple):
    """Sizes in bits; the two costs in percent.

    cross_entropy: of the float64 model. coded: the stream. one_lane: the stream, had it one lane.
    cost: of coded over cross_entropy. lanes_cost: of coded over one_lane.
    """

    symbols: int
    lanes: int
    cross_entropy: float
    coded: int
    one_lane: int

    @property
    def cost(self) -> float:
        return 100 * (self.coded / self.cross_entropy - 1)

    @property
    def lanes_cost(self) -> float:
        return 100 * (self.coded / self.one_lane - 1)


def rate_cost(sample: Sample) -> RateCost:
    """Codes a sample and compares."""
    given = sample.symbols, sample.parameters, sample.shape, 1
    return RateCost(
        symbols=sample.symbols.size,
        lanes=lane_count(len(sample.symbols)),
        cross_entropy=cross_entropy(sample),
        coded=8 * len(encode_mixture(*given)),
        one_lane=8 * len(encode_mixture(*given, lanes=1)),
    )


def cross_entropy(sample: Sample) -> float:
    """Bits of the symbols under the mixtures as the network means them, in float64."""
    total = 0.0
    for start in range(0, len(sample.symbols), _CHUNK):
        part = slice(start, start + _CHUNK)
        total += _cross_entropy(sample.symbols[part], sample.parameters[part], sample)
    return total


def _cross_entropy(symbols: npt.NDArray[Any], parameters: npt.NDArray[Any], of: Sample) -> float:
    shape, pixels = of.shape, len(symbols)
    c, k = shape.channels, shape.mixtures
    split = parameters[:, : 3 * c * k].astype(np.float64).reshape(pixels, 3, c, k)
    lam = parameters[:, 3 * c * k :].astype(np.float64).reshape(pixels, -1, k)
    if shape.sigmoid:
        lam = _sigmoid(lam)
    logits, mu, log_sigma = (split[:, i].copy() for i in range(3))
    x = symbols.astype(np.float64)[..., None]
    row = 0
    for channel in range(c if shape.coupled else 0):
        for before in range(channel):
            mu[:, channel] += lam[:, row] * x[:, before]
            row += 1
    log_pi = logits - logits.max(-1, keepdims=True)
    pi = np.exp(log_pi) / np.exp(log_pi).sum(-1, keepdims=True)
    sigma = np.exp(np.maximum(log_sigma, -7))
    low = np.where(x == 0, -np.inf, (x - 0.5 - mu) / sigma)
    high = np.where(x == shape.levels - 1, np.inf, (x + 0.5 - mu) / sigma)
    # sigmoid(high) - sigmoid(low), on the side where neither is close to one
    flip = low + high > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    probability = (pi * (_sigmoid(high) - _sigmoid(low))).sum(-1)
    return float(-np.log2(np.maximum(probability, 1e-300)).sum())


def _sigmoid(t: _Floats) -> _Floats:
    small = np.exp(-np.abs(t))  # never overflows
    return np.asarray(np.where(t < 0, small, 1.0) / (1 + small))
