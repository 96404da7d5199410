"""Images on which codecs stumble: tiny, odd-sized, flat, noisy, without colour."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def _smooth(height: int, width: int) -> Image:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 3 + y, 255 - x, x * y // 4], axis=2).astype(np.uint8)


def _noise(height: int, width: int) -> Image:
    rng = np.random.default_rng(height * 1000 + width)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


IMAGES = {
    "1x1": _noise(1, 1),
    "3x5": _noise(3, 5),
    "one row": _smooth(1, 33),
    "one column": _smooth(33, 1),
    "odd": _smooth(31, 45),
    "noise": _noise(37, 29),
    "black": np.zeros((16, 16, 3), np.uint8),
    "white": np.full((16, 16, 3), 255, np.uint8),
    "flat": np.full((9, 17, 3), (200, 3, 90), np.uint8),
    "greyscale": np.repeat(_noise(12, 20)[:, :, :1], 3, axis=2),
    "one channel": _noise(8, 8) * np.array([0, 1, 0], np.uint8),
}
PHOTO = (_smooth(48, 64) // 2 + _noise(48, 64) // 8).astype(np.uint8)
"""Large enough for every format to write all its parts; smooth with some noise."""
