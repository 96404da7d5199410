"""One pixel as it is coded: its mixture, its CDF, and the interval that its symbol takes.

The CDFs are the coder's integers, and the interval of a symbol is the one that the range coder
narrows to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from coder.range_coder import mixture_cdf
from coder.tables import FREQUENCY_BITS

if TYPE_CHECKING:  # imports PyTorch, which other figures do without
    from l3c.models.pyramid_codec import PyramidCodec
    from l3c.models.tile_codec import RGB

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SubPixel:
    """One channel of a pixel.

    Attributes:
        name: "R", "G", "B" in the image; elsewhere the channel's number, from 1.
        symbol: its value.
        weights, means, sigmas: of the mixture given the channels before, (K,), in symbols; K = 0
            where all symbols are equally likely.
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
        return -math.log2(self.pmf[self.symbol])


def inspect_pixel(
    codec: PyramidCodec, image: RGB, row: int, column: int, s: int = 0
) -> list[SubPixel]:
    """The channels of the pixel of z^(s) at a row and a column, each given the ones before.

    Args:
        codec: of a model with scales.
        image: uint8 (H, W, 3), coded as one tile.
        row: of z^(s), from 0.
        column: of z^(s), from 0.
        s: 0 for the image, up to S; symbols of the coarsest scale are uniform, without a mixture.

    Raises:
        ValueError: there is no such pixel; the message says how many there are.
    """
    import torch

    from l3c.models.pyramid_codec import parameters
    from l3c.nn.mixture import couple

    scales = codec.network.scales
    if not 0 <= s <= scales:
        raise ValueError(f"s must be in 0..{scales}, got {s}: there is no z^({s})")
    with torch.inference_mode():
        planes = codec.symbols(image)
        height, width = planes[s].shape[2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"no pixel at row {row}, column {column}: z^({s}) has {height} x {width}"
            )
        shape, symbols = codec.network.shape(s), planes[s][0, :, row, column]
        names = [*"RGB"] if s == 0 else [str(c + 1) for c in range(len(symbols))]
        if s == scales:
            none = np.zeros(0)
            cdf = (np.arange(shape.levels + 1) << FREQUENCY_BITS) // shape.levels
            known = zip(names, symbols.tolist(), strict=True)
            return [SubPixel(*each, none, none, none, cdf) for each in known]
        for step, predicted in codec.predictions(planes):
            for group, params in predicted:
                i, out_i = divmod(row - group.row, group.step)
                j, out_j = divmod(column - group.column, group.step)
                if (step.s - 1, out_i, out_j) == (s, 0, 0):
                    here = params[:, :, i : i + 1, j : j + 1]
        mixture = codec.network.split(s, codec.reals(s, here))
        means = mixture.mu
        if mixture.lam is not None:
            means = couple(mixture.mu, mixture.lam, symbols.view(1, 1, 1, -1, 1).float())
        weights = torch.softmax(mixture.logits.double(), dim=-1)
        sigmas = torch.exp(mixture.log_sigma.double())
    by_channel = [each[0, 0, 0].double().cpu().numpy() for each in (weights, means, sigmas)]
    coded, before = parameters([here[0].cpu()]), symbols.cpu().numpy()[None]
    cdfs = [mixture_cdf(coded, shape, c, before)[0].astype(np.int64) for c in range(len(symbols))]
    return list(map(SubPixel, names, symbols.tolist(), *by_channel, cdfs))
