"""Bits by scale and channel of learned models."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from l3c.bench.schema import ChannelBits
from l3c.models.tile_codec import RGB, TileCodec, UnsupportedError


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
        about = {"dataset": dataset, "model": model, "image": name}
        about |= {"height": height, "width": width}
        try:
            parts = codec.symbol_bits(image)
        except UnsupportedError as error:
            print(f"{model}: {error}", file=sys.stderr)
            return []
        for scale, plane in parts.items():
            sums = plane.sum(axis=(1, 2)).tolist()
            for channel, bits in zip(codec.channel_names(scale, len(plane)), sums, strict=True):
                row = about | {"scale": scale, "channel": channel, "bits": bits}
                rows.append(ChannelBits.model_validate(row))
    return rows
