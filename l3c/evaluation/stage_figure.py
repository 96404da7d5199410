"""Timing rows -> a figure: where the time of learned methods goes, by scale and stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from l3c.evaluation import style
from l3c.evaluation.other_load import noise_note
from l3c.evaluation.repeated_runs import RepeatedRuns
from l3c.evaluation.timing_rows import TOTAL, TimingRow

REST = "rest"
# By lightness as much as by hue: neighbours differ in grey too.
COLORS = {
    "network": style.LEARNED,
    "coder": style.CLASSICAL,
    "range_coder": "#f0c46c",
    "container": "#9a9a9a",
    REST: "#d8d8d8",
}
LABELS = {
    "network": "network",
    "coder": "range coder, which evaluates CDFs",
    "range_coder": "range coder, uniform CDF",
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
    """Stacked bars, one for each scale; a column of panels for each method, a row a device.

    All have one axis of seconds, so that any two bars can be compared.
    """
    both = {direction: mean_times(rows, direction) for direction in ("encode", "decode")}
    settings = list(both["encode"])
    methods = list(dict.fromkeys(setting.method for setting in settings))
    computers = list(dict.fromkeys(setting.computer for setting in settings))
    # Those of all methods, so that what stands side by side is of one scale.
    named = {scale for times in both.values() for parts in times.values() for scale, _ in parts}
    scales = [*sorted(named - {ALL}), ALL]
    shape = max(len(computers), 1), max(len(methods), 1)
    # Of a slide's shape for three methods and two devices; the legend needs 7.6 inches.
    width, height = 0.6 + 2.45 * shape[1], 0.7 + shape[0] * (0.56 + 0.26 * len(scales))
    figure = style.new_figure(max(7.6, width), height)
    grid = figure.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat:
        axes.set_visible(False)
    for setting in settings:
        axes = grid[computers.index(setting.computer), methods.index(setting.method)]
        axes.set_visible(True)
        axes.set_title(f"{setting.method}, {setting.computer}", fontsize=9)
        _draw_panel(axes, {name: times[setting] for name, times in both.items()}, scales)
    seconds = f"seconds of a crop of {_size(rows)} pixels (less is better)"
    style.note_below(figure, seconds, noise_note(rows))
    if not settings:
        grid[0, 0].set_visible(True)
        grid[0, 0].text(0.5, 0.5, "no learned method was timed", ha="center")
    used = {stage for times in both.values() for parts in times.values() for _, stage in parts}
    handles = [Patch(color=COLORS[stage], label=LABELS[stage]) for stage in COLORS if stage in used]
    if handles:
        columns = len(handles) if len(handles) < 6 else 3
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, columnspacing=1.4)
    return figure


def _draw_panel(axes: Axes, by_direction: Mapping[str, Times], scales: Sequence[str]) -> None:
    labels: dict[float, str] = {}
    top, longest = 0.0, 0.0
    for direction, times in by_direction.items():
        axes.text(
            0.0,
            top,
            f"{direction}, {_text(times[ALL, TOTAL])} in all",
            va="center",
            fontsize=8,
            fontweight="bold",
        )
        for scale in scales:
            top += 1
            labels[top] = scale if scale == ALL else style.scale_label(scale)
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
            if left == 0:  # a scale that this method does not have
                continue
            axes.annotate(
                _text(left),
                (left, top),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
                color=style.INK,
            )
            longest = max(longest, left)
        top += 1.3
    axes.set_yticks(list(labels), list(labels.values()))
    axes.tick_params(labelsize=8)
    axes.set_ylim(top - 0.6, -0.6)
    axes.set_xlim(0, max(axes.get_xlim()[1], 1.2 * longest))
    style.quiet_axis(axes, "x")
    axes.spines["left"].set_visible(False)


def _text(seconds: float) -> str:
    """With a unit that leaves few digits."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.2g} ms"


def _size(rows: Sequence[TimingRow]) -> str:
    sizes = dict.fromkeys(f"{row.height}x{row.width}" for row in rows)
    return " or ".join(sizes)
