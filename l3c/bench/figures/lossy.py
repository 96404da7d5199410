"""Lossy methods: distortion over rate, reconstructions at equal rate, where CPM spends its bits."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from l3c.bench.figures import style
from l3c.bench.figures.pictures import Photographs
from l3c.bench.figures.registry import figure
from l3c.bench.lossy import at_rates, operating_points, stream_path
from l3c.bench.schema import rows_of
from l3c.data.images import read_rgb
from l3c.messages import counted
from l3c.models.tile_codec import RGB, LossyCodec, TileCodec, UnsupportedError

_WINDOW = 192  # pixels a side that are shown of a photograph
_AXES = {"ms_ssim": ("MS-SSIM", (0.85, 1.0)), "psnr": ("PSNR in dB", None)}


@figure()
def rate_distortion(lossy: pd.DataFrame, lossy_published: pd.DataFrame) -> Figure:
    """Distortion over rate of lossy methods.

    MS-SSIM (R, G and B together) and PSNR over bits per pixel of whole files, higher and further to
    the left is better. Lines of codecs: the points of each image joined by straight lines, means
    over the images at fixed rates. Marks of models: means over the images at each operating point.
    Dashed, with diamonds: published by the CPM paper, on the 24 Kodak images and without headers.
    """
    datasets = lossy.dataset.unique()
    drawn = style.new_figure(10.6, 0.9 + 4.2 * len(datasets))
    grid = drawn.subplots(len(datasets), len(_AXES), squeeze=False)
    blue, _, *others = matplotlib.colormaps["tab10"].colors  # without orange, as models are
    learned = set(lossy.key[lossy.version.str.startswith("models ")])
    codecs = [key for key in lossy.key.unique() if key not in learned]
    colors = dict(zip(codecs, cycle([blue, *others]), strict=False))
    colors |= dict.fromkeys(learned, style.LEARNED)
    for line, dataset in zip(grid, datasets, strict=True):
        rows = lossy[lossy.dataset == dataset]
        points = operating_points(rows)
        for axes, (value, (title, limits)) in zip(line, _AXES.items(), strict=True):
            if value in lossy_published:
                curve = lossy_published[lossy_published.point == ""]
                crosses = lossy_published[lossy_published.point != ""]
                axes.plot(curve.bpp, curve[value], "--", color=style.PUBLISHED, lw=1)
                look = {"marker": "D", "ls": "", "mfc": "white", "color": style.PUBLISHED}
                axes.plot(crosses.bpp, crosses[value], label="CPM, published (Kodak)", **look)
            curves = at_rates(rows[~rows.key.isin(learned)], value)
            for lines, marker in ((curves, ""), (points[points.key.isin(learned)], "o")):
                for (key, label), of in lines.groupby(["key", "method"], sort=False):
                    axes.plot(of.bpp, of[value], color=colors[key], marker=marker, label=label)
            axes.set(xlim=(0, 1.4), ylim=limits, xlabel="bits per pixel", ylabel=title)
            axes.set_title(f"{dataset}, {counted(rows.image.nunique(), 'image')}")
            axes.grid()
    handles, _ = grid[0, 0].get_legend_handles_labels()
    style.legend(drawn, handles, columns=5)
    return drawn


@figure()
def reconstructions(lossy: pd.DataFrame, lossy_folder: Path, photographs: Photographs) -> Figure:
    """Reconstructions at equal rate.

    The middle of photographs, and what lossy methods make of it: of each method the operating point
    whose rate on this image is nearest to that of the first method's middle one.

    Raises:
        UnsupportedError: no reconstruction of one of the photographs was kept.
    """
    files = [
        stream_path(lossy_folder / row.dataset, row.key, row.image, row.point, ".png")
        for row in rows_of(lossy)
    ]
    lossy = lossy.assign(file=files)[[path.is_file() for path in files]]
    shown = [(name, image) for name, image in photographs if name in set(lossy.image)]
    if not shown:
        raise UnsupportedError("no reconstruction of a photograph that is shown was kept")
    methods = lossy.key.unique()
    middles = [_middle(image) for _, image in shown]
    drawn, grid = style.picture_rows(middles, len(methods) + 1, 2.05, 0.4)
    for line, (name, _), middle in zip(grid, shown, middles, strict=True):
        of_image = lossy[lossy.image == name].sort_values("bpp")
        rate = of_image.bpp[of_image.key == methods[0]].quantile(interpolation="higher")
        style.show(line[0], middle)
        line[0].set_title(name, fontsize=8)
        for axes, key in zip(line[1:], methods, strict=True):
            rows = of_image[of_image.key == key]
            row = rows.loc[(rows.bpp - rate).abs().idxmin()]
            style.show(axes, _middle(read_rgb(row.file)))
            text = f"{row.method}\n{row.bpp:.2f} bpp, MS-SSIM {row.ms_ssim:.3f}"
            axes.set_title(text, fontsize=8)
    return drawn


def _middle(image: RGB) -> RGB:
    top, left = (max(0, (side - _WINDOW) // 2) for side in image.shape[:2])
    return image[top : top + _WINDOW, left : left + _WINDOW]


@figure()
def importance(photographs: Photographs, lossy_codec: TileCodec) -> Figure:
    """Importance maps and bits of CPM.

    Photographs; how many channels of the bottleneck the importance map keeps at each position of
    8x8 pixels; the cross-entropy of all symbols there, in bits per pixel; the cross-entropy by
    channel of the bottleneck, in bits per pixel of the image.
    """
    assert isinstance(lossy_codec, LossyCodec)
    drawn, grid = style.picture_rows([image for _, image in photographs], 4, 2.5, 0.4, 1.4)
    for (left, *maps, right), (name, image) in zip(grid, photographs, strict=True):
        (bits,) = lossy_codec.symbol_bits(image).values()
        style.show(left, image)
        left.set_title(name, fontsize=9)
        planes = lossy_codec.importance(image), bits.sum(0) / 64
        labels = "channels kept", "bits per pixel"
        for axes, plane, label in zip(maps, planes, labels, strict=True):
            style.color_bar(style.show(axes, plane, cmap=style.BITS_MAP, vmin=0), axes, label)
        costs = 3 * bits.sum((1, 2)) / image.size
        right.bar(range(1, len(bits) + 1), costs, color=style.LEARNED)
        right.set_title("bits per pixel by channel", fontsize=9)
    return drawn
