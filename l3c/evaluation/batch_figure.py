"""Batch rows -> a figure: seconds per image against batch size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from l3c.evaluation import style
from l3c.evaluation.batch_rows import BatchRow
from l3c.evaluation.other_load import noise_note
from l3c.evaluation.published import UNVERIFIED, PublishedValue
from l3c.evaluation.repeated_runs import RepeatedRuns

TABLE = "A3"
LOOKS = {  # of an operation: label, colour, marker
    "sample": ("sampling", style.LEARNED, "o"),
    "encode": ("encoding", style.CLASSICAL, "s"),
    "decode": ("decoding", "#9a7b1f", "^"),
}


Line = tuple[str, int]
"""An operation, and the side of its images."""


@dataclass(frozen=True)
class Place:
    """Where a model was run: a panel."""

    method: str
    device_name: str
    threads: int

    @property
    def title(self) -> str:
        """One line."""
        plural = "s" if self.threads > 1 else ""
        return f"{self.method}, {self.device_name}, {self.threads} CPU thread{plural}"


def runs_per_image(rows: Sequence[BatchRow]) -> dict[Place, dict[Line, dict[int, RepeatedRuns]]]:
    """Seconds per image by place, operation and side, and batch size."""
    found: dict[Place, dict[Line, dict[int, RepeatedRuns]]] = {}
    for row in sorted(rows, key=lambda row: row.batch):
        place = Place(row.method, row.device_name, row.threads)
        sizes = found.setdefault(place, {}).setdefault((row.operation, row.side), {})
        sizes.setdefault(row.batch, RepeatedRuns()).add("", row.seconds / row.batch)
    return found


def published_samples(values: Sequence[PublishedValue]) -> dict[int, PublishedValue]:
    """Published seconds per sampled image, by batch size (Table A3)."""
    found = {}
    for value in values:
        size = re.fullmatch(r"sample_s bs(\d+)", value.quantity)
        if size and value.table == TABLE:
            found[int(size[1])] = value
    return found


def draw_batches(rows: Sequence[BatchRow], published: Mapping[int, PublishedValue]) -> Figure:
    """A panel for each model and device, the published values in all of them."""
    places = runs_per_image(rows)
    figure = style.new_figure(7.6, 0.6 + 4.0 * max(len(places), 1))
    grid = figure.subplots(max(len(places), 1), 1, squeeze=False, sharex=True)
    for axes, (place, lines) in zip(grid[:, 0], places.items(), strict=False):
        axes.set_title(place.title)
        _draw_panel(axes, lines, published)
    if not places:
        axes = grid[0, 0]
        axes.text(0.5, 0.5, "no model was timed", ha="center", transform=axes.transAxes)
    operations = {operation for lines in places.values() for operation, _ in lines}
    handles = [
        Line2D([], [], color=color, marker=marker, label=label)
        for operation, (label, color, marker) in LOOKS.items()
        if operation in operations
    ]
    if published:
        verified = all(value.verified for value in published.values())
        unverified = "" if verified else f", {UNVERIFIED}"
        handles.append(
            Line2D(
                [],
                [],
                color=style.PUBLISHED,
                marker=style.PUBLISHED_MARKER,
                markerfacecolor="white",
                linestyle=":",
                label=f"sampling, published (Table {TABLE}){unverified}",
            )
        )
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)
    style.note_below(figure, noise_note(rows))
    return figure


def _draw_panel(
    axes: Axes,
    lines: Mapping[Line, Mapping[int, RepeatedRuns]],
    published: Mapping[int, PublishedValue],
) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    if published:
        axes.plot(
            list(published),
            [value.value for value in published.values()],
            color=style.PUBLISHED,
            linestyle=":",
            linewidth=1.2,
            marker=style.PUBLISHED_MARKER,
            markersize=5.5,
            markerfacecolor="white",
        )
    sides = [side for (_, side), sizes in lines.items() if len(sizes) > 1]
    for (operation, side), sizes in lines.items():
        _, color, marker = LOOKS[operation]
        seconds = [runs.seconds() for runs in sizes.values()]
        axes.plot(list(sizes), seconds, color=color, linewidth=1.5, marker=marker, markersize=5.5)
        for batch, runs in sizes.items():
            if spread := runs.spread():
                axes.plot([batch] * 2, spread, color=color, linewidth=1, marker="_", markersize=9)
        if side not in sides[:1]:
            axes.annotate(
                f"one image of {side}x{side} pixels",
                (next(iter(sizes)), seconds[0]),
                (9, 0),
                textcoords="offset points",
                va="center",
                color=color,
            )
    size = f" of {sides[0]}x{sides[0]} pixels" if sides else ""
    axes.set_xlabel(f"images{size} in a batch")
    axes.set_ylabel("seconds per image (less is better)")
    ticks = sorted({batch for sizes in lines.values() for batch in sizes} | set(published))
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="both")
    axes.tick_params(axis="both", which="both", length=0)
