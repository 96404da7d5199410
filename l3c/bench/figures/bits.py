"""Bits by scale and channel of learned models as stacked bars."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame, Series

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure

# Of x, z1, z2, ...: all differ in lightness, and so in grey.
_SHADES = ("#33526e", "#d55e00", "#f0a94e", "#f5ddbf", "#1c1c1c", "#989898")
_BAR = 0.46  # height, of 1


def mean_bpsp(bits: DataFrame) -> Series[float]:
    """Bits per sub-pixel of the image by model, scale and channel, mean over the images."""
    bpsp = bits["bits"] / (3 * bits["height"] * bits["width"])
    images = bits.groupby("model")["image"].transform("nunique")
    return (bpsp / images).groupby([bits.model, bits.scale, bits.channel], sort=False).sum()


@figure()
def bits(bits: DataFrame, labels: Mapping[str, str] = MappingProxyType({})) -> Figure:
    """Bits by scale and channel.

    Cross-entropy in bits per sub-pixel of the image by scale and channel, mean over images
    (their middle, at most 768 pixels a side) of the first data set that a model was measured on. x
    is coded as R, G given R, B given both; channels of L3C's bottlenecks are numbered, the
    scales of RGB, RGB Shared and interlaced networks are smaller images with colours; the coarsest
    scale is uniform.

    Args:
        bits: rows of one data set; none give a figure that says so.
        labels: key of a model -> its name.
    """
    if bits.empty:
        return style.nothing("no measured model tells the bits of its symbols")
    means = mean_bpsp(bits)
    totals = means.groupby(level="model", sort=False).sum()
    drawn = style.new_figure(8.6, 1.15 + 0.78 * len(totals))
    axes = drawn.subplots()
    count = bits["image"].nunique()
    axes.set_title(f"{bits['dataset'].iloc[0]}, mean of {style.counted(count, 'image')}")
    axes.set_xlabel("cross-entropy in bits per sub-pixel (less is better)")
    axes.set_xlim(0, 1.25 * totals.max())
    axes.set_ylim(len(totals) - 0.62, -0.62)
    names = [labels.get(model, model) for model in totals.index]
    axes.set_yticks(range(len(totals)), names, fontweight="bold")
    style.quiet_axis(axes, "x")
    axes.spines["left"].set_visible(False)
    scales = bits["scale"].unique()
    handles = [Patch(color=_shade(i), label=style.scale_label(s)) for i, s in enumerate(scales)]
    style.legend(drawn, handles)
    for position, (model, total) in enumerate(totals.items()):
        _draw_bar(axes, position, means[model])
        look = {"textcoords": "offset points", "va": "center", "fontweight": "bold"}
        axes.annotate(f"{total:.2f}", (total, position), (5, 0), **look)
    return drawn


def _shade(index: int) -> str:
    return _SHADES[min(index, len(_SHADES) - 1)]


def _draw_bar(axes: Axes, position: int, means: Series[float]) -> None:
    """The bar, the names of the channels that have room, and above it what each scale costs.

    A cost that does not stand above its part has a line to it.
    """
    inch = axes.get_xlim()[1] / 6.9  # bits in an inch of the axes, about
    top, left, end = position - _BAR / 2, 0.0, 0.0
    for i, (scale, channels) in enumerate(means.groupby(level="scale", sort=False)):
        start, color = left, _shade(i)
        ink = "white" if sum(to_rgb(color)) < 1.6 else style.INK
        for channel, bpsp in channels[scale].items():
            axes.barh(position, bpsp, _BAR, left, color=color, edgecolor="white", linewidth=0.4)
            if channels.min() > 0.16 * inch:
                look = {"ha": "center", "va": "center", "fontsize": 9, "color": ink}
                axes.text(left + bpsp / 2, position, channel, **look)
            left += bpsp
        # Above the part where it starts, or as far right of that as the one before reaches.
        at = max(start, end)
        text = f"{style.scale_label(scale)} {left - start:.2f}"
        axes.text(at, top - 0.11, text, va="bottom", fontsize=9)
        if at > left:
            line = [(start + left) / 2, at], [top, top - 0.13]
            axes.plot(*line, color=style.QUIET, linewidth=0.8, clip_on=False)
        end = at + 0.62 * inch
