"""The `.l3c` file: a header that is checked first, then one stream a scale.

FORMAT.md specifies every byte.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from coder.errors import CorruptStreamError, UnsupportedFormatError

# Like PNG's: a non-ASCII byte and line ends that a text transfer would change.
MAGIC = b"\x8fL3C\r\n\x1a\n"
VERSION = 1
MAX_SIDE = 1 << 16
_HEAD = struct.Struct(
    ">8sBBII8sI"
)  # magic, version, scales, height, width, model, CRC-32 of the pixels
_CRC = struct.Struct(">I")


@dataclass(frozen=True)
class Container:
    """What a file holds.

    Attributes:
        height, width: of the image, in pixels, 1..65,536.
        model: 8 bytes that identify the model (see `l3c.codec`).
        pixels_crc: CRC-32 of the decoded uint8 (H, W, 3) pixels.
        streams: one for each scale, the coarsest first.
    """

    height: int
    width: int
    model: bytes
    pixels_crc: int
    streams: tuple[bytes, ...]


def pack(container: Container) -> bytes:
    """The bytes of a file; inverse of `unpack`."""
    head = _HEAD.pack(
        MAGIC,
        VERSION,
        len(container.streams),
        container.height,
        container.width,
        container.model,
        container.pixels_crc,
    )
    head += b"".join(_CRC.pack(len(stream)) for stream in container.streams)
    return head + _CRC.pack(zlib.crc32(head)) + b"".join(container.streams)


def unpack(data: bytes) -> Container:
    """Parses a file; all lengths are checked against the bytes that are there.

    Raises:
        UnsupportedFormatError: not an L3C file, or one of a later format version.
        CorruptStreamError: truncated, too long, or a header that was altered.
    """
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise UnsupportedFormatError("not an L3C file: it does not start with the signature")
    if len(data) < _HEAD.size:
        raise CorruptStreamError(f"file of {len(data)} bytes ends inside the header")
    _, version, scales, height, width, model, pixels_crc = _HEAD.unpack_from(data)
    if version != VERSION:
        raise UnsupportedFormatError(
            f"container format {version}; this release reads format {VERSION}"
        )
    body = _HEAD.size + _CRC.size * (scales + 1)
    if len(data) < body:
        raise CorruptStreamError(f"file of {len(data)} bytes ends inside the header")
    (header_crc,) = _CRC.unpack_from(data, body - _CRC.size)
    if zlib.crc32(data[: body - _CRC.size]) != header_crc:
        raise CorruptStreamError("the header was altered: its checksum does not fit")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise CorruptStreamError(f"header names an image of {height}x{width} pixels")
    sizes = struct.unpack_from(f">{scales}I", data, _HEAD.size)
    if len(data) != body + sum(sizes):
        raise CorruptStreamError(
            f"streams of {sum(sizes)} bytes announced, {len(data) - body} are there"
        )
    streams = []
    for size in sizes:
        streams.append(data[body : body + size])
        body += size
    return Container(height, width, model, pixels_crc, tuple(streams))
