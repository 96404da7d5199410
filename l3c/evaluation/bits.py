"""Bits by scale and channel of learned models: measured, as CSV, and as stacked bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pydantic import BaseModel, ConfigDict, Field

from l3c.evaluation import style
from l3c.evaluation.rows import bits_per_subpixel, read_csv, write_csv
from l3c.models.tile_codec import RGB, TileCodec, UnsupportedError

# Of x, z1, z2, ...: all differ in lightness, and so in grey.
_SHADES = ("#33526e", "#d55e00", "#f0a94e", "#f5ddbf", "#1c1c1c", "#989898")
_BAR = 0.46  # height, of 1


class ChannelBits(BaseModel):
    """What one channel of one scale costs in one image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, description="key of the data set")
    model: str = Field(min_length=1, description="key of the model")
    image: str = Field(min_length=1, description="its name")
    height: int = Field(ge=1, description="pixels of what was measured of it")
    width: int = Field(ge=1, description="pixels of what was measured of it")
    scale: str = Field(min_length=1, description="or another part, as its family names it")
    channel: str = Field(
        pattern=r"^([RGB]|[1-9][0-9]*)$", description="a number for those of a learned bottleneck"
    )
    bits: float = Field(
        ge=0, description="cross-entropy of its symbols; of the coarsest scale's, equally likely"
    )


def measure_bits(
    dataset: str, model: str, codec: TileCodec, images: Iterable[tuple[str, RGB]]
) -> list[ChannelBits]:
    """The rows of a model: all scales and channels of each image, the finest scale first.

    Args:
        dataset: for the rows.
        model: for the rows.
        codec: of the model.
        images: names and uint8 (H, W, 3), each coded as one tile.

    Returns:
        None of a family that does not tell the bits of symbols.
    """
    rows = []
    for name, image in images:
        height, width = image.shape[:2]
        try:
            parts = codec.symbol_bits(image)
        except UnsupportedError as error:
            print(f"{model}: {error}", file=sys.stderr)
            return []
        for scale, plane in parts.items():
            channels = codec.channel_names(scale, len(plane))
            for channel, bits in zip(channels, plane.sum(axis=(1, 2)).tolist(), strict=True):
                rows.append(
                    ChannelBits(
                        dataset=dataset,
                        model=model,
                        image=name,
                        height=height,
                        width=width,
                        scale=scale,
                        channel=channel,
                        bits=bits,
                    )
                )
    return rows


def write_bits(path: Path, rows: Iterable[ChannelBits]) -> None:
    """Writes rows as CSV, whole or not at all; floats keep every digit."""
    write_csv(path, ChannelBits, rows)


def read_bits(path: Path) -> list[ChannelBits]:
    """Reads rows and checks each against the schema.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, ChannelBits)


def mean_bpsp(rows: Sequence[ChannelBits]) -> dict[str, dict[str, dict[str, float]]]:
    """Model -> scale -> channel -> bits per sub-pixel of the image, mean over the images."""
    means: dict[str, dict[str, dict[str, float]]] = {}
    images: dict[str, set[str]] = {}
    for row in rows:
        images.setdefault(row.model, set()).add(row.image)
    for row in rows:
        channels = means.setdefault(row.model, {}).setdefault(row.scale, {})
        bpsp = bits_per_subpixel(row.bits, row.height, row.width) / len(images[row.model])
        channels[row.channel] = channels.get(row.channel, 0.0) + bpsp
    return means


def draw_bits(rows: Sequence[ChannelBits], labels: Mapping[str, str]) -> Figure:
    """A bar for each model, its parts the channels of all scales.

    Args:
        rows: of one data set; none give a figure that says so.
        labels: key of a model -> its name.
    """
    if not rows:
        return style.words("no measured model tells the bits of its symbols")
    means = mean_bpsp(rows)
    figure = style.new_figure(8.6, 1.15 + 0.78 * len(means))
    axes = figure.subplots()
    dataset, count = rows[0].dataset, len({row.image for row in rows})
    axes.set_title(f"{dataset}, mean of {count} image{'s' if count > 1 else ''}")
    axes.set_xlabel("cross-entropy in bits per sub-pixel (less is better)")
    totals = {
        model: sum(sum(channels.values()) for channels in scales.values())
        for model, scales in means.items()
    }
    axes.set_xlim(0, 1.25 * max(totals.values()))
    axes.set_ylim(len(means) - 0.62, -0.62)
    axes.set_yticks(
        range(len(means)), [labels.get(model, model) for model in means], fontweight="bold"
    )
    style.quiet_axis(axes, "x")
    axes.spines["left"].set_visible(False)
    names = list(dict.fromkeys(scale for scales in means.values() for scale in scales))
    labelled = enumerate(map(style.scale_label, names))
    handles = [Patch(color=_shade(i), label=label) for i, label in labelled]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), columnspacing=1.4)
    for position, (model, scales) in enumerate(means.items()):
        _draw_bar(figure, axes, position, scales)
        axes.annotate(
            f"{totals[model]:.2f}",
            (totals[model], position),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontweight="bold",
        )
    return figure


def _shade(index: int) -> str:
    return _SHADES[min(index, len(_SHADES) - 1)]


def _draw_bar(
    figure: Figure, axes: Axes, position: int, scales: Mapping[str, Mapping[str, float]]
) -> None:
    """The bar, the names of the channels that have room, and above it what each scale costs.

    A cost that does not stand above its part has a line to it.
    """
    width = axes.get_xlim()[1]
    inches = 0.8 * figure.get_figwidth()  # of the axes, about
    left = end = 0.0
    for i, (scale, channels) in enumerate(scales.items()):
        color = _shade(i)
        start = left
        is_named = min(channels.values()) / width * inches > 0.16
        for channel, bpsp in channels.items():
            axes.barh(position, bpsp, _BAR, left, color=color, edgecolor="white", linewidth=0.4)
            if is_named:
                ink = "white" if sum(to_rgb(color)) < 1.6 else style.INK
                middle = left + bpsp / 2
                axes.text(
                    middle, position, channel, ha="center", va="center", fontsize=9, color=ink
                )
            left += bpsp
        # Above the part where it starts, or as far right of that as the one before reaches.
        at = max(start, end)
        text = f"{style.scale_label(scale)} {left - start:.2f}"
        top = position - _BAR / 2
        axes.text(at, top - 0.11, text, va="bottom", fontsize=9)
        if at > left:
            line = [(start + left) / 2, at], [top, top - 0.13]
            axes.plot(*line, color=style.QUIET, linewidth=0.8, clip_on=False)
        end = at + 0.62 / inches * width
