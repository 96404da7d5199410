"""One pixel as it is coded: its mixture, its CDF, and the interval that its symbol takes.

The CDFs are the coder's integers, and the interval of a symbol is the one that the range coder
narrows to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from coder.range_coder import mixture_cdf
from coder.tables import FREQUENCY_BITS
from l3c.bench.figures import style

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
        s: 0 for the image, up to S - 1: the coarsest scale has no mixtures.

    Raises:
        ValueError: there is no such pixel; the message says how many there are.
    """
    import torch

    from l3c.models.pyramid_codec import parameters
    from l3c.nn.mixture import couple

    scales = codec.network.scales
    if not 0 <= s < scales:
        raise ValueError(f"s must be in 0..{scales - 1}, got {s}: z^({scales}) has no mixtures")
    with torch.inference_mode():
        planes = codec.symbols(image)
        height, width = planes[s].shape[2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"no pixel at row {row}, column {column}: z^({s}) has {height} x {width}"
            )
        for step, predicted in codec.predictions(planes):
            for group, params in predicted:
                i, out_i = divmod(row - group.row, group.step)
                j, out_j = divmod(column - group.column, group.step)
                if (step.s - 1, out_i, out_j) == (s, 0, 0):
                    here = params[:, :, i : i + 1, j : j + 1]
        shape, symbols = codec.network.shape(s), planes[s][0, :, row, column]
        mixture = codec.network.split(s, codec.reals(s, here))
        means = mixture.mu
        if mixture.lam is not None:
            means = couple(mixture.mu, mixture.lam, symbols.view(1, 1, 1, -1, 1).float())
        weights = torch.softmax(mixture.logits.double(), dim=-1)
        sigmas = torch.exp(mixture.log_sigma.double())
    by_channel = [each[0, 0, 0].double().cpu().numpy() for each in (weights, means, sigmas)]
    coded, before = parameters([here[0].cpu()]), symbols.cpu().numpy()[None]
    cdfs = [mixture_cdf(coded, shape, c, before)[0].astype(np.int64) for c in range(len(symbols))]
    names = "RGB" if s == 0 else map(str, range(1, len(symbols) + 1))
    return list(map(SubPixel, names, symbols.tolist(), *by_channel, cdfs))


def draw_pixel(pixel: Sequence[SubPixel]) -> Figure:
    """A column for each channel: above the PMF with its components, below the CDF."""
    figure = style.new_figure(max(2.6 * len(pixel) + 0.8, 5.2), 5.2)
    above, below = figure.subplots(2, len(pixel), squeeze=False)
    for c, channel in enumerate(pixel):
        name = channel.name if channel.name.isalpha() else f"channel {channel.name}"
        title = f"{name} = {channel.symbol}: {channel.bits:.2f} bits"
        above[c].set_title(title, fontsize=10)
        _draw_pmf(above[c], channel)
        _draw_cdf(below[c], channel)
        # Almost all of the probability, and the symbol of the pixel.
        first, last = np.searchsorted(channel.cdf, np.array([0.002, 0.998]) * channel.cdf[-1])
        left, right = min(first - 1, channel.symbol), max(last, channel.symbol)
        margin = 0.15 * (right - left) + 2
        for axes in (above[c], below[c]):
            axes.set_xlim(max(left - margin, -0.5), min(right + margin, len(channel.pmf) - 0.5))
            style.quiet_axis(axes, "y")
    above[0].set_ylabel("probability")
    below[0].set_ylabel(f"CDF, of $2^{{{FREQUENCY_BITS}}}$")
    handles = [
        Patch(color=style.pale(style.CLASSICAL), label="mixture"),
        Line2D([], [], color=style.INK, linewidth=1, linestyle=":", label="its components"),
        Patch(color=style.LEARNED, label="the symbol of the pixel, and its interval"),
    ]
    style.legend(figure, handles)
    return figure


def _draw_pmf(axes: Axes, channel: SubPixel) -> None:
    bars = axes.bar(
        range(len(channel.pmf)), channel.pmf, 1, color=style.pale(style.CLASSICAL), linewidth=0
    )
    bars[channel.symbol].set_color(style.LEARNED)
    edges = np.arange(len(channel.cdf)) - 0.5
    for part in channel.components:
        axes.stairs(part, edges, baseline=None, color=style.INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.12 * channel.pmf.max())


def _draw_cdf(axes: Axes, channel: SubPixel) -> None:
    low, high = channel.interval
    edges = np.arange(len(channel.cdf))  # the step at v is the interval of v
    axes.axhspan(low, high, color=style.LEARNED, alpha=0.35, linewidth=0)
    axes.stairs(channel.cdf[1:], edges, baseline=None, color=style.CLASSICAL, linewidth=1.2)
    axes.plot([channel.symbol] * 2, [low, high], color=style.LEARNED, linewidth=2.4)
    half = FREQUENCY_BITS - 1
    axes.set(ylim=(0, 2 << half), xlabel="symbol")
    axes.set_yticks([0, 1 << half, 2 << half], ["0", f"$2^{{{half}}}$", f"$2^{{{half + 1}}}$"])
    axes.set_title(f"{low:,} to {high:,}", fontsize=9, fontweight="normal")
