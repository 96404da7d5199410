"""What the first bytes of a JPEG XL codestream say of its image (ISO/IEC 18181-1).

Read here and not by the library, because it takes memory for what the header claims, thousands of
extra channels included, before anything else is looked at. Only plain still images are accepted:
integers, not XYB, at most one extra channel, which is alpha; no preview, no animation, no rotation.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["JpegXLHeader", "JpegXLHeaderError", "read_header", "unbox"]

_SIGNATURE = b"\xff\x0a"  # a bare codestream, not the boxes around one
_SIZE = ((9, 1), (13, 1), (18, 1), (30, 1))  # (bits, offset) for each selector, as below
_DEPTH = ((0, 8), (0, 10), (0, 12), (6, 1))
_COUNT = ((0, 0), (0, 1), (4, 2), (12, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_DIM_SHIFT = ((0, 0), (0, 3), (0, 4), (3, 1))
_NAME = ((0, 0), (4, 0), (5, 16), (10, 48))
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _RGB, _GREY = 0, 0, 1  # of the types of extra channels; of the color spaces
_HEADER_BYTES = 64  # more than any accepted header has


class JpegXLHeaderError(ValueError):
    """Not a codestream, or none of the plain kind; the message says what it is instead."""


class JpegXLHeader(NamedTuple):
    """Size, color channels and alpha together (1 to 4), bits per sample."""

    height: int
    width: int
    channels: int
    bits: int


class _Bits:
    """Reads bits, the lowest of each byte first; behind the end there are errors."""

    def __init__(self, data: bytes) -> None:
        self.value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self.left:
            raise JpegXLHeaderError("the header is cut off")
        value = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return value

    def number(self, kinds: tuple[tuple[int, int], ...]) -> int:
        """U32 of the standard: two bits select how many follow and what is added."""
        bits, offset = kinds[self.take(2)]
        return self.take(bits) + offset


def read_header(data: bytes | memoryview) -> JpegXLHeader:
    """Reads the header of a bare codestream.

    Raises:
        JpegXLHeaderError: if it is none, or one of an image that is not plain.
    """
    head = bytes(data[:_HEADER_BYTES])
    if not head.startswith(_SIGNATURE):
        raise JpegXLHeaderError("no JPEG XL codestream")
    bits = _Bits(head[len(_SIGNATURE) :])
    height, width = _size(bits)
    if bits.take(1):
        raise JpegXLHeaderError("XYB colors, which are lossy")
    if bits.take(1):
        raise JpegXLHeaderError("a rotation, preview, animation or tone mapping")
    depth = _depth(bits)
    bits.take(1)  # whether 16-bit buffers are enough for the decoder: its own affair
    extra = bits.number(_COUNT)
    if extra > 1:
        raise JpegXLHeaderError(f"{extra} extra channels")
    if extra:
        _alpha(bits, depth)
    if bits.take(1):
        raise JpegXLHeaderError("XYB colors, which are lossy")
    return JpegXLHeader(height, width, _colors(bits) + extra, depth)


def unbox(data: bytes) -> bytes:
    """The codestream in a file that our own encoder wrote, with boxes (ISO/IEC 18181-2) or without.

    The library adds them to 16-bit images. They say nothing about the pixels.
    """
    if data.startswith(_SIGNATURE):
        return data
    found, start = b"", 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        kind, content = data[start + 4 : start + 8], start + 8
        if size == 1:
            size, content = int.from_bytes(data[content : content + 8], "big"), content + 8
        end = start + size if size else len(data)  # 0: the last box, up to the end
        if kind == b"jxlc":
            return data[content:end]
        if kind == b"jxlp":  # a part, behind its number
            found += data[content + 4 : end]
        start = max(end, content)
    return found


def _size(bits: _Bits) -> tuple[int, int]:
    by_eight = bits.take(1)
    height = 8 * (1 + bits.take(5)) if by_eight else bits.number(_SIZE)
    ratio = bits.take(3)
    if ratio:
        numerator, denominator = _RATIOS[ratio - 1]
        return height, height * numerator // denominator
    return height, 8 * (1 + bits.take(5)) if by_eight else bits.number(_SIZE)


def _depth(bits: _Bits) -> int:
    if bits.take(1):
        raise JpegXLHeaderError("floating-point samples")
    return bits.number(_DEPTH)


def _alpha(bits: _Bits, depth: int) -> None:
    """Passes over the extra channel; refuses anything but an alpha of the same depth."""
    if bits.take(1):  # the default: 8-bit alpha
        found = 8
    else:
        if bits.number(_ENUM) != _ALPHA:
            raise JpegXLHeaderError("an extra channel that is not alpha")
        found = _depth(bits)
        if bits.number(_DIM_SHIFT) or bits.number(_NAME):
            raise JpegXLHeaderError("an alpha channel that is scaled or named")
        if bits.take(1):
            raise JpegXLHeaderError("premultiplied alpha")
    if found != depth:
        raise JpegXLHeaderError(f"an alpha channel of {found} bits beside {depth}")


def _colors(bits: _Bits) -> int:
    if bits.take(1):  # the default: sRGB
        return 3
    bits.take(1)  # whether an ICC profile follows
    space = bits.number(_ENUM)
    if space not in (_RGB, _GREY):
        raise JpegXLHeaderError("neither RGB nor grey")
    return 3 if space == _RGB else 1
