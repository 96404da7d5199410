"""One pixel as it is coded: its mixture, its CDF, and the interval that its symbol takes.

The CDFs are the coder's integers, and the interval of a symbol is the one that the range coder
narrows to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from coder.range_coder import mixture_cdf
from coder.tables import FREQUENCY_BITS
from l3c.models.pyramid_codec import PyramidCodec, parameters
from l3c.models.tile_codec import RGB
from l3c.nn.mixture import couple

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SubPixel:
    """One channel of a pixel.

    Attributes:
        name: "R", "G", "B" in the image; elsewhere the channel's number, from 1.
        symbol: its value.
        weights, means, sigmas: of the mixture given the channels before, (K,), in symbols.
        cdf: integers (L + 1,), strictly increasing from 0 to 2^24.
    """

    name: str
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
    def components(self) -> Reals:
        """Share of each component in the probabilities, (K, L), before they become integers."""
        edges = np.arange(1, len(self.cdf) - 1) - 0.5
        standard = (edges - self.means[:, None]) / self.sigmas[:, None]
        logistic = 0.5 * (1 + np.tanh(standard / 2))
        mass: Reals = np.diff(logistic, axis=1, prepend=0.0, append=1.0)
        return self.weights[:, None] * mass

    @property
    def bits(self) -> float:
        """Bits of the symbol."""
        low, high = self.interval
        return FREQUENCY_BITS - math.log2(high - low)


@torch.inference_mode()
def inspect_pixel(
    codec: PyramidCodec, image: RGB, row: int, column: int, s: int = 0
) -> list[SubPixel]:
    """The channels of the pixel of z^(s) at a row and a column, each given the ones before.

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
        for group, mixture_params in predicted:
            i, out_i = divmod(row - group.row, group.step)
            j, out_j = divmod(column - group.column, group.step)
            if (step.s - 1, out_i, out_j) == (s, 0, 0):
                here = mixture_params[:, :, i : i + 1, j : j + 1]
                return _channels(codec, s, here, planes[s][0, :, row, column])
    raise AssertionError("the steps cover every pixel")


def _channels(
    codec: PyramidCodec, s: int, mixture_params: torch.Tensor, symbols: torch.Tensor
) -> list[SubPixel]:
    shape = codec.network.shape(s)
    coded = parameters([mixture_params[0].cpu()])
    mixture = codec.network.split(s, codec.reals(s, mixture_params))
    means = mixture.mu
    if mixture.lam is not None:
        means = couple(mixture.mu, mixture.lam, symbols.view(1, 1, 1, -1, 1).float())
    weights = torch.softmax(mixture.logits.double(), dim=-1)
    sigmas = torch.exp(mixture.log_sigma.double())
    by_channel = [each[0, 0, 0].double().cpu().numpy() for each in (weights, means, sigmas)]
    before = symbols.cpu().numpy()[None]
    cdfs = [mixture_cdf(coded, shape, c, before)[0].astype(np.int64) for c in range(len(symbols))]
    names = "RGB" if s == 0 else map(str, range(1, len(symbols) + 1))
    return list(map(SubPixel, names, symbols.tolist(), *by_channel, cdfs))


def scale_costs(codec: PyramidCodec, image: RGB) -> pd.DataFrame:
    """Bits beside bytes of x, z^(1), ..., z^(S).

    Args:
        codec: of a model of any kind.
        image: uint8 (H, W, 3), coded as one tile.

    Returns:
        A line for each s: height, width, channels, levels; bits of all symbols by their
        probabilities, num_bytes of the streams.
    """
    scales = [codec.network.scales, *(step.s - 1 for step in codec.network.steps)]
    lengths = pd.Series([len(stream) for stream in codec.encode(image)])
    bits = list(codec.symbol_bits(image).values())
    shapes = [plane.shape for plane in bits]
    table = pd.DataFrame(shapes, columns=["channels", "height", "width"]).rename_axis("s")
    levels = [codec.network.shape(s).levels for s in table.index]
    num_bytes = lengths.groupby(scales).sum()
    return table.assign(levels=levels, bits=[plane.sum() for plane in bits], num_bytes=num_bytes)
