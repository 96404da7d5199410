"""Coding step by step, with a photograph's data; one pixel with its mixture, CDF and interval.

The CDFs are the coder's integers, and the interval of a symbol is the one that the range coder
narrows to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from coder.range_coder import mixture_cdf
from coder.tables import FREQUENCY_BITS
from l3c.bench.figures import style
from l3c.bench.figures.pictures import MULTIPLE, Photographs, Reals
from l3c.bench.figures.registry import figure
from l3c.bench.measure.crops import cut

if TYPE_CHECKING:  # imports PyTorch, which other figures do without
    from l3c.models.pyramid_codec import PyramidCodec
    from l3c.models.tile_codec import RGB, TileCodec

_BYTES = 6  # of a stream that are written out
_WIDTH = 2.7  # inches of a column


@dataclass(frozen=True)
class SubPixel:
    """One channel of a pixel.

    Attributes:
        name: "R", "G", "B" of images; elsewhere the channel's number, from 1.
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
        ValueError: there is no such pixel; the message has the sizes of all scales.
    """
    import torch

    from l3c.models.pyramid_codec import parameters
    from l3c.nn.mixture import couple

    with torch.inference_mode():
        planes = codec.symbols(image)
        sizes = {number: tuple(plane.shape[2:]) for number, plane in enumerate(planes)}
        height, width = sizes.get(s, (0, 0))
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"no pixel at row {row}, column {column} of z^({s}); sizes by scale: {sizes}"
            )
        shape, symbols = codec.model.shapes[s], planes[s][0, :, row, column]
        names = codec.channel_names(codec.model.parts[s], len(symbols))
        if s == codec.model.scales:
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
        mixture = codec.mixtures(s, here)
        means = mixture.mu
        if mixture.lam is not None:
            means = couple(mixture.mu, mixture.lam, symbols.view(1, 1, 1, -1, 1).float())
        weights = torch.softmax(mixture.logits.double(), dim=-1)
        sigmas = torch.exp(mixture.log_sigma.double())
    by_channel = [each[0, 0, 0].double().cpu().numpy() for each in (weights, means, sigmas)]
    coded, before = parameters([here[0].cpu()]), symbols.cpu().numpy()[None]
    cdfs = [mixture_cdf(coded, shape, c, before)[0].astype(np.int64) for c in range(len(symbols))]
    return list(map(SubPixel, names, symbols.tolist(), *by_channel, cdfs))


@figure()
def coding(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Coding step by step.

    A photograph as it is coded (L3C Figs. A3 and A4), from left to right, coarsest scale first: the
    symbols of a scale, of z those of its first channel; the probabilities of the framed symbol and
    the components of their mixture, uniform at the coarsest scale, then made by a predictor D from
    the scales on the left; the cumulative distribution, whose interval at the symbol the encoder
    writes and the decoder finds in its bytes, of which the first and their number are below.

    Raises:
        UnsupportedError: a model without scales.
    """
    from l3c.models.pyramid_codec import as_pyramid_codec

    pyramid = as_pyramid_codec(codec)
    name, image = photographs[0][0], cut(photographs[0][1], MULTIPLE)
    planes = [plane[0].numpy() for plane in pyramid.symbols(image)]
    streams = dict.fromkeys(pyramid.stream_parts, b"")
    for part, stream in zip(pyramid.stream_parts, pyramid.encode(image), strict=True):
        streams[part] += stream
    heights = [_WIDTH * image.shape[0] / image.shape[1] + 0.3, 1.6, 1.9]
    drawn = style.new_figure(len(planes) * (_WIDTH + 0.35), sum(heights) + 1)
    grid = drawn.subplots(3, len(planes), height_ratios=heights)
    for (symbols, above, below), s in zip(grid.T, reversed(range(len(planes))), strict=True):
        plane, shape = planes[s], pyramid.model.shapes[s]
        # Odd, since interlaced networks have even pixels from the scale before.
        row, place = (min(length // 2 | 1, length - 1) for length in plane.shape[1:])
        shown = plane.transpose(1, 2, 0) / (shape.levels - 1) if len(plane) == 3 else plane[0]
        style.show(symbols, shown, cmap=style.VALUE_MAP, vmin=0, vmax=shape.levels - 1)
        part = pyramid.model.parts[s]
        scale, sizes = style.scale_label(part), " × ".join(map(str, plane.shape))
        symbols.set_title(f"{scale}: {sizes}", fontsize=10)
        side = max(1.0, 0.03 * plane.shape[2])  # at least 3 % of the picture are framed
        corner = (place - side / 2, row - side / 2)
        symbols.add_patch(Rectangle(corner, side, side, fill=False, ec=style.LEARNED, lw=1.6))
        predictor = f"$D^{{({s + 1})}}$, " if s + 1 < len(planes) else ""
        _draw_pixel(above, below, inspect_pixel(pyramid, image, row, place, s)[0], predictor)
        start = streams[part][:_BYTES].hex(" ")
        written = f"symbol\n{scale}: {len(streams[part]):,} bytes\n{start} …"
        below.set_xlabel(written, fontsize=9)
    total = sum(map(len, streams.values()))
    title = f"{name}, {image.shape[1]} × {image.shape[0]}, coded by {label} in {total:,} bytes"
    drawn.suptitle(title, fontsize=11, x=0.01, ha="left")
    return drawn


def _draw_pixel(above: Axes, below: Axes, pixel: SubPixel, predictor: str) -> None:
    """Probabilities of a symbol with their components, and the cumulative distribution."""
    edges, (low, high) = np.arange(len(pixel.cdf)), pixel.interval
    bars = above.bar(edges[:-1], pixel.pmf, 1, color=style.PALE[style.CLASSICAL], linewidth=0)
    bars[pixel.symbol].set_color(style.LEARNED)
    look = {"baseline": None, "color": style.INK, "linewidth": 1, "linestyle": ":"}
    for part in pixel.components:
        above.stairs(part, edges - 0.5, **look)
    above.set_ylim(0, 1.15 * pixel.pmf.max())
    name = pixel.name if pixel.name.isalpha() else f"channel {pixel.name}"
    text = f"{predictor}{name}, symbol {pixel.symbol}:\n{pixel.bits:.2f} bits"
    above.set_title(text, fontsize=9, fontweight="normal")
    below.axhspan(low, high, color=style.LEARNED, alpha=0.35, linewidth=0)
    # The step at v is the interval of v.
    below.stairs(pixel.cdf[1:], edges, baseline=None, color=style.CLASSICAL, linewidth=1.2)
    below.plot([pixel.symbol] * 2, [low, high], color=style.LEARNED, linewidth=2.4)
    half = FREQUENCY_BITS - 1
    below.set_ylim(0, 2 << half)
    below.set_yticks([0, 1 << half, 2 << half], ["0", f"$2^{{{half}}}$", f"$2^{{{half + 1}}}$"])
    below.set_title(f"{low:,} to {high:,}", fontsize=9, fontweight="normal")
    # Around almost all of the probability and the symbol.
    first, last = np.searchsorted(pixel.cdf, np.array([0.002, 0.998]) * pixel.cdf[-1])
    left, right = min(first - 1, pixel.symbol), max(last, pixel.symbol)
    margin = 0.15 * (right - left) + 2
    for axes in (above, below):
        axes.set_xlim(max(left - margin, -0.5), min(right + margin, len(pixel.pmf) - 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        style.quiet_axis(axes, "y")
