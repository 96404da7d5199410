"""A pixel as it is coded: probabilities of all symbols, and the interval of the one it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from coder.tables import FREQUENCY_BITS
from l3c.bench.figures import style
from l3c.bench.inspect_pixel import SubPixel


def draw_pixel(pixel: Sequence[SubPixel]) -> Figure:
    """A column for each channel: above the PMF with its components, below the CDF."""
    count = len(pixel)
    figure = style.new_figure(max(2.6 * count + 0.8, 5.2), 5.2)
    above, below = figure.subplots(2, count, squeeze=False)
    for c, channel in enumerate(pixel):
        name = channel.name if channel.name.isalpha() else f"channel {channel.name}"
        title = f"{name} = {channel.symbol}: {channel.bits:.2f} bits"
        above[c].set_title(title, fontsize=10)
        _draw_pmf(above[c], channel)
        _draw_cdf(below[c], channel)
        for axes in (above[c], below[c]):
            axes.set_xlim(*_limits(channel))
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
    pmf = channel.pmf
    colors = np.where(np.arange(len(pmf)) == channel.symbol, style.LEARNED, "")
    pale = style.pale(style.CLASSICAL)
    axes.bar(range(len(pmf)), pmf, 1, color=[color or pale for color in colors], linewidth=0)
    edges = np.arange(len(pmf) + 1) - 0.5
    for part in channel.components:
        axes.stairs(part, edges, baseline=None, color=style.INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.12 * pmf.max())


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


def _limits(channel: SubPixel) -> tuple[float, float]:
    """Symbols to show: almost all of the probability, and the symbol of the pixel."""
    first, last = np.searchsorted(channel.cdf, np.array([0.002, 0.998]) * channel.cdf[-1])
    left, right = min(first - 1, channel.symbol), max(last, channel.symbol)
    margin = 0.15 * (right - left) + 2
    return max(left - margin, -0.5), min(right + margin, len(channel.cdf) - 1.5)
