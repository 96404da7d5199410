"""Photographs and what a model makes of them: samples, bottlenecks, and where its bits go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.data.images import read_rgb

if TYPE_CHECKING:  # both import PyTorch, which no table needs
    from l3c.models.tile_codec import RGB, TileCodec

CHANNELS = 3  # of each scale that are shown, as in the paper
_PHOTO, _MAP = 3, 1.55  # width of the photograph in maps; inches of a map's longer side
_SAMPLE = 2.05  # inches, the width of a sample
_WINDOW = 4  # pixels a side: whole periods of the grids of the two finest scales
_BRIGHTEST = 99.5  # percentile of the costs that the brightest colour stands for
_SIDE = 4.1  # inches of the longer side of a photograph beside its costs

Costs = npt.NDArray[np.float64]


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


@dataclass(frozen=True)
class CostMap:
    """A photograph and its costs.

    Attributes:
        name: of the image.
        image: uint8 (H, W, 3).
        costs: bits of each pixel, float64 (H, W); their sum is the cross-entropy of the image.
    """

    name: str
    image: RGB
    costs: Costs


def bottlenecks_of(codec: TileCodec, name: str, image: RGB) -> Bottlenecks:
    """The first channels of all scales, values and not symbols.

    Args:
        codec: of a model with scales. Those of L3C are learned, others are smaller images.
        name: of the image.
        image: uint8 (H, W, 3).

    Raises:
        UnsupportedError: a model without scales.
    """
    from l3c.models.pyramid_codec import as_pyramid_codec
    from l3c.nn.quantizer import to_values

    codec = as_pyramid_codec(codec)
    values = [
        to_values(symbols[0, :CHANNELS], codec.network.shape(s).levels).cpu().numpy()
        for s, symbols in enumerate(codec.symbols(image)[1:], 1)
    ]
    return Bottlenecks(name, image, values)


def cost_map(codec: TileCodec, name: str, image: RGB) -> CostMap:
    """What each pixel costs: its own sub-pixels, and its share of every coarser scale.

    The bits of a symbol of z^(s) are spread evenly over the 2^s x 2^s pixels that it describes.

    Args:
        codec: of a model of any kind.
        name: of the image.
        image: uint8 (H, W, 3).
    """
    planes = [plane.sum(axis=0) for plane in codec.symbol_bits(image).values()]
    return CostMap(name, image, spread(planes))


def spread(planes: Sequence[Costs]) -> Costs:
    """Bits of the symbols of each scale -> bits of the pixels.

    Args:
        planes: of z^(s), s = 0..S: bits (H_s, W_s), the channels of a symbol together. H_0, W_0 are
            the image's sides; from s = 1 on the sides are those of the image over 2^s, rounded up,
            or of the image padded to multiples of 2^S. Bits of padding count for the pixels of the
            coarser symbol around it.

    Returns:
        (H, W), of the same sum.
    """
    height, width = planes[0].shape
    costs = planes[0].copy()
    if len(planes) == 1:
        return costs
    beyond = np.zeros_like(planes[1])  # bits of finer symbols all of whose pixels are padding
    for s, plane in enumerate(planes[1:], 1):
        bits = plane + beyond
        pixels = np.multiply.outer(
            *(
                np.clip(length - (np.arange(count) << s), 0, 1 << s)
                for length, count in zip((height, width), plane.shape, strict=True)
            )
        )
        density = np.divide(bits, pixels, out=np.zeros_like(bits), where=pixels > 0)
        costs += density.repeat(1 << s, axis=0).repeat(1 << s, axis=1)[:height, :width]
        if s + 1 < len(planes):
            rest = np.where(pixels > 0, 0.0, bits)
            rest = np.pad(rest, [(0, length % 2) for length in rest.shape])
            beyond = rest.reshape(rest.shape[0] // 2, 2, rest.shape[1] // 2, 2).sum(axis=(1, 3))
    return costs


def local_means(costs: Costs) -> Costs:
    """Mean over a window around each pixel, float64 (H - 3, W - 3).

    An interlaced network spends most bits on the first pixel of each block of 2 x 2, at every
    scale: drawn pixel by pixel its grids would hide the picture.
    """
    window = tuple(min(_WINDOW, length) for length in costs.shape)
    means: Costs = np.lib.stride_tricks.sliding_window_view(costs, window).mean(axis=(2, 3))
    return means


@figure(pictures=True)
def samples(samples: DataFrame, sample_folder: Path, label: str) -> Figure:
    """Samples given the coarser scales.

    What a model expects to see (L3C Sec. 5.4): a photograph, then images whose finer scales were
    sampled given the coarser ones, each with the cross-entropy of what is stored of it, in bits per
    sub-pixel. The coarsest scale alone is uniform and costs C · log2(L) / (3 · 4^S) for every image
    whose sides 2^S divides. The paper's own example, of another image and a network of three
    scales, stands beside ours in the CSV.

    Args:
        samples: rows of photographs, of one model; none of a family that cannot be sampled.
        sample_folder: of the images.
        label: of the model.
    """
    if samples.empty:
        return style.nothing(f"{label} draws no samples")
    ladders = [rows for _, rows in samples.groupby("image", sort=False)]
    columns = len(ladders[0])
    heights = [_SAMPLE * rows.height.iloc[0] / rows.width.iloc[0] + 0.35 for rows in ladders]
    drawn = style.new_figure(columns * (_SAMPLE + 0.06), sum(heights) + 0.8)
    grid = drawn.subplots(len(ladders), columns, squeeze=False, height_ratios=heights)
    for axes, (_, row) in zip(grid.flat, samples.iterrows(), strict=True):
        style.picture_axes(axes)
        axes.imshow(read_rgb(sample_folder / row["file"]))
        axes.set_xlabel(f"{row['bpsp']:.3f} bpsp", fontsize=10.5)
    for axes, (_, row) in zip(grid[0], ladders[0].iterrows(), strict=True):
        text = "ground truth\n"
        if isinstance(row["sampled"], str):
            text = f"{_range(row['sampled'])} sampled\ngiven {_range(row['stored'])}"
        axes.set_title(text, fontsize=10, loc="center", linespacing=1.4)
    top = style.scale_label(samples["stored"].iloc[0].split()[-1])
    values = " and ".join(sorted({f"{value:.4f}" for value in samples["uniform_bpsp"]}))
    about = f"{label}; bpsp: bits per sub-pixel of what is stored.\n"
    about += f"{top} alone costs {values} bpsp by its size, whatever it holds."
    drawn.supxlabel(about, fontsize=9, x=0.01, ha="left")
    return drawn


def _range(scales: str) -> str:
    """Neighbouring scales, as "x z1 z2", in few words: x to z2."""
    first, *others = map(style.scale_label, scales.split())
    return f"{first}{' to ' if len(others) > 1 else ', '}{others[-1]}" if others else first


@figure(pictures=True)
def heat_maps(bottlenecks: Sequence[Bottlenecks], label: str) -> Figure:
    """The bottlenecks of a photograph.

    The bottlenecks of all scales, their first three channels, beside the middle of a photograph
    (L3C Fig. A1): values of the quantized z, from -1 to 1 on one scale of colours; all maps are
    drawn equally large, their sizes in symbols stand beside them.

    Args:
        bottlenecks: of at least one photograph.
        label: of the model.
    """
    blocks = [_block_size(each) for each in bottlenecks]
    heights = [height for _, height in blocks]
    widest = max(width for width, _ in blocks)
    drawn = style.new_figure(widest + 1.6, sum(heights) + 0.1)
    grid = drawn.add_gridspec(len(blocks), 2, height_ratios=heights, width_ratios=[widest, 0.16])
    for row, photograph in enumerate(bottlenecks):
        _draw_block(drawn, grid[row, 0], photograph)
    colors = ScalarMappable(Normalize(-1, 1), style.VALUE_MAP)
    bar = drawn.colorbar(colors, cax=drawn.add_subplot(grid[:, 1]), ticks=[-1, -0.5, 0, 0.5, 1])
    bar.set_label(f"value of the bottleneck, {label}")
    bar.outline.set_visible(False)
    return drawn


def _block_size(photograph: Bottlenecks) -> tuple[float, float]:
    """Inches of a photograph with its maps."""
    height, width = photograph.image.shape[:2]
    unit = _MAP / max(height, width)
    rows, columns = len(photograph.values), min(CHANNELS, len(photograph.values[0]))
    return (_PHOTO + columns) * (unit * width + 0.06), rows * (unit * height + 0.06) + 0.3


def _draw_block(drawn: Figure, place: SubplotSpec, photograph: Bottlenecks) -> None:
    rows, columns = len(photograph.values), len(photograph.values[0])
    grid = place.subgridspec(rows, columns + 1, width_ratios=[_PHOTO] + [1] * columns)
    axes = drawn.add_subplot(grid[:, 0])
    style.picture_axes(axes)
    axes.set_anchor("NW")
    axes.imshow(photograph.image)
    height, width = photograph.image.shape[:2]
    axes.set_title(f"{photograph.name}, {width} {style.TIMES} {height}", fontsize=10)
    for s, values in enumerate(photograph.values, 1):
        for c, plane in enumerate(values):
            axes = drawn.add_subplot(grid[s - 1, c + 1])
            style.picture_axes(axes)
            axes.imshow(plane, style.VALUE_MAP, vmin=-1, vmax=1, interpolation="nearest")
            if s == 1:
                axes.set_title(f"channel {c + 1}", loc="center", fontsize=10, fontweight="normal")
            if c == 0:
                size = f"{plane.shape[1]} {style.TIMES} {plane.shape[0]}"
                label = f"{style.scale_label(f'z{s}')}\n{size}"
                axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)


@figure(pictures=True)
def cost_maps(costs: Sequence[CostMap], label: str) -> Figure:
    """Where the bits go, on a photograph.

    Where the bits go: cross-entropy in bits per pixel, the three sub-pixels of x together with
    an even share of every symbol of a coarser scale that describes the pixel. The mean over the
    pixels is that of the whole image. What is drawn are means over 4 × 4 pixels around each;
    colours end where 0.5 % of them are more expensive.

    Args:
        costs: of photographs, a row each; none of a family that does not tell the bits of symbols.
        label: of the model.
    """
    if not costs:
        return style.nothing(f"{label} does not tell the bits of its symbols")
    sides = [np.array(each.image.shape[:2]) for each in costs]
    sizes = [side * _SIDE / side.max() for side in sides]
    heights = [height + 0.3 for height, _ in sizes]
    width = max(width for _, width in sizes)
    drawn = style.new_figure(2 * width + 1.2, sum(heights) + 0.05)
    grid = drawn.subplots(len(costs), 2, squeeze=False, height_ratios=heights)
    shown = [local_means(each.costs) for each in costs]
    brightest = float(np.percentile(np.concatenate([mean.ravel() for mean in shown]), _BRIGHTEST))
    for (left, right), each, means in zip(grid, costs, shown, strict=True):
        for axes in (left, right):
            style.picture_axes(axes)
        left.imshow(each.image)
        left.set_title(each.name, fontsize=10)
        right.imshow(means, style.BITS_MAP, vmin=0, vmax=brightest)
        bits = each.costs.mean()
        text = f"{label}: {bits:.2f} bits per pixel, {bits / 3:.2f} per sub-pixel"
        right.set_title(text, fontsize=10)
    colors = ScalarMappable(Normalize(0, brightest), style.BITS_MAP)
    bar = drawn.colorbar(colors, ax=grid, fraction=0.04, pad=0.02, extend="max")
    bar.set_label("bits per pixel, all scales")
    bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    bar.outline.set_visible(False)
    return drawn
