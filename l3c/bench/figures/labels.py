"""Labels beside the points of a plot that touch neither points, lines nor each other.

adjustText was tried instead: it moves labels by forces, and on crowded plots left them on markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

_POINT, _GAP, _EDGE = 7.0, 3.0, 6.0  # pixels kept free: around points, boxes, inside the frame
# Directions to try, the most readable first: right, left, above, below, then the corners.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (10.0, 17.0, 26.0, 38.0)  # pixels from the point; but for the least, with a thin line

Boxes = npt.NDArray[np.float64]
"""(N, 4): left, low, right, high, in pixels at the figure's own 100 dpi."""


def label_points(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    colors: Sequence[str],
    lines: Sequence[npt.ArrayLike] = (),
) -> None:
    """Writes a label beside each point.

    Each label takes the place, of several around its point, that covers least of what is there. Who
    chooses first matters: of several orders the one with the least covered in all is taken.

    Args:
        axes: with final limits, in a figure whose layout is final except for the labels.
        points: in data coordinates.
        texts: one for each point.
        colors: of the texts.
        lines: corners of drawn lines that labels avoid, (N, 2), in data coordinates.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    low, high = axes.get_window_extent().get_points()
    frame = np.concatenate([low + _EDGE, high - _EDGE])
    pixels = axes.transData.transform(np.reshape(points, (-1, 2)))
    marks = np.hstack([pixels - _POINT, pixels + _POINT])
    corners = [axes.transData.transform(np.reshape(line, (-1, 2))) for line in lines]
    along = [np.hstack([np.minimum(c[:-1], c[1:]), np.maximum(c[:-1], c[1:])]) for c in corners]
    labels, places, costs = [], [], []
    for i, (text, color) in enumerate(zip(texts, colors, strict=True)):
        halo = [withStroke(linewidth=2.5, foreground="white")]  # over grid lines
        look = {"color": color, "fontsize": 9.5, "va": "bottom", "path_effects": halo}
        labels.append(axes.annotate(text, points[i], (0, 0), textcoords="offset points", **look))
        extent = labels[-1].get_window_extent()
        boxes = _candidates(pixels[i], np.array([extent.width, extent.height]))
        outside = extent.width * extent.height - _common(boxes, frame[None], 0.0)
        rank = 30 * np.repeat(np.arange(4), 8) + np.tile(np.arange(8), 4)
        others = np.concatenate([np.delete(marks, i, axis=0), *along])
        places.append(boxes)
        costs.append(10 * _common(boxes, others) + 40 * outside + rank)
    for i, chosen in enumerate(_arrange(places, costs, texts, pixels)):
        box = places[i][chosen]
        scale = 72 / figure.dpi  # offsets in points, unlike pixels, hold for every resolution
        labels[i].set_position(tuple((box[:2] - pixels[i]) * scale))
        # Labels of points that touch get a thin line too: it says which is whose.
        if chosen >= len(_SIDES) or (_common(marks[i][None], marks, 0.0) > 4.01 * _POINT**2).any():
            end = tuple((np.clip(pixels[i], box[:2], box[2:]) - pixels[i]) * scale)
            arrow = {"arrowstyle": "-", "color": colors[i], "lw": 0.6, "shrinkB": 5}
            axes.annotate("", points[i], end, textcoords="offset points", arrowprops=arrow)


def _candidates(point: npt.NDArray[np.float64], size: npt.NDArray[np.float64]) -> Boxes:
    """The places for a label of a size around a point, nearest first."""
    places = []
    for distance, side in product(_DISTANCES, np.array(_SIDES)):
        reach = distance * (0.75 if side.all() else 1.0)
        low = point + side * reach + size * (side - 1) / 2
        places.append(np.concatenate([low, low + size]))
    return np.array(places)


def _common(boxes: Boxes, others: Boxes, gap: float = _GAP) -> npt.NDArray[np.float64]:
    """Area of each box that others cover, with a gap around those, in square pixels, (N,)."""
    low = np.maximum(boxes[:, None, :2], others[:, :2] - gap)
    high = np.minimum(boxes[:, None, 2:], others[:, 2:] + gap)
    area: npt.NDArray[np.float64] = (high - low).clip(0).prod(axis=2).sum(axis=1)
    return area


def _arrange(
    places: Sequence[Boxes],
    costs: Sequence[npt.NDArray[np.float64]],
    texts: Sequence[str],
    pixels: npt.NDArray[np.float64],
) -> list[int]:
    """Index of the place that each label takes, so that labels cover little of each other."""
    by_length = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    by_column = sorted(range(len(texts)), key=lambda i: tuple(pixels[i]))
    best: tuple[float, list[int]] = (float("inf"), [])
    for order in (by_length, by_length[::-1], by_column, by_column[::-1]):
        chosen, total = [0] * len(texts), 0.0
        taken = np.empty((0, 4))
        for i in order:
            cost = costs[i] + 10 * _common(places[i], taken)
            chosen[i] = int(cost.argmin())
            total += float(cost.min())
            taken = np.vstack([taken, places[i][chosen[i]]])
        best = min(best, (total, chosen))
    return best[1]
