"""Timing rows -> figures: where the time of learned methods goes, and seconds by batch size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator
from pandas import DataFrame, Series

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.bench.measure.machine import noise_note
from l3c.bench.published import NO_VALUES, UNVERIFIED
from l3c.bench.stats import repeated
from l3c.messages import counted
from l3c.models.tile_codec import UnsupportedError

TOTAL, REST, ALL = "total", "rest", "all scales"
# Colour and label of a phase. By lightness as much as by hue: neighbours differ in grey too.
PHASES = {
    "network": (style.LEARNED, "network"),
    "coder": (style.CLASSICAL, "range coder, which evaluates CDFs"),
    "range_coder": ("#f0c46c", "range coder, uniform CDF"),
    "container": ("#9a9a9a", "container"),
    REST: ("#d8d8d8", "between phases"),
}
TABLE = "A3"
# Label, colour and marker of an operation.
OPERATIONS = {
    "sample": ("sampling", style.LEARNED, "o"),
    "encode": ("encoding", style.CLASSICAL, "s"),
    "decode": ("decoding", "#9a7b1f", "^"),
}


def _mean_times(timing: DataFrame) -> Series[float]:
    """Seconds by method, computer, direction, scale (or `ALL`), and phase (or `REST`, `TOTAL`)."""
    plural = timing.threads.map(lambda count: counted(count, "thread"))
    computer = plural.where(timing.device != "cuda", timing.device_name)
    timing = timing.assign(computer=computer, scale=timing.scale.replace("", ALL))
    setting = ["method", "computer", "direction"]
    run = [*setting, "image", "run"]
    parts = timing[timing.phase != TOTAL]
    total = timing[timing.phase == TOTAL].set_index(run).seconds
    rest = (total - parts.groupby(run).seconds.sum()).dropna().clip(lower=0)
    rows = [parts]
    for phase, seconds in ((TOTAL, total.loc[rest.index]), (REST, rest)):
        rows.append(seconds.reset_index(name="seconds").assign(scale=ALL, phase=phase))
    by = [*setting, "scale", "phase"]
    return repeated(pd.concat(rows), by, "image", "seconds").set_index(by).seconds


@figure()
def phases(timing: DataFrame) -> Figure:
    """Seconds by phase and scale.

    Seconds of encoding and decoding one crop by scale and phase, means over crops of the medians
    of their runs; all panels have one axis of seconds. CDFs are evaluated inside the range coder,
    in one loop, which is therefore one phase; that of the coarsest scale has a uniform CDF. The
    extractors make all scales at once; the container is header, checksums and tiles. Models in
    float32 are among the methods only where timing.methods names them.

    Raises:
        UnsupportedError: no method has phases.
    """
    times = _mean_times(timing)
    if times.empty:
        raise UnsupportedError("no learned method was timed")
    methods, computers = (times.index.unique(name) for name in ("method", "computer"))
    scales = [*sorted(set(times.index.unique("scale")) - {ALL}), ALL]  # of all methods
    rows = [(computer, way) for computer in computers for way in ("encode", "decode")]
    height = 0.9 + len(rows) * (0.55 + 0.19 * len(scales))
    drawn = style.new_figure(max(7.6, 0.6 + 2.45 * len(methods)), height)
    grid = drawn.subplots(len(rows), len(methods), squeeze=False, sharex=True, sharey=True)
    panels = dict([*times.groupby(level=["method", "computer", "direction"], sort=False)])
    for line, (computer, way) in zip(grid, rows, strict=True):
        for axes, method in zip(line, methods, strict=True):
            axes.set_visible((method, computer, way) in panels)
            if axes.get_visible():
                panel = panels[method, computer, way].droplevel([0, 1, 2])
                axes.set_title(f"{method}\n{way}, {computer}", fontsize=9)
                _draw_phases(axes, panel.unstack("phase").reindex(scales).fillna(0.0))
    sizes = " or ".join((timing.height.map("{}x".format) + timing.width.map(str)).unique())
    about = f"seconds of a crop of {sizes} pixels (less is better)"
    style.note_below(drawn, about, noise_note(timing))
    used = times.index.unique("phase")
    handles = [Patch(color=c, label=label) for s, (c, label) in PHASES.items() if s in used]
    style.legend(drawn, handles, columns=3)
    return drawn


def _draw_phases(axes: Axes, wide: DataFrame) -> None:
    """A bar for each scale of its phases, with their sum."""
    names = [scale if scale == ALL else style.scale_label(scale) for scale in wide.index]
    parts = wide[[phase for phase in PHASES if phase in wide]]
    colors = [PHASES[str(phase)][0] for phase in parts]
    look = {"width": 0.74, "color": colors, "edgecolor": "white", "linewidth": 0.4}
    parts.plot.barh(stacked=True, ax=axes, legend=False, xlabel="", ylabel="", **look)
    left = parts.sum(axis=1)
    texts = [_text(seconds) if seconds else "" for seconds in left]  # not every method has each
    axes.bar_label(axes.containers[-1], texts, padding=3, fontsize=7.5)
    about = f"{_text(wide.at[ALL, TOTAL])} in all"
    axes.text(0.99, 0.5, about, transform=axes.transAxes, ha="right", fontsize=9)
    axes.set_yticks(range(len(wide)), names)
    axes.tick_params(labelsize=8)
    axes.set(xlim=(0, max(axes.get_xlim()[1], 1.25 * left.max())), ylim=(len(wide) - 0.4, -0.6))
    style.quiet_axis(axes, "x")


def _text(seconds: float) -> str:
    """With a unit that leaves few digits."""
    return f"{seconds:.2f} s" if seconds >= 0.0995 else f"{1000 * seconds:.2g} ms"


@figure()
def batches(batches: DataFrame, published: DataFrame = NO_VALUES) -> Figure:
    """Seconds per image against batch size.

    Seconds per image against batch size, both axes logarithmic: medians of the clocked runs,
    with bars from their lower to their upper quartile, often shorter than the markers. Images are
    sampled all at once from the uniform prior of the coarsest scale down. Each is encoded into a
    file of its own and decoded from it; a network in integers, whose results no batch changes,
    predicts them together, the extractors and the range coder go image by image. Diamonds are the
    paper's values (Table A3, on a Titan X (Pascal)).
    """
    of_table = published.quantity.where(published.table == TABLE)
    sizes = of_table.str.extract(r"^sample_s bs(\d+)$")[0].dropna().astype(int)
    theirs = published.loc[sizes.index].set_index(sizes)
    places = batches.groupby(["method", "device_name", "threads"], sort=False)
    drawn = style.new_figure(7.6, 0.6 + 4.0 * len(places))
    grid = drawn.subplots(len(places), 1, squeeze=False, sharex=True)
    look: dict[str, Any] = {"color": style.PUBLISHED, "marker": "D", "ls": ":"}
    look |= {"lw": 1.2, "markersize": 5.5, "markerfacecolor": "white"}
    for axes, ((method, device, threads), rows) in zip(grid[:, 0], places, strict=True):
        axes.set_title(f"{method}, {device}, {counted(threads, 'CPU thread')}")
        if len(theirs):
            axes.plot(theirs.index, theirs.value, **look)
        _draw_batches(axes, rows, theirs)
    handles = [
        Line2D([], [], color=color, marker=marker, label=label)
        for operation, (label, color, marker) in OPERATIONS.items()
        if (batches.operation == operation).any()
    ]
    if len(theirs):
        unverified = "" if theirs.verified.all() else f", {UNVERIFIED}"
        text = f"sampling, published (Table {TABLE}){unverified}"
        handles.append(Line2D([], [], label=text, **look))
    style.legend(drawn, handles)
    style.note_below(drawn, noise_note(batches))
    return drawn


def _draw_batches(axes: Axes, rows: DataFrame, published: DataFrame) -> None:
    each = rows.assign(seconds=rows.seconds / rows.batch)
    main = rows.side[rows.batch == rows.batch.max()].iloc[0]  # others are single images
    for (operation, side), line in each.groupby(["operation", "side"], sort=False):
        _, color, marker = OPERATIONS[str(operation)]
        runs = line.groupby("batch").seconds.quantile([0.25, 0.5, 0.75]).unstack()
        low, median, high = runs[0.25], runs[0.5], runs[0.75]
        look = {"color": color, "marker": marker, "markersize": 5.5, "linewidth": 1.5}
        spread = [median - low, high - median]
        axes.errorbar(runs.index, median, spread, elinewidth=1, capsize=4.5, **look)
        if side != main:
            about = f"one image of {side}x{side} pixels"
            look = {"textcoords": "offset points", "va": "center", "color": color}
            axes.annotate(about, (runs.index[0], median.iloc[0]), (9, 0), **look)
    axes.set(xscale="log", yscale="log", ylabel="seconds per image (less is better)")
    axes.set_xlabel(f"images of {main}x{main} pixels in a batch")
    ticks = sorted({*rows.batch, *published.index})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(axis="both")
    axes.tick_params(axis="both", which="both", length=0)
