"""What the first bytes of a JPEG XL codestream say of its image (ISO/IEC 18181-1).

Read here and not by the library, because it takes memory for what the header claims, thousands of
extra channels included, before anything else is looked at. Only plain still images are accepted:
integers, not XYB, at most one extra channel, which is alpha; no preview, no animation, no rotation.
"""

from __future__ import annotations

SIGNATURE = b"\xff\x0a"  # of a bare codestream, not the boxes around one

# U32 of the standard: two bits select how many bits follow, and what is added to them.
_SIZE = ((9, 1), (13, 1), (18, 1), (30, 1))
_DEPTH = ((0, 8), (0, 10), (0, 12), (6, 1))
_COUNT = ((0, 0), (0, 1), (4, 2), (12, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_DIM_SHIFT = ((0, 0), (0, 3), (0, 4), (3, 1))
_NAME = ((0, 0), (4, 0), (5, 16), (10, 48))
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width by height
_MOST_BYTES = 64  # more than any accepted header has


class _Bits:
    """Takes bits from a number, the lowest first."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        value, self.value = self.value & ((1 << count) - 1), self.value >> count
        self.left -= count
        _refuse(self.left < 0, "the header is cut off")
        return value

    def number(self, kinds: tuple[tuple[int, int], ...]) -> int:
        bits, offset = kinds[self.take(2)]
        return self.take(bits) + offset


def read_header(data: bytes | memoryview) -> tuple[int, int, int, int]:
    """Height, width, channels (alpha is one of them) and bits per sample of a bare codestream.

    Raises:
        ValueError: not a codestream, or none of a plain image; the message says what it is.
    """
    head = bytes(data[:_MOST_BYTES])
    _refuse(not head.startswith(SIGNATURE), "no JPEG XL codestream")
    bits = _Bits(head[len(SIGNATURE) :])
    by_eight = bits.take(1)
    height = 8 * (1 + bits.take(5)) if by_eight else bits.number(_SIZE)
    if ratio := bits.take(3):
        numerator, denominator = _RATIOS[ratio - 1]
        width = height * numerator // denominator
    else:
        width = 8 * (1 + bits.take(5)) if by_eight else bits.number(_SIZE)
    _refuse(bits.take(1), "XYB colors, which are lossy")
    _refuse(bits.take(1), "a rotation, preview, animation or tone mapping")
    _refuse(bits.take(1), "floating-point samples")
    depth = bits.number(_DEPTH)
    bits.take(1)  # whether 16-bit buffers are enough for the decoder: its own affair
    extra = bits.number(_COUNT)
    _refuse(extra > 1, f"{extra} extra channels")
    if extra:
        found = 8
        if not bits.take(1):  # the default is an 8-bit alpha
            _refuse(bits.number(_ENUM), "an extra channel that is not alpha")
            _refuse(bits.take(1), "floating-point alpha")
            found = bits.number(_DEPTH)
            scaled_or_named = bits.number(_DIM_SHIFT) or bits.number(_NAME)
            _refuse(scaled_or_named, "an alpha channel that is scaled or named")
            _refuse(bits.take(1), "premultiplied alpha")
        _refuse(found != depth, f"an alpha channel of {found} bits beside {depth}")
    _refuse(bits.take(1), "XYB colors, which are lossy")
    grey = 0
    if not bits.take(1):  # the default is sRGB
        bits.take(1)  # whether an ICC profile follows
        grey = bits.number(_ENUM)
        _refuse(grey > 1, "neither RGB nor grey")
    return height, width, (1 if grey else 3) + extra, depth


def _refuse(flawed: int, problem: str) -> None:
    if flawed:
        raise ValueError(problem)
