"""PNG files of any kind, made by hand, right ones and others."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
KINDS = [(bits, 0) for bits in (1, 2, 4, 8, 16)] + [(bits, 3) for bits in (1, 2, 4, 8)]
KINDS += [(bits, color) for color in (2, 4, 6) for bits in (8, 16)]
_ADAM7 = ("16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656")
PASS = np.array([[int(digit) for digit in row] for row in (*_ADAM7, "77777777")])
"""The pass of each pixel of a square of 8 x 8, as the standard draws it."""


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_file(rows: bytes, header: tuple[int, ...], more: Sequence[bytes] = ()) -> bytes:
    """A PNG of uncompressed rows; `header` is width, height, bits, color type, interlaced."""
    width, height, bits, color, interlaced = header
    body = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    palette = [chunk(b"PLTE", bytes(range(3)) * (1 << bits))] if color == 3 else []
    packed = zlib.compress(rows)
    data = [chunk(b"IDAT", packed[at : at + 40]) for at in range(0, len(packed), 40)]
    parts = [SIGNATURE, chunk(b"IHDR", body), *palette, *more, *data, chunk(b"IEND", b"")]
    return b"".join(parts)


def noise_rows(height: int, width: int, bits: int, color: int, interlaced: bool) -> Any:
    """Samples (H, W, C), and the rows of a PNG that stores them."""
    rng = np.random.default_rng(bits + color)
    samples = rng.integers(0, 1 << bits, (height, width, CHANNELS[color]))
    if not interlaced:
        return samples, b"".join(_row(row, bits) for row in samples)
    passes = np.tile(PASS, (-(-height // 8), -(-width // 8)))[:height, :width]
    rows = [
        _row(samples[y][passes[y] == number], bits)
        for number in range(1, 8)
        for y in range(height)
        if (passes[y] == number).any()
    ]
    return samples, b"".join(rows)


def _row(pixels: Any, bits: int) -> bytes:
    values = pixels.reshape(-1)
    if bits >= 8:
        return b"\x00" + values.astype(">u2" if bits == 16 else "u1").tobytes()
    planes = (values[:, np.newaxis] >> np.arange(bits - 1, -1, -1)) & 1
    return b"\x00" + np.packbits(planes.reshape(-1).astype(np.uint8)).tobytes()
