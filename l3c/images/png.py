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
from l3c.messages import counted

SIGNATURE = b"\x89PNG\r\n\x1a\n"

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
# Where Pillow calls files of other formats a decompression bomb. Larger images can be given as
# arrays.
MAX_PIXELS = 178_956_970
_MAX_METADATA = 2**28  # bytes of one profile or packet after decompression


def read_png(data: bytes) -> Picture:
    """The picture in a PNG file: samples as they are stored, but for grey of 2 and 4 bits.

    Raises:
        PictureError: damaged, truncated, animated, too large, or of a kind that is not read.
        imagecodecs.PngError: fewer rows than the header says, or damaged.
    """
    import imagecodecs  # takes time

    chunks, compressed, losses = _chunks(data)
    header, kinds = chunks[0][1], [kind for kind, _ in chunks]
    if data[12:16] != b"IHDR" or len(header) != 13:
        raise _damaged("a PNG that does not begin with its header")
    width, height, bits, color = struct.unpack(">IIBB", header[:10])
    _check_sides(height, width)
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"{width} x {height} pixels, more than the {MAX_PIXELS} allowed in a file: "
            "give it as an array"
        )
    if not compressed:
        raise _damaged("a PNG without pixels")
    if kind := _REFUSED.get((color, bits)):
        raise PictureError(f"a PNG with 16-bit {kind}: convert it to 8 bits")
    if (color, bits) not in _MODES:
        raise _damaged(f"a PNG of {bits} bits and color type {color}")
    if (frames := kinds.count(b"fcTL")) > 1 or b"fdAT" in kinds:
        raise PictureError(f"animated ({frames} frames)")
    mode, top = _MODES[color, bits], 2**bits - 1
    shown = 0 if mode == Mode.PALETTE else color  # indices as if they were grey
    header = _chunk(b"IHDR", header[:9] + bytes((shown,)) + header[10:])
    pixels = b"".join((SIGNATURE, header, *compressed, _chunk(b"IEND", b"")))
    samples = imagecodecs.png_decode(pixels).reshape(height, width, mode.channels)
    if mode in (Mode.BILEVEL, Mode.PALETTE):
        samples //= 255 // top  # grey of few bits comes expanded to 8
    sections, stored = _metadata(chunks, bits, losses), dict(chunks)
    if mode == Mode.PALETTE and b"PLTE" in stored:
        sections[Section.PALETTE] = stored[b"PLTE"]
    if (transparent := stored.get(b"tRNS")) and not mode.alpha:
        if bits < 8 and mode != Mode.PALETTE:
            value = int.from_bytes(transparent, "big") & top
            value *= 1 if mode == Mode.BILEVEL else 255 // top
            transparent = value.to_bytes(2, "big")
        sections[Section.TRANSPARENCY] = transparent
    return Picture(mode, samples, sections, tuple(dict.fromkeys(losses)))


_Chunks = list[tuple[bytes, bytes]]  # kind and body


def _chunks(data: bytes) -> tuple[_Chunks, list[memoryview], list[str]]:
    """All chunks but IDAT; IDAT, with length, kind and checksum; names of what is not kept."""
    chunks: _Chunks = []
    compressed, losses = list[memoryview](), list[str]()
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
            losses.append(f"{kind.decode()}, which is damaged")
        elif critical and kind not in _CRITICAL:
            raise PictureError(f"a PNG with a chunk {kind.decode()}: convert it to PNG")
        elif kind == b"IDAT":
            compressed.append(view[at:end])
        else:
            chunks.append((kind, bytes(body)))
        at = end
    if data[at:].strip(b"\x00"):
        losses.append(f"{len(data) - at:,} bytes behind the image")
    return chunks, compressed, losses


def _metadata(chunks: _Chunks, bits: int, losses: list[str]) -> dict[Section, bytes]:
    """ICC profile, EXIF and XMP; adds the names of what else there is to the losses.

    Those in a chunk of their own count before those in a text chunk.
    """
    found: dict[Section, bytes] = {}
    comments = 0
    for kind, body in sorted(chunks, key=lambda chunk: chunk[0] in _TEXTS):
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
            known = raw_profile(keyword.decode("latin-1"), _text(kind, content).decode("latin-1"))
            if known and known[0]:
                found.setdefault(known[0], known[1])
            elif known:
                losses.append(keyword.decode("latin-1").split()[-1].upper())
            else:
                comments += 1
        elif kind == b"sBIT" and min(body, default=0) >= bits:
            pass  # all bits count
        elif kind not in (*_OF_PIXELS, *_NOT_SAID):
            losses.append(kind.decode("ascii"))
    if Section.ICC in found or b"sRGB" in dict(chunks):
        losses[:] = [name for name in losses if name not in _OVERRIDDEN]
    if comments:
        losses.append(counted(comments, "comment"))
    return {kind: body for kind, body in found.items() if body}


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
