"""A few small generated images for toy runs and tests: gradients, shapes and noise.

Only integer arithmetic and the raw output of PCG64, which NumPy promises to keep: the same pixels
on every machine and with every version.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Literal

import numpy as np
from numpy.random import PCG64

from l3c.data.images import RGBImage, pixel_sha256
from l3c.data.sources import Photo

_COUNT = {"train": 6, "test": 3}
_SIDES = (64, 96)  # least and greatest height and width, in pixels


def synthetic_photos(subset: Literal["train", "test"]) -> list[Photo]:
    """The synthetic images of one subset: 6 to train, 3 to test, 64 to 96 pixels a side."""
    photos = []
    for name in (f"{subset}-{index}" for index in range(_COUNT[subset])):
        make, digest = partial(synthetic_image, name), partial(_digest, name)
        photos.append(Photo(name, f"synthetic/{name}", "generated", make, digest))
    return photos


def synthetic_image(name: str) -> RGBImage:
    """The image of this name, uint8 (H, W, 3): a color gradient, four shapes, noise of -8..7."""
    source = PCG64(int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:8], "big"))
    low, high = _SIDES
    height, width = (low + int(n) % (high - low + 1) for n in source.random_raw(2))
    y, x = np.mgrid[0:height, 0:width]
    channels = []
    for offset, slope_y, slope_x in (source.random_raw(9) >> 32).reshape(3, 3).tolist():
        ramp = (slope_y % 128) * y // height + (slope_x % 96) * x // width
        channels.append(offset % 64 + ramp)
    image = np.stack(channels, axis=2)
    for kind, *numbers in (source.random_raw(28) >> 32).reshape(4, 7).tolist():
        down, right = np.abs(y - numbers[0] % height), np.abs(x - numbers[1] % width)
        radius = 6 + numbers[2] % 16
        disc = down * down + right * right <= radius * radius
        rectangle = (down <= radius) & (right <= radius // 2)
        image[disc if kind % 2 else rectangle] = [number % 200 for number in numbers[3:]]
    noise = (source.random_raw(height * width * 3) >> 60).astype(np.int64) - 8
    return np.clip(image + noise.reshape(image.shape), 0, 255).astype(np.uint8)


def _digest(name: str) -> str:
    return pixel_sha256(synthetic_image(name))
