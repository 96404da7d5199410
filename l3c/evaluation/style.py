"""One look for every figure: colours told apart by the colour-blind and in grey, quiet axes."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

# Okabe and Ito's vermilion and a slate: different hue, different lightness, different marker.
LEARNED = "#d55e00"
CLASSICAL = "#33526e"
PUBLISHED = "#111111"
INK = "#222222"
QUIET = "#767676"
GRID = "#e4e4e4"
PICTURE_DPI = 110  # photographs at 200 would be megabytes
LEARNED_MARKER = "o"
CLASSICAL_MARKER = "s"
PUBLISHED_MARKER = "D"
# Maps of matplotlib whose lightness rises evenly, so that they survive grey: of the values of a
# bottleneck, and of bits.
VALUE_MAP = "viridis"
BITS_MAP = "inferno"
TIMES = "\N{MULTIPLICATION SIGN}"

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


def note_below(figure: Figure, *notes: str) -> None:
    """Text under all panels, a line or more for each note; empty ones are left out."""
    width = int(17 * figure.get_figwidth())  # characters
    lines = [textwrap.fill(note, width) for note in notes if note]
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=8.5)


def words(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(6, 0.6)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def color_of(learned: bool) -> str:
    """Colour of a learned or a classical method."""
    return LEARNED if learned else CLASSICAL


def pale(color: str) -> tuple[float, float, float]:
    """The colour mixed with white, for areas; opaque, so that no grid shines through."""
    red, green, blue = (0.68 + 0.32 * part for part in to_rgb(color))
    return red, green, blue


def marker_of(learned: bool) -> str:
    """Marker of a learned or a classical method."""
    return LEARNED_MARKER if learned else CLASSICAL_MARKER


def quiet_axis(axes: Axes, direction: str) -> None:
    """Grid lines along one axis ("x" or "y"), no ticks on the other."""
    axes.grid(axis=direction)  # type: ignore[arg-type]
    axes.tick_params(axis="both", length=0)


def scale_label(name: str) -> str:
    """A scale, "x" or "z1", in mathematical type: the number of z as its superscript."""
    return f"$z^{{({name[1:]})}}$" if name.startswith("z") else f"${name}$"


def picture_axes(axes: Axes) -> None:
    """No frame, no ticks: the axes hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def save(figure: Figure, svg: Path, png: Path, stamp: str, dpi: int = 200) -> None:
    """Writes both forms, without dates, so that the same rows give the same bytes.

    Args:
        figure: to write.
        svg: file of the vector form.
        png: file of the pixels.
        stamp: of its provenance, kept as the description inside both.
        dpi: pixels per inch, also of pictures inside the vector form: `PICTURE_DPI` for those.
    """
    svg.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(svg, dpi=dpi, metadata={"Date": None, "Description": stamp}, facecolor="white")
    figure.savefig(
        png, dpi=dpi, metadata={"Software": None, "Description": stamp}, facecolor="white"
    )
