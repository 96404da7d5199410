"""The bottlenecks of a pyramid as heat maps beside the photograph (L3C Fig. A1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from l3c.evaluation import style
from l3c.models.pyramid_codec import as_pyramid_codec
from l3c.models.tile_codec import RGB, TileCodec
from l3c.nn.quantizer import to_values

CHANNELS = 3  # of each scale that are shown, as in the paper
_PHOTO = 3  # times as wide as a map
_MAP = 1.55  # inches, the longer side of a heat map


@dataclass(frozen=True)
class Bottlenecks:
    """A photograph and its bottlenecks.

    Attributes:
        name: of the image.
        image: uint8 (H, W, 3).
        values: of z^(1), ..., z^(S), float32 (C, H / 2^s, W / 2^s) in [-1, 1].
    """

    name: str
    image: RGB
    values: list[npt.NDArray[np.float32]]


@torch.inference_mode()
def bottlenecks(codec: TileCodec, name: str, image: RGB) -> Bottlenecks:
    """The first channels of all scales, values and not symbols.

    Args:
        codec: of a model with scales. Those of L3C are learned, others are smaller images.
        name: of the image.
        image: uint8 (H, W, 3).

    Raises:
        UnsupportedError: a model without scales.
    """
    codec = as_pyramid_codec(codec)
    values = [
        to_values(symbols[0, :CHANNELS], codec.network.shape(s).levels).cpu().numpy()
        for s, symbols in enumerate(codec.symbols(image)[1:], 1)
    ]
    return Bottlenecks(name, image, values)


def draw_heat_maps(photographs: Sequence[Bottlenecks], label: str) -> Figure:
    """A block for each photograph: the image, and a row of maps for each scale.

    Args:
        photographs: at least one.
        label: of the model.
    """
    blocks = [_size(photograph) for photograph in photographs]
    heights = [height for _, height in blocks]
    widest = max(width for width, _ in blocks)
    figure = style.new_figure(widest + 1.6, sum(heights) + 0.1)
    ratios = {"height_ratios": heights, "width_ratios": [widest, 0.16]}
    grid = figure.add_gridspec(len(blocks), 2, **ratios)
    for row, photograph in enumerate(photographs):
        _draw_block(figure, grid[row, 0], photograph)
    colors = ScalarMappable(Normalize(-1, 1), style.VALUE_MAP)
    bar = figure.colorbar(colors, cax=figure.add_subplot(grid[:, 1]), ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label(f"value of the bottleneck, {label}")
    bar.outline.set_visible(False)
    return figure


def _size(photograph: Bottlenecks) -> tuple[float, float]:
    """Inches of a block."""
    height, width = photograph.image.shape[:2]
    unit = _MAP / max(height, width)
    rows, columns = len(photograph.values), min(CHANNELS, len(photograph.values[0]))
    return (_PHOTO + columns) * (unit * width + 0.06), rows * (unit * height + 0.06) + 0.3


def _draw_block(figure: Figure, place: SubplotSpec, photograph: Bottlenecks) -> None:
    rows, columns = len(photograph.values), len(photograph.values[0])
    grid = place.subgridspec(rows, columns + 1, width_ratios=[_PHOTO] + [1] * columns)
    axes = figure.add_subplot(grid[:, 0])
    style.picture_axes(axes)
    axes.set_anchor("NW")
    axes.imshow(photograph.image)
    height, width = photograph.image.shape[:2]
    axes.set_title(f"{photograph.name}, {width} {style.TIMES} {height}", fontsize=10)
    for s, values in enumerate(photograph.values, 1):
        for c, plane in enumerate(values):
            axes = figure.add_subplot(grid[s - 1, c + 1])
            style.picture_axes(axes)
            axes.imshow(plane, style.VALUE_MAP, vmin=-1, vmax=1, interpolation="nearest")
            if s == 1:
                axes.set_title(f"channel {c + 1}", loc="center", fontsize=10, fontweight="normal")
            if c == 0:
                size = f"{plane.shape[1]} {style.TIMES} {plane.shape[0]}"
                label = f"{style.scale_label(f'z{s}')}\n{size}"
                axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
