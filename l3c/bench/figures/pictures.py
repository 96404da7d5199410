"""Photographs and what a model makes of them: samples, bottlenecks, and where its bits go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from pandas import DataFrame

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure
from l3c.bench.measure.crops import cut
from l3c.data.images import read_rgb

if TYPE_CHECKING:  # imports PyTorch, which no table needs
    from l3c.models.tile_codec import RGB, TileCodec

CHANNELS = 3  # of each scale that are shown, as in the paper
MULTIPLE = 32  # of the sides of what is shown of a photograph: whole symbols of every scale
_BRIGHTEST = 99.5  # percentile of the bits of all pixels that the brightest colour stands for
_PHOTO, _MAP = 3, 1.55  # width of the photograph in maps; inches of a map's width
_WINDOW = 4  # pixels a side: whole periods of the grids of the two finest scales, where an
# interlaced network spends most bits on the first pixel of each block of 2 x 2

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


def brightest(maps: Iterable[Reals]) -> float:
    """Bits of a pixel that the brightest colour stands for, of maps that are seen together."""
    return float(np.percentile(np.concatenate([costs.ravel() for costs in maps]), _BRIGHTEST))


@figure()
def samples(samples: DataFrame, sample_folder: Path, label: str) -> Figure:
    """Samples given the coarser scales.

    Images sampled from a model (L3C Sec. 5.4): a photograph, then images whose finer scales were
    sampled given the coarser ones, each with the cross-entropy of what is stored of it, in bits per
    sub-pixel. The coarsest scale alone is uniform and costs C · log2(L) / (3 · 4^S) for every image
    whose sides 2^S divides. The CSV has the paper's own example, of another image and a network of
    three scales, in a column beside ours.
    """
    pictures = [read_rgb(sample_folder / file) for file in samples.file]
    columns = len(pictures) // samples.image.nunique()
    drawn, grid = style.picture_rows(pictures[::columns], columns, 2.05, 0.35)
    drawn.set_figheight(drawn.get_figheight() + 0.8)  # titles of the first row, notes below
    rows = zip(grid.flat, pictures, samples.itertuples(), strict=True)
    for i, (axes, picture, row) in enumerate(rows):
        style.show(axes, picture)
        axes.set_xlabel(f"{row.bpsp:.3f} bpsp", fontsize=10.5)
        text = f"{_range(row.sampled)} sampled\ngiven {_range(row.stored)}"
        text = text if row.sampled else "ground truth\n"
        axes.set_title(text if i < columns else "", fontsize=10, loc="center", linespacing=1.4)
    top = style.scale_label(samples.stored.iloc[0].split()[-1])
    values = " and ".join(sorted({f"{value:.4f}" for value in samples.uniform_bpsp}))
    about = f"{top} alone costs {values} bpsp by its size, whatever it holds."
    style.note_below(drawn, f"{label}; bpsp: bits per sub-pixel of what is stored.", about)
    return drawn


def _range(scales: str) -> str:
    """Neighbouring scales, as "x z1 z2", in few words: x to z2."""
    labels = [style.scale_label(scale) for scale in scales.split()]
    return (" to " if len(labels) > 2 else ", ").join(dict.fromkeys([*labels[:1], *labels[-1:]]))


@figure()
def heat_maps(extractor: TileCodec, photographs: Photographs, label: str) -> Figure:
    """The bottlenecks of a photograph.

    The bottlenecks of all scales, their first three channels, beside the middle of a photograph
    (L3C Fig. A1): levels of the quantized z, counted from 1 as in the paper, on one scale of
    colours; all maps are drawn equally large, with their sizes in symbols.

    Raises:
        UnsupportedError: a model without scales.
    """
    from l3c.models.pyramid_codec import as_pyramid_codec

    pyramid = as_pyramid_codec(extractor)
    shown = [(name, cut(image, MULTIPLE)) for name, image in photographs]
    planes = [pyramid.symbols(image)[1:] for _, image in shown]
    values = [[z[0, :CHANNELS].cpu().numpy() + 1 for z in scales] for scales in planes]
    places = [(p, s) for p, scales in enumerate(values) for s in range(len(scales))]
    channels = range(len(values[0][0]))
    heights = [_MAP * shown[p][1].shape[0] / shown[p][1].shape[1] + 0.2 for p, _ in places]
    drawn = style.new_figure((_PHOTO + len(channels)) * _MAP + 1.2, sum(heights))
    grid = drawn.subplot_mosaic(
        [[f"{p}", *(f"{p} {s} {c}" for c in channels)] for p, s in places],
        width_ratios=[_PHOTO, *(1 for _ in channels)],
        height_ratios=heights,
    )
    for p, (name, image) in enumerate(shown):
        style.show(grid[f"{p}"], image)
        grid[f"{p}"].set_anchor("N")
        grid[f"{p}"].set_title(f"{name}, {image.shape[1]} × {image.shape[0]}", fontsize=10)
    look = {"cmap": style.VALUE_MAP, "vmin": 1, "vmax": pyramid.coarsest.levels}
    for (p, s), c in product(places, channels):
        axes, plane = grid[f"{p} {s} {c}"], values[p][s][c]
        picture = style.show(axes, plane, **look)
        size = f"{style.scale_label(f'z{s + 1}')}, {plane.shape[1]} × {plane.shape[0]}"
        axes.set_title(f"{size}, channel {c + 1}", fontsize=7.5, fontweight="normal")
    style.color_bar(picture, drawn.axes, f"level of the bottleneck, {label}")
    return drawn


@figure()
def cost_maps(codec: TileCodec, photographs: Photographs, label: str) -> Figure:
    """Where the bits go, on a photograph.

    Where the bits go: cross-entropy in bits per pixel, the three sub-pixels of x together with
    an even share of every symbol of a coarser scale that describes the pixel. The mean over the
    pixels is that of the whole image. Colours are means over 4 × 4 pixels around each; they end
    where 0.5 % of them are more expensive.

    Raises:
        UnsupportedError: a model that reports no bits of symbols.
    """
    shown = [(name, cut(image, MULTIPLE)) for name, image in photographs]
    drawn, grid = style.picture_rows([image for _, image in shown], 2, 4.1, 0.5, 1.1)
    costs = [cost_map(codec, image) for _, image in shown]
    look = {"cmap": style.BITS_MAP, "vmin": 0, "vmax": brightest(map(local_means, costs))}
    for (left, right), (name, image), bits in zip(grid, shown, costs, strict=True):
        style.show(left, image)
        left.set_title(f"{name}\n", fontsize=10)
        picture = style.show(right, local_means(bits), **look)
        text = f"{bits.mean():.2f} bits per pixel, {bits.mean() / 3:.2f} per sub-pixel"
        right.set_title(f"{label}:\n{text}", fontsize=10)
    style.color_bar(picture, grid, "bits per pixel, all scales", "max")
    return drawn
