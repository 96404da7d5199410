"""Photographs and what a model makes of them: samples, bottlenecks, and where its bits go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.bench.measure.crops import cut
from l3c.data.images import read_rgb

if TYPE_CHECKING:  # imports PyTorch, which no table needs
    from l3c.models.tile_codec import RGB, TileCodec

CHANNELS = 3  # of each scale that are shown, as in the paper
MULTIPLE = 32  # of the sides of what is shown of a photograph: whole symbols of every scale
_PHOTO, _MAP = 3, 1.55  # width of the photograph in maps; inches of a map's longer side
_SAMPLE = 2.05  # inches, the width of a sample
_WINDOW = 4  # pixels a side: whole periods of the grids of the two finest scales, where an
# interlaced network spends most bits on the first pixel of each block of 2 x 2
_BRIGHTEST = 99.5  # percentile of the costs that the brightest colour stands for
_SIDE = 4.1  # inches of the longer side of a photograph beside its costs

Reals = npt.NDArray[np.float64]
Photographs = Sequence[tuple[str, "RGB"]]
"""Name and pixels, uint8 (H, W, 3)."""


def cost_map(codec: TileCodec, image: RGB) -> Reals:
    """Bits of each pixel, (H, W): of its own sub-pixels, and its share of every coarser scale.

    The bits of a symbol of z^(s) are spread evenly over the 2^s x 2^s pixels that it describes;
    those of padding, where 2^s does not divide the sides, over all pixels.

    Args:
        codec: of a model of any kind.
        image: uint8 (H, W, 3).
    """
    height, width = image.shape[:2]
    costs = np.zeros((height, width))
    for s, plane in enumerate(codec.symbol_bits(image).values()):
        bits = plane.sum(axis=0)
        inside = bits.repeat(1 << s, axis=0).repeat(1 << s, axis=1)[:height, :width] / 4**s
        costs += inside + (bits.sum() - inside.sum()) / costs.size
    return costs


def local_means(costs: Reals) -> Reals:
    """Mean over a window around each pixel, which hides the grids of interlaced networks."""
    window = tuple(min(_WINDOW, length) for length in costs.shape)
    means: Reals = np.lib.stride_tricks.sliding_window_view(costs, window).mean(axis=(2, 3))
    return means


@figure(photographs=True)
def samples(samples: DataFrame, sample_folder: Path, label: str) -> Figure:
    """Samples given the coarser scales.

    Images sampled from a model (L3C Sec. 5.4): a photograph, then images whose finer scales were
    sampled given the coarser ones, each with the cross-entropy of what is stored of it, in bits per
    sub-pixel. The coarsest scale alone is uniform and costs C · log2(L) / (3 · 4^S) for every image
    whose sides 2^S divides. The CSV has the paper's own example, of another image and a network of
    three scales, in a column beside ours.

    Args:
        samples: rows of photographs, of one model; none of a family that cannot be sampled.
        sample_folder: of the images.
        label: of the model.
    """
    if samples.empty:
        return style.nothing(f"{label} cannot be sampled")
    ladders = [rows for _, rows in samples.groupby("image", sort=False)]
    columns = len(ladders[0])
    heights = [_SAMPLE * rows.height.iloc[0] / rows.width.iloc[0] + 0.35 for rows in ladders]
    drawn = style.new_figure(columns * (_SAMPLE + 0.06), sum(heights) + 0.8)
    grid = drawn.subplots(len(ladders), columns, squeeze=False, height_ratios=heights)
    for i, (axes, (_, row)) in enumerate(zip(grid.flat, samples.iterrows(), strict=True)):
        style.show(axes, read_rgb(sample_folder / row.file))
        axes.set_xlabel(f"{row.bpsp:.3f} bpsp", fontsize=10.5)
        text = f"{_range(row.sampled)} sampled\ngiven {_range(row.stored)}"
        text = text if row.sampled else "ground truth\n"
        axes.set_title(text if i < columns else "", fontsize=10, loc="center", linespacing=1.4)
    top = style.scale_label(samples.stored.iloc[0].split()[-1])
    values = " and ".join(sorted({f"{value:.4f}" for value in samples.uniform_bpsp}))
    about = f"{label}; bpsp: bits per sub-pixel of what is stored.\n"
    about += f"{top} alone costs {values} bpsp by its size, whatever it holds."
    drawn.supxlabel(about, fontsize=9, x=0.01, ha="left")
    return drawn


def _range(scales: str) -> str:
    """Neighbouring scales, as "x z1 z2", in few words: x to z2."""
    labels = [style.scale_label(scale) for scale in scales.split()]
    return (" to " if len(labels) > 2 else ", ").join(dict.fromkeys([*labels[:1], *labels[-1:]]))


@figure(photographs=True)
def heat_maps(extractor: TileCodec, photographs: Photographs, label: str) -> Figure:
    """The bottlenecks of a photograph.

    The bottlenecks of all scales, their first three channels, beside the middle of a photograph
    (L3C Fig. A1): levels of the quantized z, counted from 1 as in the paper, on one scale of
    colours; all maps are drawn equally large, with their sizes in symbols.

    Args:
        extractor: codec of a model that learns its bottlenecks.
        photographs: at least one.
        label: of the model.

    Raises:
        UnsupportedError: a model without scales.
    """
    from l3c.models.pyramid_codec import as_pyramid_codec

    pyramid = as_pyramid_codec(extractor)
    levels = pyramid.coarsest.levels
    shown = [(name, cut(image, MULTIPLE)) for name, image in photographs]
    planes = [pyramid.symbols(image)[1:] for _, image in shown]
    values = [[z[0, :CHANNELS].cpu().numpy() + 1 for z in scales] for scales in planes]
    sides = [np.array(image.shape[:2]) * _MAP / max(image.shape) for _, image in shown]
    heights = [len(maps) * (side[0] + 0.06) + 0.3 for maps, side in zip(values, sides, strict=True)]
    width = max((_PHOTO + len(m[0])) * (w + 0.06) for m, (_, w) in zip(values, sides, strict=True))
    drawn = style.new_figure(width + 1.6, sum(heights) + 0.1)
    blocks = np.ravel(drawn.subfigures(len(shown), 1, height_ratios=heights))
    for block, (name, image), maps in zip(blocks, shown, values, strict=True):
        scales, channels = len(maps), len(maps[0])
        grid = block.add_gridspec(scales, channels + 1, width_ratios=[_PHOTO, *[1] * channels])
        photo = block.add_subplot(grid[:, 0], anchor="NW")
        style.show(photo, image)
        photo.set_title(f"{name}, {image.shape[1]} × {image.shape[0]}", fontsize=10)
        for s, c in np.ndindex(scales, channels):
            axes, plane = block.add_subplot(grid[s, c + 1]), maps[s][c]
            look = {"cmap": style.VALUE_MAP, "vmin": 1, "vmax": levels, "interpolation": "nearest"}
            picture = style.show(axes, plane, **look)
            if s == 0:
                axes.set_title(f"channel {c + 1}", loc="center", fontsize=10, fontweight="normal")
            if c == 0:
                size = f"{style.scale_label(f'z{s + 1}')}\n{plane.shape[1]} × {plane.shape[0]}"
                axes.set_ylabel(size, rotation=0, ha="right", va="center", fontsize=9)
        place = {"ax": block.axes, "fraction": 0.03, "pad": 0.02, "panchor": False}
        bar = block.colorbar(picture, ticks=np.linspace(1, levels, 5).round(), **place)
        bar.set_label(f"level of the bottleneck, {label}")
        bar.outline.set_visible(False)
    return drawn


@figure(photographs=True)
def cost_maps(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Where the bits go, on a photograph.

    Where the bits go: cross-entropy in bits per pixel, the three sub-pixels of x together with
    an even share of every symbol of a coarser scale that describes the pixel. The mean over the
    pixels is that of the whole image. Colours are means over 4 × 4 pixels around each; they end
    where 0.5 % of them are more expensive.

    Args:
        codec: of a model; the figure is a note if it reports no bits of symbols.
        photographs: a row each.
        label: of the model.
    """
    from l3c.models.tile_codec import UnsupportedError

    shown = [(name, cut(image, MULTIPLE)) for name, image in photographs]
    try:
        costs = [cost_map(codec, image) for _, image in shown]
    except UnsupportedError:
        return style.nothing(f"{label} reports no bits of its symbols")
    sizes = [np.array(image.shape[:2]) * _SIDE / max(image.shape) for _, image in shown]
    heights = [height + 0.5 for height, _ in sizes]
    width = max(width for _, width in sizes)
    drawn = style.new_figure(2 * width + 1.2, sum(heights) + 0.05)
    grid = drawn.subplots(len(costs), 2, squeeze=False, height_ratios=heights)
    means = [local_means(each) for each in costs]
    brightest = float(np.percentile(np.concatenate([each.ravel() for each in means]), _BRIGHTEST))
    look = {"cmap": style.BITS_MAP, "vmin": 0, "vmax": brightest}
    for (left, right), (name, image), bits, mean in zip(grid, shown, costs, means, strict=True):
        style.show(left, image)
        left.set_title(f"{name}\n", fontsize=10)
        picture = style.show(right, mean, **look)
        text = f"{bits.mean():.2f} bits per pixel, {bits.mean() / 3:.2f} per sub-pixel"
        right.set_title(f"{label}:\n{text}", fontsize=10)
    bar = drawn.colorbar(picture, ax=grid, fraction=0.04, pad=0.02, extend="max")
    bar.set_label("bits per pixel, all scales")
    bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    bar.outline.set_visible(False)
    return drawn
