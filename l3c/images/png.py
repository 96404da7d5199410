"""PNG files: each chunk checked, pixels decoded by a library, metadata collected; and written.

The library is given the pixels alone: Pillow takes text chunks of some names for settings of its
own ("interlace", "transparency"), refuses long ones, and does not miss rows.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from l3c.images.picture import Mode, Picture, PictureError, Section
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
_MAX_SIDE = 1_000_000  # libpng's limit
_MAX_METADATA = 2**28  # bytes of one profile or packet after decompression


class PngFile:
    """The chunks of a PNG file.

    Args:
        data: the file.

    Attributes:
        width, height: in pixels, as the header says.

    Raises:
        PictureError: damaged, truncated, animated, or of a kind that is not read.
    """

    def __init__(self, data: bytes) -> None:
        self._losses: list[str] = []
        self._chunks: list[tuple[bytes, bytes]] = []  # kind and body, without IDAT
        self._compressed: list[memoryview] = []  # IDAT, with length, kind and checksum
        self._read(data)
        header = self._header = self._chunks[0][1]
        if data[12:16] != b"IHDR" or len(header) != 13:
            raise _damaged("a PNG that does not begin with its header")
        self.width, self.height, self._bits, self._color = struct.unpack(">IIBB", header[:10])
        _check_sides(self.height, self.width)
        if not self._compressed:
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
        import imagecodecs  # takes time

        mode, top = _MODES[self._color, self._bits], 2**self._bits - 1
        color = 0 if mode == Mode.PALETTE else self._color  # indices as if they were grey
        header = _chunk(b"IHDR", self._header[:9] + bytes((color,)) + self._header[10:])
        pixels = b"".join((SIGNATURE, header, *self._compressed, _chunk(b"IEND", b"")))
        samples = imagecodecs.png_decode(pixels).reshape(self.height, self.width, mode.channels)
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
                    self._compressed.append(view[at:end])
                else:
                    self._chunks.append((kind, bytes(body)))
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


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def _check_sides(height: int, width: int) -> None:
    if max(height, width) > _MAX_SIDE:
        raise PictureError(
            f"{width} x {height} pixels: the PNG library takes no side above {_MAX_SIDE:,}"
        )


def png_of(picture: Picture) -> memoryview:
    """The PNG file of a picture: pixels by a library, right behind the header the metadata.

    Metadata are of any length. Palette entries that the indices use and the palette lacks are
    added, in black.

    Raises:
        PictureError: a side that no PNG of the library can have.
    """
    import imagecodecs  # takes time

    _check_sides(picture.height, picture.width)
    mode, sections = picture.mode, dict(picture.sections)
    samples, bits, options = np.ascontiguousarray(picture.samples), mode.bits, {}
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
    start = sum(map(len, found))
    most = samples.nbytes + len(samples)  # a byte before each row; more where nothing shrinks
    out = np.empty(start + most + most // 256 + 1024, np.uint8)  # takes memory where it is filled
    room: Any = out[start:]
    end = start + len(imagecodecs.png_encode(samples, out=room, **options))
    color = next(color for (color, _), one in _MODES.items() if one == mode)
    header = struct.pack(">IIBBBBB", picture.width, picture.height, bits, color, 0, 0, 0)
    before = b"".join((SIGNATURE, _chunk(b"IHDR", header), *found))
    out[: len(before)] = np.frombuffer(before, np.uint8)
    return out[:end].data
