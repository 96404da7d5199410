"""Learning curves: bits per sub-pixel over the steps made.

Not over seconds: these depend on the machine and on what else it does. Cards and tables have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure

POINTS = 60  # of a curve: each is the mean of so many steps that this many are left
PARTIAL = "rgb_shared"  # a variant that is trained on its finest scale alone
# Of each variant; further models of a variant take the lines and markers that follow.
COLORS = {"l3c": style.LEARNED, "rgb": style.CLASSICAL, PARTIAL: "#8f6a00"}
OTHER = "#5d3a9b"  # of other families
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D")


def curve_of(metrics: DataFrame) -> DataFrame:
    """Points of a curve: step at the end of each, mean bpsp of the steps since the one before."""
    part = np.arange(len(metrics)) * min(POINTS, len(metrics)) // len(metrics)
    return metrics.groupby(part).agg(step=("step", "last"), bpsp=("train_bpsp", "mean"))


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

    Args:
        metrics: key of a model -> step, train_bpsp, and validation_bpsp at some of the steps.
        labels: key -> name, at the end of its curve.
        variants: key -> which network of its family it is.
    """
    drawn = style.new_figure(7.6, 4.8)
    axes = drawn.subplots()
    axes.margins(y=0.12)  # room for names above and below
    axes.set(xlabel="training steps", ylabel="bits per sub-pixel (less is better)")
    style.quiet_axis(axes, "y")
    looks, ends = _looks(variants), []
    for key, rows in metrics.items():
        color, line, marker = looks[key]
        curve, validated = curve_of(rows), rows.dropna(subset="validation_bpsp")
        single = "_" if len(curve) == 1 else ""  # a line of one point shows nothing
        look = {"color": color, "linestyle": line, "linewidth": 1.6, "marker": single}
        axes.plot(curve.step, curve.bpsp, **look)
        look = {"color": color, "linestyle": "", "marker": marker, "markersize": 4}
        axes.plot(validated.step, validated.validation_bpsp, **look)
        name = labels[key] + (", finest scale alone" if variants[key] == PARTIAL else "")
        ends.append((curve.step.iloc[-1], curve.bpsp.iloc[-1], name, color))
    axes.set_xlim(0, 1.3 * max((step for step, *_ in ends), default=1))
    handles = [Line2D([], [], color=style.QUIET, linewidth=1.6, label="crops trained on, means")]
    if any(rows.validation_bpsp.notna().any() for rows in metrics.values()):
        handles.append(style.dot(style.QUIET, "validation crops, all scales", "o"))
        handles[-1].set_markersize(4)
    style.legend(drawn, handles)
    points = [(step, bpsp) for step, bpsp, *_ in ends]
    names, colors = [name for *_, name, _ in ends], [color for *_, color in ends]
    style.label_points(axes, points, names, colors, [line.get_xydata() for line in axes.lines])
    return drawn


def _looks(variants: Mapping[str, str]) -> dict[str, tuple[str, Any, str]]:
    """Colour, line and marker by key: the same in every run with the same variants of models."""
    looks = {}
    used: Counter[str] = Counter()
    for key, variant in variants.items():
        place = [*COLORS, variant].index(variant) + used[variant]
        used[variant] += 1
        line, marker = LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]
        looks[key] = COLORS.get(variant, OTHER), line, marker
    return looks
