"""One tile <-> its payload, by the network or by the fallback.

RGB in 8 bits, with or without alpha, can be coded by either; everything else by the fallback. A
network is trained on photographs. On screenshots, drawings, flat areas, noise and narrow strips it
needs several times the bytes of the fallback, or more than the samples take as they are.

What suits a tile is estimated from the sizes that the fastest settings of the fallback's coders
give (`fallback.estimate`), which takes about 1 % of the network's time. Where they say that the
network cannot suit, it is not run. Elsewhere both are run and the smaller result is kept; with
`Choice.QUICK` the fallback is run only where the network's bytes are not fewer than the estimate.
So the payload is never larger than the samples and a byte.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from coder.errors import CorruptStreamError
from l3c.fileformat import fallback
from l3c.fileformat.container import Container, Tile, pack_parts, pixels_crc, split_parts
from l3c.fileformat.errors import NotExactError, Rectangle
from l3c.images.picture import Mode, Samples
from l3c.stopwatch import Stopwatch, timed

if TYPE_CHECKING:  # what the fallback codes alone, needs no PyTorch
    from l3c.models.tile_codec import TileCodec

NETWORK_CHANNELS = 3

# Of 187 crops of photographs the smallest ratio of the two estimates is 0.79, and the smallest
# estimate 0.92 bits per sub-pixel. Of 204 thumbnails and strips whose padding adds a third or more,
# the network made fewer bytes than the fallback of one, by 1 %.
_MOST_PADDING = 4 / 3  # padded pixels by pixels
_PATTERNED = 0.7  # WebP's estimate by JPEG XL's: text, repetition, few colours
_FLAT = 0.9  # bits per sub-pixel
_LEAST_PIXELS = 64 * 64  # below it the headers count, and running the network costs little

_FALLBACK, _NETWORK = b"\0", b"\1"  # first byte of a payload in format 3


class Choice(StrEnum):
    """What codes RGB: the network alone, the smaller of both, or what an estimate prefers."""

    NETWORK = "network"
    SMALLEST = "smallest"
    QUICK = "quick"


@dataclass(frozen=True)
class CodedTile:
    """A payload as in format 2, whether the network made it, and the checksum of the samples."""

    payload: bytes
    by_network: bool
    crc: int


def encode_tiles(
    tiles: Sequence[Samples],
    bits: int,
    codec: TileCodec | None,
    choice: Choice,
    stopwatch: Stopwatch | None = None,
) -> list[CodedTile]:
    """Codes tiles of one size.

    Args:
        tiles: (H, W, C); with a codec, uint8 with C of 3 or 4.
        bits: of a sample.
        codec: of the network; without one all goes through the fallback. In integers it predicts
            the tiles together.
        choice: what may code them.
        stopwatch: is told where the time goes.
    """
    with timed(stopwatch, "container"):
        crcs = [pixels_crc(samples) for samples in tiles]
    if codec is None:
        return [
            CodedTile(fallback.encode(samples, bits), False, crc)
            for samples, crc in zip(tiles, crcs, strict=True)
        ]
    limits = [_limit(samples, codec, choice) for samples in tiles]
    suited = [i for i, limit in enumerate(limits) if limit is not None]
    streams = dict(zip(suited, _streams([tiles[i] for i in suited], codec, stopwatch), strict=True))
    coded = []
    for i, (samples, crc, limit) in enumerate(zip(tiles, crcs, limits, strict=True)):
        found = []
        if limit is not None:
            found.append(CodedTile(_network_payload(samples, streams[i]), True, crc))
        if limit is None or len(pack_parts(streams[i])) >= limit:
            found.append(CodedTile(fallback.encode(samples, bits), False, crc))
        coded.append(min(found, key=lambda tile: len(tile.payload)))
    return coded


def tile_of(coded: CodedTile, version: int) -> Tile:
    """The tile as a version of the container stores it."""
    payload = coded.payload
    if version > 2:
        payload = (_NETWORK if coded.by_network else _FALLBACK) + payload
    return Tile(payload, zlib.crc32(payload), coded.crc)


def is_by_network(container: Container, payload: bytes | memoryview) -> bool:
    """Whether a network coded a tile with this payload.

    Raises:
        CorruptStreamError: a first byte that no writer makes.
    """
    if container.version == 2 or not container.arithmetic:
        return bool(container.arithmetic)
    first = bytes(payload[:1])
    if first not in (_FALLBACK, _NETWORK):
        raise CorruptStreamError(f"a tile coded by {first.hex() or 'nothing'}, expected 00 or 01")
    return first == _NETWORK


@contextmanager
def inexact_in_float(codec: TileCodec, rectangle: Rectangle) -> Iterator[None]:
    """Tells streams that floating point cannot follow from damaged ones; the checksum was right.

    Raises:
        NotExactError: in the place of CorruptStreamError, with a codec in floating point.
    """
    try:
        yield
    except CorruptStreamError as error:
        if codec.arithmetic.kind == "integer":
            raise
        raise NotExactError(rectangle) from error


def body(container: Container, payload: bytes | memoryview) -> bytes | memoryview:
    """A payload without the byte that says what coded it."""
    return payload[1:] if container.version > 2 and container.arithmetic else payload


def decode_tile(
    container: Container,
    tile: Tile,
    rectangle: Rectangle,
    mode: Mode,
    codec: TileCodec | None,
    stopwatch: Stopwatch | None = None,
) -> Samples:
    """The samples (H, W, C) of a tile, compared with the checksum of the original.

    Raises:
        CorruptStreamError: the coded bytes were altered.
        NotExactError: they were not, but other pixels came out.
    """
    _, _, height, width = rectangle
    shape = (height, width, mode.channels)
    with timed(stopwatch, "container"):
        payload = tile.check(rectangle)
        by_network = is_by_network(container, payload)
        coded = body(container, payload)
    if by_network and codec is not None:
        parts = split_parts(coded, part_count(mode, codec))
        with inexact_in_float(codec, rectangle):
            rgb = codec.decode(parts[: codec.streams], height, width, stopwatch)
        samples = with_alpha(rgb, parts, mode)
    else:
        samples = fallback.decode(coded, shape, mode.bits)
    with timed(stopwatch, "container"):
        tile.check_pixels(samples, rectangle)
    return samples


def part_count(mode: Mode, codec: TileCodec) -> int:
    """Parts of a payload that the network made."""
    return codec.streams + (1 if mode == Mode.RGBA else 0)


def with_alpha(rgb: Samples, parts: Sequence[bytes], mode: Mode) -> Samples:
    """The samples of a tile, of what the network decoded and the last of its parts."""
    if mode != Mode.RGBA:
        return rgb
    shape = (*rgb.shape[:2], 1)
    return np.concatenate([rgb, fallback.decode(parts[-1], shape, mode.bits)], axis=2)


def _limit(samples: Samples, codec: TileCodec, choice: Choice) -> float | None:
    """From how many bytes of RGB on the fallback is tried too; None if the network cannot suit."""
    if choice is Choice.NETWORK:
        return float("inf")
    height, width = samples.shape[:2]
    pixels = height * width
    if codec.padded_pixels(height, width) >= _MOST_PADDING * pixels:
        return None
    raw = NETWORK_CHANNELS * pixels
    jpegxl, webp = fallback.estimate(samples[:, :, :NETWORK_CHANNELS])
    least = min(jpegxl, webp)
    unsuited = least >= raw or webp < _PATTERNED * jpegxl or 8 * least < _FLAT * raw
    if unsuited and pixels >= _LEAST_PIXELS:
        return None
    return 0 if choice is Choice.SMALLEST else min(least, raw)


def _streams(
    tiles: Sequence[Samples], codec: TileCodec, stopwatch: Stopwatch | None
) -> list[list[bytes]]:
    rgb = [samples[:, :, :NETWORK_CHANNELS].copy() for samples in tiles]
    return [codec.encode(rgb[0], stopwatch)] if len(rgb) == 1 else codec.encode_batch(rgb)


def _network_payload(samples: Samples, streams: Sequence[bytes]) -> bytes:
    if samples.shape[2] == NETWORK_CHANNELS:
        return pack_parts(streams)
    return pack_parts([*streams, fallback.encode(samples[:, :, NETWORK_CHANNELS:], 8)])
