"""Tiles <-> their payloads, by the network or by the fallback.

RGB in 8 bits, with or without alpha, can be coded by either, and grey by a causal network, as RGB
of three equal channels; everything else by the fallback. A network is trained on photographs. On
screenshots, drawings, flat areas, noise and narrow strips it needs several times the bytes of the
fallback, or more than the samples take as they are.

The network is run on everything, and the smaller of both results is kept: the payload is never
larger than the samples and a byte. With a network that takes less time than the fallback
(`TileCodec.quick`), the fallback is left out where it cannot be smaller: on what looks like a
photograph, and has fewer bytes by the network than the fastest settings of the fallback's coders
make (`fallback.estimate`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from coder.errors import CorruptStreamError
from coder.leb128 import join
from l3c.fileformat import fallback
from l3c.fileformat.container import Bytes, Container, Tile, pixels_crc, split_parts
from l3c.fileformat.errors import NotExactError, Rectangle
from l3c.files import FilePart
from l3c.images.picture import Mode, Samples
from l3c.models.tile_codec import TileCodec, UnsupportedError
from l3c.stopwatch import timed

# Of 187 crops of photographs the smallest ratio of the two estimates is 0.79, and the smallest
# estimate 0.92 bits per sub-pixel.
_PATTERNED = 0.7  # WebP's estimate by JPEG XL's: text, repetition, few colours
_FLAT = 0.9  # bits per sub-pixel
_LEAST_PIXELS = 64 * 64  # below it the headers count, and running the network costs little
# Of 110 crops of 256 x 256 of photographs, the fallback made at least 0.72 of the estimate, the
# network of causal-middle always fewer bytes than the fallback: 0.79 of the estimate in the median.
_NEAR = 0.9  # network's bytes by the estimate

_FALLBACK, _NETWORK = b"\0", b"\1"  # first byte of a payload in format 3


class Choice(StrEnum):
    """What codes RGB: the network alone, or the smaller of network and fallback."""

    NETWORK = "network"
    SMALLEST = "smallest"


@dataclass(frozen=True)
class CodedTile:
    """A payload as in format 3, whether the network made it, and the checksum of the samples."""

    payload: bytes | FilePart
    by_network: bool
    crc: int

    def stored(self, version: int) -> Tile:
        """As a version of the container stores it."""
        whole = self.payload if isinstance(self.payload, FilePart) else memoryview(self.payload)
        payload = whole[version < 3 :]
        return Tile(payload, zlib.crc32(bytes(payload)), self.crc)


def encode_tiles(
    tiles: Sequence[Samples],
    bits: int,
    codec: TileCodec | None,
    choice: Choice,
) -> list[CodedTile]:
    """Codes tiles of one size.

    Args:
        tiles: (H, W, C); with a codec, uint8 with C of 3 or 4.
        bits: of a sample.
        codec: of the network, which may predict the tiles together; without one all goes through
            the fallback.
        choice: what may code them.

    Raises:
        UnsupportedError: a lossy codec, whose files would not be what `.l3c` promises.
    """
    if codec and codec.lossy:
        raise UnsupportedError(f"{type(codec).__name__} is lossy; .l3c files are lossless")
    with timed("container"):
        crcs = [pixels_crc(samples) for samples in tiles]
    if not codec:
        return [
            CodedTile(_FALLBACK + fallback.encode(samples, bits), False, crc)
            for samples, crc in zip(tiles, crcs, strict=True)
        ]
    results = []
    coded = codec.encode_batch([*map(_rgb, tiles)])
    for samples, crc, streams in zip(tiles, crcs, coded, strict=True):
        alpha = samples[:, :, _colors(samples) :]
        parts = [*streams, fallback.encode(alpha, 8)] if alpha.size else streams
        found = [CodedTile(_NETWORK + join(parts), True, crc)]
        if len(join(streams)) >= _limit(samples, codec, choice):
            found.append(CodedTile(_FALLBACK + fallback.encode(samples, bits), False, crc))
        results.append(min(found, key=lambda tile: len(tile.payload)))
    return results


def decode_tiles(
    tiles: Sequence[tuple[Container, Tile]],
    rectangle: Rectangle,
    mode: Mode,
    codec: TileCodec | None,
) -> list[Samples]:
    """The samples (H, W, C) of tiles, compared with the checksums of the originals.

    Args:
        tiles: each with the file that it belongs to, all of one mode and model.
        rectangle: of each of them.
        mode: of the pictures.
        codec: of the files' model.

    Raises:
        CorruptStreamError: the coded bytes were altered.
        NotExactError: they were not, but other pixels came out.
    """
    _, _, height, width = rectangle
    with timed("container"):
        payloads = [split_payload(file, tile.check(rectangle)) for file, tile in tiles]
    rgb: dict[int, Samples] = {}
    parts: dict[int, list[bytes]] = {}
    if codec:
        number = codec.streams + mode.alpha
        by_network = [i for i, (network, _) in enumerate(payloads) if network]
        parts = {i: split_parts(payloads[i][1], number) for i in by_network}
        streams = [parts[i][: codec.streams] for i in by_network]
        try:
            rgb = dict(zip(by_network, codec.decode_batch(streams, height, width), strict=True))
        except CorruptStreamError as error:
            if codec.arithmetic.kind == "integer":
                raise
            raise NotExactError(rectangle) from error  # the checksum of the streams was right
    found = []
    for i, (_, tile) in enumerate(tiles):
        if i not in rgb:
            shape = (height, width, mode.channels)
            samples = fallback.decode(payloads[i][1], shape, mode.bits)
        else:
            samples = rgb[i][:, :, : mode.channels - mode.alpha]
            if mode.alpha:
                alpha = fallback.decode(parts[i][-1], (height, width, 1), mode.bits)
                samples = np.concatenate([samples, alpha], axis=2)
        with timed("container"):
            tile.check_pixels(samples, rectangle)
        found.append(samples)
    return found


def _colors(samples: Samples) -> int:
    """Channels without alpha."""
    return 3 if samples.shape[2] > 2 else 1


def _rgb(samples: Samples) -> Samples:
    """What a network codes of a tile: uint8 (H, W, 3), grey in all three."""
    colors = samples[:, :, : _colors(samples)]
    return colors if colors.shape[2] == 3 else np.repeat(colors, 3, 2)


def split_payload(container: Container, payload: Bytes) -> tuple[bool, bytes]:
    """Whether a network coded a tile, and its payload without the byte that says so.

    Raises:
        CorruptStreamError: a first byte that no writer makes.
    """
    payload = bytes(payload)
    if container.version < 3 or not container.arithmetic:
        return bool(container.arithmetic), payload
    first = payload[:1]
    if first not in (_FALLBACK, _NETWORK):
        raise CorruptStreamError(f"a tile coded by {first.hex() or 'nothing'}, expected 00 or 01")
    return first == _NETWORK, payload[1:]


def _limit(samples: Samples, codec: TileCodec, choice: Choice) -> float:
    """From how many bytes of the network on the fallback is tried too."""
    if choice is Choice.NETWORK:
        return float("inf")
    if not codec.quick:
        return 0
    pixels = samples.shape[0] * samples.shape[1]
    jpegxl, webp = fallback.estimate(_rgb(samples))
    least, raw = min(jpegxl, webp), _colors(samples) * pixels
    photograph = least < raw and webp >= _PATTERNED * jpegxl and 8 * least >= _FLAT * raw
    return _NEAR * least if photograph and pixels >= _LEAST_PIXELS else 0
