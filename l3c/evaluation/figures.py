"""Rows -> figures: bits per sub-pixel by method, and against decoding time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator

from baselines.registry import METHODS
from l3c.evaluation import style
from l3c.evaluation.labels import place_labels
from l3c.evaluation.layout import EXTERNAL_MARK
from l3c.evaluation.other_load import noise_note
from l3c.evaluation.published import PublishedValue, bpsp_of, published_name
from l3c.evaluation.rows import ResultRow

RAW = "raw"  # the control, 8 bpsp by definition


@dataclass(frozen=True)
class Bar:
    """A method on a data set.

    Attributes:
        key, method: of the method.
        learned: decides colour and marker.
        bpsp: of each image.
        mean: of `bpsp`.
        encode_s_per_mp, decode_s_per_mp: seconds for a million pixels, all images together.
        in_process: whether those are of this process, not of an external program.
        threads: it was given at most; a codec of ours is told to use one.
        of_images: how many the data set has; the method failed on those that `bpsp` lacks.
    """

    key: str
    method: str
    learned: bool
    bpsp: tuple[float, ...]
    mean: float
    encode_s_per_mp: float
    decode_s_per_mp: float
    in_process: bool
    threads: int
    of_images: int

    @property
    def labelled(self) -> str:
        """Its name, and how many images it was measured on, if not on all."""
        count = len(self.bpsp)
        if count == self.of_images:
            return self.method
        return f"{self.method}, {count} of {self.of_images} images"

    @property
    def marked(self) -> str:
        """The same with a mark where an external program does the work."""
        return self.labelled if self.in_process else f"{self.labelled} {EXTERNAL_MARK}"


def bars_of(rows: Sequence[ResultRow], learned: Sequence[str], dataset: str) -> list[Bar]:
    """The methods measured on a data set, best mean first."""
    groups: dict[str, list[ResultRow]] = {}
    for row in rows:
        if row.dataset == dataset:
            groups.setdefault(row.key, []).append(row)
    bars = []
    images = len({row.image for group in groups.values() for row in group})
    for key, group in groups.items():
        bpsp = tuple(row.bpsp for row in group)
        megapixels = sum(row.height * row.width for row in group) / 1e6
        encode_s = sum(row.encode_s for row in group) / megapixels
        decode_s = sum(row.decode_s for row in group) / megapixels
        mean = sum(bpsp) / len(bpsp)
        alone = all(row.in_process for row in group)
        name = group[0].method
        threads = 1 if key in METHODS else max(row.threads for row in group)
        is_learned = key in learned
        bars.append(
            Bar(key, name, is_learned, bpsp, mean, encode_s, decode_s, alone, threads, images)
        )
    return sorted(bars, key=lambda bar: (bar.mean, bar.key))


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points no other one beats in both coordinates (less is better), from left to right."""
    front: list[tuple[float, float]] = []
    for point in sorted(set(points)):
        if not front or point[1] < front[-1][1]:
            front.append(point)
    return front


def draw_bpsp(
    rows: Sequence[ResultRow],
    learned: Sequence[str],
    published: Sequence[PublishedValue] = (),
    labels: Mapping[str, str] = MappingProxyType({}),
    published_as: Mapping[str, str] = MappingProxyType({}),
) -> Figure:
    """Means as bars, images as dots, published values as diamonds; one panel for each data set.

    Args:
        rows: of any number of data sets.
        learned: keys of the learned methods.
        published: values of any data sets.
        labels: data set -> label of the published values beside it, for those that have any.
        published_as: key -> name in the paper, for methods that are called otherwise here.
    """
    datasets = _datasets(rows)
    panels = [bars_of(rows, learned, dataset) for dataset in datasets]
    lines = sum(len(bars) for bars in panels)
    figure = style.new_figure(7.6, 1.5 + 0.36 * lines + 0.5 * len(panels))
    grid = figure.subplots(
        max(len(panels), 1),
        1,
        squeeze=False,
        sharex=True,
        gridspec_kw={"height_ratios": [len(bars) + 1 for bars in panels] or [1]},
    )
    shown: list[PublishedValue] = []
    for axes, dataset, bars in zip(grid[:, 0], datasets, panels, strict=False):
        theirs = bpsp_of(published, labels.get(dataset))
        named = [(bar, published_name(bar.key, bar.method, published_as, theirs)) for bar in bars]
        values = {bar.key: theirs[name] for bar, name in named if name}
        _draw_bars(axes, bars, values)
        shown += values.values()
        images = max(len(bar.bpsp) for bar in bars)
        axes.set_title(f"{dataset}, {images} image{'s' if images > 1 else ''}")
        if values:
            axes.set_title(
                f"published: {labels[dataset]}", loc="right", fontsize=8.5, fontweight="normal"
            )
    grid[-1, 0].set_xlabel("bits per sub-pixel, whole file (less is better)")
    if not panels:
        _say_nothing_measured(grid[0, 0])
    _legend_bpsp(figure, shown)
    return figure


def _draw_bars(axes: Axes, bars: Sequence[Bar], published: Mapping[str, PublishedValue]) -> None:
    """Draws the bars of a panel; published: key of a method -> its value."""
    for position, bar in enumerate(bars):
        color = style.color_of(bar.learned)
        axes.barh(position, bar.mean, height=0.62, color=style.pale(color), linewidth=0)
        axes.plot([bar.mean] * 2, [position - 0.31, position + 0.31], color=color, linewidth=2.4)
        offsets = _spread(len(bar.bpsp))
        heights = [position + offset for offset in offsets]
        axes.scatter(bar.bpsp, heights, s=11, color=color, alpha=0.75, linewidth=0, zorder=3)
        if bar.key in published:
            axes.scatter(
                published[bar.key].value,
                position,
                s=36,
                marker=style.PUBLISHED_MARKER,
                facecolor="white",
                edgecolor=style.PUBLISHED,
                linewidth=1.2,
                zorder=4,
            )
        # In the white strip at the left end of the bar, where neither dots nor diamonds come.
        axes.text(0.08, position, f"{bar.mean:.2f}", va="center", fontsize=9, color=style.INK)
    axes.set_yticks(range(len(bars)), [bar.labelled for bar in bars])
    for tick, bar in zip(axes.get_yticklabels(), bars, strict=True):
        tick.set_fontweight("bold" if bar.learned else "normal")
    axes.set_ylim(len(bars) - 0.45, -0.55)
    axes.set_xlim(left=0)
    axes.xaxis.set_tick_params(labelbottom=True)
    style.quiet_axis(axes, "x")
    axes.spines["left"].set_visible(False)


def _spread(count: int) -> list[float]:
    """Heights of the dots within a bar: a fixed zigzag, so that near ones are seen apart."""
    pattern = (0.0, 0.16, -0.16, 0.08, -0.08)
    return [pattern[index % len(pattern)] if count > 1 else 0.0 for index in range(count)]


def _legend_bpsp(figure: Figure, published: Sequence[PublishedValue]) -> None:
    handles: list[Line2D | Patch] = [
        Patch(color=style.pale(style.LEARNED), label="learned (mean)"),
        Patch(color=style.pale(style.CLASSICAL), label="classical (mean)"),
        _dot(style.QUIET, ".", "one image"),
    ]
    if published:
        unverified = "" if all(value.verified for value in published) else ", unverified"
        text = f"published{unverified}"
        handles.append(_dot(style.PUBLISHED, style.PUBLISHED_MARKER, text, hollow=True))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)


def draw_speed(
    rows: Sequence[ResultRow], learned: Sequence[str], repeats: int | None = None
) -> Figure:
    """Mean bpsp against encoding and decoding time, each with its Pareto front.

    Two panels side by side for each data set, on one scale of bpsp.

    Args:
        rows: of any number of data sets.
        learned: keys of the learned methods.
        repeats: clocked runs of each image, which the figure says if it is told.
    """
    datasets = _datasets(rows)
    lines = max(len(datasets), 1)
    figure = style.new_figure(11.6, 0.6 + 4.4 * lines)
    grid = figure.subplots(lines, 2, squeeze=False, sharey="row")
    if not datasets:
        _say_nothing_measured(grid[0, 0])
    by_dataset = {dataset: bars_of(rows, learned, dataset) for dataset in datasets}
    _legend_speed(figure, [bar for bars in by_dataset.values() for bar in bars], repeats)
    panels = []
    for line, (dataset, bars) in zip(grid, by_dataset.items(), strict=False):
        shown = [bar for bar in bars if bar.key != RAW] or bars
        line[0].set_title(dataset)
        line[0].set_ylabel("bits per sub-pixel (less is better)")
        notes = [
            f"not shown: {bar.method} ({bar.mean:.2f} bpsp)" for bar in bars if bar not in shown
        ]
        if not all(bar.in_process for bar in shown):
            notes.append(f"{EXTERNAL_MARK} an external program")
        line[1].set_title("; ".join(notes), loc="right", fontsize=8.5, fontweight="normal")
        for axes, what in zip(line, ("encoding", "decoding"), strict=True):
            axes.set_xlabel(f"{what} time in seconds per megapixel (less is better)")
            seconds = [
                bar.encode_s_per_mp if what == "encoding" else bar.decode_s_per_mp for bar in shown
            ]
            panels.append((axes, shown, seconds, _draw_points(axes, shown, seconds)))
    style.note_below(figure, noise_note(rows))
    for axes, shown, seconds, front in panels:  # last: labels are placed in the final layout
        points = [(time, bar.mean) for time, bar in zip(seconds, shown, strict=True)]
        colors = [style.color_of(bar.learned) for bar in shown]
        place_labels(figure, axes, points, [bar.marked for bar in shown], colors, [front])
    return figure


def _legend_speed(figure: Figure, bars: Sequence[Bar], repeats: int | None) -> None:
    """What markers and lines are, and how the times were measured."""
    handles = [
        _dot(style.color_of(learned), style.marker_of(learned), f"{group}, {_threads(found)}")
        for group, learned in (("learned", True), ("classical", False))
        if (found := {bar.threads for bar in bars if bar.learned == learned})
    ]
    front = Line2D([], [], color=style.QUIET, linewidth=1.2, label="best trade-offs (Pareto front)")
    handles.append(front)
    if repeats:
        runs = "one run" if repeats == 1 else f"median of {repeats} runs"
        text = f"times: {runs} of each image, after a warm-up"
        handles.append(Line2D([], [], linestyle="", label=text))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, columnspacing=1.4)


def _threads(counts: Iterable[int]) -> str:
    text = " or ".join(map(str, sorted(counts)))
    return f"{text} thread{'' if text == '1' else 's'}"


def _draw_points(
    axes: Axes, shown: Sequence[Bar], seconds: Sequence[float]
) -> list[tuple[float, float]]:
    """Draws methods and their Pareto front; returns the corners of that line."""
    points = [(time, bar.mean) for time, bar in zip(seconds, shown, strict=True)]
    axes.set_xscale("log")
    for bar, point in zip(shown, points, strict=True):
        axes.scatter(
            *point,
            s=58,
            marker=style.marker_of(bar.learned),
            color=style.color_of(bar.learned),
            edgecolor="white",
            linewidth=0.8,
            zorder=4 if bar.learned else 3,  # of what lies under a circle, corners are seen
        )
    times = [time for time, _ in points]
    rates = [rate for _, rate in points]
    margin = 0.12 * (max(rates) - min(rates)) or 0.5
    # Room for labels at both ends, in proportion to what is between them.
    room = max((max(times) / min(times)) ** 0.28, 1.5)
    axes.set_xlim(min(times) / room, max(times) * room)
    axes.set_ylim(min(rates) - margin, max(rates) + margin)
    # A step: between two methods of the front only the slower one's rate can be had at its time.
    front = pareto(points)
    corners = [(front[0][0], axes.get_ylim()[1])]
    for left, right in zip(front, [*front[1:], (axes.get_xlim()[1], front[-1][1])], strict=True):
        corners += [left, (right[0], left[1])]
    axes.plot(*zip(*corners, strict=True), color=style.QUIET, linewidth=1.2, zorder=1)
    axes.grid(axis="both", which="major")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", which="both", length=3, pad=3, labelsize=9)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    # Powers of ten alone may be one label or none on a short axis.
    low, high = axes.get_xlim()
    named = "25" if high < 1000 * low else ""
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in named else "")
    )
    return corners


def _dot(color: str, marker: str, label: str, hollow: bool = False) -> Line2D:
    face = "white" if hollow else color
    return Line2D(
        [], [], linestyle="", marker=marker, color=color, markerfacecolor=face, label=label
    )


def _datasets(rows: Sequence[ResultRow]) -> list[str]:
    return list(dict.fromkeys(row.dataset for row in rows))


def _say_nothing_measured(axes: Axes) -> None:
    """A run in which no method was available still gets its figures."""
    axes.text(0.5, 0.5, "no method was measured", ha="center", transform=axes.transAxes)
