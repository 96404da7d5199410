"""The `.l3y` file: symbols from which a lossy model reconstructs an image.

Never a `.l3c` file, which promises every sample: another signature, another suffix, and readers of
either refuse the other. LOSSY.md specifies every byte.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from coder.errors import CoderError
from coder.leb128 import leb128
from l3c.fileformat import errors
from l3c.fileformat.container import CRITICAL_SECTION, MODEL_BYTES, Reader
from l3c.fileformat.errors import GET_AGAIN

MAGIC = b"\x8fL3Y\r\n\x1a\n"
VERSION = 1
SUFFIX = ".l3y"
MAX_PIXELS = 1 << 26  # that a reader takes memory for


@dataclass(frozen=True)
class LossyFile:
    """What a file holds.

    Attributes:
        height, width: of the image in pixels, at most 2^26 together.
        model: 8 bytes that identify all that decoding depends on.
        payload: the coded symbols.
        symbols_crc: CRC-32 that the decoded symbols should have.
        sections: kind, 0..127, and bytes of metadata, as in `.l3c` files.
    """

    height: int
    width: int
    model: bytes
    payload: bytes
    symbols_crc: int
    sections: Mapping[int, bytes] = field(default_factory=dict)


def is_lossy(data: bytes | memoryview) -> bool:
    """Whether bytes begin as a lossy file."""
    return bytes(data[: len(MAGIC)]) == MAGIC


def pack(file: LossyFile) -> bytes:
    """The bytes of a file; inverse of `unpack`.

    Raises:
        ValueError: a value that LOSSY.md does not allow.
    """
    parts = [leb128(file.height), leb128(file.width), file.model, bytes([len(file.sections)])]
    for kind, content in sorted(file.sections.items()):
        parts += [bytes([kind]), leb128(len(content)), _crc(content)]
    parts += [leb128(len(file.payload)), _crc(file.payload), file.symbols_crc.to_bytes(4, "big")]
    body = b"".join(parts)
    head = MAGIC + bytes([VERSION]) + leb128(len(body)) + body
    contents = [content for _, content in sorted(file.sections.items())]
    data = b"".join([head, _crc(head), *contents, file.payload])
    try:
        same = unpack(data) == file
    except CoderError as error:
        raise ValueError(f"LOSSY.md does not allow this file: {error}") from error
    if not same:
        raise ValueError("the model is not 8 bytes")
    return data


def unpack(data: bytes) -> LossyFile:
    """Parses a file. Every length is checked against the bytes that are there, every checksum too.

    Raises:
        CoderError: its class (`l3c.fileformat.errors`) is the kind of damage.
    """
    if not is_lossy(data):
        raise errors.NotL3CError("not a lossy file of ours: it does not start with the signature")
    start = Reader(data[len(MAGIC) :], errors.TruncatedError)
    if (version := start.byte()) != VERSION:
        raise errors.NewerFormatError(f"lossy format {version}")
    header = start.take(start.number())
    at = len(MAGIC) + start.at + 4
    if start.take(4) != _crc(data[: at - 4]):
        raise errors.HeaderAlteredError(f"the header does not have its checksum; {GET_AGAIN}")
    reader = Reader(header)
    height, width = reader.number(), reader.number()
    if not 0 < height * width <= MAX_PIXELS:
        reader.refuse(f"{height}x{width} pixels, expected 1..2^26")
    model = reader.take(MODEL_BYTES)
    sizes: list[tuple[int, int, bytes]] = []
    for _ in range(reader.byte()):
        kind = reader.byte()
        if kind >= CRITICAL_SECTION:
            raise errors.NewerFormatError(f"an image that depends on a section of kind {kind}")
        if sizes and kind <= sizes[-1][0]:
            reader.refuse(f"section of kind {kind} after one of kind {sizes[-1][0]}")
        sizes.append((kind, reader.number(), reader.take(4)))
    payload_size, payload_crc, symbols_crc = reader.number(), reader.take(4), reader.u32()
    if reader.at < len(header):
        reader.refuse("it goes on after its last field")
    expected = at + sum(size for _, size, _ in sizes) + payload_size
    if len(data) != expected:
        kind_of = errors.TruncatedError if len(data) < expected else errors.TrailingBytesError
        raise kind_of(f"file of {len(data)} bytes, its header announces {expected}; {GET_AGAIN}")
    sections = {}
    for kind, size, crc in sizes:
        sections[kind], at = data[at : at + size], at + size
        if _crc(sections[kind]) != crc:
            raise errors.SectionAlteredError(kind)
    if _crc(data[at:]) != payload_crc:
        raise errors.TileAlteredError((0, 0, height, width))
    return LossyFile(height, width, model, data[at:], symbols_crc, sections)


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")
