"""Image <-> binary PPM (P6), the plainest file that image programs read: header and pixels."""

import re

import numpy as np

from baselines.base import Image, check_image

# Magic, width, height, largest value, one white-space byte, pixels. Comments are legal in PPM, but
# neither we nor FLIF write any. The lengths are bounded so that no header asks for huge integers.
_HEADER = re.compile(rb"P([56])\s+([1-9]\d{0,8})\s+([1-9]\d{0,8})\s+255\s")


def to_ppm(image: Image) -> bytes:
    """Binary PPM (P6, 8 bits) of a uint8 (H, W, 3) image. Inverse: `from_ppm`."""
    check_image(image)
    height, width, _ = image.shape
    return b"P6\n%d %d\n255\n" % (width, height) + image.tobytes()


def from_ppm(data: bytes) -> Image:
    """Image, uint8 (H, W, 3), of a binary PPM. Inverse of `to_ppm`.

    A greyscale file (P5) is taken as R = G = B: FLIF writes one for an image that has no colour.

    Raises:
        ValueError: if the header is not of that form, or the length is not the one it states.
    """
    header = _HEADER.match(data)
    if header is None:
        raise ValueError("not a binary PPM file with 8 bits a channel")
    kind, width, height = (int(group) for group in header.groups())
    channels = 3 if kind == 6 else 1
    expected, got = height * width * channels, len(data) - header.end()
    if got != expected:
        raise ValueError(f"expected {expected} bytes of {width}x{height} pixels, got {got}")
    pixels = np.frombuffer(data, np.uint8, offset=header.end()).reshape(height, width, channels)
    return np.repeat(pixels, 3 // channels, axis=2)  # repeat copies: the result is writable
