"""The photographs that pictures are made of: which ones, and how much of each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from l3c.data.errors import DatasetError
from l3c.data.manifest import kept_images, read_manifest
from l3c.images.picture import Samples

SIDE = 768  # at most so many pixels a side: a picture in a talk shows no more
_LISTED = 10  # names that an error gives


def choose(manifest: Path, wanted: int | Sequence[str]) -> list[tuple[str, Samples]]:
    """Name and pixels, uint8 (H, W, 3), of some images of a data set.

    Args:
        manifest: of the data set.
        wanted: their names, or how many of the first there are.

    Raises:
        DatasetError: the data set has no image of such a name; the message lists those it has.
    """
    if isinstance(wanted, int):
        return list(itertools.islice(kept_images(manifest), wanted))
    names = [row.image for row in read_manifest(manifest) if row.status == "kept"]
    for name in wanted:
        if name not in names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            raise DatasetError(
                f'{manifest}: no image is called "{name}"; '
                f"there are: {', '.join(names[:_LISTED])}{more}"
            )
    images = dict(kept_images(manifest, wanted))
    return [(name, images[name]) for name in wanted]


def cut(image: Samples, multiple: int = 1) -> Samples:
    """The middle of an image, at most SIDE pixels a side, with sides that `multiple` divides.

    Sides shorter than `multiple` stay as they are.
    """
    parts = []
    for length in image.shape[:2]:
        kept = min(length, SIDE)
        kept -= kept % multiple if kept >= multiple else 0
        start = (length - kept) // 2
        parts.append(slice(start, start + kept))
    return np.ascontiguousarray(image[parts[0], parts[1]])
