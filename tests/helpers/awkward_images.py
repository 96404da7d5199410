"""Images on which codecs stumble: tiny, odd-sized, flat, noisy, without colour."""

import numpy as np
from tiny_models import noise, smooth

IMAGES = {
    "1x1": noise(1, 1, 3),
    "3x5": noise(3, 5, 3),
    "one row": smooth(1, 33),
    "one column": smooth(33, 1),
    "odd": smooth(31, 45),
    "noise": noise(37, 29, 3),
    "black": np.zeros((16, 16, 3), np.uint8),
    "white": np.full((16, 16, 3), 255, np.uint8),
    "flat": np.full((9, 17, 3), (200, 3, 90), np.uint8),
    "greyscale": np.repeat(noise(12, 20, 1), 3, axis=2),
    "one channel": noise(8, 8, 3) * np.array([0, 1, 0], np.uint8),
}
PHOTO = smooth(48, 64)
"""Large enough for every format to write all its parts; smooth with some noise."""
