"""Samples side by side, each with what is stored of it (L3C Sec. 5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from l3c.data.images import read_rgb
from l3c.evaluation import style
from l3c.evaluation.sample_rows import SampleRow

_WIDTH = 2.05  # inches of a picture


def draw_samples(rows: Sequence[SampleRow], folder: Path, label: str) -> Figure:
    """A row for each photograph: itself, then more and more of it sampled.

    Args:
        rows: of photographs, of one model; none of a family that cannot be sampled.
        folder: of the images.
        label: of the model.
    """
    if not rows:
        return style.words(f"{label} draws no samples")
    names = list(dict.fromkeys(row.image for row in rows))
    ladders = [[row for row in rows if row.image == name] for name in names]
    columns = len(ladders[0])
    heights = [_WIDTH * ladder[0].height / ladder[0].width + 0.35 for ladder in ladders]
    figure = style.new_figure(columns * (_WIDTH + 0.06), sum(heights) + 0.8)
    grid = figure.subplots(len(ladders), columns, squeeze=False, height_ratios=heights)
    for ladder, line in zip(ladders, grid, strict=True):
        for row, axes in zip(ladder, line, strict=True):
            style.picture_axes(axes)
            axes.imshow(read_rgb(folder / row.file))
            axes.set_xlabel(f"{row.bpsp:.3f} bpsp", fontsize=10.5)
    for row, axes in zip(ladders[0], grid[0], strict=True):
        axes.set_title(_heading(row), fontsize=10, loc="center", linespacing=1.4)
    top = ladders[0][0].stored.split()[-1]
    values = " and ".join(sorted({f"{row.uniform_bpsp:.4f}" for row in rows}))
    figure.supxlabel(
        f"{label}; bpsp: bits per sub-pixel of what is stored.\n"
        f"{style.scale_label(top)} alone costs {values} bpsp by its size, whatever it holds.",
        fontsize=9,
        x=0.01,
        ha="left",
    )
    return figure


def _heading(row: SampleRow) -> str:
    """What was sampled, and given what."""
    if not row.sampled:
        return "ground truth\n"
    return f"{_range(row.sampled)} sampled\ngiven {_range(row.stored)}"


def _range(scales: str) -> str:
    """Neighbouring scales, as "x z1 z2", in few words: x to z2."""
    first, *others = map(style.scale_label, scales.split())
    if not others:
        return first
    return f"{first}{' to ' if len(others) > 1 else ', '}{others[-1]}"
