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

    scales = codec.model.scales
    if not 0 <= s <= scales:
        raise ValueError(f"s must be in 0..{scales}, got {s}: there is no z^({s})")
    with torch.inference_mode():
        planes = codec.symbols(image)
        height, width = planes[s].shape[2:]
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(
                f"no pixel at row {row}, column {column}: z^({s}) has {height} x {width}"
            )
        shape, symbols = codec.model.shapes[s], planes[s][0, :, row, column]
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


@figure(photographs=True)
def coding(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Coding step by step.

    A photograph as it is coded (L3C Figs. A3 and A4), from left to right, coarsest scale first: the
    symbols of a scale, of z those of its first channel; the probabilities of the framed symbol and
    the components of their mixture, uniform at the coarsest scale, then made by a predictor D from
    the scales on the left; the cumulative distribution, whose interval at the symbol the encoder
    writes and the decoder finds in its bytes. Below, the streams of the range coder, to scale, with
    the first bytes of the long ones.

    Args:
        codec: of a model; the figure is a note if it has no scales.
        photographs: the first one is shown.
        label: of the model.
    """
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.models.tile_codec import UnsupportedError

    try:
        pyramid = as_pyramid_codec(codec)
    except UnsupportedError:
        return style.nothing(f"{label} has no scales")
    name, image = photographs[0][0], cut(photographs[0][1], MULTIPLE)
    planes = [plane[0].numpy() for plane in pyramid.symbols(image)]
    streams = dict.fromkeys(pyramid.stream_parts, b"")
    for part, stream in zip(pyramid.stream_parts, pyramid.encode(image), strict=True):
        streams[part] += stream
    top, heights = len(planes) - 1, [_WIDTH * image.shape[0] / image.shape[1] + 0.3, 1.6, 1.6, 1.1]
    drawn = style.new_figure((top + 1) * (_WIDTH + 0.35), sum(heights) + 1)
    grid = drawn.add_gridspec(4, top + 1, height_ratios=heights)
    last: Axes | None = None
    for column, s in enumerate(range(top, -1, -1)):
        plane, levels = planes[s], pyramid.model.shapes[s].levels
        # Odd, since interlaced networks have even pixels from the scale before.
        row, place = (min(length // 2 | 1, length - 1) for length in plane.shape[1:])
        pixel = inspect_pixel(pyramid, image, row, place, s)[0]
        symbols, probabilities, cumulative = (drawn.add_subplot(grid[i, column]) for i in range(3))
        if len(plane) == 3:
            style.show(symbols, plane.transpose(1, 2, 0) / (levels - 1))
        else:
            style.show(symbols, plane[0], cmap=style.VALUE_MAP, vmin=0, vmax=levels - 1)
        scale = style.scale_label(f"z{s}" if s else "x")
        symbols.set_title(f"{scale}: {' × '.join(map(str, plane.shape))}", fontsize=10)
        side = max(1.0, 0.03 * plane.shape[2])  # at least 3 % of the picture are framed
        corner = (place - side / 2, row - side / 2)
        symbols.add_patch(Rectangle(corner, side, side, fill=False, ec=style.LEARNED, lw=1.6))
        _probabilities(probabilities, pixel)
        _cumulative(cumulative, pixel)
        if last:  # an arrow from the scale on the left to what its predictor makes of it
            arrow = {"arrowstyle": "-|>", "color": style.QUIET, "lw": 1.4}
            where = {"xycoords": "axes fraction", "textcoords": last.transAxes}
            lead = f"$D^{{({s + 1})}}$", (0.0, 0.9), (1.03, 0.5)
            probabilities.annotate(*lead, **where, arrowprops=arrow).set_in_layout(False)
        last = symbols
    _file(drawn.add_subplot(grid[3, :]), streams)
    title = f"{name}, {image.shape[1]} × {image.shape[0]}, coded by {label}"
    drawn.suptitle(title, fontsize=11, x=0.01, ha="left")
    return drawn


def _window(axes: Axes, pixel: SubPixel, text: str) -> None:
    """Limits around almost all of the probability and the symbol."""
    first, last = np.searchsorted(pixel.cdf, np.array([0.002, 0.998]) * pixel.cdf[-1])
    left, right = min(first - 1, pixel.symbol), max(last, pixel.symbol)
    margin = 0.15 * (right - left) + 2
    axes.set_xlim(max(left - margin, -0.5), min(right + margin, len(pixel.pmf) - 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_title(text, fontsize=9, fontweight="normal")
    style.quiet_axis(axes, "y")


def _probabilities(axes: Axes, pixel: SubPixel) -> None:
    color = style.pale(style.CLASSICAL)
    bars = axes.bar(range(len(pixel.pmf)), pixel.pmf, 1, color=color, linewidth=0)
    bars[pixel.symbol].set_color(style.LEARNED)
    for part in pixel.components:
        edges = np.arange(len(pixel.cdf)) - 0.5
        axes.stairs(part, edges, baseline=None, color=style.INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.15 * pixel.pmf.max())
    name = pixel.name if pixel.name.isalpha() else f"channel {pixel.name}"
    _window(axes, pixel, f"{name}, symbol {pixel.symbol}:\n{pixel.bits:.2f} bits")


def _cumulative(axes: Axes, pixel: SubPixel) -> None:
    low, high = pixel.interval
    axes.axhspan(low, high, color=style.LEARNED, alpha=0.35, linewidth=0)
    edges = np.arange(len(pixel.cdf))  # the step at v is the interval of v
    axes.stairs(pixel.cdf[1:], edges, baseline=None, color=style.CLASSICAL, linewidth=1.2)
    axes.plot([pixel.symbol] * 2, [low, high], color=style.LEARNED, linewidth=2.4)
    half = FREQUENCY_BITS - 1
    axes.set_ylim(0, 2 << half)
    axes.set_yticks([0, 1 << half, 2 << half], ["0", f"$2^{{{half}}}$", f"$2^{{{half + 1}}}$"])
    axes.set_xlabel("symbol", fontsize=9)
    _window(axes, pixel, f"{low:,} to {high:,}")


def _file(axes: Axes, streams: dict[str, bytes]) -> None:
    """The streams one after another, to scale."""
    total, start = sum(map(len, streams.values())), 0
    for number, (part, stream) in enumerate(streams.items()):
        color = style.pale(style.CLASSICAL if number % 2 else style.LEARNED)
        axes.barh(0, len(stream), left=start, height=1, color=color, ec="white")
        text = f"{style.scale_label(part)}: {len(stream):,} bytes"
        if len(stream) > 0.2 * total:
            text += "\n" + " ".join(f"{byte:02x}" for byte in stream[:_BYTES]) + " …"
        short = len(stream) < 0.12 * total
        place = (start + (0 if short else len(stream) / 2), -0.85 - 0.5 * number if short else 0)
        axes.text(*place, text, ha="left" if short else "center", va="center", fontsize=9)
        start += len(stream)
    axes.set(xlim=(0, total), ylim=(-2.2, 0.5))
    axes.axis("off")
    axes.set_title(f"{total:,} bytes", fontsize=10)
