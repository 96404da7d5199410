"""The `.l3c` file: a header that is checked first, then metadata, then the image's tiles.

FORMAT.md specifies every byte. Nothing here knows what a tile's bytes mean, nor what a mode is.

A `.l3y` file (LOSSY.md) is the same without the fields that are equal in all of them: its one tile
is the image, its "pixels" are symbols from which a lossy model reconstructs it. It has another
signature and suffix; `Container.lossy` tells decoders, which refuse the other kind.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from coder.errors import CoderError
from coder.leb128 import leb128, read_leb128, split
from l3c.fileformat import errors
from l3c.fileformat.errors import GET_AGAIN, SALVAGE, Rectangle
from l3c.fileformat.tiles import grid_flaw, tile_rectangles
from l3c.files import FilePart

# Like PNG's: a non-ASCII byte and line ends that a text transfer would change.
MAGIC = b"\x8fL3C\r\n\x1a\n"
VERSIONS = (2, 3)  # that are read, and written: 3 where tiles of one file are coded differently
LOSSY_MAGIC = b"\x8fL3Y\r\n\x1a\n"
LOSSY_VERSION = 1
LOSSY_SUFFIX = ".l3y"
MAX_LOSSY_PIXELS = 1 << 26  # that a reader of lossy files takes memory for
MODEL_BYTES = 8
ARITHMETICS = (0, 1, 2, 3, 4)
CRITICAL_SECTION = 128  # a reader may skip kinds below it, and has to know the others

Bytes = bytes | bytearray | memoryview | FilePart


@dataclass(frozen=True, slots=True)
class Tile:
    """The coded pixels of one rectangle.

    Attributes:
        payload: the bytes, or where they are; None if the file ends before they do.
        payload_crc: the CRC-32 that they should have.
        pixels_crc: the CRC-32 that the decoded pixels should have, see `pixels_crc`.
    """

    payload: Bytes | None
    payload_crc: int
    pixels_crc: int

    @classmethod
    def of(cls, payload: bytes, samples: npt.NDArray[Any]) -> Tile:
        """The tile of samples (h, w, c), uint8 or uint16, that were coded as `payload`."""
        return cls(payload, zlib.crc32(payload), pixels_crc(samples))

    def check(self, rectangle: Rectangle) -> bytes:
        """The payload, whose checksum fits.

        Raises:
            TileError: it is altered or missing; the rectangle of the tile is for the message.
        """
        if self.payload is None:
            raise errors.TileMissingError(rectangle)
        payload = bytes(self.payload)
        if zlib.crc32(payload) != self.payload_crc:
            raise errors.TileAlteredError(rectangle)
        return payload

    def check_pixels(self, samples: npt.NDArray[Any], rectangle: Rectangle) -> None:
        """Compares decoded samples (h, w, c), uint8 or uint16, with the encoded ones.

        Raises:
            NotExactError: they differ.
        """
        if pixels_crc(samples) != self.pixels_crc:
            raise errors.NotExactError(rectangle)


@dataclass(frozen=True)
class Container:
    """What a file holds.

    Attributes:
        mode: 0..255, what the samples of a pixel are (see `l3c.images.picture`).
        height, width: of the image, in pixels, 1..2^31 - 1.
        arithmetic: of the network: 0 if none took part, 1 float32 on a CPU, 2 float32 on a CUDA
            device, 3 integers, 4 integers of the causal family.
        model: 8 bytes that identify the network's settings and weights; empty for arithmetic 0.
        rows, cols: the tiles' grid, see `tile_rectangles`.
        sections: kind, 0..127 and each at most once, and bytes of metadata, by kind.
        tiles: row by row.
        version: of the format, 3 where the first byte of each payload names what coded it; 1 of
            lossy files, whose mode is 4, arithmetic 3 and grid 1 x 1.
        flaws: what `unpack(damaged=True)` found: a wrong length, sections that it left out.
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
    flaws: tuple[CoderError, ...] = field(default=(), compare=False)

    @property
    def lossy(self) -> bool:
        """Whether it is a `.l3y` file."""
        return self.version == LOSSY_VERSION

    def placed(self) -> dict[Rectangle, Tile]:
        """The tiles by their rectangles, in their order."""
        rectangles = tile_rectangles(self.height, self.width, self.rows, self.cols)
        return dict(zip(rectangles, self.tiles, strict=True))


def pixels_crc(samples: npt.NDArray[Any]) -> int:
    """CRC-32 of uint8 samples of any shape in C order, or of uint16 with the low byte first."""
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    return zlib.crc32(little.data)


def split_parts(data: Bytes, count: int) -> list[bytes]:
    """The byte strings, at least one, that `coder.leb128.join` made one.

    Raises:
        CorruptStreamError: their lengths do not fit the data.
    """
    whole = bytes(data)
    return [whole[start:end] for start, end in itertools.pairwise(split(whole, count))]


def pack(container: Container) -> bytes:
    """The bytes of a file; inverse of `unpack`. Raises as `pieces` does."""
    return b"".join(map(bytes, pieces(container)))


def pieces(container: Container) -> list[Bytes]:
    """The bytes of a file, one piece after the other; sections in the order of their kinds.

    Raises:
        ValueError: a value that FORMAT.md or LOSSY.md does not allow.
    """
    c = replace(container, sections=tuple(sorted(container.sections)))
    payloads = [tile.payload for tile in c.tiles if tile.payload is not None]
    try:
        kind, grid = bytes([c.mode, c.arithmetic]), leb128(c.rows, "rows") + leb128(c.cols, "cols")
        size = leb128(c.height, "height") + leb128(c.width, "width")
        parts = [size, c.model] if c.lossy else [kind, size, c.model, grid]
        parts.append(bytes([len(c.sections)]))
        for section, content in c.sections:
            parts += [bytes([section]), leb128(len(content), "section"), _u32(zlib.crc32(content))]
        for t, payload in zip(c.tiles, payloads, strict=True):
            parts += [leb128(len(payload), "payload"), _u32(t.payload_crc), _u32(t.pixels_crc)]
        body = b"".join(parts)
        start = (LOSSY_MAGIC if c.lossy else MAGIC) + bytes([c.version])
        head = start + leb128(len(body), "header") + body
        head += _u32(zlib.crc32(head))
        fields, _, _ = _parse(_header(head)[1], c.lossy)
        same = c == Container(*fields, c.sections, c.tiles, c.version)
    except (CoderError, OverflowError) as error:
        raise ValueError(f"FORMAT.md does not allow this container: {error}") from error
    if not same:
        raise ValueError("the model, sections or tiles do not fit the other fields")
    return [head, *(content for _, content in c.sections), *payloads]


def unpack(data: Bytes, *, damaged: bool = False) -> Container:
    """Parses a file of either kind. Every length is checked against the bytes that are there.

    Payloads are views into `data`, or parts of a file; `Tile.check` compares their checksums.

    Args:
        data: the whole file.
        damaged: take what is left of a file whose header is intact, and list the `flaws` instead
            of raising the first. Sections with wrong checksums are left out; tiles that the file
            ends before have the payload None; bytes after the last tile are ignored.

    Raises:
        CoderError: its class (`l3c.fileformat.errors`) is the kind of damage. With `damaged` no
            SectionAlteredError, no TrailingBytesError, and a TruncatedError in the header alone.
    """
    view = data if isinstance(data, FilePart) else memoryview(data).cast("B")
    version, header, at = _header(view)
    lossy = version == LOSSY_VERSION
    fields, sections, tiles = _parse(header, lossy)
    expected = at + sum(size for _, size, _ in sections) + sum(size for size, _, _ in tiles)
    found, made, flaws = [], [], list[CoderError]()
    if len(view) != expected:
        early, hint = len(view) < expected, GET_AGAIN if lossy else f"{GET_AGAIN}, or {SALVAGE}"
        ends = "ends early" if early else "goes on after its end"
        text = f"file of {len(view)} bytes {ends}: its header announces {expected}; {hint}"
        flaws.append((errors.TruncatedError if early else errors.TrailingBytesError)(text))
    for kind, size, crc in sections:
        content, at = bytes(view[at : at + size]), at + size
        if len(content) == size and zlib.crc32(content) == crc:
            found.append((kind, content))
        else:
            flaws.append(errors.SectionAlteredError(kind))
    if flaws and not damaged:
        raise flaws[0]
    for size, payload_crc, crc in tiles:
        payload, at = view[at : at + size], at + size
        made.append(Tile(payload if at <= len(view) else None, payload_crc, crc))
    return Container(*fields, tuple(found), tuple(made), version, tuple(flaws))


def header_bytes(data: Bytes) -> int:
    """How many bytes come before the sections and tiles of a file; raises as `unpack` does."""
    return _header(data)[2]


def _header(data: Bytes) -> tuple[int, bytes, int]:
    """Version, the header's fields, whose checksum fits, and where the header ends."""
    start = len(MAGIC) + 1
    view = bytes(data[: start + 5])  # as far as the length of the header can go
    inside = errors.TruncatedError(f"file of {len(data)} bytes ends inside the header; {GET_AGAIN}")
    if all(view[: len(known)] != known[: len(view)] for known in (MAGIC, LOSSY_MAGIC)):
        raise errors.NotL3CError("not an L3C file: it does not start with the signature")
    if len(view) < start:
        raise inside
    version = view[start - 1]
    versions = (LOSSY_VERSION,) if view.startswith(LOSSY_MAGIC) else VERSIONS
    if version > versions[-1]:
        raise errors.NewerFormatError(f"container format {version} (up to {versions[-1]} are read)")
    if version < versions[0]:
        raise errors.UnsupportedFormatError(
            f"container format {version} was a draft that no release reads; "
            "encode the image again with this one"
        )
    size, start = read_leb128(view, start, errors.HeaderAlteredError, errors.TruncatedError)
    end = start + size
    if len(data) < end + 4:
        raise inside
    view = bytes(data[: end + 4])
    if _u32(zlib.crc32(view[:end])) != view[end : end + 4]:
        raise errors.HeaderAlteredError(
            f"the header was altered: its checksum does not fit; {GET_AGAIN}"
        )
    return version, view[start:end], end + 4


_Fields = tuple[int, int, int, int, bytes, int, int]
_Triples = list[tuple[int, int, int]]


def _parse(header: bytes, lossy: bool) -> tuple[_Fields, _Triples, _Triples]:
    """A `Container` up to its grid; kind, length, CRC-32 of each section; of tiles length, CRC-32s.

    The checksum of the header fits, so that only a writer's mistake, or malice, is found here.
    """
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        refuse("it ends early" if at + count > len(header) else "")
        start, at = at, at + count
        return header[start:at]

    def number() -> int:
        nonlocal at
        value, at = read_leb128(header, at, errors.HeaderAlteredError)
        return value

    def u32() -> int:
        return int.from_bytes(take(4), "big")

    def refuse(flaw: str) -> None:
        if flaw:
            where = f"the header is not valid at byte {at} of {len(header)}"
            raise errors.HeaderAlteredError(f"{where}: {flaw}; {GET_AGAIN}")

    mode, arithmetic = (4, 3) if lossy else take(2)
    if arithmetic not in ARITHMETICS:
        raise errors.NewerFormatError(f"pixels coded with arithmetic {arithmetic}")
    height, width = number(), number()
    model = take(MODEL_BYTES if arithmetic else 0)
    rows, cols = (1, 1) if lossy else (number(), number())
    if not lossy:
        refuse(grid_flaw(height, width, rows, cols))
    elif not 0 < height * width <= MAX_LOSSY_PIXELS:
        refuse(f"{height}x{width} pixels, expected 1..2^26")
    sections: _Triples = []
    for _ in range(take(1)[0]):
        kind, before = take(1)[0], sections[-1][0] if sections else -1
        if kind >= CRITICAL_SECTION:
            raise errors.NewerFormatError(f"an image that depends on a section of kind {kind}")
        if kind <= before:
            refuse(f"section of kind {kind} after one of kind {before}")
        sections.append((kind, number(), u32()))
    tiles = [(number(), u32(), u32()) for _ in range(rows * cols)]
    if at < len(header):
        refuse("it goes on after its last tile")
    return (mode, height, width, arithmetic, model, rows, cols), sections, tiles


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
