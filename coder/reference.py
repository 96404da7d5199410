"""The coder in plain Python, to read and to test against: the compiled one gives the same bytes.

Python's integers cannot overflow, so this is also the specification: mixture_cdf.h and
range_coder.h compute the same numbers in 32 and 64 bits.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from coder import tables as grid
from coder.leb128 import join, split
from coder.shape import MixtureShape, lane_count

TOTAL = 1 << grid.FREQUENCY_BITS
WORD = 1 << 32
STATE = 1 << 64


class RangeEncoder:
    """One lane; `low` is the whole binary fraction so far, so that carries need no thought."""

    def __init__(self) -> None:
        self.low = 0
        self.range = STATE - 1
        self.words = 0  # words of 32 bits that `low` has before its last 64 bits

    def encode(self, start: int, end: int) -> None:
        """Narrows the interval to the part [start, end) / 2^24 of it."""
        unit = self.range >> grid.FREQUENCY_BITS
        self.low += unit * start
        self.range = self.range - unit * start if end == TOTAL else unit * (end - start)
        if self.range < WORD:
            self.low *= WORD
            self.range *= WORD
            self.words += 1

    def finish(self) -> bytes:
        """The fewest bytes that, followed by zeros, lie in the interval."""
        for size in range(8):
            multiple = 1 << (64 - 8 * size)
            value = -(-self.low // multiple) * multiple
            if value - self.low < self.range:
                break
        return value.to_bytes(4 * self.words + 8, "big").rstrip(b"\0")


class RangeDecoder:
    """One lane; bytes beyond the end are zeros."""

    def __init__(self, data: bytes) -> None:
        self.bytes = itertools.chain(data, itertools.repeat(0))
        self.range = STATE - 1
        self.code = self._word() * WORD + self._word()

    def _word(self) -> int:
        return int.from_bytes(bytes(itertools.islice(self.bytes, 4)), "big")

    def target(self) -> int:
        """Where the next symbol lies, in 0..2^24 - 1."""
        return min(self.code // (self.range >> grid.FREQUENCY_BITS), TOTAL - 1)

    def consume(self, start: int, end: int) -> None:
        """Takes the symbol with start <= target < end out of the state."""
        unit = self.range >> grid.FREQUENCY_BITS
        self.code -= unit * start
        self.range = self.range - unit * start if end == TOTAL else unit * (end - start)
        if self.range < WORD:
            self.code = (self.code * WORD + self._word()) % STATE
            self.range *= WORD


class Mixture:
    """The CDF of one symbol, from its parameters on the grids.

    Args:
        logits, mu, log_sigma: K integers each; mu already shifted by lambda times the channels
            before.
        levels: L.
    """

    def __init__(self, logits: list[int], mu: list[int], log_sigma: list[int], levels: int) -> None:
        made = grid.tables()
        first = grid.LOG_SIGMA_MIN << grid.LOG_SIGMA_BITS
        last = grid.LOG_SIGMA_MAX << grid.LOG_SIGMA_BITS
        index = [min(max(s, first), last) - first for s in log_sigma]
        self.inverse, self.reach = made.scales[index].T.tolist()
        self.mu = mu
        top = max(logits)
        self.weights = [int(made.exp[min(top - v, grid.EXP_ENTRIES - 1)]) for v in logits]
        self.normalizer = ((TOTAL - levels) << 24) // sum(self.weights)
        self.levels = levels

    def cdf(self, v: int) -> int:
        """CDF at the lower edge of symbol v, 0..L."""
        if v in (0, self.levels):
            return TOTAL if v else 0
        edge = (v << grid.MU_BITS) - (1 << (grid.MU_BITS - 1))
        total = 0
        for weight, mu, inverse, reach in zip(
            self.weights, self.mu, self.inverse, self.reach, strict=True
        ):
            difference = min(max(edge - mu, -reach), reach)
            total += weight * sigmoid((difference * inverse) >> grid.MU_BITS)
        return (((total >> 16) * self.normalizer) >> 32) + v


def sigmoid(t: int) -> int:
    """2^24 / (1 + exp(-t / 2^16)), linear between the entries of the table."""
    table = grid.tables().sigmoid
    entry, part = divmod(
        t + (grid.SIGMOID_REACH << grid.ARGUMENT_BITS), 1 << grid.SIGMOID_STEP_BITS
    )
    low = int(table[entry])
    return low + (((int(table[entry + 1]) - low) * part) >> grid.SIGMOID_STEP_BITS)


class Pixel:
    """One pixel's parameters on the grids, and the mixtures of its channels one after another.

    Args:
        parameters: float32 or int32 (P,), see `MixtureShape`.
        shape: what the pixel holds.
    """

    def __init__(self, parameters: npt.NDArray[np.generic], shape: MixtureShape) -> None:
        self.shape = shape
        bits, low, high = grid.parameter_grids(shape)
        if parameters.dtype == np.float32:  # ties go to even
            scaled = np.clip(parameters.astype(np.float64) * 2.0**bits, low, high)
            whole = np.rint(scaled).astype(np.int64)
        else:
            whole = np.clip(parameters.astype(np.int64), low, high)
        rows, c = whole.reshape(-1, shape.mixtures).tolist(), shape.channels
        self.logits, self.mu, self.log_sigma = rows[:c], rows[c : 2 * c], rows[2 * c : 3 * c]
        self.lam = rows[3 * c :]

    def mixture(self, channel: int, before: list[int]) -> Mixture:
        """The mixture of a channel, given the symbols of the channels before it."""
        mu = list(self.mu[channel])
        if self.shape.coupled:
            first = channel * (channel - 1) // 2
            for row, x in enumerate(before, first):
                for k, raw in enumerate(self.lam[row]):
                    lam = sigmoid(raw * 16) >> 12 if self.shape.sigmoid else raw
                    mu[k] += (lam * x) >> (grid.LAMBDA_BITS - grid.MU_BITS)
        return Mixture(self.logits[channel], mu, self.log_sigma[channel], self.shape.levels)


def encode_mixture(
    symbols: npt.NDArray[np.integer], parameters: npt.NDArray[np.generic], shape: MixtureShape
) -> bytes:
    """See `coder.range_coder.encode_mixture`."""
    if not len(symbols):
        return b""
    lanes = [RangeEncoder() for _ in range(lane_count(len(symbols)))]
    for p, values in enumerate(symbols.tolist()):
        pixel = Pixel(parameters[p], shape)
        for c, v in enumerate(values):
            mixture = pixel.mixture(c, values[:c])
            lanes[p % len(lanes)].encode(mixture.cdf(v), mixture.cdf(v + 1))
    return join([lane.finish() for lane in lanes])


def decode_mixture(
    data: bytes, parameters: npt.NDArray[np.generic], shape: MixtureShape
) -> npt.NDArray[np.uint16]:
    """See `coder.range_coder.decode_mixture`; takes whole streams only."""
    symbols = np.zeros((len(parameters), shape.channels), np.uint16)
    if not len(symbols):
        return symbols
    starts = split(data, lane_count(len(symbols)))
    lanes = [RangeDecoder(data[start:end]) for start, end in itertools.pairwise(starts)]
    for p in range(len(symbols)):
        pixel = Pixel(parameters[p], shape)
        lane = lanes[p % len(lanes)]
        values: list[int] = []
        for c in range(shape.channels):
            mixture, target = pixel.mixture(c, values), lane.target()
            low, high = 0, shape.levels  # cdf(low) <= target < cdf(high)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if mixture.cdf(middle) <= target else (low, middle)
            lane.consume(mixture.cdf(low), mixture.cdf(low + 1))
            values.append(low)
        symbols[p] = values
    return symbols


def encode(symbols: npt.NDArray[np.integer], cdf: npt.NDArray[np.integer]) -> bytes:
    """See `coder.range_coder.encode`, one CDF a symbol."""
    if not len(symbols):
        return b""
    lanes = [RangeEncoder() for _ in range(lane_count(len(symbols)))]
    for i, v in enumerate(symbols.tolist()):
        lanes[i % len(lanes)].encode(int(cdf[i, v]), int(cdf[i, v + 1]))
    return join([lane.finish() for lane in lanes])
