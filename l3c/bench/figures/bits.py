"""Bits by scale and channel of learned models as stacked bars."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame, Series

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.messages import counted

# Of x, z1, z2, ...: all differ in lightness, and so in grey.
_SHADES = ("#33526e", "#d55e00", "#f0a94e", "#f5ddbf", "#1c1c1c", "#989898")
_NARROW = 0.03  # of the longest bar: without the name of the channel


def mean_bpsp(bits: DataFrame) -> Series[float]:
    """Bits per sub-pixel of the image by model, scale and channel, mean over the images."""
    bpsp = bits.bits / (3 * bits.height * bits.width)
    images = bits.groupby("model").image.transform("nunique")
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
        bits: rows of one data set; none give a note instead.
        labels: key of a model -> its name.
    """
    if bits.empty:
        return style.nothing("no measured model reports bits of its symbols")
    means = mean_bpsp(bits)
    totals = means.groupby(level="model", sort=False).sum()
    drawn = style.new_figure(8.6, 1.15 + 0.78 * len(totals))
    axes = drawn.subplots()
    scales = list(bits.scale.unique())
    shades = {scale: _SHADES[min(i, len(_SHADES) - 1)] for i, scale in enumerate(scales)}
    for place, model in enumerate(totals.index):
        bar, left = means[model], 0.0
        for (scale, channel), width in bar.items():
            color = shades[scale]
            axes.barh(place, width, 0.46, left, color=color, edgecolor="white", linewidth=0.4)
            if bar[scale].min() > _NARROW * totals.max():
                ink = "white" if sum(to_rgb(color)) < 1.6 else style.INK
                at = {"ha": "center", "va": "center", "fontsize": 9, "color": ink}
                axes.text(left + width / 2, place, channel, **at)
            left += width
        axes.text(left, place, f" {left:.2f}", va="center", fontweight="bold")
        costs = bar.groupby(level="scale", sort=False).sum()
        sums = " + ".join(f"{style.scale_label(scale)} {cost:.2f}" for scale, cost in costs.items())
        axes.text(0, place - 0.3, sums, va="bottom", fontsize=9)
    count = counted(bits.image.nunique(), "image")
    axes.set_title(f"{bits.dataset.iloc[0]}, mean of {count}")
    axes.set_xlabel("cross-entropy in bits per sub-pixel (less is better)")
    axes.set(xlim=(0, 1.1 * totals.max()), ylim=(len(totals) - 0.62, -0.62))
    names = [labels.get(model, model) for model in totals.index]
    axes.set_yticks(range(len(totals)), names, fontweight="bold")
    style.quiet_axis(axes, "x")
    handles = [Patch(color=shade, label=style.scale_label(s)) for s, shade in shades.items()]
    style.legend(drawn, handles)
    return drawn
