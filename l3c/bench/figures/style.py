"""One look for every figure: colours told apart by the colour-blind and in grey, quiet axes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

# Okabe and Ito's vermilion and a slate: different hue, different lightness, different marker.
LEARNED, CLASSICAL, PUBLISHED = "#d55e00", "#33526e", "#111111"
MARKERS = {LEARNED: "o", CLASSICAL: "s", PUBLISHED: "D"}
# Mixed with white, for areas; opaque, so that no grid shines through.
PALE = {LEARNED: "#f2cbad", CLASSICAL: "#bec8d1"}
INK, QUIET = "#222222", "#767676"
DPI, PHOTOGRAPH_DPI = 200, 110  # photographs at 200 would be megabytes
# Colour maps of even lightness, legible in grey: values of a bottleneck, and bits.
VALUE_MAP, BITS_MAP = "viridis", "inferno"


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this style; sizes in inches. No window system is touched."""
    matplotlib.style.use(Path(__file__).with_name("l3c.mplstyle"))
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def note(text: str) -> Figure:
    """A figure that states why there is nothing to draw."""
    figure = new_figure(6, 0.6)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def picture_rows(
    images: Sequence[npt.NDArray[Any]], columns: int, width: float, text: float, beside: float = 0
) -> tuple[Figure, npt.NDArray[Any]]:
    """A figure with a row of panels for each image, and the panels, (rows, columns).

    Args:
        images: (H, W, ...); the panels of a row have the proportions of its image.
        columns: panels of a row.
        width: of a panel, in inches.
        text: inches above and below the panels of a row.
        beside: inches that bars of colours take.
    """
    heights = [width * image.shape[0] / image.shape[1] + text for image in images]
    figure = new_figure(columns * (width + 0.06) + beside, sum(heights))
    grid = figure.subplots(len(images), columns, squeeze=False, height_ratios=heights)
    return figure, grid


def show(axes: Axes, picture: npt.ArrayLike, **look: Any) -> AxesImage:
    """Draws a picture without frame and ticks; `look` as of `Axes.imshow`."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    return axes.imshow(picture, **look)


def color_bar(picture: AxesImage, axes: Any, label: str, extend: str = "neither") -> None:
    """What the colours of a picture mean, beside these axes; "max": more has the last one, too."""
    look: Any = {"fraction": 0.04, "pad": 0.02, "panchor": False, "extend": extend}
    bar = picture.figure.colorbar(picture, ax=axes, label=label, **look)
    bar.outline.set_visible(False)


def quiet_axis(axes: Axes, direction: str) -> None:
    """Grid lines along one axis ("x" or "y"), no ticks, and no spine along bars of "x"."""
    axes.grid(axis=direction)
    axes.tick_params(axis="both", length=0)
    axes.spines["left"].set_visible(direction != "x")


def scale_label(name: str) -> str:
    """A scale, "x" or "z1", in mathematical type, the number as superscript; others as they are."""
    if name == "x":
        return "$x$"
    return f"$z^{{({name[1:]})}}$" if name[:1] == "z" and name[1:].isdigit() else name


def dot(color: str, label: str, marker: str = "", hollow: bool = False) -> Line2D:
    """A marker alone, for a legend."""
    face = "white" if hollow else color
    marker = marker or MARKERS[color]
    return Line2D([], [], ls="", marker=marker, color=color, markerfacecolor=face, label=label)


def legend(figure: Figure, handles: Sequence[Artist], columns: int = 0) -> None:
    """One legend above all panels."""
    ncols = columns or len(handles)
    figure.legend(handles=handles, loc="outside upper left", ncols=ncols, columnspacing=1.4)


def note_below(figure: Figure, *notes: str) -> None:
    """Text under all panels, a line or more for each note; empty ones are left out."""
    width = int(14 * figure.get_figwidth())  # characters
    if lines := [textwrap.fill(note, width) for note in notes if note]:
        figure.supxlabel("\n".join(lines), fontsize=8.5)


def save(figure: Figure, svg: Path, png: Path, stamp: str) -> None:
    """Writes both forms, without dates, so that the same rows give the same bytes.

    Args:
        figure: to write.
        svg: file of the vector form; pictures inside have the pixels of the other.
        png: file of the pixels.
        stamp: of its provenance, kept as the description inside both.
    """
    svg.parent.mkdir(parents=True, exist_ok=True)
    dpi = PHOTOGRAPH_DPI if any(axes.images for axes in figure.axes) else DPI
    for path, without in ((svg, "Date"), (png, "Software")):
        metadata = {without: None, "Description": stamp}
        figure.savefig(path, dpi=dpi, metadata=metadata, facecolor="white")


# Labels beside points. adjustText 1.4 and textalloc 1.2 were tried: on the figure of speed both
# left labels on markers or on the Pareto front.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))  # readable first
_DISTANCES = (10, 17, 26, 38)  # pixels from the point
_POINT, _GAP = 7, 3  # pixels kept free around points, and around labels and lines


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
) -> None:
    """Writes a label beside each point that covers neither points, lines nor other labels.

    The longest chooses first, of 32 places around its point, the one that covers least. A thin line
    leads to a label that is not close by, and to those of points that touch.

    Args:
        axes: with final limits and lines, in a figure whose layout is final but for the labels.
        points: in data coordinates.
        texts: one for each point.
        colors: of the texts.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    pixels = axes.transData.transform(np.reshape(points, (-1, 2)))
    taken = [Bbox([pixel, pixel]).padded(_POINT + _GAP) for pixel in pixels]
    for line in axes.lines:
        corners = axes.transData.transform(line.get_xydata())
        taken += [Bbox(ends).padded(_GAP) for ends in pairwise(corners)]
    frame = axes.get_window_extent().padded(-2 * _GAP)
    for i in sorted(range(len(texts)), key=lambda i: -len(texts[i])):
        look = {"color": colors[i], "fontsize": 9.5, "va": "bottom", "textcoords": "offset points"}
        look |= {"path_effects": [withStroke(linewidth=2.5, foreground="white")]}  # over the grid
        lead = {"arrowstyle": "-", "color": colors[i], "lw": 0.6, "shrinkA": 0, "shrinkB": 5}
        label = axes.annotate(texts[i], points[i], (0, 0), arrowprops=lead, **look)
        size = label.get_window_extent().size
        places = []
        for rank, (distance, side) in enumerate(product(_DISTANCES, np.array(_SIDES))):
            low = pixels[i] + side * distance + size * (side - 1) / 2
            box = Bbox([low, low + size])
            covered = sum(_common(box, other) for other in taken)
            outside = size.prod() - _common(box, frame)
            places.append((10 * covered + 40 * outside + 4 * rank, rank, box))
        _, rank, box = min(places, key=lambda place: place[:2])
        crowded = sum(taken[i].overlaps(mark) for mark in taken[: len(pixels)]) > 1
        if label.arrow_patch and rank < len(_SIDES) and not crowded:
            label.arrow_patch.set_visible(False)
        taken.append(box.padded(_GAP))
        # Offsets in points, unlike pixels, hold for every resolution.
        label.set_position(tuple((box.min - pixels[i]) * 72 / figure.dpi))


def _common(box: Bbox, other: Bbox) -> float:
    """Area of the intersection."""
    both = Bbox.intersection(box, other)
    return both.width * both.height if both else 0.0
