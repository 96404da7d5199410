"""Metrics of trainings -> a figure: bits per sub-pixel over the time spent."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from l3c.evaluation import style
from l3c.evaluation.labels import place_labels

POINTS = 60  # of a curve: each is the mean of so many steps that this many are left
# Each curve differs from the others in at least two of colour, line and marker.
SHADES = ("#d55e00", "#33526e", "#8a8a8a", "#b8860b", "#111111")
LINES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", (0, (5, 1.5)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True)
class Curve:
    """One training.

    Attributes:
        name: label.
        minutes: at the end of each point, (N,).
        train: bpsp on the crops of the steps in between, (N,).
        validation: minutes and bpsp, (M, 2); M = 0 where nothing was validated on.
    """

    name: str
    minutes: np.ndarray
    train: np.ndarray
    validation: np.ndarray


def read_curve(name: str, path: Path) -> Curve:
    """From the metrics that a training has written."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    minutes = np.array([float(row["seconds"]) / 60 for row in rows])
    train = np.array([float(row["train_bpsp"]) for row in rows])
    parts = np.array_split(np.arange(len(rows)), min(POINTS, len(rows)))
    validation = [
        (minutes[i], float(row["validation_bpsp"]))
        for i, row in enumerate(rows)
        if row["validation_bpsp"]
    ]
    return Curve(
        name,
        np.array([minutes[part[-1]] for part in parts]),
        np.array([train[part].mean() for part in parts]),
        np.array(validation).reshape(-1, 2),
    )


def draw_training(curves: Sequence[Curve]) -> Figure:
    """All curves in one panel, each named at its end."""
    figure = style.new_figure(7.6, 4.2)
    axes = figure.subplots()
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("bits per sub-pixel (less is better)")
    style.quiet_axis(axes, "y")
    axes.margins(y=0.12)  # room for names above and below
    for i, curve in enumerate(curves):
        color, line = SHADES[i % len(SHADES)], LINES[i % len(LINES)]
        marker = MARKERS[i % len(MARKERS)]
        axes.plot(curve.minutes, curve.train, color=color, linestyle=line, linewidth=1.6)
        axes.plot(*curve.validation.T, color=color, linestyle="", marker=marker, markersize=4)
    if curves:
        axes.set_xlim(0, 1.18 * max(float(curve.minutes[-1]) for curve in curves))
    handles = [Line2D([], [], color=style.QUIET, linewidth=1.6, label="crops trained on, means")]
    if any(len(curve.validation) for curve in curves):
        dot = Line2D([], [], color=style.QUIET, linestyle="", marker="o", markersize=4)
        dot.set_label("validation crops, all scales")
        handles.append(dot)
    figure.legend(handles=handles, loc="outside upper left", ncols=2, columnspacing=1.4)
    place_labels(
        figure,
        axes,
        [(float(curve.minutes[-1]), float(curve.train[-1])) for curve in curves],
        [curve.name for curve in curves],
        [SHADES[i % len(SHADES)] for i in range(len(curves))],
        [list(zip(curve.minutes, curve.train, strict=True)) for curve in curves],
    )
    return figure
