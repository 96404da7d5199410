"""Bits by scale and channel of learned models, and what samples of some scales store, as rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from l3c.bench.schema import ChannelBits, Row, SampleRow
from l3c.data.images import write_png
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import RGB, TileCodec, UnsupportedError


def measure_bits(
    dataset: str, model: str, codec: TileCodec, images: Iterable[tuple[str, RGB]]
) -> list[Row]:
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
        try:
            parts = codec.symbol_bits(image)
        except UnsupportedError as error:
            print(f"{model}: {error}", file=sys.stderr)
            return []
        about = _about(dataset, model, name, image)
        for scale, plane in parts.items():
            sums = plane.sum(axis=(1, 2)).tolist()
            for channel, bits in zip(codec.channel_names(scale, len(plane)), sums, strict=True):
                rows.append(ChannelBits(**about, scale=scale, channel=channel, bits=bits))
    return rows


def write_samples(
    folder: Path, dataset: str, model: str, codec: PyramidCodec, name: str, image: RGB
) -> list[Row]:
    """Samples a photograph (L3C Sec. 5.4), writes `<name>-<what was sampled>.png`.

    Args:
        folder: to write to; it exists.
        dataset: for the rows.
        model: for the rows.
        codec: of the model.
        name: of the photograph.
        image: uint8 (H, W, 3).
    """
    names, rows, samples = codec.network.parts, [], codec.sample_parts(image)
    for count, sample in enumerate(samples):
        file = f"{name}-{sample.name}.png"
        write_png(folder / file, sample.image)
        about = _about(dataset, model, name, image)
        about |= {"sampled": " ".join(names[:count]), "stored": " ".join(names[count:])}
        bpsp = {"bpsp": sample.bpsp, "uniform_bpsp": samples[-1].bpsp}
        rows.append(SampleRow(**about, **bpsp, file=file))
    return rows


def _about(dataset: str, model: str, name: str, image: RGB) -> dict[str, Any]:
    height, width = image.shape[:2]
    named: dict[str, Any] = {"dataset": dataset, "model": model, "image": name}
    return named | {"height": height, "width": width}
