"""Learned models: bits by scale and channel as stacked bars, and learning curves.

Curves are over steps, not over seconds, which depend on the machine and on what else it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.messages import counted

# Of x, z1, z2, ...: all differ in lightness, and so in grey.
_SHADES = ("#33526e", "#d55e00", "#f0a94e", "#f5ddbf", "#1c1c1c", "#989898")
_NARROW = 0.03  # of the longest bar: without the name of the channel
POINTS = 60  # of a curve: each is the mean of so many steps that this many are left
PARTIAL = "rgb_shared"  # a variant that is trained on its finest scale alone
# Colours and lines of curves, one after another: of four and three, so that twelve differ.
COLORS = (style.LEARNED, style.CLASSICAL, "#8f6a00", "#5d3a9b")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))


@figure()
def bits(bits: DataFrame, labels: Mapping[str, str] = MappingProxyType({})) -> Figure:
    """Bits by scale and channel.

    Cross-entropy in bits per sub-pixel of the image by scale and channel, mean over images
    (their middle, at most 768 pixels a side) of the first data set that a model was measured on. x
    is coded as R, G given R, B given both; channels of L3C's bottlenecks are numbered, the
    scales of RGB, RGB Shared and interlaced networks are smaller images with colours; the coarsest
    scale is uniform.
    """
    images = bits.groupby("model").image.transform("nunique")
    bpsp = bits.bits / (3 * bits.height * bits.width) / images
    means = bpsp.groupby([bits.model, bits.scale, bits.channel], sort=False).sum()
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


@figure()
def training(
    metrics: Mapping[str, DataFrame], labels: Mapping[str, str], variants: Mapping[str, str]
) -> Figure:
    """Learning curves.

    Learning curves: bits per sub-pixel over the steps of training; the comparison has the seconds.
    Lines are means over the crops of the steps in between, without the constant cost of the
    coarsest scale. RGB Shared is trained on its finest scale alone, so its line must not be
    compared with the others. Where photographs are set aside for validation, dots are crops of
    those, with all scales of every model counted.
    """
    drawn = style.new_figure(7.6, 4.8)
    axes = drawn.subplots()
    axes.set(xlabel="training steps", ylabel="bits per sub-pixel (less is better)")
    style.quiet_axis(axes, "y")
    for (key, rows), color, line in zip(metrics.items(), cycle(COLORS), cycle(LINES), strict=False):
        part = np.arange(len(rows)) * min(POINTS, len(rows)) // len(rows)
        curve = rows.groupby(part).agg(step=("step", "last"), bpsp=("train_bpsp", "mean"))
        validated = rows.dropna(subset="validation_bpsp")
        name = labels[key] + (", finest scale alone" if variants[key] == PARTIAL else "")
        single = "_" if len(curve) == 1 else ""  # a line of one point shows nothing
        look = {"color": color, "linestyle": line, "marker": single, "label": name}
        axes.plot(curve.step, curve.bpsp, **look)
        axes.plot(validated.step, validated.validation_bpsp, "o", color=color, markersize=4)
    axes.set_xlim(left=0)
    handles, _ = axes.get_legend_handles_labels()
    if any(rows.validation_bpsp.notna().any() for rows in metrics.values()):
        handles.append(style.dot(style.QUIET, "validation crops, all scales", "o"))
    style.legend(drawn, handles, columns=4)
    return drawn
