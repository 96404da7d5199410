"""Bits by scale and channel of learned models: measured, as CSV."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from l3c.evaluation.rows import read_csv, write_csv
from l3c.models.tile_codec import RGB, TileCodec, UnsupportedError


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
