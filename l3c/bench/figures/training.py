"""Learning curves: bits per sub-pixel over the steps made.

Not over seconds: these depend on the machine and on what else it does. Cards and tables have them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
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
    coarsest scale. RGB Shared is trained on its finest scale alone, so its line has a panel of its
    own. Where photographs are set aside for validation, dots are crops of those, with all scales
    of every model counted.

    Args:
        metrics: key of a model -> step, train_bpsp, and validation_bpsp at some of the steps.
        labels: key -> name, at the end of its curve.
        variants: key -> which network of its family it is.
    """
    looks = _looks(variants)
    validated = {key: rows.dropna(subset="validation_bpsp") for key, rows in metrics.items()}
    alone = [key for key in metrics if variants[key] == PARTIAL]
    whole = [key for key in metrics if key not in alone or len(validated[key])]
    panels = [panel for panel in (whole, alone) if panel] or [whole]
    drawn = style.new_figure(7.6, 2.8 + 1.4 * len(panels))
    ratios = [2 if panel is whole else 1 for panel in panels]
    grid = drawn.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=ratios)
    named: list[tuple[Axes, list[str], list[list[Line2D]]]] = []
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        style.quiet_axis(axes, "y")
        axes.margins(y=0.12)  # room for names above and below
        if panel is alone:
            axes.set_title("finest scale alone, not to be compared with all scales", fontsize=10)
        shown: list[list[Line2D]] = []
        for key in panel:
            color, line, marker = looks[key]
            shown.append([])
            if panel is alone or key not in alone:
                curve = curve_of(metrics[key])
                single = "_" if len(curve) == 1 else ""  # a line of one point shows nothing
                look = {"color": color, "linestyle": line, "linewidth": 1.6, "marker": single}
                shown[-1] += axes.plot(curve.step, curve.bpsp, **look)
            if panel is whole:
                points = validated[key]
                look = {"color": color, "linestyle": "", "marker": marker, "markersize": 4}
                shown[-1] += axes.plot(points.step, points.validation_bpsp, **look)
        named.append((axes, panel, shown))
    if metrics:
        grid[0, 0].set_xlim(0, 1.18 * max(rows.step.max() for rows in metrics.values()))
    grid[-1, 0].set_xlabel("training steps")
    drawn.supylabel("bits per sub-pixel (less is better)", fontsize=10)
    handles = [Line2D([], [], color=style.QUIET, linewidth=1.6, label="crops trained on, means")]
    if any(map(len, validated.values())):
        handles.append(style.dot(style.QUIET, "validation crops, all scales", "o"))
        handles[-1].set_markersize(4)
    style.legend(drawn, handles)
    for axes, panel, shown in named:  # last, in the final layout
        ends = [tuple(np.asarray(of[0].get_xydata())[-1]) for of in shown]
        names, colors = [labels[key] for key in panel], [looks[key][0] for key in panel]
        style.label_points(axes, ends, names, colors, [c.get_xydata() for of in shown for c in of])
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
