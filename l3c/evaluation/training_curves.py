"""Metrics of trainings -> a figure: bits per sub-pixel over the steps made.

Not over seconds: these depend on the machine and on what else it does. Cards and tables have them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from l3c.evaluation import style
from l3c.evaluation.labels import place_labels

_Line = str | tuple[int, tuple[float, ...]]

POINTS = 60  # of a curve: each is the mean of so many steps that this many are left
# Of each kind of model; further models of a kind take the lines and markers that follow.
COLORS = {"l3c": style.LEARNED, "rgb": style.CLASSICAL, "rgb_shared": "#8f6a00"}
OTHER = "#5d3a9b"  # of other families
LINES: tuple[_Line, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True)
class Curve:
    """One training.

    Attributes:
        key: of the model.
        kind: see `Recipe.variant`.
        name: label.
        steps: at the end of each point, (N,).
        train: bpsp on the crops of the steps in between, (N,).
        validation: steps and bpsp, (M, 2); M = 0 where nothing was validated on.
    """

    key: str
    kind: str
    name: str
    steps: np.ndarray
    train: np.ndarray
    validation: np.ndarray

    @property
    def is_partial(self) -> bool:
        """Whether `train` is of the finest scale alone."""
        return self.kind == "rgb_shared"


def read_curve(key: str, kind: str, name: str, path: Path) -> Curve:
    """From the metrics that a training has written."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    steps = np.array([int(row["step"]) for row in rows])
    train = np.array([float(row["train_bpsp"]) for row in rows])
    parts = np.array_split(np.arange(len(rows)), min(POINTS, len(rows)))
    validation = [
        (steps[i], float(row["validation_bpsp"]))
        for i, row in enumerate(rows)
        if row["validation_bpsp"]
    ]
    return Curve(
        key,
        kind,
        name,
        np.array([steps[part[-1]] for part in parts]),
        np.array([train[part].mean() for part in parts]),
        np.array(validation).reshape(-1, 2),
    )


def draw_training(curves: Sequence[Curve]) -> Figure:
    """All curves, each named at its end.

    RGB Shared is trained on its finest scale alone: such lines lie lower by all that the other
    scales cost, and so have a panel of their own. Validation counts all scales of every model.
    """
    looks = _looks(curves)
    alone = [curve for curve in curves if curve.is_partial]
    whole = [curve for curve in curves if not curve.is_partial or len(curve.validation)]
    panels = [panel for panel in (whole, alone) if panel] or [whole]
    figure = style.new_figure(7.6, 2.8 + 1.4 * len(panels))
    ratios = [2 if panel is whole else 1 for panel in panels]
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=ratios)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        style.quiet_axis(axes, "y")
        axes.margins(y=0.12)  # room for names above and below
        if panel is alone:
            axes.set_title("finest scale alone, not to be compared with all scales", fontsize=10)
        for curve in panel:
            color, line, marker = looks[curve.key]
            if panel is alone or not curve.is_partial:
                single = "_" if len(curve.steps) == 1 else ""  # a line of one point shows nothing
                axes.plot(
                    *(curve.steps, curve.train),
                    color=color,
                    linestyle=line,
                    linewidth=1.6,
                    marker=single,
                )
            if panel is whole:
                axes.plot(
                    *curve.validation.T, color=color, linestyle="", marker=marker, markersize=4
                )
    if curves:
        grid[0, 0].set_xlim(0, 1.18 * max(int(curve.steps[-1]) for curve in curves))
    grid[-1, 0].set_xlabel("training steps")
    figure.supylabel("bits per sub-pixel (less is better)", fontsize=10)
    _legend(figure, any(len(curve.validation) for curve in curves))
    for axes, panel in zip(grid[:, 0], panels, strict=True):  # last, in the final layout
        lines = [_named_line(curve, panel is alone) for curve in panel]
        dots = [curve.validation.tolist() for curve in panel if panel is whole]
        place_labels(
            figure,
            axes,
            [line[-1] for line in lines],
            [curve.name for curve in panel],
            [looks[curve.key][0] for curve in panel],
            [*lines, *dots],
        )
    return figure


def _looks(curves: Sequence[Curve]) -> dict[str, tuple[str, _Line, str]]:
    """Colour, line and marker by key: the same in every run that has the same kinds of models."""
    looks = {}
    used: Counter[str] = Counter()
    for curve in curves:
        kinds = list(COLORS)
        first = kinds.index(curve.kind) if curve.kind in kinds else len(kinds)
        place = first + used[curve.kind]
        used[curve.kind] += 1
        line, marker = LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]
        looks[curve.key] = COLORS.get(curve.kind, OTHER), line, marker
    return looks


def _named_line(curve: Curve, alone: bool) -> list[tuple[float, float]]:
    """Corners of what stands for a curve in a panel, at whose end its name is written."""
    if curve.is_partial and not alone:
        return [(step, bpsp) for step, bpsp in curve.validation.tolist()]
    return list(zip(curve.steps.tolist(), curve.train.tolist(), strict=True))


def _legend(figure: Figure, validated: bool) -> None:
    handles = [Line2D([], [], color=style.QUIET, linewidth=1.6, label="crops trained on, means")]
    if validated:
        dot = Line2D([], [], color=style.QUIET, linestyle="", marker="o", markersize=4)
        dot.set_label("validation crops, all scales")
        handles.append(dot)
    figure.legend(handles=handles, loc="outside upper left", ncols=2, columnspacing=1.4)
