"""Samples that no network models (alpha, grey, 16 bits) or suits (screenshots, noise) <-> bytes.

Several coders try, the smallest result is kept, its first byte names the coder (FORMAT.md,
"Fallback"). JPEG XL is best on what looks like a photograph, WebP on text and drawings. Palette
indices are neither: WebP takes them for grey values and predicts them from their neighbors. Behind
a box that leaves no order among the values it gives that up, for 15 to 25 % on many palettes. Alpha
that has nothing to do with the color is smaller by itself (split).

What the header of WebP holds is known from the shape, so that it is not stored and cannot lie.
All of this is format: files and golden streams rely on it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from coder.errors import CorruptStreamError
from l3c.messages import one_line

Samples = NDArray[Any]
"""uint8 or uint16 (H, W, C), C from 1 to 4."""
Shape = tuple[int, int, int]


class Coder(IntEnum):
    """First byte of a stream. The values are stored in files."""

    RAW = 0
    JPEG_XL = 1
    WEBP = 2
    WEBP_BOX = 3
    SPLIT = 4


_DTYPES: dict[int, type[Any]] = {1: np.uint8, 8: np.uint8, 16: np.uint16}  # by bits
_JPEG_XL_START = b"\xff\x0a"
_WEBP_SIDE = 16383
_BAND = 32  # rows
# The exponent box of the cipher SAFER: a short formula, and a permutation without any order.
_BOX = np.array([pow(45, v, 257) % 256 for v in range(256)], dtype=np.uint8)
_UNBOX = np.argsort(_BOX).astype(np.uint8)


def encode(samples: Samples, bits: int) -> bytes:
    """Compresses samples with the coder that makes the fewest bytes.

    The bytes depend on the installed libraries; what they decode to does not.

    Args:
        samples: uint8 (H, W, C) for 1 and 8 bits, uint16 for 16; C from 1 to 4, the last of 2 or 4
            channels being alpha.
        bits: 1 (samples are 0 or 1), 8 or 16.
    """
    # min keeps the first of equals: the lowest code, since candidates come in that order.
    # The copy has the plain strides that the libraries ask for, even where a side is 1.
    return min(_candidates(samples.copy(order="C"), bits), key=len)


def estimate(samples: Samples) -> tuple[int, int]:
    """About how many bytes the fastest settings of JPEG XL and of WebP make, in 1 % of the time.

    Args:
        samples: uint8 (H, W, 3). WebP is given a quarter of the rows if there are many.

    Returns:
        JPEG XL's bytes, and WebP's; JPEG XL's for both where WebP cannot hold the image.
    """
    height, width = samples.shape[:2]
    # A copy where needed, and the plain strides that the libraries ask for, even where a side is 1.
    image = samples.reshape(-1).reshape(samples.shape)
    jpegxl = len(_to_jpegxl(image, 8, effort=1))
    if max(height, width) > _WEBP_SIDE:
        return jpegxl, jpegxl
    if height >= 4 * _BAND:
        image = image[np.arange(height) // _BAND % 4 == 0]
    webp = imagecodecs.webp_encode(image, lossless=True, level=0, method=0, numthreads=1)
    return jpegxl, len(webp) * height // len(image)


def decode(data: bytes | memoryview, shape: Shape, bits: int) -> Samples:
    """The samples that `encode` was given.

    Memory is taken for `shape` alone, whatever the bytes say; the caller has judged that.

    Args:
        data: a whole stream.
        shape: (H, W, C), the shape of the samples.
        bits: 1, 8 or 16.

    Returns:
        C-contiguous, writable, of this shape, uint8 or for 16 bits uint16.

    Raises:
        CorruptStreamError: the bytes are no such samples. Damage that leads to others of the same
            shape is possible: WebP has no checksum.
    """
    if len(data) == 0:
        raise CorruptStreamError("the samples are missing: no bytes")
    code, body = data[0], memoryview(data)[1:]
    if code not in _coders(shape, bits):
        raise CorruptStreamError(f"unknown coder {code} for samples {shape} of {bits} bits")
    samples = _FUNCTIONS[Coder(code)][1](body, shape, bits)
    if bits == 1 and samples.max() > 1:
        raise CorruptStreamError(f"a sample of {samples.max()}, expected 0 or 1")
    return samples


def _coders(shape: Shape, bits: int) -> list[Coder]:
    """Those that can hold such samples."""
    coders, channels = [Coder.RAW, Coder.JPEG_XL], shape[2]
    if bits <= 8 and max(shape[:2]) <= _WEBP_SIDE and channels != 2:
        coders.append(Coder.WEBP)
        if bits == 8 and channels == 1:
            coders.append(Coder.WEBP_BOX)
    if channels in (2, 4):
        coders.append(Coder.SPLIT)
    return coders


def _candidates(samples: Samples, bits: int) -> Iterator[bytes]:
    height, width, channels = samples.shape
    for coder in _coders((height, width, channels), bits):
        yield bytes([coder]) + _FUNCTIONS[coder][0](samples, bits)


def _to_raw(samples: Samples, bits: int) -> bytes:
    if bits == 1:
        return np.packbits(samples).tobytes()
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def _from_raw(body: memoryview, shape: Shape, bits: int) -> Samples:
    count = shape[0] * shape[1] * shape[2]
    expected = -(-count * bits // 8)
    if len(body) != expected:
        raise CorruptStreamError(
            f"{len(body)} bytes of raw samples, expected {expected} for {shape} of {bits} bits"
        )
    if bits == 1:
        return np.unpackbits(np.frombuffer(body, np.uint8), count=count).reshape(shape)
    stored = np.frombuffer(body, np.dtype(_DTYPES[bits]).newbyteorder("<"))
    return stored.astype(_DTYPES[bits]).reshape(shape)


def _to_jpegxl(samples: Samples, bits: int, effort: int = 7) -> bytes:
    """A bare codestream. Effort 9 takes many times as long for less than 1 %."""
    image = samples[..., 0] if samples.shape[2] == 1 else samples
    encode = partial(imagecodecs.jpegxl_encode, lossless=True, numthreads=1)
    file = bytes(encode(image, effort=effort, bitspersample=bits))
    # The library puts 16 bits into boxes, the last of which is the codestream.
    return file if file.startswith(_JPEG_XL_START) else file.partition(b"jxlc")[2]


def _from_jpegxl(body: memoryview, shape: Shape, bits: int) -> Samples:
    """The library compares shape and type with the header before it takes any memory."""
    if body[:2] != _JPEG_XL_START:
        raise CorruptStreamError("no JPEG XL codestream")
    samples = np.empty(shape, _DTYPES[bits])
    out = samples[..., 0] if shape[2] == 1 else samples
    _run("JPEG XL", imagecodecs.jpegxl_decode, bytes(body), numthreads=1, out=out)
    return samples


def _to_webp(samples: Samples, bits: int) -> bytes:
    """The VP8L bitstream without its header."""
    height, width, channels = samples.shape
    if channels == 1:
        green = np.zeros((height, width, 3), dtype=np.uint8)
        green[..., 1:2] = samples
        samples = green
    # Lossless "level" is search effort: 100 saves little for twenty times the time. Colors under
    # an alpha of 0 are kept ("exact"), the library's wrapper sees to that.
    data = imagecodecs.webp_encode(samples, lossless=True, level=75, method=6, numthreads=1)
    assert data[8:16] == b"WEBPVP8L", "the simple file format, which lossless images have"
    size = int.from_bytes(data[16:20], "little")
    return bytes(data[20 + len(_vp8l_header(samples.shape)) : 20 + size])


def _from_webp(body: memoryview, shape: Shape, bits: int) -> Samples:
    channels = shape[2]
    stored = (*shape[:2], max(channels, 3))
    stream = _vp8l_header(stored) + bytes(body)
    size = len(stream) + len(stream) % 2
    head = struct.pack("<4sI8sI", b"RIFF", 12 + size, b"WEBPVP8L", len(stream))
    samples = np.empty(stored, np.uint8)
    file = head + stream.ljust(size, b"\x00")
    _run("WebP", imagecodecs.webp_decode, file, hasalpha=channels == 4, out=samples)
    return np.ascontiguousarray(samples[..., 1:2]) if channels == 1 else samples


def _vp8l_header(shape: tuple[int, ...]) -> bytes:
    """Signature, width - 1 and height - 1 in 14 bits each, whether there is alpha, version 0."""
    height, width, channels = shape
    return struct.pack("<BI", 0x2F, (width - 1) | (height - 1) << 14 | (channels == 4) << 28)


def _to_split(samples: Samples, bits: int) -> bytes:
    color, alpha = (encode(part, bits) for part in (samples[..., :-1], samples[..., -1:]))
    return struct.pack("<I", len(color)) + color + alpha


def _from_split(body: memoryview, shape: Shape, bits: int) -> Samples:
    length, parts = int.from_bytes(body[:4], "little"), body[4:]
    if not 0 < length < len(parts):
        raise CorruptStreamError("color and alpha: their lengths do not fit the bytes")
    height, width, channels = shape
    color = decode(parts[:length], (height, width, channels - 1), bits)
    return np.concatenate([color, decode(parts[length:], (height, width, 1), bits)], axis=2)


_FUNCTIONS = {
    Coder.RAW: (_to_raw, _from_raw),
    Coder.JPEG_XL: (_to_jpegxl, _from_jpegxl),
    Coder.WEBP: (_to_webp, _from_webp),
    Coder.WEBP_BOX: (
        lambda samples, bits: _to_webp(_BOX[samples], bits),
        lambda body, shape, bits: _UNBOX[_from_webp(body, shape, bits)],
    ),
    Coder.SPLIT: (_to_split, _from_split),
}


def _run(name: str, decoder: Any, *args: Any, **options: Any) -> None:
    """Calls a library's decoder, which raises nearly anything on bytes that are not its own."""
    try:
        decoder(*args, **options)
    except MemoryError:
        raise  # a matter of the machine, not of the bytes
    except Exception as error:
        raise CorruptStreamError(f"{name}: {one_line(error)}") from error
