"""A figure in words and numbers: what a reader sees, without where it is and how it looks."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator


def described(figure: Figure) -> str:
    """Texts of all visible panels; data of lines, bars and points to three digits."""
    blocks = [[f"text: {_flat(text.get_text())}" for text in figure.texts]]
    for legend in figure.legends:
        blocks.append([f"legend: {' | '.join(text.get_text() for text in legend.texts)}"])
    blocks += [[*_panel(axes)] for axes in figure.axes if axes.get_visible()]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _panel(axes: Axes) -> Iterator[str]:
    titles = [axes.get_title(loc=place) for place in ("left", "center", "right")]
    yield "panel: " + " | ".join(map(_flat, filter(None, titles)))
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        chosen = isinstance(axis.get_major_locator(), FixedLocator)
        ticks = [tick.get_text() for tick in axis.get_ticklabels()] if chosen else []
        limits = "{:.3g} to {:.3g}".format(*axis.get_view_interval())
        said = [_flat(axis.get_label_text()), f"{axis.get_scale()} {limits}", ", ".join(ticks)]
        yield f"{name}: {'; '.join(filter(None, said))}"
    for text in axes.texts:
        if text.get_text():
            yield f"text: {_flat(text.get_text())}"
    for line in axes.lines:
        yield f"line {to_hex(line.get_color())}: {_points(line.get_xydata())}"
    for bars in axes.containers:
        if patches := getattr(bars, "patches", None):
            widths = " ".join(f"{bar.get_x():.3g}+{bar.get_width():.3g}" for bar in patches)
            yield f"bars: {widths}"
    for drawn in axes.collections:
        if isinstance(drawn, LineCollection):
            yield "segments: " + "; ".join(map(_points, drawn.get_segments()))
        elif isinstance(drawn, PathCollection):
            yield f"points: {_points(drawn.get_offsets())}"


def _points(points: Any) -> str:
    return " ".join(f"({x:.3g}, {y:.3g})" for x, y in points)


def _flat(text: str) -> str:
    return text.replace("\n", " / ")
