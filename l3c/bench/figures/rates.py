"""Rows -> figures: bits per sub-pixel by method, and against the time to encode and decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator
from pandas import DataFrame

from baselines.registry import METHODS
from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.bench.measure.machine import noise_note
from l3c.bench.published import NO_VALUES, bpsp_of, published_name
from l3c.bench.stats import rates, speeds
from l3c.messages import counted

RAW = "raw"  # the control, 8 bpsp by definition
_NONE: Mapping[str, str] = MappingProxyType({})


def _summarize(rows: DataFrame) -> DataFrame:
    """A line for each data set and method, best mean first; times are in seconds per megapixel."""
    by = ["dataset", "key", "method"]
    table = rates(rows, by).merge(speeds(rows, by)).sort_values(["mean_bpsp", "key"])
    learned = table.cross_entropy_bpsp.notna()
    most = table.dataset.map(rows.groupby("dataset").image.nunique())
    some = table.method + ", " + table.images.astype(str) + " of " + most.astype(str) + " images"
    return table.assign(
        encode=3 / table.encode_mb_s,
        decode=3 / table.decode_mb_s,
        threads=table.threads.where(~table.key.isin(METHODS), 1).astype(int),
        learned=learned,
        color=np.where(learned, style.LEARNED, style.CLASSICAL),
        label=table.method.where(table.images == most, some),
    )


def pareto(seconds: Sequence[float], bpsp: Sequence[float]) -> DataFrame:
    """The points that no other one beats in both (less is better), from left to right."""
    points = DataFrame({"seconds": [*seconds], "bpsp": [*bpsp]}, dtype=float)
    points = points.sort_values(["seconds", "bpsp"])
    return points[points.bpsp < points.bpsp.cummin().shift(fill_value=np.inf)]


@figure()
def bpsp(
    rows: DataFrame,
    published: DataFrame = NO_VALUES,
    editions: Mapping[str, str] = _NONE,
    published_as: Mapping[str, str] = _NONE,
) -> Figure:
    """Bits per sub-pixel by method.

    Bits per sub-pixel, 8 × bytes of the whole file / (3 · H · W), lower is better: small dots
    are images, bars their mean, diamonds the published mean on the paper's own images.
    """
    table = _summarize(rows)
    datasets = rows.dataset.unique()
    counts = [int((table.dataset == dataset).sum()) for dataset in datasets]
    drawn = style.new_figure(7.6, 1.5 + 0.36 * sum(counts) + 0.5 * len(counts))
    ratios = [count + 1 for count in counts]
    grid = drawn.subplots(len(counts), 1, squeeze=False, sharex=True, height_ratios=ratios)
    verified = []
    for axes, dataset in zip(grid[:, 0], datasets, strict=True):
        bars = table[table.dataset == dataset].reset_index(drop=True)
        theirs = bpsp_of(published, editions.get(dataset))
        axes.set_title(f"{dataset}, {counted(bars.images.max(), 'image')}")
        _draw_bars(axes, bars, rows[rows.dataset == dataset])
        for place, bar in bars.iterrows():
            if name := published_name(bar.key, bar.method, published_as, theirs.index):
                verified.append(theirs.verified[name])
                axes.plot(theirs.value[name], place, "D", color=style.PUBLISHED, mfc="white")
                about = f"published: {editions[dataset]}"
                axes.set_title(about, loc="right", fontsize=8.5, fontweight="normal")
    grid[-1, 0].set_xlabel("bits per sub-pixel, whole file (less is better)")
    handles: list[Line2D | Patch] = [
        Patch(color=style.PALE[style.LEARNED], label="learned (mean)"),
        Patch(color=style.PALE[style.CLASSICAL], label="classical (mean)"),
        style.dot(style.QUIET, "one image", "."),
    ]
    if verified:
        text = "published" if all(verified) else "published, unverified"
        handles.append(style.dot(style.PUBLISHED, text, hollow=True))
    style.legend(drawn, handles)
    return drawn


def _draw_bars(axes: Axes, bars: DataFrame, rows: DataFrame) -> None:
    """A bar for each method, and a dot for each of its images."""
    places, half = bars.index, 0.31
    axes.barh(places, bars.mean_bpsp, 2 * half, color=bars.color.map(style.PALE))
    axes.vlines(bars.mean_bpsp, places - half, places + half, colors=bars.color, linewidth=2.4)
    # A fixed zigzag, so that near dots are seen apart.
    heights = np.take([0.0, 0.16, -0.16, 0.08, -0.08], rows.groupby("key").cumcount() % 5)
    of = bars.reset_index().set_index("key").loc[rows.key]
    look = {"s": 11, "c": of.color, "alpha": 0.75, "linewidth": 0, "zorder": 3}
    axes.scatter(rows.bpsp, of["index"] + heights, **look)
    for at, mean in bars.mean_bpsp.items():  # at the left end of the bar, where dots do not come
        axes.text(0.08, at, f"{mean:.2f}", va="center", fontsize=9)
    axes.set_yticks(places, bars.label)
    for tick, learned in zip(axes.get_yticklabels(), bars.learned, strict=True):
        tick.set_fontweight("bold" if learned else "normal")
    axes.set(ylim=(len(bars) - 0.45, -0.55), xlim=(0, None))
    axes.xaxis.set_tick_params(labelbottom=True)
    style.quiet_axis(axes, "x")


@figure()
def speed(rows: DataFrame, repeats: int | None = None) -> Figure:
    """Rate against the time to encode and to decode.

    Mean bits per sub-pixel against the time to encode and to decode in seconds per megapixel,
    lower is better in all. Lines join the methods that no other one beats in both. The legend
    gives the threads of each group: learned methods have those of the machine, the codecs here
    one. Raw pixels, at 8 bpsp, are left out. Times are medians over the clocked runs of each image,
    whose number is below.
    """
    table = _summarize(rows)
    table = table[(table.key != RAW) | (table.key == RAW).all()]
    datasets = table.dataset.unique()
    drawn = style.new_figure(11.6, 0.6 + 4.4 * len(datasets))
    grid = drawn.subplots(len(datasets), 2, squeeze=False, sharey="row")
    handles: list[Line2D] = []
    for color, group in ((style.LEARNED, "learned"), (style.CLASSICAL, "classical")):
        if counts := sorted(set(table.threads[table.color == color])):
            plural = "" if counts == [1] else "s"
            threads = f"{' or '.join(map(str, counts))} thread{plural}"
            handles.append(style.dot(color, f"{group}, {threads}"))
    front = "best trade-offs (Pareto front)"
    handles.append(Line2D([], [], color=style.QUIET, linewidth=1.2, label=front))
    style.legend(drawn, handles)
    runs = "one run" if repeats == 1 else f"median of {repeats} runs"
    clocked = f"times: {runs} of each image, after a warm-up" if repeats else ""
    marks = np.where(table.in_process.astype(bool), "", " ‡")
    outside = "" if table.in_process.all() else "‡ an external program"
    style.note_below(drawn, clocked, outside, noise_note(rows))
    for line, dataset in zip(grid, datasets, strict=True):
        line[0].set(title=dataset, ylabel="bits per sub-pixel (less is better)")
        for axes, what in zip(line, ("encode", "decode"), strict=True):
            axes.set_xlabel(f"{what[:-1]}ing time in seconds per megapixel (less is better)")
            _draw_points(axes, table[table.dataset == dataset], what)
    for line, dataset in zip(grid, datasets, strict=True):  # last, in the final layout
        shown = table.assign(label=table.label + marks)[table.dataset == dataset]
        for axes, what in zip(line, ("encode", "decode"), strict=True):
            points = list(zip(shown[what], shown.mean_bpsp, strict=True))
            style.label_points(axes, points, [*shown.label], [*shown.color])
    return drawn


def _draw_points(axes: Axes, shown: DataFrame, what: str) -> None:
    """A marker for each method, and their Pareto front."""
    seconds, rates = shown[what], shown.mean_bpsp
    for time, rate, color in zip(seconds, rates, shown.color, strict=True):
        above = 4 if color == style.LEARNED else 3  # corners of squares show under circles
        look = {"color": color, "marker": style.MARKERS[color], "zorder": above}
        axes.scatter(time, rate, s=58, edgecolor="white", linewidth=0.8, **look)
    low, high, margin = min(seconds), max(seconds), 0.12 * (max(rates) - min(rates)) or 0.5
    room = max((high / low) ** 0.28, 1.5)  # for labels at both ends
    right, top = high * room, max(rates) + margin
    axes.set(xscale="log", xlim=(low / room, right), ylim=(min(rates) - margin, top))
    # A step: between two methods of the front only the slower one's rate can be had at its time.
    front = pareto(seconds, rates)
    corners = [*np.repeat(front.seconds, 2), right], [top, *np.repeat(front.bpsp, 2)]
    axes.plot(*corners, color=style.QUIET, linewidth=1.2, zorder=1)
    axes.grid(axis="both", which="major")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", which="both", length=3, pad=3, labelsize=9)
    named = (1, 2, 5) if right * room < 1000 * low else (1,)  # of each power of ten
    axes.xaxis.set_major_locator(LogLocator(subs=named))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axes.xaxis.set_minor_formatter("")
