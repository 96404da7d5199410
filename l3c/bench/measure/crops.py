"""Square crops of a data set's images, all of one size, the same for every method."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


def crops_of(
    images: Callable[[], Iterable[tuple[str, Image]]], side: int, count: int
) -> Iterator[tuple[str, Image]]:
    """Crops at random places, one of each image, then a second of each, and so on.

    Args:
        images: gives (name, uint8 (H, W, 3)) pairs, as often as it is called.
        side: height and width. A smaller image is first continued by mirroring at its right and
            lower edges.
        count: how many crops.

    Yields:
        (name, uint8 (side, side, 3)); the name says the image and where in it the crop lies,
        image+x+y, and also the turn where an earlier one came to the same place, image+x+y+turn.

    Raises:
        ValueError: there is no image.
    """
    made: set[str] = set()
    turn = 0
    while len(made) < count:
        before = len(made)
        for image_name, image in images():
            name, crop = _crop(image_name, image, side, turn)
            if name in made:
                name += f"+{turn}"
            made.add(name)
            yield name, crop
            if len(made) == count:
                return
        if len(made) == before:
            raise ValueError("no image to cut crops from")
        turn += 1


def image_of(crop: str) -> str:
    """Name of the image that a crop of this name is of."""
    return crop.partition("+")[0]


def _crop(name: str, image: Image, side: int, turn: int) -> tuple[str, Image]:
    missing = [(0, max(0, side - length)) for length in image.shape[:2]]
    padded = np.pad(image, [*missing, (0, 0)], mode="symmetric")
    seed = hashlib.sha256(f"{turn}\n{name}".encode("utf-8", "surrogateescape")).digest()
    random = np.random.default_rng(list(seed))
    y, x = (int(random.integers(0, length - side + 1)) for length in padded.shape[:2])
    return f"{name}+{x}+{y}", np.ascontiguousarray(padded[y : y + side, x : x + side])
