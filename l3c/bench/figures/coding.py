"""Encoding and decoding step by step, with a photograph's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from matplotlib.ticker import MaxNLocator

from coder.tables import FREQUENCY_BITS
from l3c.bench.figures import style
from l3c.bench.figures.pictures import MULTIPLE, Photographs
from l3c.bench.figures.pixel import SubPixel, inspect_pixel
from l3c.bench.figures.registry import figure
from l3c.bench.measure.crops import cut

if TYPE_CHECKING:  # imports PyTorch, which other figures do without
    from l3c.models.pyramid_codec import PyramidCodec
    from l3c.models.tile_codec import RGB, TileCodec

_BYTES = 6  # of a stream that are written out
_WIDTH = 2.7  # inches of a column


@figure(photographs=True)
def encoding(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Encoding step by step.

    A photograph as it is encoded (L3C Fig. A3), from left to right, coarsest scale first: the
    symbols of a scale, of z those of its first channel; the probabilities of the framed symbol and
    the components of their mixture, uniform at the coarsest scale, then made by a predictor D from
    the scales on the left. Below, the streams that the range coder writes, to scale, with the first
    bytes of the long ones.

    Args:
        codec: of a model; the figure is a note if it has no scales.
        photographs: the first one is shown.
        label: of the model.
    """
    return _columns(codec, photographs, label, decoding=False)


@figure(photographs=True)
def decoding(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Decoding step by step.

    The same photograph as it is decoded (L3C Fig. A4), from left to right: what a decoder expects
    of a scale, the means of the mixtures that a predictor D makes of the scales on the left; the
    cumulative distribution of the framed symbol, in which the range coder finds the interval that
    its bytes lie in; and the symbols of the scale, all decoded.

    Args:
        codec: of a model; the figure is a note if it has no scales.
        photographs: the first one is shown.
        label: of the model.
    """
    return _columns(codec, photographs, label, decoding=True)


def expectations(codec: PyramidCodec, image: RGB) -> list[Any]:
    """Means of the mixtures of x, z^(1), ..., z^(S - 1), in symbols, (C, H, W) each.

    Those of G and B are given the means of the channels before.
    """
    import torch

    from l3c.nn.mixture import couple

    with torch.inference_mode():
        planes = codec.symbols(image)
        means = [torch.full(plane.shape[1:], torch.nan) for plane in planes[:-1]]
        for step, predicted in codec.predictions(planes):
            s = step.s - 1
            for target, params in predicted:
                mixture = codec.network.split(s, codec.reals(s, params))
                weights, mean = torch.softmax(mixture.logits, -1), mixture.mu
                for _ in range(mean.shape[-2] - 1 if mixture.lam is not None else 0):
                    before = (weights * mean).sum(-1, keepdim=True)
                    mean = couple(mixture.mu, mixture.lam, before)
                expected = (weights * mean).sum(-1)[0].permute(2, 0, 1)
                target.select(means[s]).copy_(expected)
    return [each.numpy() for each in means]


def _columns(codec: TileCodec, photographs: Photographs, label: str, decoding: bool) -> Figure:
    """A column for each scale, coarsest first."""
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.models.tile_codec import UnsupportedError

    try:
        pyramid = as_pyramid_codec(codec)
    except UnsupportedError:
        return style.nothing(f"{label} has no scales")
    name, image = photographs[0][0], cut(photographs[0][1], MULTIPLE)
    planes = [plane[0].numpy() for plane in pyramid.symbols(image)]
    expected = expectations(pyramid, image) if decoding else []
    streams = dict.fromkeys(pyramid.stream_parts, b"")
    for part, stream in zip(pyramid.stream_parts, pyramid.encode(image), strict=True):
        streams[part] += stream
    top, side = len(planes) - 1, _WIDTH * image.shape[0] / image.shape[1]
    heights = [side + 0.3, 1.6, side + 0.3 if decoding else 1.1]
    drawn = style.new_figure((top + 1) * (_WIDTH + 0.35), sum(heights) + 0.8)
    grid = drawn.add_gridspec(3, top + 1, height_ratios=heights)
    last: Axes | None = None
    for column, s in enumerate(range(top, -1, -1)):
        shape, plane = pyramid.network.shape(s), planes[s]
        # Odd, since interlaced networks have even pixels from the scale before.
        row, place = (min(length // 2 | 1, length - 1) for length in plane.shape[1:])
        pixel = inspect_pixel(pyramid, image, row, place, s)[0]
        above, middle = (drawn.add_subplot(grid[i, column]) for i in range(2))
        symbols, part = style.scale_label(f"z{s}" if s else "x"), f"z{s}" if s else "x"
        if decoding:
            guess = np.full(plane.shape, (shape.levels - 1) / 2) if s == top else expected[s]
            _show(above, guess, shape.levels)
            above.set_title(f"{symbols}: expected", fontsize=10)
            below = drawn.add_subplot(grid[2, column])
            _show(below, plane, shape.levels)
            below.set_title(f"{symbols}: from {len(streams[part]):,} bytes", fontsize=10)
            _frame(below, row, place)
            _cumulative(middle, pixel)
            if last:
                _lead(last, above, f"$D^{{({s + 1})}}$")
            _lead(middle, below, "")
            last = below
        else:
            _show(above, plane, shape.levels)
            above.set_title(f"{symbols}: {' × '.join(map(str, plane.shape))}", fontsize=10)
            _probabilities(middle, pixel)
            if last:
                _lead(last, middle, f"$D^{{({s + 1})}}$")
            last = above
        _frame(above, row, place)
    if not decoding:
        _file(drawn.add_subplot(grid[2, :]), streams)
    title = f"{name}, {image.shape[1]} × {image.shape[0]}, {'decoded' if decoding else 'encoded'}"
    drawn.suptitle(f"{title} by {label}", fontsize=11, x=0.01, ha="left")
    return drawn


def _show(axes: Axes, plane: Any, levels: int) -> None:
    """A scale that is an image in its colours, otherwise the first channel of z."""
    if len(plane) == 3:
        style.show(axes, np.clip(plane.transpose(1, 2, 0) / (levels - 1), 0, 1))
    else:
        look = {"cmap": style.VALUE_MAP, "vmin": 0, "vmax": levels - 1, "interpolation": "nearest"}
        style.show(axes, plane[0], **look)


def _frame(axes: Axes, row: int, column: int) -> None:
    """Marks a symbol; at least 3 % of the picture are framed."""
    left, right = axes.get_xlim()
    side = max(1.0, 0.03 * (right - left))
    corner = (column - side / 2, row - side / 2)
    axes.add_patch(Rectangle(corner, side, side, fill=False, ec=style.LEARNED, lw=1.6))


def _window(axes: Axes, pixel: SubPixel) -> None:
    """Limits around almost all of the probability and the symbol."""
    first, last = np.searchsorted(pixel.cdf, np.array([0.002, 0.998]) * pixel.cdf[-1])
    left, right = min(first - 1, pixel.symbol), max(last, pixel.symbol)
    margin = 0.15 * (right - left) + 2
    axes.set_xlim(max(left - margin, -0.5), min(right + margin, len(pixel.pmf) - 0.5))
    axes.set_xlabel("symbol", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    style.quiet_axis(axes, "y")


def _probabilities(axes: Axes, pixel: SubPixel) -> None:
    color = style.pale(style.CLASSICAL)
    bars = axes.bar(range(len(pixel.pmf)), pixel.pmf, 1, color=color, linewidth=0)
    bars[pixel.symbol].set_color(style.LEARNED)
    for part in pixel.components:
        edges = np.arange(len(pixel.cdf)) - 0.5
        axes.stairs(part, edges, baseline=None, color=style.INK, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.15 * pixel.pmf.max())
    axes.set_title(_of(pixel, f"{pixel.bits:.2f} bits"), fontsize=9, fontweight="normal")
    _window(axes, pixel)


def _cumulative(axes: Axes, pixel: SubPixel) -> None:
    low, high = pixel.interval
    axes.axhspan(low, high, color=style.LEARNED, alpha=0.35, linewidth=0)
    edges = np.arange(len(pixel.cdf))  # the step at v is the interval of v
    axes.stairs(pixel.cdf[1:], edges, baseline=None, color=style.CLASSICAL, linewidth=1.2)
    axes.plot([pixel.symbol] * 2, [low, high], color=style.LEARNED, linewidth=2.4)
    half = FREQUENCY_BITS - 1
    axes.set_ylim(0, 2 << half)
    axes.set_yticks([0, 1 << half, 2 << half], ["0", f"$2^{{{half}}}$", f"$2^{{{half + 1}}}$"])
    axes.set_title(_of(pixel, f"{low:,} to {high:,}"), fontsize=9, fontweight="normal")
    _window(axes, pixel)


def _of(pixel: SubPixel, text: str) -> str:
    name = pixel.name if pixel.name.isalpha() else f"channel {pixel.name}"
    return f"{name}, symbol {pixel.symbol}:\n{text}"


def _lead(start: Axes, end: Axes, text: str) -> None:
    """An arrow to the left side of another panel, with a text; without one to the panel below."""
    figure = start.get_figure(root=True)
    assert figure is not None
    places = ((1.01, 0.5), (-0.02, 0.5)) if text else ((0.5, -0.22), (0.5, 1.13))
    look = {"arrowstyle": "-|>", "color": style.QUIET, "lw": 1.4, "mutation_scale": 14}
    line = ConnectionPatch(
        *places, "axes fraction", "axes fraction", axesA=start, axesB=end, **look
    )
    line.set_in_layout(False)
    figure.add_artist(line)
    if text:
        start.annotate(text, (1.03, 0.56), xycoords="axes fraction", fontsize=10)


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
