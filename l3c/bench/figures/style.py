"""One look for every figure: colours told apart by the colour-blind and in grey, quiet axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

# Okabe and Ito's vermilion and a slate: different hue, different lightness, different marker.
LEARNED, CLASSICAL, PUBLISHED = "#d55e00", "#33526e", "#111111"
MARKERS = {LEARNED: "o", CLASSICAL: "s", PUBLISHED: "D"}
INK, QUIET = "#222222", "#767676"
DPI, PHOTOGRAPH_DPI = 200, 110  # photographs at 200 would be megabytes
# Colour maps of even lightness, legible in grey: values of a bottleneck, and bits.
VALUE_MAP, BITS_MAP = "viridis", "inferno"
EXTERNAL_MARK = "‡"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this style; sizes in inches. No window system is touched."""
    matplotlib.style.use(Path(__file__).with_name("l3c.mplstyle"))
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def nothing(text: str) -> Figure:
    """A figure that states why there is nothing to draw."""
    figure = new_figure(6, 0.6)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def pale(color: str) -> tuple[float, float, float]:
    """The colour mixed with white, for areas; opaque, so that no grid shines through."""
    red, green, blue = (0.68 + 0.32 * part for part in to_rgb(color))
    return red, green, blue


def quiet_axis(axes: Axes, direction: str) -> None:
    """Grid lines along one axis ("x" or "y"), no ticks, and no spine along bars of "x"."""
    axes.grid(axis=direction)
    axes.tick_params(axis="both", length=0)
    axes.spines["left"].set_visible(direction != "x")


def picture_axes(axes: Axes) -> None:
    """No frame, no ticks: the axes hold a picture."""
    axes.set(xticks=[], yticks=[])
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


def save(figure: Figure, svg: Path, png: Path, stamp: str, dpi: int = DPI) -> None:
    """Writes both forms, without dates, so that the same rows give the same bytes.

    Args:
        figure: to write.
        svg: file of the vector form.
        png: file of the pixels.
        stamp: of its provenance, kept as the description inside both.
        dpi: pixels per inch, also of photographs inside the vector form.
    """
    svg.parent.mkdir(parents=True, exist_ok=True)
    for path, without in ((svg, "Date"), (png, "Software")):
        metadata = {without: None, "Description": stamp}
        figure.savefig(path, dpi=dpi, metadata=metadata, facecolor="white")


# Labels beside points. adjustText 1.4 and textalloc 1.2 were tried: on the figure of speed both
# left labels on markers or on the Pareto front.
_POINT, _EDGE = 7.0, 6.0  # pixels kept free: around points and lines, inside the frame
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))  # readable first
_DISTANCES = (10.0, 17.0, 26.0, 38.0)  # pixels from the point; but for the least, with a thin line
Boxes = npt.NDArray[np.float64]  # (N, 4): left, low, right, high, in pixels


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
    lines: Sequence[npt.ArrayLike] = (),
) -> None:
    """Writes a label beside each point that covers neither points, lines nor other labels.

    Labels choose in turn, of 32 places around their point, the one that covers least; of several
    orders the best is taken.

    Args:
        axes: with final limits, in a figure whose layout is final except for the labels.
        points: in data coordinates.
        texts: one for each point.
        colors: of the texts.
        lines: corners of drawn lines, (N, 2), in data coordinates.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    frame = axes.get_window_extent().extents + _EDGE * np.array([1, 1, -1, -1])
    pixels = axes.transData.transform(np.reshape(points, (-1, 2)))
    marks = np.hstack([pixels - _POINT, pixels + _POINT])
    corners = [axes.transData.transform(np.reshape(line, (-1, 2))) for line in lines]
    drawn = [np.hstack([np.minimum(c[:-1], c[1:]), np.maximum(c[:-1], c[1:])]) for c in corners]
    labels, places, costs = [], [], []
    for i, text in enumerate(texts):
        look = {"color": colors[i], "fontsize": 9.5, "va": "bottom", "textcoords": "offset points"}
        halo = [withStroke(linewidth=2.5, foreground="white")]  # over grid lines
        labels.append(axes.annotate(text, points[i], (0, 0), path_effects=halo, **look))
        size = labels[i].get_window_extent().size
        lows = [
            pixels[i] + side * distance * (0.75 if side.all() else 1) + size * (side - 1) / 2
            for distance, side in product(_DISTANCES, np.array(_SIDES))
        ]
        boxes = np.hstack([lows, lows + size])
        outside = size.prod() - _common(boxes, frame[None], 0)
        others = np.concatenate([np.delete(marks, i, axis=0), *drawn])
        rank = 30 * np.repeat(np.arange(4), 8) + np.tile(np.arange(8), 4)
        places.append(boxes)
        costs.append(10 * _common(boxes, others) + 40 * outside + rank)
    for i, place in enumerate(_arranged(places, costs, [len(text) for text in texts])):
        box = places[i][place]
        scale = 72 / figure.dpi  # offsets in points, unlike pixels, hold for every resolution
        labels[i].set_position(tuple((box[:2] - pixels[i]) * scale))
        touching = (_common(marks[i][None], marks, 0) > 4.01 * _POINT**2).any()
        if place >= len(_SIDES) or touching:  # a line tells which label is whose
            end = tuple((np.clip(pixels[i], box[:2], box[2:]) - pixels[i]) * scale)
            arrow = {"arrowstyle": "-", "color": colors[i], "lw": 0.6, "shrinkB": 5}
            axes.annotate("", points[i], end, textcoords="offset points", arrowprops=arrow)


def _common(boxes: Boxes, others: Boxes, gap: float = 3.0) -> npt.NDArray[np.float64]:
    """Area that each box shares with all others together, these enlarged by the gap."""
    low = np.maximum(boxes[:, None, :2], others[:, :2] - gap)
    high = np.minimum(boxes[:, None, 2:], others[:, 2:] + gap)
    area: npt.NDArray[np.float64] = (high - low).clip(0).prod(axis=2).sum(axis=1)
    return area


def _arranged(
    places: Sequence[Boxes], costs: Sequence[npt.NDArray[np.float64]], lengths: Sequence[int]
) -> list[int]:
    """Index of the place of each label."""
    best: tuple[float, list[int]] = (float("inf"), [])
    forward, by_length = range(len(places)), sorted(range(len(places)), key=lambda i: -lengths[i])
    for order in (by_length, by_length[::-1], forward, forward[::-1]):
        chosen, total, taken = [0] * len(places), 0.0, np.empty((0, 4))
        for i in order:
            cost = costs[i] + 10 * _common(places[i], taken)
            chosen[i] = int(cost.argmin())
            total += float(cost.min())
            taken = np.vstack([taken, places[i][chosen[i]]])
        best = min(best, (total, chosen))
    return best[1]
