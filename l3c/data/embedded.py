"""Real photographs that come inside packages which are installed anyway.

The split is by scene, so that no test pixel was trained on: both pictures of the stereo pair train.
Licences are as the packages state them: scikit-learn in the README.txt beside its images,
scikit-image in the docstrings of `skimage.data`.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from l3c.data.errors import DatasetError
from l3c.data.sources import Photo, file_photo

_INSTALL = {"skimage": "scikit-image", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


@dataclass(frozen=True)
class EmbeddedPhoto:
    """A photograph inside a package: where it is, what it shows, and under which licence."""

    package: str
    path: str
    scene: str
    subset: Literal["train", "test"]
    licence: str


_NASA = "public domain (NASA)"
_CC_BY = "CC BY 2.0, danielbuechele (flickr.com/photos/danielbuechele/6061409035)"
_STEREO = (
    "Middlebury 2014 stereo benchmark, Scharstein et al., GCPR 2014; "
    "no licence stated in scikit-image"
)

EMBEDDED = (
    EmbeddedPhoto("skimage", "data/astronaut.png", "astronaut", "train", _NASA),
    EmbeddedPhoto("skimage", "data/motorcycle_left.png", "motorcycle", "train", _STEREO),
    EmbeddedPhoto("skimage", "data/motorcycle_right.png", "motorcycle", "train", _STEREO),
    EmbeddedPhoto("skimage", "data/retina.jpg", "retina", "train", "CC0 1.0, Mikael Häggström"),
    EmbeddedPhoto(
        "skimage",
        "data/ihc.png",
        "tissue",
        "train",
        "no known copyright restrictions (Center for Microscopy and Molecular Imaging)",
    ),
    EmbeddedPhoto("skimage", "data/hubble_deep_field.jpg", "stars", "train", _NASA),
    EmbeddedPhoto("sklearn", "datasets/images/china.jpg", "temple", "train", _CC_BY),
    EmbeddedPhoto(
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        "officer",
        "train",
        "no licence stated in matplotlib; its source is commons.wikimedia.org/wiki/"
        "File:Grace_Hopper.jpg",
    ),
    EmbeddedPhoto("skimage", "data/chelsea.png", "cat", "test", "CC0, Stefan van der Walt"),
    EmbeddedPhoto("skimage", "data/coffee.png", "coffee", "test", "CC0, Rachel Michetti"),
    EmbeddedPhoto("skimage", "data/rocket.jpg", "rocket", "test", "public domain (SpaceX)"),
    EmbeddedPhoto(
        "sklearn",
        "datasets/images/flower.jpg",
        "flower",
        "test",
        "CC BY 2.0, vultilion (flickr.com/photos/vultilion/6056698931)",
    ),
)


def embedded_photos(subset: Literal["train", "test"]) -> list[Photo]:
    """The embedded photographs of one subset.

    Raises:
        DatasetError: if a package or a file of it is missing, with the package to install.
    """
    return [
        file_photo(Path(one.path).stem, _locate(one), f"{one.package}/{one.path}", one.licence)
        for one in EMBEDDED
        if one.subset == subset
    ]


def embedded_photo(scene: str) -> Photo:
    """One of them by what it shows.

    Raises:
        DatasetError: none shows that; the message lists the scenes. Or as `embedded_photos`.
    """
    for one in EMBEDDED:
        if one.scene == scene:
            return file_photo(one.scene, _locate(one), f"{one.package}/{one.path}", one.licence)
    scenes = ", ".join(dict.fromkeys(one.scene for one in EMBEDDED))
    raise DatasetError(f'no embedded photograph is called "{scene}"; there are: {scenes}')


def _locate(photo: EmbeddedPhoto) -> Path:
    try:
        path = Path(str(importlib.resources.files(photo.package))) / photo.path
        path.stat()
    except (ModuleNotFoundError, OSError):
        raise DatasetError(
            f"embedded photograph {photo.package}/{photo.path}: not in the installed "
            f"{_INSTALL[photo.package]}; install it, or another version"
        ) from None
    return path
