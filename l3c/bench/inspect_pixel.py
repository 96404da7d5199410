"""One pixel as it is coded: its mixture, its CDF, and the interval that its symbol takes.

What stands here is what the coder does: the CDFs are its integers, and the interval of a symbol is
the one that the range coder narrows to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from coder.range_coder import mixture_cdf
from coder.tables import FREQUENCY_BITS
from l3c.models.pyramid_codec import PyramidCodec, parameters
from l3c.models.tile_codec import RGB
from l3c.nn.mixture import couple
from l3c.nn.steps import CodingStep, PixelGroup

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SubPixel:
    """One channel of a pixel.

    Attributes:
        channel: from 0.
        symbol: that the image has there.
        weights, means, sigmas: of the mixture given the channels before, (K,), in symbols.
        cdf: integers (L + 1,), strictly increasing from 0 to 2^24.
    """

    channel: int
    symbol: int
    weights: Reals
    means: Reals
    sigmas: Reals
    cdf: npt.NDArray[np.int64]

    @property
    def interval(self) -> tuple[int, int]:
        """Where the symbol begins in 0..2^24, and where the next one does."""
        return int(self.cdf[self.symbol]), int(self.cdf[self.symbol + 1])

    @property
    def pmf(self) -> Reals:
        """Probability of each symbol, (L,), of sum 1."""
        mass: Reals = np.diff(self.cdf) / 2.0**FREQUENCY_BITS
        return mass

    @property
    def parts(self) -> Reals:
        """Share of each component in the probabilities, (K, L), before they become integers."""
        edges = np.arange(1, len(self.cdf) - 1) - 0.5
        standard = (edges - self.means[:, None]) / self.sigmas[:, None]
        logistic = 0.5 * (1 + np.tanh(standard / 2))
        mass: Reals = np.diff(logistic, axis=1, prepend=0.0, append=1.0)
        return self.weights[:, None] * mass

    @property
    def bits(self) -> float:
        """What the symbol costs."""
        low, high = self.interval
        return FREQUENCY_BITS - math.log2(high - low)


@dataclass(frozen=True)
class Pixel:
    """A pixel of z^(s), as it is coded.

    Attributes:
        s: 0 for the image.
        row, column: of z^(s).
        step: in which it is predicted.
        target: the pixels that are predicted like it.
        channels: in the order of coding; each knows the ones before.
    """

    s: int
    row: int
    column: int
    step: CodingStep
    target: PixelGroup
    channels: tuple[SubPixel, ...]

    @property
    def bits(self) -> float:
        """Of all channels together."""
        return sum(channel.bits for channel in self.channels)


@torch.inference_mode()
def inspect_pixel(codec: PyramidCodec, image: RGB, row: int, column: int, s: int = 0) -> Pixel:
    """The pixel of z^(s) at a row and a column.

    Args:
        codec: of a model of any kind.
        image: uint8 (H, W, 3), coded as one tile.
        row: of z^(s), from 0.
        column: of z^(s), from 0.
        s: 0 for the image, up to S - 1: the coarsest scale has no mixtures.

    Raises:
        ValueError: there is no such pixel; the message says how many there are.
    """
    scales = codec.network.scales
    if not 0 <= s < scales:
        raise ValueError(f"s must be in 0..{scales - 1}, got {s}: z^({scales}) has no mixtures")
    planes = codec.symbols(image)
    height, width = planes[s].shape[2:]
    if not (0 <= row < height and 0 <= column < width):
        raise ValueError(
            f"no pixel at row {row}, column {column}: z^({s}) has {height} rows, {width} columns"
        )
    for step, predicted in codec.predictions(planes):
        for target, raw in predicted:
            if step.s - 1 == s and _holds(target, row, column):
                i, j = (row - target.row) // target.step, (column - target.column) // target.step
                symbols = planes[s][0, :, row, column]
                channels = _channels(codec, s, raw[:, :, i : i + 1, j : j + 1], symbols)
                return Pixel(s, row, column, step, target, channels)
    raise AssertionError("the steps cover every pixel")


def _holds(target: PixelGroup, row: int, column: int) -> bool:
    return row % target.step == target.row and column % target.step == target.column


def _channels(
    codec: PyramidCodec, s: int, raw: torch.Tensor, symbols: torch.Tensor
) -> tuple[SubPixel, ...]:
    shape = codec.network.shape(s)
    coded = parameters([raw[0].cpu()])
    before = symbols.cpu().numpy()[None]
    mixture = codec.network.split(s, codec.reals(s, raw))
    means = mixture.mu
    if mixture.lam is not None:
        means = couple(mixture.mu, mixture.lam, symbols.view(1, 1, 1, -1, 1).float())
    weights = torch.softmax(mixture.logits.double(), dim=-1)
    sigmas = torch.exp(mixture.log_sigma.double())
    return tuple(
        SubPixel(
            c,
            int(symbols[c]),
            weights[0, 0, 0, c].cpu().numpy(),
            means[0, 0, 0, c].double().cpu().numpy(),
            sigmas[0, 0, 0, c].cpu().numpy(),
            mixture_cdf(coded, shape, c, before)[0].astype(np.int64),
        )
        for c in range(shape.channels)
    )


@dataclass(frozen=True)
class ScaleCost:
    """What the file spends on z^(s).

    Attributes:
        s: 0 for the image.
        height, width, channels, levels: of z^(s).
        bits: of all its symbols, by their probabilities.
        num_bytes: of its streams.
    """

    s: int
    height: int
    width: int
    channels: int
    levels: int
    bits: float
    num_bytes: int


def scale_costs(codec: PyramidCodec, image: RGB) -> list[ScaleCost]:
    """Bits beside bytes of x, z^(1), ..., z^(S).

    Args:
        codec: of a model of any kind.
        image: uint8 (H, W, 3), coded as one tile.
    """
    num_bytes = [0] * (codec.network.scales + 1)
    scales = [codec.network.scales, *(step.s - 1 for step in codec.network.steps)]
    for s, stream in zip(scales, codec.encode(image), strict=True):
        num_bytes[s] += len(stream)
    return [
        ScaleCost(
            s,
            plane.shape[1],
            plane.shape[2],
            plane.shape[0],
            codec.network.shape(s).levels,
            float(plane.sum()),
            num_bytes[s],
        )
        for s, plane in enumerate(codec.symbol_bits(image).values())
    ]
