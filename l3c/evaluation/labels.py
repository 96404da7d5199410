"""Labels beside the points of a scatter plot that touch neither points, lines nor each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

_POINT = 7.0  # pixels kept free around the centre of a point, at the figure's own 100 dpi
_GAP = 3.0
# Directions to try, the most readable first: right, left, above, below, then the corners.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (10.0, 17.0, 26.0, 38.0)  # pixels from the point; but for the least, with a thin line
_EDGE = 6.0  # pixels kept free inside the frame


class _Place(NamedTuple):
    """Where a label may stand: cost without other labels, offset from its point, all in pixels."""

    cost: float
    offset: tuple[float, float]
    box: Bbox
    far: bool


def place_labels(
    figure: Figure,
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> list[Annotation]:
    """Writes a label beside each point.

    Each label takes the place, of several around its point, that covers least of what is there.
    Who chooses first matters: of several orders the one with the least covered in all is taken.

    Args:
        figure: holds the axes; its layout must be final except for the labels.
        axes: with final limits.
        points: in data coordinates.
        texts: one for each point.
        colors: of the texts.
        lines: corners of drawn lines that labels avoid, in data coordinates.
    """
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = axes.get_window_extent(renderer).padded(-_EDGE)
    pixels = _pixels(axes, points)
    marks = [Bbox.from_extents(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in pixels]
    drawn = [box for line in lines for box in _boxes_along(_pixels(axes, line))]
    # Labels of points that touch get a thin line too: it says which is whose.
    crowded = [sum(mark.overlaps(other) for other in marks) > 1 for mark in marks]
    labels, places = [], []
    for index, (x, y) in enumerate(pixels):
        label = axes.annotate(
            texts[index],
            points[index],
            xytext=(0, 0),
            textcoords="offset points",
            color=colors[index],
            fontsize=9.5,
            va="bottom",
            path_effects=[withStroke(linewidth=2.5, foreground="white")],  # over grid lines
        )
        size = label.get_window_extent(renderer)
        others = [*marks[:index], *marks[index + 1 :], *drawn]
        labels.append(label)
        places.append(_candidates(x, y, size.width, size.height, others, frame))
    for index, (_, (right, up), box, far) in enumerate(_arrange(places, texts, pixels)):
        # Offsets in points, unlike those in pixels, hold for every resolution of the file.
        labels[index].set_position(_to_points(figure, right, up))
        if far or crowded[index]:
            arrow = {"arrowstyle": "-", "color": colors[index], "lw": 0.6, "shrinkB": 5}
            axes.annotate(
                "",
                points[index],
                xytext=_to_points(figure, *_nearest(box, *pixels[index])),
                textcoords="offset points",
                arrowprops=arrow,
            )
    return labels


def _arrange(
    places: Sequence[Sequence[_Place]],
    texts: Sequence[str],
    pixels: Sequence[tuple[float, float]],
) -> list[_Place]:
    """One of the places of each label, so that labels cover little of each other."""
    by_length = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    by_column = sorted(range(len(texts)), key=lambda i: pixels[i])
    best: list[_Place] = []
    least = float("inf")
    for order in (by_length, by_length[::-1], by_column, by_column[::-1]):
        chosen: dict[int, _Place] = {}
        total = 0.0
        for index in order:
            costs = [
                place.cost + 10 * sum(_overlap(place.box, other.box) for other in chosen.values())
                for place in places[index]
            ]
            total += min(costs)
            chosen[index] = places[index][costs.index(min(costs))]
        if total < least:
            least, best = total, [chosen[index] for index in range(len(texts))]
    return best


def _candidates(
    x: float, y: float, width: float, height: float, taken: Sequence[Bbox], frame: Bbox
) -> list[_Place]:
    """The places for a label around the pixel (x, y)."""
    places = []
    for rank, distance in enumerate(_DISTANCES):
        for order, (right, up) in enumerate(_SIDES):
            reach = distance * (0.75 if right and up else 1.0)
            left = x + right * reach - (width if right < 0 else 0 if right > 0 else width / 2)
            low = y + up * reach - (height if up < 0 else 0 if up > 0 else height / 2)
            box = Bbox.from_bounds(left, low, width, height)
            covered = sum(_overlap(box, other) for other in taken)
            outside = width * height - _overlap(box, frame, gap=0.0)
            cost = 10 * covered + 40 * outside + 30 * rank + order
            places.append(_Place(cost, (left - x, low - y), box, rank > 0))
    return places


def _overlap(box: Bbox, other: Bbox, gap: float = _GAP) -> float:
    """Common area in square pixels, with a gap around the second box."""
    width = min(box.x1, other.x1 + gap) - max(box.x0, other.x0 - gap)
    height = min(box.y1, other.y1 + gap) - max(box.y0, other.y0 - gap)
    return max(width, 0.0) * max(height, 0.0)


def _pixels(axes: Axes, points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in map(axes.transData.transform, points)]


def _nearest(box: Bbox, x: float, y: float) -> tuple[float, float]:
    """From the pixel (x, y) to the box."""
    return min(max(x, box.x0), box.x1) - x, min(max(y, box.y0), box.y1) - y


def _to_points(figure: Figure, x: float, y: float) -> tuple[float, float]:
    return x * 72 / figure.dpi, y * 72 / figure.dpi


def _boxes_along(corners: Sequence[tuple[float, float]]) -> list[Bbox]:
    """Thin boxes that cover a line through these pixels."""
    return [
        Bbox.from_extents(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        for (x0, y0), (x1, y1) in itertools.pairwise(corners)
    ]
