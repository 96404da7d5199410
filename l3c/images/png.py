"""PNG files: each chunk checked, pixels decoded by a library, metadata collected; and written.

The library is given the pixels alone: Pillow takes text chunks of some names for settings of its
own ("interlace", "transparency"), refuses long ones, and does not miss rows.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from l3c.images.picture import Mode, Picture, PictureError, Samples, Section
from l3c.images.pillow import EXIF_PREFIX, raw_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_IHDR_END = len(SIGNATURE) + 25
_XMP_KEYWORD = b"XML:com.adobe.xmp"

_INDEXED = 3
_MODES = {  # by color type and bits
    **dict.fromkeys([(0, 2), (0, 4), (0, 8)], Mode.GREY),
    **dict.fromkeys([(_INDEXED, bits) for bits in (1, 2, 4, 8)], Mode.PALETTE),
    **{(0, 1): Mode.BILEVEL, (0, 16): Mode.GREY16, (4, 8): Mode.GREY_ALPHA},
    **{(2, 8): Mode.RGB, (2, 16): Mode.RGB16, (6, 8): Mode.RGBA},
}
_REFUSED = {(4, 16): "grey with alpha", (6, 16): "RGBA"}
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OF_PIXELS = (*_CRITICAL, b"tRNS", b"acTL", b"fcTL", b"fdAT")  # the last three: animations
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Resolution, time, and "colors are sRGB", which is what is assumed of images that do not say.
_NOT_SAID = (b"pHYs", b"tIME", b"sRGB")
_OVERRIDDEN = ("gAMA", "cHRM")  # where there is an ICC profile or sRGB
_STRIP_BYTES = 2**19  # of samples
_BLOCK_BYTES = 2**16  # of a file
_MAX_SIDE = 1_000_000  # libpng's limit
_MAX_METADATA = 2**28  # bytes of one profile or packet after decompression


class PngFile:
    """The chunks of a PNG file.

    Args:
        file: open, at any place; it is read in blocks, so that it takes little memory.

    Attributes:
        width, height: in pixels, as the header says.

    Raises:
        PictureError: damaged, truncated, animated, or of a kind that is not read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._losses: list[str] = []
        self._chunks: list[tuple[bytes, bytes]] = []  # kind and body, without IDAT
        self._compressed: list[tuple[int, int]] = []  # of IDAT: where its body is, and how long
        self._read()
        first, header = self._chunks[0]
        self._header = header
        late = any(at < _IHDR_END for at, _ in self._compressed[:1])
        if late or first != b"IHDR" or len(header) != 13:
            raise _damaged("a PNG that does not begin with its header")
        self.width, self.height, self._bits, self._color = struct.unpack(">IIBB", header[:10])
        _check_sides(self.height, self.width)
        if not self.width * self.height * sum(size for _, size in self._compressed):
            raise _damaged("a PNG without pixels")
        if kind := _REFUSED.get((self._color, self._bits)):
            raise PictureError(f"a PNG with 16-bit {kind}: convert it to 8 bits")
        if (self._color, self._bits) not in _MODES:
            raise _damaged(f"a PNG of {self._bits} bits and color type {self._color}")
        frames = [kind for kind, _ in self._chunks].count(b"fcTL")
        if frames > 1 or any(kind == b"fdAT" for kind, _ in self._chunks):
            raise PictureError(f"animated ({frames} frames)")

    def picture(self) -> Picture:
        """Its samples, as they are stored but for grey of 2 and 4 bits, and all that it has.

        Raises:
            PictureError: palette or transparency do not go with the pixels.
            imagecodecs.PngError: fewer rows than the header says, or damaged.
        """
        mode, top = _MODES[self._color, self._bits], 2**self._bits - 1
        samples = self._samples(mode)
        if mode in (Mode.BILEVEL, Mode.PALETTE):
            samples //= 255 // top  # grey of few bits comes expanded to 8
        sections, losses = self._metadata()
        stored = dict(self._chunks)
        if mode == Mode.PALETTE and b"PLTE" in stored:
            sections[Section.PALETTE] = stored[b"PLTE"]
        if (transparent := stored.get(b"tRNS")) and not mode.alpha:
            if self._bits < 8 and mode != Mode.PALETTE:
                value = int.from_bytes(transparent, "big") & top
                value *= 1 if mode == Mode.BILEVEL else 255 // top
                transparent = value.to_bytes(2, "big")
            sections[Section.TRANSPARENCY] = transparent
        return Picture(mode, samples, sections, losses)

    def inflated(self, size: int) -> Iterator[bytes]:
        """All rows, filtered, each behind a byte that names its filter; so many bytes at a time.

        Raises:
            PictureError: the stream of bytes is cut off.
            zlib.error: it is damaged.
        """
        inflater, found = zlib.decompressobj(), bytearray()
        for block in self._blocks():
            left = block
            while left and not inflater.eof:  # what follows the stream is passed over
                found += inflater.decompress(left, size - len(found))
                left = inflater.unconsumed_tail
                if len(found) == size:
                    yield bytes(found)
                    found.clear()
        if not inflater.eof:
            raise _damaged("a PNG that ends before its last row")
        yield bytes(found)

    def _blocks(self) -> Iterator[bytes]:
        """What IDAT chunks hold."""
        for at, size in self._compressed:
            yield from _read_blocks(self._file, at, size)

    def _samples(self, mode: Mode) -> Samples:
        """Strip by strip, where rows lie one behind the other in whole bytes."""
        if self._bits < 8 or self._header[-1]:
            return self._decoded(mode, self.height, self._blocks())
        samples = np.empty((self.height, self.width, mode.channels), mode.dtype)
        row = 1 + samples[0].nbytes
        rows, above = -(-_STRIP_BYTES // row), b""
        strips = self.inflated(rows * row)
        for top in range(0, self.height, rows):
            found, strip = samples[top : top + rows], next(strips, b"")
            if len(strip) < len(found) * row:
                raise _damaged("a PNG that ends before its last row")
            content = zlib.compress(above + strip[: len(found) * row], 0)
            found[:] = self._decoded(mode, len(found) + bool(top), [content])[bool(top) :]
            # Not filtered. The next strip begins with it, by which its first row may be filtered.
            above = b"\0" + found[-1].astype(mode.dtype.newbyteorder(">")).tobytes()
        for _ in strips:  # to the end, where the checksum is
            pass
        return samples

    def _decoded(self, mode: Mode, height: int, compressed: Iterable[bytes]) -> Samples:
        """By the library, as a file that holds nothing else."""
        import imagecodecs  # takes time

        color = 0 if mode == Mode.PALETTE else self._color  # indices as if they were grey
        kind = bytes((self._bits, color)) + self._header[10:]
        header = _chunk(b"IHDR", struct.pack(">II", self.width, height) + kind)
        chunks = (_chunk(b"IDAT", each) for each in compressed)
        pixels = b"".join((SIGNATURE, header, *chunks, _chunk(b"IEND", b"")))
        samples: Samples = imagecodecs.png_decode(pixels)
        return samples.reshape(height, self.width, mode.channels)

    def _metadata(self) -> tuple[dict[Section, bytes], tuple[str, ...]]:
        """ICC profile, EXIF and XMP, and the names of what else there is.

        Those in a chunk of their own count before those in a text chunk.
        """
        found: dict[Section, bytes] = {}
        losses, comments = self._losses.copy(), 0
        for kind, body in sorted(self._chunks, key=lambda chunk: chunk[0] in _TEXTS):
            keyword, _, content = body.partition(b"\x00")
            if kind == b"iCCP":
                if profile := _inflate(content[1:]):
                    found.setdefault(Section.ICC, profile)
                else:
                    losses.append("ICC profile, which is damaged")
            elif kind == b"eXIf":
                found.setdefault(Section.EXIF, body.removeprefix(EXIF_PREFIX))
            elif kind + keyword == b"iTXt" + _XMP_KEYWORD and (packet := _text(kind, content)):
                found[Section.XMP] = packet
            elif kind in _TEXTS:
                name = keyword.decode("latin-1")
                known = raw_profile(name, _text(kind, content).decode("latin-1"))
                if known and known[0]:
                    found.setdefault(known[0], known[1])
                elif known:
                    losses.append(name.split()[-1].upper())
                else:
                    comments += 1
            elif kind == b"sBIT" and min(body, default=0) >= self._bits:
                pass  # all bits count
            elif kind not in (*_OF_PIXELS, *_NOT_SAID):
                losses.append(kind.decode("ascii"))
        if Section.ICC in found or any(kind == b"sRGB" for kind, _ in self._chunks):
            losses = [name for name in losses if name not in _OVERRIDDEN]
        if comments:
            losses.append("1 comment" if comments == 1 else f"{comments} comments")
        return {kind: body for kind, body in found.items() if body}, tuple(dict.fromkeys(losses))

    def _read(self) -> None:
        file, kind, crc = self._file, b"", 0
        size = file.seek(0, os.SEEK_END)
        file.seek(len(SIGNATURE))
        while kind != b"IEND":
            start = file.read(8)
            at, length, kind = file.tell(), int.from_bytes(start[:4], "big"), start[4:]
            critical = kind[:1].isupper()
            if kind == b"CgBI":
                raise PictureError("a PNG as Apple stores it for iPhones (CgBI): convert it to PNG")
            if at + length + 4 > size:
                raise _damaged("a PNG that ends before its last chunk")
            if not kind.isalpha():
                raise _damaged(f"a PNG with a chunk {kind!r}")
            body, crc = [], zlib.crc32(kind)
            for block in _read_blocks(file, at, length):
                body += [block] if kind != b"IDAT" else []
                crc = zlib.crc32(block, crc)
            if crc != int.from_bytes(file.read(4), "big"):
                if critical or kind in _OF_PIXELS:
                    raise _damaged(f"the checksum of {kind.decode()} does not fit")
                self._losses.append(f"{kind.decode()}, which is damaged")
            elif critical and kind not in _CRITICAL:
                raise PictureError(f"a PNG with a chunk {kind.decode()}: convert it to PNG")
            elif kind == b"IDAT":
                self._compressed.append((at, length))
            else:
                self._chunks.append((kind, b"".join(body)))
        if (behind := file.read()).strip(b"\x00"):
            self._losses.append(f"{len(behind):,} bytes behind the image")


def _read_blocks(file: BinaryIO, at: int, size: int) -> Iterator[bytes]:
    """The bytes from a place of a file on, which are there."""
    file.seek(at)
    for done in range(0, size, _BLOCK_BYTES):
        yield file.read(min(_BLOCK_BYTES, size - done))


def _damaged(problem: str) -> PictureError:
    return PictureError(f"unreadable or truncated: {problem}")


def _inflate(data: bytes) -> bytes:
    """Decompressed; empty if it is damaged, or larger than any metadata."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, _MAX_METADATA)
    except zlib.error:
        return b""
    return content if inflater.eof else b""


def _text(kind: bytes, content: bytes) -> bytes:
    """The text of a chunk from behind its keyword on; empty if it is damaged."""
    if kind == b"tEXt":
        return content
    if kind == b"zTXt":
        return _inflate(content[1:])
    parts = content[2:].split(b"\x00", 2)  # language, translated keyword, text
    text = parts[2] if len(parts) == 3 else b""
    return _inflate(text) if content[:1] == b"\x01" else text


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _check_sides(height: int, width: int) -> None:
    if max(height, width) > _MAX_SIDE:
        raise PictureError(
            f"{width} x {height} pixels: the PNG library takes no side above {_MAX_SIDE:,}"
        )


def png_of(picture: Picture) -> Iterator[bytes]:
    """The PNG file of a picture in pieces: metadata right behind the header, strips of pixels.

    Metadata are of any length. Palette entries that the indices use and the palette lacks are
    added, in black. A library filters the rows.

    Raises:
        PictureError: a side that no PNG of the library can have.
    """
    import imagecodecs  # takes time

    _check_sides(picture.height, picture.width)
    mode, sections = picture.mode, dict(picture.sections)
    samples, bits, options = picture.samples, mode.bits, {"level": 0}
    if mode == Mode.PALETTE:
        transparency = sections.get(Section.TRANSPARENCY, b"")
        entries = max(int(samples.max()) + 1, len(transparency))
        sections[Section.PALETTE] = sections.get(Section.PALETTE, b"").ljust(3 * entries, b"\x00")
        bits = 1 if len(sections[Section.PALETTE]) <= 6 else 8
    if bits == 1:
        samples = np.packbits(samples[..., 0], axis=1)  # the library takes them for grey of 8 bits
    if mode in (Mode.BILEVEL, Mode.PALETTE):
        options["filter"] = imagecodecs.PNG.FILTER.NONE  # neighbours are not alike
    chunks = (
        (b"iCCP", Section.ICC, lambda icc: b"ICC Profile\x00\x00" + zlib.compress(icc)),
        (b"eXIf", Section.EXIF, bytes),
        # Not compressed, no language, no translation of the keyword.
        (b"iTXt", Section.XMP, lambda xmp: _XMP_KEYWORD + bytes(5) + xmp),
        (b"PLTE", Section.PALETTE, bytes),
        (b"tRNS", Section.TRANSPARENCY, bytes),
    )
    found = [_chunk(kind, body(sections[one])) for kind, one, body in chunks if one in sections]
    color = next(color for (color, _), one in _MODES.items() if one == mode)
    header = struct.pack(">IIBBBBB", picture.width, picture.height, bits, color, 0, 0, 0)
    yield b"".join((SIGNATURE, _chunk(b"IHDR", header), *found))
    deflater, rows = zlib.compressobj(), max(1, _STRIP_BYTES * len(samples) // samples.nbytes)
    for top in range(0, len(samples), rows):
        # With the row above, by which its first row may be filtered.
        strip = np.ascontiguousarray(samples[max(top - 1, 0) : top + rows])
        most = strip.nbytes + len(strip)  # a byte before each row
        room: Any = bytearray(most + most // 256 + 1024)
        file = io.BytesIO(imagecodecs.png_encode(strip, out=room, **options))
        filtered = next(PngFile(file).inflated(most))
        body = deflater.compress(filtered[len(filtered) // len(strip) * (top > 0) :])
        yield _chunk(b"IDAT", body + (deflater.flush() if top + rows >= len(samples) else b""))
    yield _chunk(b"IEND", b"")
