"""The chunks of a PNG: checked, and parted into those of the pixels and those of metadata.

Pillow takes text chunks of some names for settings of its own ("interlace", "transparency"),
refuses long ones, and does not miss rows. So it is given the pixels alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from l3c.images.metadata import EXIF_PREFIX, Section, raw_profile
from l3c.images.picture import PictureError

__all__ = ["SIGNATURE", "XMP_KEYWORD", "PngChunks"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
_PASSES = (*_ADAM7, (0, 1, 1, 2))  # first column, first row, and the steps to the next ones
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OF_PIXELS = (*_CRITICAL, b"tRNS", b"acTL", b"fcTL", b"fdAT")  # the last three: animations
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Resolution, time, and "colors are sRGB", which is what is assumed of images that do not say.
_NOT_SAID = (b"pHYs", b"tIME", b"sRGB")
_OVERRIDDEN = (b"gAMA", b"cHRM")  # where there is an ICC profile or sRGB
_BLOCK_BYTES = 2**20  # decompressed at a time
_MAX_METADATA = 2**28  # bytes of one profile or packet after decompression


class _Chunk(NamedTuple):
    kind: bytes
    body: bytes
    stored: bytes  # with length, kind and checksum


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
        self._altered: list[str] = []
        self._chunks = list(self._read(data))
        header = self._chunks[0].body
        if self._chunks[0].kind != b"IHDR" or len(header) != 13:
            raise PictureError("unreadable or truncated: a PNG that does not begin with its header")
        self._width, self._height = (int.from_bytes(header[i : i + 4], "big") for i in (0, 4))
        self.bits, self.color_type, self._interlaced = header[8], header[9], header[12]
        if self.color_type not in _CHANNELS:
            raise PictureError(f"unreadable or truncated: a PNG of color type {self.color_type}")

    def pixels(self) -> bytes:
        """The PNG without metadata."""
        return SIGNATURE + b"".join(c.stored for c in self._chunks if c.kind in _OF_PIXELS)

    def check_rows(self) -> None:
        """Returns if there is as much data as the size needs. Decompresses it, no more than that.

        Raises:
            PictureError: there is less, or it is damaged.
        """
        needed = self._num_bytes()
        found = 0
        inflater = zlib.decompressobj()
        for chunk in self._chunks:
            rest = chunk.body if chunk.kind == b"IDAT" else b""
            while rest and found <= needed:
                try:
                    found += len(inflater.decompress(rest, 2**20))
                except zlib.error as error:
                    raise PictureError(
                        f"unreadable or truncated: damaged pixels: {error}"
                    ) from None
                rest = inflater.unconsumed_tail
        while found < needed and (more := inflater.decompress(b"", 2**20)):
            found += len(more)
        if found < needed:
            raise PictureError(
                "unreadable or truncated: the pixels end before the image does "
                f"({found:,} bytes of {needed:,})"
            )

    def metadata(self) -> tuple[dict[Section, bytes], tuple[str, ...]]:
        """ICC profile, EXIF and XMP, and the names of what else there is.

        Those in a chunk of their own count before those in a text chunk.
        """
        found: dict[Section, bytes] = {}
        raw: dict[Section, bytes] = {}
        losses, comments = list(self._altered), 0
        for kind, body, _ in self._chunks:
            if kind == b"iCCP":
                profile = _inflate(body.partition(b"\x00")[2][1:])
                if profile:
                    found.setdefault(Section.ICC, profile)
                else:
                    losses.append("ICC profile, which is damaged")
            elif kind == b"eXIf":
                found.setdefault(Section.EXIF, body.removeprefix(EXIF_PREFIX))
            elif kind in _TEXTS:
                keyword, _, text = body.partition(b"\x00")
                if kind == b"iTXt" and keyword == XMP_KEYWORD and (packet := _international(text)):
                    found.setdefault(Section.XMP, packet)
                elif profile_of_text := self._raw_profile(kind, keyword, text):
                    section, content = profile_of_text
                    if section:
                        raw.setdefault(section, content)
                    else:
                        losses.append(keyword.decode("latin-1").split()[-1].upper())
                else:
                    comments += 1
            elif kind == b"sBIT" and body and min(body) >= self.bits:
                pass  # all bits count
            elif kind not in (*_OF_PIXELS, *_NOT_SAID):
                losses.append(kind.decode("ascii"))
        if Section.ICC in found or any(chunk.kind == b"sRGB" for chunk in self._chunks):
            losses = [name for name in losses if name.encode() not in _OVERRIDDEN]
        if comments:
            losses.append("1 comment" if comments == 1 else f"{comments} comments")
        kept = {kind: content for kind, content in (raw | found).items() if content}
        return kept, tuple(dict.fromkeys(losses))

    def _read(self, data: bytes) -> Iterator[_Chunk]:
        at, kind = len(SIGNATURE), b""
        while kind != b"IEND":
            end = at + 12 + int.from_bytes(data[at : at + 4], "big")
            kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
            if kind == b"CgBI":
                raise PictureError("a PNG as Apple stores it for iPhones (CgBI): convert it to PNG")
            if end > len(data):
                raise PictureError("unreadable or truncated: a PNG that ends before its last chunk")
            if not kind.isalpha():
                raise PictureError(f"unreadable or truncated: a PNG with a chunk {kind!r}")
            critical = kind[:1].isupper()
            if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(data[end - 4 : end], "big"):
                if critical or kind in _OF_PIXELS:
                    raise PictureError(
                        f"unreadable or truncated: the checksum of {kind.decode()} does not fit"
                    )
                self._altered.append(f"{kind.decode()}, which is damaged")
            elif critical and kind not in _CRITICAL:
                raise PictureError(f"a PNG with a chunk {kind.decode()}: convert it to PNG")
            else:
                yield _Chunk(kind, body, data[at:end])
            at = end
        if data[at:].strip(b"\x00"):
            self._altered.append(f"{len(data) - at:,} bytes behind the image")

    def _count_inflated(self, enough: int) -> int:
        """Bytes that the data of the pixels decompress to, or any number above `enough`."""
        count = 0
        inflater = zlib.decompressobj()
        for chunk in self._chunks:
            rest = chunk.body if chunk.kind == b"IDAT" else b""
            while rest and count <= enough:
                count += len(inflater.decompress(rest, _BLOCK_BYTES))
                rest = inflater.unconsumed_tail
        while count < enough and (more := inflater.decompress(b"", _BLOCK_BYTES)):
            count += len(more)
        return count

    def _num_bytes(self) -> int:
        """Bytes of the pixels before compression: rows, each after a byte for its filter."""
        bits = self.bits * _CHANNELS[self.color_type]
        total = 0
        for left, top, right, down in _PASSES if self._interlaced else ((0, 0, 1, 1),):
            columns, rows = -(-(self._width - left) // right), -(-(self._height - top) // down)
            if columns > 0:
                total += max(rows, 0) * (1 + -(-columns * bits // 8))
        return total

    def _raw_profile(
        self, kind: bytes, keyword: bytes, text: bytes
    ) -> tuple[Section | None, bytes] | None:
        if not keyword.startswith(b"Raw profile type "):
            return None
        if kind == b"zTXt":
            text = _inflate(text[1:])
        elif kind == b"iTXt":
            text = _international(text)
        return raw_profile(keyword.decode("latin-1"), text.decode("latin-1"))


def _inflate(data: bytes) -> bytes:
    """Decompressed; empty if it is damaged, or larger than any metadata."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data, _MAX_METADATA)
    except zlib.error:
        return b""
    return content if inflater.eof else b""


def _international(text: bytes) -> bytes:
    """The text of an iTXt chunk from behind its keyword on; empty if it is damaged."""
    compressed = text[:1] == b"\x01"
    parts = text[2:].split(b"\x00", 2)  # language, translated keyword, text
    if len(parts) < 3:
        return b""
    return _inflate(parts[2]) if compressed else parts[2]
