"""PNG files: chunks checked and parted into those of the pixels and of metadata; and written.

Pillow takes text chunks of some names for settings of its own ("interlace", "transparency"),
refuses long ones, and does not miss rows. So it is given the pixels alone.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import PngImagePlugin

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.pillow import EXIF_PREFIX, raw_profile

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_IHDR_END = len(SIGNATURE) + 25
_XMP_KEYWORD = b"XML:com.adobe.xmp"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_PASSES = (*_ADAM7, (0, 1, 1, 2))  # first column, first row, and the steps to the next ones
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OF_PIXELS = (*_CRITICAL, b"tRNS", b"acTL", b"fcTL", b"fdAT")  # the last three: animations
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Resolution, time, and "colors are sRGB", which is what is assumed of images that do not say.
_NOT_SAID = (b"pHYs", b"tIME", b"sRGB")
_OVERRIDDEN = ("gAMA", "cHRM")  # where there is an ICC profile or sRGB
_PIECE = 2**20  # bytes that are inflated together
_MAX_METADATA = 2**28  # bytes of one profile or packet after decompression


class PngChunks:
    """The chunks of a PNG file.

    Args:
        data: the file.

    Attributes:
        bits: per channel, 1 to 16.
        color_type: as in the header.

    Raises:
        PictureError: damaged, truncated, or of a kind that is no PNG.
    """

    def __init__(self, data: bytes) -> None:
        self._losses: list[str] = []
        self._chunks: list[tuple[bytes, bytes]] = []  # kind and body, without IDAT
        self._compressed: list[memoryview] = []  # bodies of IDAT
        self._stored: list[memoryview] = []  # those of the pixels, with length, kind and checksum
        self._read(data)
        kind, header = self._chunks[0]
        first = kind == bytes(self._stored[0][4:8]) == b"IHDR"
        if not first or len(header) != 13 or header[9] not in _CHANNELS:
            raise _damaged("a PNG that does not begin with its header")
        self._width, self._height, self.bits, self.color_type = struct.unpack(">IIBB", header[:10])
        self._interlaced = header[12]

    def pixels(self) -> bytes:
        """The PNG without metadata."""
        return SIGNATURE + b"".join(self._stored)

    def check_rows(self) -> None:
        """Returns if there is as much data as the size needs.

        Raises:
            PictureError: there is less, or it is damaged.
        """
        bits, needed = self.bits * _CHANNELS[self.color_type], 0
        for left, top, right, down in _PASSES if self._interlaced else ((0, 0, 1, 1),):
            columns, rows = -(-(self._width - left) // right), -(-(self._height - top) // down)
            if columns > 0 and rows > 0:
                needed += rows * (1 + -(-columns * bits // 8))  # a byte before each for its filter
        inflater, found = zlib.decompressobj(), 0
        try:
            for body in self._compressed:
                rest: bytes | memoryview = body
                # piece by piece: the image shall not take memory twice
                while found < needed and (
                    piece := inflater.decompress(rest, min(_PIECE, needed - found))
                ):
                    found, rest = found + len(piece), inflater.unconsumed_tail
        except zlib.error as error:
            raise _damaged(f"pixels: {error}") from None
        if found < needed:
            raise _damaged(f"the pixels end before the image does ({found:,} bytes of {needed:,})")

    def metadata(self) -> tuple[dict[Section, bytes], tuple[str, ...]]:
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
                is_raw = name.startswith("Raw profile type ")
                known = (
                    raw_profile(name, _text(kind, content).decode("latin-1")) if is_raw else None
                )
                if known and known[0]:
                    found.setdefault(known[0], known[1])
                elif known:
                    losses.append(name.split()[-1].upper())
                else:
                    comments += 1
            elif kind == b"sBIT" and min(body, default=0) >= self.bits:
                pass  # all bits count
            elif kind not in (*_OF_PIXELS, *_NOT_SAID):
                losses.append(kind.decode("ascii"))
        if Section.ICC in found or any(kind == b"sRGB" for kind, _ in self._chunks):
            losses = [name for name in losses if name not in _OVERRIDDEN]
        if comments:
            losses.append("1 comment" if comments == 1 else f"{comments} comments")
        return {kind: body for kind, body in found.items() if body}, tuple(dict.fromkeys(losses))

    def _read(self, data: bytes) -> None:
        at, kind, view = len(SIGNATURE), b"", memoryview(data)
        while kind != b"IEND":
            end = at + 12 + int.from_bytes(data[at : at + 4], "big")
            kind, body = data[at + 4 : at + 8], view[at + 8 : end - 4]
            critical = kind[:1].isupper()
            if kind == b"CgBI":
                raise PictureError("a PNG as Apple stores it for iPhones (CgBI): convert it to PNG")
            if end > len(data):
                raise _damaged("a PNG that ends before its last chunk")
            if not kind.isalpha():
                raise _damaged(f"a PNG with a chunk {kind!r}")
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
                if critical or kind in _OF_PIXELS:
                    raise _damaged(f"the checksum of {kind.decode()} does not fit")
                self._losses.append(f"{kind.decode()}, which is damaged")
            elif critical and kind not in _CRITICAL:
                raise PictureError(f"a PNG with a chunk {kind.decode()}: convert it to PNG")
            else:
                if kind == b"IDAT":
                    self._compressed.append(body)
                else:
                    self._chunks.append((kind, bytes(body)))
                if kind in _OF_PIXELS:
                    self._stored.append(view[at:end])
            at = end
        if data[at:].strip(b"\x00"):
            self._losses.append(f"{len(data) - at:,} bytes behind the image")


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


def png_of(picture: Picture) -> bytes | memoryview:
    """The PNG file of a picture: pixels by a library, right behind the header the metadata.

    Metadata are of any length. Palette entries that the indices use and the palette lacks are
    added, in black.
    """
    by_pillow = picture.mode in (Mode.BILEVEL, Mode.PALETTE)  # it would copy all samples of others
    chunks = {
        b"iCCP": (Section.ICC, lambda icc: b"ICC Profile\x00\x00" + zlib.compress(icc)),
        b"eXIf": (Section.EXIF, bytes),
        # Not compressed, no language, no translation of the keyword.
        b"iTXt": (Section.XMP, lambda xmp: _XMP_KEYWORD + bytes(5) + xmp),
    }
    if not by_pillow:
        chunks[b"tRNS"] = Section.TRANSPARENCY, bytes
    metadata = io.BytesIO()
    for kind, (section, body) in chunks.items():
        if section in picture.sections:
            PngImagePlugin.putchunk(metadata, kind, body(picture.sections[section]))
    write = _written_by_pillow if by_pillow else _written_in_place
    return write(picture, metadata.getvalue())


def _written_by_pillow(picture: Picture, metadata: bytes) -> bytes:
    bare, options = picture.strip(), {}
    color = picture.sections.get(Section.TRANSPARENCY, b"")
    if bare.mode == Mode.BILEVEL and color:
        options["transparency"] = int.from_bytes(color, "big")
    if bare.mode == Mode.PALETTE:  # PNG takes the bits of an index from the palette's size
        entries = max(int(bare.samples.max()) + 1, len(color))
        palette = bare.sections.get(Section.PALETTE, b"").ljust(3 * entries, b"\x00")
        bare = replace(bare, sections={**bare.sections, Section.PALETTE: palette})
    buffer = io.BytesIO()
    bare.to_pil().save(buffer, format="PNG", **options)
    pixels = buffer.getvalue()
    return pixels[:_IHDR_END] + metadata + pixels[_IHDR_END:]


def _written_in_place(picture: Picture, metadata: bytes) -> memoryview:
    import imagecodecs  # takes time

    samples, start = np.ascontiguousarray(picture.samples), len(metadata)
    most = samples.nbytes + len(samples)  # a byte before each row; more where nothing shrinks
    out = np.empty(start + most + most // 256 + 1024, np.uint8)  # takes memory where it is filled
    room: Any = out[start:]
    end = start + len(imagecodecs.png_encode(samples, out=room))
    out[:_IHDR_END] = room[:_IHDR_END].copy()
    out[_IHDR_END : _IHDR_END + start] = np.frombuffer(metadata, np.uint8)
    return out[:end].data
