"""The `.l3c` file: a header that is checked first, then metadata, then the image's tiles.

FORMAT.md specifies every byte. Nothing here knows what a tile's bytes mean, nor what a mode is.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coder.errors import CorruptStreamError
from coder.leb128 import leb128, read_leb128
from l3c.fileformat.errors import (
    HeaderAlteredError,
    NewerFormatError,
    NotExactError,
    NotL3CError,
    Rectangle,
    SectionAlteredError,
    TileAlteredError,
    TileMissingError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedFormatError,
)
from l3c.fileformat.tiles import MAX_SIDE, check_side, grid_flaw

# Like PNG's: a non-ASCII byte and line ends that a text transfer would change.
MAGIC = b"\x8fL3C\r\n\x1a\n"
VERSIONS = (2, 3)  # that are read, and written: 3 where tiles of one file are coded differently
MODEL_BYTES = 8
ARITHMETICS = (0, 1, 2, 3)
CRITICAL_SECTION = 128  # a reader may skip kinds below it, and has to know the others

_TILE_BYTES = 9  # of a tile in the header, at least: length and two checksums
_CRC_BYTES = 4
_GET_AGAIN = "get the file again from where it came from"

Bytes = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Tile:
    """The coded pixels of one rectangle.

    Attributes:
        payload: the bytes; None if the file ends before they do.
        payload_crc: the CRC-32 that they should have.
        pixels_crc: the CRC-32 that the decoded pixels should have, see `pixels_crc`.
    """

    payload: bytes | memoryview | None
    payload_crc: int
    pixels_crc: int

    @classmethod
    def of(cls, payload: bytes | memoryview, samples: npt.NDArray[Any]) -> Tile:
        """The tile of samples (h, w, c), uint8 or uint16, that were coded as `payload`."""
        return cls(payload, zlib.crc32(payload), pixels_crc(samples))

    def check(self, rectangle: Rectangle) -> bytes | memoryview:
        """The payload, whose checksum fits.

        Args:
            rectangle: y, x, height, width of the tile, for the message.

        Raises:
            TileMissingError: the file ends before the payload does.
            TileAlteredError: the payload does not have its checksum.
        """
        if self.payload is None:
            raise TileMissingError(rectangle)
        if zlib.crc32(self.payload) != self.payload_crc:
            raise TileAlteredError(rectangle)
        return self.payload

    def check_pixels(self, samples: npt.NDArray[Any], rectangle: Rectangle) -> None:
        """Compares decoded samples (h, w, c), uint8 or uint16, with the encoded ones.

        Raises:
            NotExactError: they differ.
        """
        if pixels_crc(samples) != self.pixels_crc:
            raise NotExactError(rectangle)


@dataclass(frozen=True)
class Container:
    """What a file holds.

    Attributes:
        mode: 0..255, what the samples of a pixel are (see `l3c.images.picture`).
        height, width: of the image, in pixels, 1..2^31 - 1.
        arithmetic: of the network: 0 if none took part, 1 float32 on a CPU, 2 float32 on a CUDA
            device, 3 integers.
        model: 8 bytes that identify the network's settings and weights; empty for arithmetic 0.
        rows, cols: the tiles' grid, see `tile_rectangles`.
        sections: kind, 0..127 and each at most once, and bytes of metadata, by kind.
        tiles: row by row.
        version: of the format, 3 where each payload starts with a byte that says what coded it.
        damaged_sections: kinds of the sections that were left out, by `unpack(damaged=True)`.
    """

    mode: int
    height: int
    width: int
    arithmetic: int
    model: bytes
    rows: int
    cols: int
    sections: tuple[tuple[int, bytes], ...]
    tiles: tuple[Tile, ...]
    version: int = VERSIONS[0]
    damaged_sections: tuple[int, ...] = ()

    @property
    def missing_tiles(self) -> tuple[int, ...]:
        """Indices of the tiles that the file ends before; only `unpack(damaged=True)` gives any."""
        return tuple(i for i, tile in enumerate(self.tiles) if tile.payload is None)


def pixels_crc(samples: npt.NDArray[Any]) -> int:
    """CRC-32 of samples of any shape in C order: uint8 as they are, uint16 with the low byte first.

    Raises:
        TypeError: samples of another type.
    """
    if samples.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        raise TypeError(f"samples must be uint8 or uint16, got {samples.dtype}")
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    return zlib.crc32(little.data)


def pack_parts(parts: Sequence[bytes | memoryview]) -> bytes:
    """One or more byte strings as one; inverse of `split_parts`.

    Raises:
        ValueError: no part, or one of 2^35 bytes or more.
    """
    if not parts:
        raise ValueError("expected at least one part")
    return b"".join([*(leb128(len(part), "part") for part in parts[:-1]), *parts])


def split_parts(data: Bytes, n: int) -> list[bytes]:
    """The n byte strings that were packed.

    Raises:
        CorruptStreamError: their lengths do not fit the data.
        ValueError: n is not positive.
    """
    if n < 1:
        raise ValueError(f"expected at least one part, got {n}")
    view = memoryview(data).cast("B")
    position, sizes = 0, []
    for _ in range(n - 1):
        size, position = read_leb128(view, position, CorruptStreamError)
        sizes.append(size)
    left = len(view) - position
    if sum(sizes) > left:
        raise CorruptStreamError(f"parts of {sum(sizes)} bytes where {left} are there")
    sizes.append(left - sum(sizes))
    parts = []
    for size in sizes:
        parts.append(bytes(view[position : position + size]))
        position += size
    return parts


def pack(container: Container) -> bytes:
    """The bytes of a file; inverse of `unpack`. Sections are written in the order of their kinds.

    Raises:
        ValueError: a value that FORMAT.md does not allow.
    """
    _check(container)
    sections, tiles = sorted(container.sections), container.tiles
    fields = [
        bytes([container.mode, container.arithmetic]),
        leb128(container.height, "height"),
        leb128(container.width, "width"),
        container.model,
        leb128(container.rows, "rows"),
        leb128(container.cols, "cols"),
        bytes([len(sections)]),
    ]
    for kind, content in sections:
        fields += [bytes([kind]), leb128(len(content), "section"), _u32(zlib.crc32(content))]
    payloads = []
    for tile in tiles:
        if tile.payload is None:
            raise ValueError("a tile has no payload")
        payloads.append(tile.payload)
        fields += [
            leb128(len(tile.payload), "payload"),
            _u32(tile.payload_crc),
            _u32(tile.pixels_crc),
        ]
    body = b"".join(fields)
    head = MAGIC + bytes([container.version]) + leb128(len(body), "header") + body
    contents = (content for _, content in sections)
    return b"".join([head, _u32(zlib.crc32(head)), *contents, *payloads])


def unpack(data: Bytes, *, damaged: bool = False) -> Container:
    """Parses a file. Every length is checked against the bytes that are there.

    Payloads are views into `data`; `Tile.check` compares their checksums.

    Args:
        data: the whole file.
        damaged: take what is left of a file whose header is intact. Sections with wrong checksums
            are left out and listed in `damaged_sections`; tiles that the file ends before have the
            payload None and are listed in `missing_tiles`; bytes after the last tile are ignored.

    Raises:
        NotL3CError: some other file.
        NewerFormatError: a file of a later version of the format.
        UnsupportedFormatError: a file of the draft that came before this format.
        HeaderAlteredError: the header does not have its checksum, or says what no writer says.
        TruncatedError: the file ends inside the header, or (unless `damaged`) after it.
        TrailingBytesError: the file is too long (unless `damaged`).
        SectionAlteredError: a section does not have its checksum (unless `damaged`).
    """
    view = memoryview(data).cast("B")
    version, header, start = _header(view)
    container, sections, tiles = _parse(header)
    sizes = [size for _, size, _ in sections] + [size for size, _, _ in tiles]
    expected = start + sum(sizes)
    if len(view) != expected and not damaged:
        raise _wrong_length(len(view), expected)
    found, lost = [], []
    for kind, size, crc in sections:
        content = bytes(view[start : start + size])
        start += size
        if len(content) == size and zlib.crc32(content) == crc:
            found.append((kind, content))
        elif damaged:
            lost.append(kind)
        else:
            raise SectionAlteredError(kind)
    made = []
    for size, payload_crc, crc in tiles:
        end = start + size
        made.append(Tile(view[start:end] if end <= len(view) else None, payload_crc, crc))
        start = end
    return Container(*container, tuple(found), tuple(made), version, tuple(lost))


def _header(view: memoryview) -> tuple[int, bytes, int]:
    """Version, the header's fields, whose checksum fits, and where the header ends."""
    if view[: len(MAGIC)] != MAGIC[: len(view)]:
        raise NotL3CError("not an L3C file: it does not start with the signature")
    position = len(MAGIC) + 1
    if len(view) < position:
        raise _truncated_header(view)
    version = view[position - 1]
    if version > VERSIONS[-1]:
        raise _newer(f"container format {version}; this release reads up to {VERSIONS[-1]}")
    if version < VERSIONS[0]:
        raise UnsupportedFormatError(
            f"container format {version} was a draft that no release reads; "
            "encode the image again with this one"
        )
    size, position = read_leb128(view, position, HeaderAlteredError, TruncatedError)
    end = position + size
    if len(view) < end + _CRC_BYTES:
        raise _truncated_header(view)
    if zlib.crc32(view[:end]) != int.from_bytes(view[end : end + _CRC_BYTES], "big"):
        raise HeaderAlteredError(f"the header was altered: its checksum does not fit; {_GET_AGAIN}")
    return version, bytes(view[position:end]), end + _CRC_BYTES


_Fields = tuple[int, int, int, int, bytes, int, int]
_Triples = list[tuple[int, int, int]]


def _parse(header: bytes) -> tuple[_Fields, _Triples, _Triples]:
    """A `Container` up to its grid, and what follows it.

    These are, for each section, its kind, length and checksum, and for each tile its length and
    its two checksums.

    The checksum of the header fits, so that only a writer's mistake, or malice, is found here.
    """
    if len(header) < 2:
        raise _impossible("it has no room for its fields")
    mode, arithmetic = header[0], header[1]
    if arithmetic not in ARITHMETICS:
        raise _newer(f"the pixels were coded with arithmetic {arithmetic}, unknown to this release")
    height, at = read_leb128(header, 2, HeaderAlteredError)
    width, at = read_leb128(header, at, HeaderAlteredError)
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise _impossible(f"it names an image of {height}x{width} pixels")
    model = b""
    if arithmetic:
        model = header[at : at + MODEL_BYTES]
        at += MODEL_BYTES
    rows, at = read_leb128(header, at, HeaderAlteredError)
    cols, at = read_leb128(header, at, HeaderAlteredError)
    if flaw := grid_flaw(height, width, rows, cols):
        raise _impossible(flaw)
    if at >= len(header):
        raise _impossible("it ends before its sections")
    count, at = header[at], at + 1
    sections, last = [], -1
    for _ in range(count):
        if at >= len(header):
            raise _impossible(f"it ends inside its {count} sections")
        kind = header[at]
        if kind >= CRITICAL_SECTION:
            raise _newer(f"the image depends on a section of kind {kind}, unknown to this release")
        if kind <= last:
            raise _impossible(f"section of kind {kind} after one of kind {last}")
        last = kind
        size, at = read_leb128(header, at + 1, HeaderAlteredError)
        sections.append((kind, size, int.from_bytes(header[at : at + _CRC_BYTES], "big")))
        at += _CRC_BYTES
    if rows * cols * _TILE_BYTES > len(header) - at:
        raise _impossible(f"it has no room for {rows}x{cols} tiles")
    tiles = []
    for _ in range(rows * cols):
        size, at = read_leb128(header, at, HeaderAlteredError)
        middle, end = at + _CRC_BYTES, at + 2 * _CRC_BYTES
        payload_crc = int.from_bytes(header[at:middle], "big")
        tiles.append((size, payload_crc, int.from_bytes(header[middle:end], "big")))
        at = end
    if at != len(header):
        raise _impossible(f"its fields take {at} bytes of {len(header)}")
    return (mode, height, width, arithmetic, model, rows, cols), sections, tiles


def _check(container: Container) -> None:
    """Raises ValueError for a container that `unpack` would not give back."""
    check_side(container.height, "height")
    check_side(container.width, "width")
    if container.version not in VERSIONS:
        raise ValueError(f"version must be one of {VERSIONS}, got {container.version}")
    if not 0 <= container.mode <= 255:
        raise ValueError(f"mode must be in 0..255, got {container.mode}")
    if container.arithmetic not in ARITHMETICS:
        raise ValueError(f"arithmetic must be one of {ARITHMETICS}, got {container.arithmetic}")
    expected = MODEL_BYTES if container.arithmetic else 0
    if len(container.model) != expected:
        raise ValueError(f"model must have {expected} bytes, got {len(container.model)}")
    grid = container.height, container.width, container.rows, container.cols
    if flaw := grid_flaw(*grid):
        raise ValueError(flaw)
    if len(container.tiles) != container.rows * container.cols:
        raise ValueError(
            f"{len(container.tiles)} tiles do not make a grid of {container.rows}x{container.cols}"
        )
    kinds = [kind for kind, _ in container.sections]
    if len(set(kinds)) < len(kinds) or not all(0 <= kind < CRITICAL_SECTION for kind in kinds):
        raise ValueError(f"kinds of sections must differ and be in 0..127, got {kinds}")


def _u32(value: int) -> bytes:
    if not 0 <= value < 1 << 32:
        raise ValueError(f"a checksum must be in 0..2^32 - 1, got {value}")
    return value.to_bytes(_CRC_BYTES, "big")


def _newer(problem: str) -> NewerFormatError:
    return NewerFormatError(f"{problem}: install a newer one to read the file")


def _impossible(problem: str) -> HeaderAlteredError:
    return HeaderAlteredError(f"the header cannot be true: {problem}; {_GET_AGAIN}")


def _truncated_header(view: memoryview) -> TruncatedError:
    return TruncatedError(f"file of {len(view)} bytes ends inside the header; {_GET_AGAIN}")


def _wrong_length(size: int, expected: int) -> CorruptStreamError:
    if size < expected:
        return TruncatedError(
            f"file of {size} bytes ends early: its header announces {expected}; {_GET_AGAIN}, or "
            "salvage the tiles that are there"
        )
    return TrailingBytesError(
        f"file of {size} bytes goes on after its end: its header announces {expected}; "
        f"{_GET_AGAIN}, or salvage it without the rest"
    )
