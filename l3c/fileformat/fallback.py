"""Samples that no network models (alpha, grey, 16 bits) or suits (screenshots, noise) <-> bytes.

Several coders try, the smallest result is kept, its first byte names the coder:

    0  raw        samples as they are; uint16 little-endian; 1-bit samples packed, first sample in
                  the highest bit
    1  JPEG XL    a bare codestream, lossless, of exactly this shape and depth
    2  WebP       what follows the 5-byte header of a VP8L bitstream; a single channel is its green
                  one, the others are 0
    3  WebP box   as 2, of samples v replaced by 45^v mod 257 mod 256; one channel only
    4  split      4 bytes: length of the first part, little-endian; color channels; alpha channel

JPEG XL is best on what looks like a photograph, WebP on text and drawings. Palette indices are
neither: WebP takes them for grey values and predicts them from their neighbors. Behind a box that
leaves no order among the values it gives that up, for 15 to 25 % on many palettes. Alpha that has
nothing to do with the color is smaller by itself (split).

What the VP8L header holds is known from the shape, so that it is not stored and cannot lie. All of
this is format: files and golden streams rely on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import DTypeLike, NDArray

from coder.errors import CorruptStreamError
from l3c.fileformat.jpegxl_header import JpegXLHeaderError, read_header, unbox

__all__ = ["Coder", "FallbackError", "Samples", "decode", "encode", "estimate"]

Samples = NDArray[Any]
"""uint8 or uint16 (H, W, C), C from 1 to 4."""


class FallbackError(CorruptStreamError):
    """Bytes that are no samples of the expected shape and depth; the message says what they are."""


class Coder(IntEnum):
    """First byte of a stream. The values are stored in files."""

    RAW = 0
    JPEG_XL = 1
    WEBP = 2
    WEBP_BOX = 3
    SPLIT = 4


_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    8: np.dtype(np.uint8),
    16: np.dtype(np.uint16),
}
_WEBP_SIDE = 16383
_WEBP_CHANNELS = (1, 3, 4)
_SPLIT_LENGTH = 4
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

    Raises:
        ValueError: for anything else.
    """
    shape = _check(samples.shape, samples.dtype, bits)
    if bits == 1 and samples.max() > 1:
        raise ValueError(f"expected samples of 0 and 1 for 1 bit, got up to {samples.max()}")
    # min keeps the first of equals: the lowest code, since candidates come in that order.
    # The copy has the plain strides that the libraries ask for, even where a side is 1.
    return min(_candidates(samples.copy(order="C"), shape, bits), key=len)


def estimate(samples: Samples) -> tuple[int, int]:
    """About how many bytes the fastest settings of JPEG XL and of WebP make, in 1 % of the time.

    Args:
        samples: uint8 (H, W, 3). WebP is given a quarter of the rows if there are many.

    Returns:
        JPEG XL's bytes, and WebP's; JPEG XL's for both where WebP cannot hold the image.
    """
    height, width = samples.shape[:2]
    image = samples.copy(order="C")
    jpegxl = imagecodecs.jpegxl_encode(
        image, lossless=True, effort=1, usecontainer=False, numthreads=1
    )
    if max(height, width) > _WEBP_SIDE:
        return len(jpegxl), len(jpegxl)
    if height >= 4 * _BAND:
        image = image[np.arange(height) // _BAND % 4 == 0]
    webp = imagecodecs.webp_encode(image, lossless=True, level=0, method=0, numthreads=1)
    return len(jpegxl), len(webp) * height // len(image)


def decode(
    data: bytes | memoryview, shape: tuple[int, int, int], dtype: DTypeLike, bits: int
) -> Samples:
    """The samples that `encode` was given.

    Memory is taken for `shape` alone, whatever the bytes say; the caller has judged that.

    Args:
        data: a whole stream.
        shape: (H, W, C), the shape of the samples.
        dtype: uint8 for 1 and 8 bits, uint16 for 16.
        bits: 1, 8 or 16.

    Returns:
        C-contiguous, writable, of this shape and dtype.

    Raises:
        FallbackError: if the bytes are no such samples. Damage that leads to other samples of the
            same shape is possible: WebP has no checksum.
        ValueError: if shape, dtype and bits do not belong together.
    """
    shape = _check(shape, np.dtype(dtype), bits)
    if len(data) == 0:
        raise FallbackError("the samples are missing: no bytes")
    code, body = data[0], memoryview(data)[1:]
    if code == Coder.RAW:
        return _from_raw(body, shape, bits)
    if code == Coder.JPEG_XL:
        return _from_jpegxl(body, shape, bits)
    if code == Coder.WEBP and _webp_holds(shape, bits):
        return _from_webp(body, shape, bits)
    if code == Coder.WEBP_BOX and _webp_holds(shape, bits) and shape[2] == 1:
        return _checked(_UNBOX[_from_webp(body, shape, 8)], bits)
    if code == Coder.SPLIT and shape[2] in (2, 4):
        return _from_split(body, shape, bits)
    raise FallbackError(f"unknown coder {code} for {_words(shape, bits)}")


def _candidates(samples: Samples, shape: tuple[int, int, int], bits: int) -> Iterator[bytes]:
    channels = shape[2]
    yield bytes([Coder.RAW]) + _to_raw(samples, bits)
    if jpegxl := _to_jpegxl(samples, shape, bits):
        yield bytes([Coder.JPEG_XL]) + jpegxl
    if _webp_holds(shape, bits):
        yield bytes([Coder.WEBP]) + _to_webp(samples)
        if channels == 1 and bits == 8:
            yield bytes([Coder.WEBP_BOX]) + _to_webp(_BOX[samples])
    if channels in (2, 4):
        color, alpha = (encode(part, bits) for part in (samples[..., :-1], samples[..., -1:]))
        if len(color) < 2 ** (8 * _SPLIT_LENGTH):
            length = len(color).to_bytes(_SPLIT_LENGTH, "little")
            yield bytes([Coder.SPLIT]) + length + color + alpha


def _to_raw(samples: Samples, bits: int) -> bytes:
    if bits == 1:
        return np.packbits(samples).tobytes()
    return samples.astype(samples.dtype.newbyteorder("<"), copy=False).tobytes()


def _from_raw(body: memoryview, shape: tuple[int, int, int], bits: int) -> Samples:
    count = shape[0] * shape[1] * shape[2]
    expected = -(-count * bits // 8)
    if len(body) != expected:
        raise FallbackError(
            f"{len(body)} bytes of raw samples, expected {expected} for {_words(shape, bits)}"
        )
    if bits == 1:
        return np.unpackbits(np.frombuffer(body, np.uint8), count=count).reshape(shape)
    stored = np.frombuffer(body, _DTYPES[bits].newbyteorder("<"))
    return stored.astype(_DTYPES[bits]).reshape(shape)


def _to_jpegxl(samples: Samples, shape: tuple[int, int, int], bits: int) -> bytes | None:
    """A codestream; None if the library wrote one that `decode` would not take."""
    file = imagecodecs.jpegxl_encode(
        samples[..., 0] if shape[2] == 1 else samples,
        lossless=True,
        effort=7,  # 9 takes many times as long for less than 1 %
        bitspersample=bits,
        usecontainer=False,
        numthreads=1,
    )
    stream = unbox(bytes(file))
    try:
        _check_jpegxl(stream, shape, bits)
    except FallbackError:
        return None
    return stream


def _from_jpegxl(body: memoryview, shape: tuple[int, int, int], bits: int) -> Samples:
    _check_jpegxl(body, shape, bits)
    samples = np.empty(shape, _DTYPES[bits])
    try:
        imagecodecs.jpegxl_decode(
            bytes(body), numthreads=1, out=samples[..., 0] if shape[2] == 1 else samples
        )
    except MemoryError:
        raise  # says something about the machine, not about the bytes
    except Exception as error:
        raise FallbackError(f"JPEG XL: {_one_line(error)}") from error
    return _checked(samples, bits)


def _check_jpegxl(stream: bytes | memoryview, shape: tuple[int, int, int], bits: int) -> None:
    try:
        header = read_header(stream)
    except JpegXLHeaderError as error:
        raise FallbackError(f"JPEG XL: {error}") from None
    if header != (*shape, bits):
        found = _words((header.height, header.width, header.channels), header.bits)
        raise FallbackError(f"JPEG XL of {found}, expected {_words(shape, bits)}")


def _webp_holds(shape: tuple[int, int, int], bits: int) -> bool:
    return bits <= 8 and max(shape[:2]) <= _WEBP_SIDE and shape[2] in _WEBP_CHANNELS


def _to_webp(samples: Samples) -> bytes:
    """The VP8L bitstream without its header."""
    height, width, channels = samples.shape
    if channels == 1:
        green = np.zeros((height, width, 3), dtype=np.uint8)
        green[..., 1:2] = samples
        samples = green
    # Lossless "level" is search effort: 100 saves little for twenty times the time. Colors under
    # an alpha of 0 are kept ("exact"), the library's wrapper sees to that.
    data = imagecodecs.webp_encode(samples, lossless=True, level=75, method=6, numthreads=1)
    size = int.from_bytes(data[16:20], "little")
    start = 20 + len(_vp8l_header(samples.shape))
    assert data[8:16] == b"WEBPVP8L", "the simple file format, which lossless images have"
    return bytes(data[start : 20 + size])


def _from_webp(body: memoryview, shape: tuple[int, int, int], bits: int) -> Samples:
    channels = shape[2]
    stored = (*shape[:2], max(channels, 3))
    stream = _vp8l_header(stored) + bytes(body)
    padding = bytes(len(stream) % 2)
    riff = b"WEBPVP8L" + len(stream).to_bytes(4, "little") + stream + padding
    try:
        samples = imagecodecs.webp_decode(
            b"RIFF" + len(riff).to_bytes(4, "little") + riff,
            hasalpha=channels == 4,
            out=np.empty(stored, dtype=np.uint8),
        )
    except MemoryError:
        raise
    except Exception as error:
        raise FallbackError(f"WebP: {_one_line(error)}") from error
    if channels == 1:
        samples = np.ascontiguousarray(samples[..., 1:2])
    return _checked(samples, bits)


def _vp8l_header(shape: tuple[int, ...]) -> bytes:
    """Signature, width - 1 and height - 1 in 14 bits each, whether there is alpha, version 0."""
    height, width, channels = shape
    fields = (width - 1) | (height - 1) << 14 | (channels == 4) << 28
    return b"\x2f" + fields.to_bytes(4, "little")


def _from_split(body: memoryview, shape: tuple[int, int, int], bits: int) -> Samples:
    length = int.from_bytes(body[:_SPLIT_LENGTH], "little")
    parts = body[_SPLIT_LENGTH:]
    if len(body) < _SPLIT_LENGTH or not 0 < length < len(parts):
        raise FallbackError("color and alpha: their lengths do not fit the bytes")
    height, width, channels = shape
    samples = np.empty(shape, _DTYPES[bits])
    color = (height, width, channels - 1)
    samples[..., :-1] = decode(parts[:length], color, samples.dtype, bits)
    samples[..., -1:] = decode(parts[length:], (height, width, 1), samples.dtype, bits)
    return samples


def _checked(samples: Samples, bits: int) -> Samples:
    if bits == 1 and samples.max() > 1:
        raise FallbackError(f"a sample of {samples.max()}, expected 0 or 1")
    return samples


def _check(shape: tuple[int, ...], dtype: np.dtype[Any], bits: int) -> tuple[int, int, int]:
    if bits not in _DTYPES or dtype != _DTYPES[bits]:
        raise ValueError(f"expected uint8 of 1 or 8 bits or uint16 of 16, got {dtype} of {bits}")
    if len(shape) != 3 or min(shape) < 1 or shape[2] > 4:
        raise ValueError(f"expected shape (H, W, C), none of them 0, C up to 4, got {shape}")
    return shape[0], shape[1], shape[2]


def _words(shape: tuple[int, int, int], bits: int) -> str:
    height, width, channels = shape
    return f"{width} x {height} pixels, {channels} channel{'s'[: channels > 1]} of {bits} bits"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
