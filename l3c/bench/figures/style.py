"""One look for every figure: colours told apart by the colour-blind and in grey, quiet axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from l3c.bench.measure.other_load import noise_note

# Okabe and Ito's vermilion and a slate: different hue, different lightness, different marker.
LEARNED, CLASSICAL, PUBLISHED = "#d55e00", "#33526e", "#111111"
MARKERS = {LEARNED: "o", CLASSICAL: "s", PUBLISHED: "D"}
INK, QUIET, GRID = "#222222", "#767676", "#e4e4e4"
DPI, PICTURE_DPI = 200, 110  # photographs at 200 would be megabytes
# Maps of matplotlib whose lightness rises evenly, so that they survive grey: of the values of a
# bottleneck, and of bits.
VALUE_MAP, BITS_MAP = "viridis", "inferno"
TIMES = "\N{MULTIPLICATION SIGN}"
EXTERNAL_MARK = "‡"

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",  # comes inside matplotlib, so figures look the same everywhere
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.hashsalt": "l3c-bench",  # names inside the SVG depend on the content only
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this style; sizes in inches. No window system is touched."""
    mpl.rcParams.update(_SETTINGS)
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def pale(color: str) -> tuple[float, float, float]:
    """The colour mixed with white, for areas; opaque, so that no grid shines through."""
    red, green, blue = (0.68 + 0.32 * part for part in to_rgb(color))
    return red, green, blue


def quiet_axis(axes: Axes, direction: str) -> None:
    """Grid lines along one axis ("x" or "y"), no ticks on the other."""
    axes.grid(axis=direction)
    axes.tick_params(axis="both", length=0)


def picture_axes(axes: Axes) -> None:
    """No frame, no ticks: the axes hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def scale_label(name: str) -> str:
    """A scale, "x" or "z1", in mathematical type, the number as superscript; others as they are."""
    if name == "x":
        return "$x$"
    return f"$z^{{({name[1:]})}}$" if name[:1] == "z" and name[1:].isdigit() else name


def counted(count: float, word: str) -> str:
    """The count with the word in its number: "1 image", "2 images"."""
    return f"{count:g} {word}{'' if count == 1 else 's'}"


def dot(color: str, label: str, marker: str = "", hollow: bool = False) -> Line2D:
    """A marker alone, for a legend."""
    face = "white" if hollow else color
    marker = marker or MARKERS[color]
    return Line2D([], [], ls="", marker=marker, color=color, markerfacecolor=face, label=label)


def legend(figure: Figure, handles: Sequence[Artist], columns: int = 0) -> None:
    """One legend above all panels."""
    if handles:
        ncols = columns or len(handles)
        figure.legend(handles=handles, loc="outside upper left", ncols=ncols, columnspacing=1.4)


def note_below(figure: Figure, *notes: str) -> None:
    """Text under all panels, a line or more for each note; empty ones are left out."""
    width = int(14 * figure.get_figwidth())  # characters
    if lines := [textwrap.fill(note, width) for note in notes if note]:
        figure.supxlabel("\n".join(lines), fontsize=8.5)


def noise(rows: DataFrame) -> str:
    """What to say below times of a machine that was not quiet; "" if it was."""
    if "other_load" not in rows:
        return ""
    return noise_note(rows)


def nothing(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(6, 0.6)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def save(figure: Figure, svg: Path, png: Path, stamp: str, dpi: int = DPI) -> None:
    """Writes both forms, without dates, so that the same rows give the same bytes.

    Args:
        figure: to write.
        svg: file of the vector form.
        png: file of the pixels.
        stamp: of its provenance, kept as the description inside both.
        dpi: pixels per inch, also of pictures inside the vector form: `PICTURE_DPI` for those.
    """
    svg.parent.mkdir(parents=True, exist_ok=True)
    for path, without in ((svg, "Date"), (png, "Software")):
        metadata = {without: None, "Description": stamp}
        figure.savefig(path, dpi=dpi, metadata=metadata, facecolor="white")
