"""Timing rows -> a figure: where the time of learned methods goes, by scale and stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from l3c.evaluation import style
from l3c.evaluation.repeated_runs import RepeatedRuns
from l3c.evaluation.timing_rows import TOTAL, TimingRow

REST = "rest"
# By lightness as much as by hue: neighbours differ in grey too.
COLORS = {
    "network": style.LEARNED,
    "cdf": style.CLASSICAL,
    "coder": style.CLASSICAL,
    "range_coder": "#f0c46c",
    "container": "#9a9a9a",
    REST: "#d8d8d8",
}
LABELS = {
    "network": "network",
    "cdf": "CDFs, inside the range coder",
    "coder": "CDFs and range coder, on a GPU",
    "range_coder": "range coder",
    "container": "container",
    REST: "between stages",
}
ALL = "all scales"


@dataclass(frozen=True)
class Setting:
    """A learned method as it was run.

    Attributes:
        method: its label.
        device, device_name, threads: what computed.
    """

    method: str
    device: str
    device_name: str
    threads: int

    @property
    def computer(self) -> str:
        """What computed, for a title."""
        if self.device == "cuda":
            return self.device_name
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}"


Times = Mapping[tuple[str, str], float]
"""Seconds by scale (or `ALL`) and stage (or `REST`, or `TOTAL`)."""


def mean_times(
    rows: Sequence[TimingRow], direction: Literal["encode", "decode"]
) -> dict[Setting, Times]:
    """Seconds of a crop, as `RepeatedRuns` sums them up. Methods without stages are none.

    Args:
        rows: of any methods.
        direction: of the coding.
    """
    runs: dict[Setting, dict[tuple[str, int], dict[tuple[str, str], float]]] = {}
    for row in rows:
        if row.direction == direction:
            setting = Setting(row.method, row.device, row.device_name, row.threads)
            stages = runs.setdefault(setting, {}).setdefault((row.image, row.run), {})
            stages[row.scale or ALL, row.stage] = row.seconds
    found: dict[Setting, Times] = {}
    for setting, by_run in runs.items():
        parts: dict[tuple[str, str], RepeatedRuns] = {}
        for (image, _), stages in by_run.items():
            rest = 2 * stages[ALL, TOTAL] - sum(stages.values())  # the total is among them
            for part, seconds in (stages | {(ALL, REST): max(0.0, rest)}).items():
                parts.setdefault(part, RepeatedRuns()).add(image, seconds)
        if len(parts) > 2:  # more than the total and the rest
            found[setting] = {part: crops.seconds() for part, crops in parts.items()}
    return found


def draw_stages(rows: Sequence[TimingRow]) -> Figure:
    """Stacked bars, one for each scale; a row of panels for each method, a column a device."""
    both = {direction: mean_times(rows, direction) for direction in ("encode", "decode")}
    settings = list(both["encode"])
    methods = list(dict.fromkeys(setting.method for setting in settings))
    columns = list(dict.fromkeys(setting.computer for setting in settings))
    lines = sum(_lines(both["encode"][setting]) for setting in settings[:1]) or 4
    height = 1.1 + max(len(methods), 1) * (0.9 + 0.46 * lines)
    figure = style.new_figure(8.6, height)
    grid = figure.subplots(
        max(len(methods), 1), max(len(columns), 1), squeeze=False, sharex="row", sharey="row"
    )
    for axes in grid.flat:
        axes.set_visible(False)
    for setting in settings:
        axes = grid[methods.index(setting.method), columns.index(setting.computer)]
        axes.set_visible(True)
        axes.set_title(f"{setting.method}, {setting.computer}")
        _draw_panel(axes, {name: times[setting] for name, times in both.items()})
    for axes in grid[-1]:
        axes.set_xlabel(f"seconds of a crop of {_size(rows)} pixels")
    if not settings:
        grid[0, 0].set_visible(True)
        grid[0, 0].text(0.5, 0.5, "no learned method was timed", ha="center")
    used = {stage for times in both.values() for parts in times.values() for _, stage in parts}
    handles = [Patch(color=COLORS[stage], label=LABELS[stage]) for stage in COLORS if stage in used]
    if handles:
        figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    return figure


def _draw_panel(axes: Axes, by_direction: Mapping[str, Times]) -> None:
    labels: dict[float, str] = {}
    top, longest = 0.0, 0.0
    for direction, times in by_direction.items():
        axes.text(
            0.0,
            top,
            f"{direction}, {_text(times[ALL, TOTAL])} in all",
            va="center",
            fontsize=9.5,
            fontweight="bold",
        )
        for scale in [*sorted({scale for scale, _ in times if scale != ALL}), ALL]:
            top += 1
            labels[top] = scale
            left = 0.0
            for stage, color in COLORS.items():
                width = times.get((scale, stage), 0.0)
                axes.barh(
                    top,
                    width,
                    0.74,
                    left=left,
                    color=color,
                    edgecolor="white",
                    linewidth=0.4,
                )
                left += width
            axes.annotate(
                _text(left),
                (left, top),
                (4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=style.QUIET,
            )
            longest = max(longest, left)
        top += 1.3
    axes.set_yticks(list(labels), list(labels.values()))
    axes.set_ylim(top - 0.6, -0.6)
    axes.set_xlim(0, max(axes.get_xlim()[1], 1.16 * longest))
    style.quiet_axis(axes, "x")
    axes.spines["left"].set_visible(False)


def _text(seconds: float) -> str:
    """With a unit that leaves few digits."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"


def _lines(times: Times) -> int:
    return len({scale for scale, _ in times}) + 1


def _size(rows: Sequence[TimingRow]) -> str:
    sizes = dict.fromkeys(f"{row.height}x{row.width}" for row in rows)
    return " or ".join(sizes)
