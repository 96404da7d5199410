"""Where the bits of a photograph go: what each of its pixels costs, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from l3c.evaluation import style
from l3c.evaluation.rows import bits_per_subpixel
from l3c.models.tile_codec import RGB, TileCodec

_WINDOW = 4  # pixels a side: whole periods of the grids of the two finest scales
_BRIGHTEST = 99.5  # percentile of the costs that the brightest colour stands for
_WIDTH, _HEIGHT = 4.1, 4.1  # inches, of a picture at most

Costs = npt.NDArray[np.float64]


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
            the image's sides; from s = 1 on the sides are those of the image, padded or rounded
            up, over 2^s. Bits of padding count for the pixels of the coarser symbol.

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
            even = np.pad(rest, [(0, side % 2) for side in rest.shape])
            beyond = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).sum(axis=(1, 3))
    return costs


def local_means(costs: Costs) -> Costs:
    """Mean over a window around each pixel, float64 (H - 3, W - 3).

    An interlaced network spends most bits on the first pixel of each block of 2 x 2, at every
    scale: drawn pixel by pixel its grids would hide the picture.
    """
    window = tuple(min(_WINDOW, length) for length in costs.shape)
    means: Costs = np.lib.stride_tricks.sliding_window_view(costs, window).mean(axis=(2, 3))
    return means


def draw_cost_maps(maps: Sequence[CostMap], label: str) -> Figure:
    """A row for each photograph: the image, and its costs.

    Args:
        maps: at least one.
        label: of the model.
    """
    sizes = [_size(each.image) for each in maps]
    heights = [height + 0.3 for _, height in sizes]
    width = max(width for width, _ in sizes)
    figure = style.new_figure(2 * width + 1.2, sum(heights) + 0.05)
    grid = figure.subplots(len(maps), 2, squeeze=False, height_ratios=heights)
    shown = [local_means(each.costs) for each in maps]
    brightest = float(np.percentile(np.concatenate([costs.ravel() for costs in shown]), _BRIGHTEST))
    for (left, right), each, costs in zip(grid, maps, shown, strict=True):
        for axes in (left, right):
            style.picture_axes(axes)
        left.imshow(each.image)
        left.set_title(each.name, fontsize=10)
        right.imshow(costs, style.BITS_MAP, vmin=0, vmax=brightest)
        per_pixel = each.costs.mean()
        bpsp = bits_per_subpixel(float(each.costs.sum()), *each.costs.shape)
        text = f"{label}: {per_pixel:.2f} bits per pixel, {bpsp:.2f} per sub-pixel"
        right.set_title(text, fontsize=10)
    colors = ScalarMappable(Normalize(0, brightest), style.BITS_MAP)
    bar = figure.colorbar(colors, ax=grid, fraction=0.04, pad=0.02, extend="max")
    bar.set_label("bits per pixel, all scales")
    bar.locator = MaxNLocator(5, steps=[1, 2, 5, 10])
    bar.outline.set_visible(False)
    return figure


def _size(image: RGB) -> tuple[float, float]:
    """Inches, width and height, of a picture."""
    height, width = image.shape[:2]
    unit = min(_WIDTH / width, _HEIGHT / height)
    return unit * width, unit * height
