"""Parts of the images of a data set: random squares to be timed, middles to be pictured."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from l3c.data import DatasetError
from l3c.data.images import kept_images, kept_rows
from l3c.messages import listed
from l3c.settings import unknown_name

Image = npt.NDArray[np.uint8]

SIDE = 768  # of a middle, at most: a picture in a talk shows no more


def crops_of(
    images: Callable[[], Iterable[tuple[str, Image]]], side: int, count: int
) -> Iterator[tuple[str, Image]]:
    """Squares at random places, one of each image, then a second of each, and so on.

    Args:
        images: gives (name, uint8 (H, W, 3)) pairs, as often as it is called.
        side: height and width. A smaller image is first continued by mirroring at its right and
            lower edges.
        count: how many crops.

    Yields:
        (name, uint8 (side, side, 3)), the same ones at every call; the name says the image and
        where in it the crop lies, image+x+y, and from the second turn on also the turn,
        image+x+y+turn.

    Raises:
        ValueError: there is no image.
    """
    for turn in itertools.count():
        left = count
        for name, image in itertools.islice(images(), left):
            missing = [(0, max(0, side - length)) for length in image.shape[:2]]
            padded = np.pad(image, [*missing, (0, 0)], mode="symmetric")
            seed = hashlib.sha256(f"{turn}\n{name}".encode("utf-8", "surrogateescape")).digest()
            random = np.random.default_rng(list(seed))
            y, x = (int(random.integers(0, length - side + 1)) for length in padded.shape[:2])
            part = np.ascontiguousarray(padded[y : y + side, x : x + side])
            yield f"{name}+{x}+{y}{f'+{turn}' if turn else ''}", part
            count -= 1
        if not count:
            return
        if count == left:
            raise ValueError("no image to cut crops from")


def image_of(crop: str) -> str:
    """Name of the image that a crop of this name is of."""
    return crop.partition("+")[0]


def choose(manifest: Path, wanted: int | Sequence[str]) -> list[tuple[str, Image]]:
    """Name and pixels, uint8 (H, W, 3), of some images of a data set.

    Args:
        manifest: of the data set.
        wanted: their names, or how many of the first there are.

    Raises:
        DatasetError: the data set has no image of such a name; the message lists those it has.
    """
    if isinstance(wanted, int):
        return list(itertools.islice(kept_images(manifest), wanted))
    images = dict(kept_images(manifest, wanted))
    for name in wanted:
        if name not in images:
            names = [row.image for row in kept_rows(manifest)]
            raise DatasetError(f"{manifest}: {unknown_name('image', name, [listed(names)])}")
    return [(name, images[name]) for name in wanted]


def cut(image: Image, multiple: int = 1) -> Image:
    """The middle of an image, at most SIDE pixels a side, with sides that `multiple` divides.

    Sides shorter than `multiple` stay as they are.
    """
    for axis, length in enumerate(image.shape[:2]):
        kept = min(length, SIDE)
        kept -= kept % multiple if kept >= multiple else 0
        image = image.take(range((length - kept) // 2, (length + kept) // 2), axis)
    return np.ascontiguousarray(image)
